"""Loops as JavaScript: the body is a function in the source, which a loop of the kernels calls."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.graph import Graph
from flowgraph.loops.body import Body, fit_body
from flowgraph.loops.boxes import Scan, While
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.javascript.boxes import dtype, literal, rule_for
from flowgraph.plan.javascript.emitter import JavaScriptEmitter, Writer, in_lines, shape_in_numbers
from flowgraph.plan.passes.inlining import open_composites, specialise, without_unread
from flowgraph.shapes.size import Size


@rule_for(Scan)
def _scan(box: Scan, *names: str) -> str:
    body = fit_body(box.body, box.of_step([child.spec for child in box.children]))
    inner = body.carries + body.elements
    given = [names[: body.carries], names[body.carries : inner], names[inner:]]
    parts = [_function(body), *map(_list_text, given), literal(box.length), literal(box.reverse), _stacks(box, body)]
    return _result(f"scanned({', '.join(parts)})", body)


@rule_for(While)
def _while(box: While, *names: str) -> str:
    specs = [child.spec for child in box.children]
    body, condition = fit_body(box.body, specs), fit_body(box.condition, specs)
    given = [names[: body.carries], names[body.carries :]]
    parts = [_function(condition), _function(body), *map(_list_text, given), literal(box.max_steps), _stacks(box, body)]
    return _result(f"repeated({', '.join(parts)})", body)


def _function(body: Body) -> str:
    """The source of a function of the slots that returns the results; its constants are made once."""
    read = without_unread(specialise(Graph(*body.results), {}))
    graph = in_lines(open_composites(read, JavaScriptEmitter().has_rule, symbolic=True))
    writer = Writer(graph.boxes, graph.outputs, body.leaves, ())
    names = writer.names
    head = f"({', '.join(names[leaf] for leaf in body.leaves)}) => {{"
    lines = [*writer.lines, f"return {_list_text([names[output] for output in graph.outputs])};"]
    function = "\n".join([head, *(f"    {line}" for line in lines), "  }"])
    if not writer.constants:
        return function
    return "\n".join(["(() => {", *(f"    {line}" for line in writer.constants), f"  return {function};", "  })()"])


def _stacks(box: Box, body: Body) -> str:
    """Shape and dtype of one element of each array that is stacked."""
    for result in body.results[body.carries :]:
        if any(isinstance(size, Size) and size.unknown for size in result.shape):
            raise RefusedError("stacks arrays of a size that depends on values", box)
    return _list_text(
        [f"[{shape_in_numbers(result.shape)}, {dtype(result)}]" for result in body.results[body.carries :]]
    )


def _list_text(texts: Sequence[str]) -> str:
    return f"[{', '.join(texts)}]"


def _result(call: str, body: Body) -> str:
    return f"{call}[0]" if len(body.results) == 1 else call
