"""Python text that shows a mistake when it is run, and the definitions of fprop and bprop on which it rests."""

from __future__ import annotations

import inspect
import keyword
import math
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise, registry
from flowgraph.box.vocabulary import Value
from flowgraph.checking.compare import Suspicion
from flowgraph.checking.point import Point, flatten, unflatten
from flowgraph.checking.target import Shown, Target, attribute, code_of, name_of
from flowgraph.shapes.spec import Spec

MOST_ELEMENTS = 200  # of an array that is printed: a screen of numbers
OWN_NAMES = (
    "np", "fprop", "bprop", "grad", "output", "gradients", "move", "step", "pairs",
)  # fmt: skip


def reproducing_code(
    target: Target, point: Point, suspicion: Suspicion, child: int | None, index: tuple[int, ...] | None
) -> str:
    """Inputs as literals, the call of bprop, and a central difference for comparison."""
    names = _identifiers(target.names)
    if any(isinstance(x, np.ndarray) and x.size > MOST_ELEMENTS for x in point.inputs):
        return ""
    if target.snippet is not None:
        is_compared = suspicion.kind == "value" and child is not None and index is not None
        step = _step(point, child or 0, index or ()) if is_compared else None
        of_one = np.ones(point.value.shape) if suspicion.grad is None else suspicion.grad
        grad = unflatten(np.ones(flatten(point.output).size), point.output)
        grad = grad if point.projection is not None else point.arriving(of_one)
        own = None if suspicion.grad is None else child
        return target.snippet(Shown(point.inputs, grad, own, index, step, target.differentiated))
    definition = target.definition or (*definition_of("fprop", target.fprop), *definition_of("bprop", target.bprop))
    lines = ["import numpy as np", *definition, ""]
    lines += [f"{name} = {literal(x)}" for name, x in zip(names, point.inputs, strict=True)]
    lines += [
        f"output = fprop({_arguments(target, names)})",
        f"grad = {_grad_text(point, suspicion)}",
        f"gradients = bprop(grad, output, {_arguments(target, names, taken=_names_taken(target.bprop))})",
    ]
    if child is None or suspicion.grad is None:
        lines.append("print(gradients)")
        return "\n".join(lines)
    at = "" if not index else f"[{', '.join(map(str, index))}]"
    lines.append(f'print("bprop  ", gradients[{child}]{at if suspicion.kind != "shape" else ""})')
    if suspicion.kind == "value" and index is not None:
        lines += _numeric(target, names, point, child, index)
    return "\n".join(lines)


def _names_taken(bprop: object) -> frozenset[str] | None:
    """The names by which a bprop takes settings, if it is one that is given them."""
    taken = attribute(bprop, "taken")
    return taken if type(taken) is frozenset else None


def _numeric(target: Target, names: list[str], point: Point, child: int, index: tuple[int, ...]) -> list[str]:
    """A central difference for comparison with bprop."""
    x, step = names[child], _step(point, child, index)
    up, down = (_arguments(target, names, {x: f"{x} {sign} move"}) for sign in "+-")
    at = f"[{', '.join(map(str, index))}]" if index else ""
    lines = [
        f"move = np.zeros(np.shape({x}))" if at else "move = 0.0",
        f"step = {step!r}",
        f"move{at} = step" if at else "move = step",
    ]
    several = isinstance(point.output, tuple | list)
    if not several and not np.iscomplexobj(point.output):
        return [*lines, f'print("numeric", np.sum(grad * (fprop({up}) - fprop({down}))) / (2 * step))']
    pairs = f"zip(grad, fprop({up}), fprop({down}))" if several else f"[(grad, fprop({up}), fprop({down}))]"
    numeric = "sum(np.vdot(g, up - down).real for g, up, down in pairs) / (2 * step)"
    return [*lines, f"pairs = {pairs}", f'print("numeric", {numeric})']


def _arguments(
    target: Target, names: list[str], changed: Mapping[str, str] | None = None, taken: frozenset[str] | None = None
) -> str:
    """The inputs in a call, keywords by name, of which a function may take some alone; some of them `changed`."""
    texts = [(changed or {}).get(name, name) for name in names]
    count = len(names) - target.defaulted
    own = zip(target.names[count:], texts[count:], strict=True)
    return ", ".join([*texts[:count], *(f"{by}={text}" for by, text in own if taken is None or by in taken)])


def _step(point: Point, child: int, index: tuple[int, ...]) -> float:
    scale = float(point.scales(child)[index]) if index else float(point.scales(child))
    return float(f"{1e-4 * scale:.0e}")


def _grad_text(point: Point, suspicion: Suspicion) -> str:
    if suspicion.grad is None or point.projection is not None:
        if isinstance(point.output, tuple | list):
            return "tuple(np.ones(np.shape(part)) for part in output)"
        return "np.ones(np.shape(output))"
    return literal(unflatten(suspicion.grad, point.output))


def _identifiers(names: tuple[str, ...]) -> list[str]:
    """The names of the inputs as variables, each of its own."""
    taken = {*OWN_NAMES, *keyword.kwlist}
    identifiers = []
    for name in names:
        plain = re.sub(r"\W", "_", name)
        variable = plain if plain.isidentifier() else f"x{plain}"
        while variable in taken:
            variable += "_"
        taken.add(variable)
        identifiers.append(variable)
    return identifiers


def function_lines(name: str, arguments: str, body: Sequence[str]) -> tuple[str, ...]:
    """A function of these arguments by the lines of its body."""
    return ("", f"def {name}({arguments}):", *(f"    {line}" for line in body))


def lines_of_graph(arguments: str, graph_of: Sequence[str]) -> tuple[str, ...]:
    """The function that builds a graph and its leaves, and the bprop of that graph."""
    bprop = [
        f"graph, leaves = graph_of({arguments})",
        "wrt = [x for x in leaves if isinstance(x, fg.Parameter) and x in graph]",
        "grads = graph.fprop().bprop(grad, wrt=wrt, unused='zeros')",
        "own = [isinstance(x, fg.Parameter) for x in leaves]",
        "return [(grads[x] if x in grads else np.zeros(x.shape)) if k else None for x, k in zip(leaves, own)]",
    ]
    return (
        *function_lines("graph_of", arguments, graph_of),
        *function_lines("bprop", f"grad, output, {arguments}", bprop),
    )


def function_definition(function: Callable[..., Any], differentiated: Sequence[int]) -> tuple[str, ...]:
    """The function, and the gradient of the graph that it builds on boxes."""
    graph_of = [
        f"leaves = [fg.Parameter(x) if i in {list(differentiated)} else x for i, x in enumerate(inputs)]",
        "found = fprop(*leaves, **settings)",
        "return fg.Graph(*(found if isinstance(found, tuple | list) else [found])), leaves",
    ]
    arguments = "*inputs, **settings"
    return ("import flowgraph as fg", *definition_of("fprop", function), *lines_of_graph(arguments, graph_of))


def graph_definition(forward: str, names: Sequence[str], fed: Sequence[str], first: bool) -> tuple[str, ...]:
    """A graph, which cannot be written out, as a function of the leaves of these names."""
    beside = f" ({', '.join(map(repr, fed))})" if fed else ""
    bprop = [
        f"grads = {forward}.bprop(grad, wrt=names, unused='zeros')",
        "return [grads[name] for name in names]",
    ]
    return (
        f"# graph is your graph; feeds are its inputs by name{beside}",
        f"names = {list(names)}",
        *function_lines("fprop", "*values", [f"return {forward}.outputs{'[0]' if first else ''}"]),
        *function_lines("bprop", "grad, output, *values", bprop),
    )


def box_definition(
    cls: type[Box], keywords: str, children: Sequence[str], settings: Sequence[str], outputs: Sequence[Spec]
) -> tuple[str, ...]:
    """The class called directly where that shows the mistake, else through a run, which conjugates what is complex."""
    given, arguments = ", ".join(children), ", ".join((*children, *settings))
    box = f"{cls.__name__}({given}{keywords})"
    grad = "np.conj(grad)" if any(spec.dtype.kind == "c" for spec in outputs) else "grad"
    bprop = [f"return {box}.bprop({grad}, output, {given})"]
    if not cls.has_bprop or (issubclass(cls, Elementwise) and len(children) > 1) or cls.signature is not None:
        graph = "fg.Graph(*box)" if len(outputs) > 1 else "fg.Graph(box)"
        run = f"grads = {graph}.fprop().bprop(grad, wrt=box.children, unused='zeros')"
        bprop = [f"box = {box}", run, "return [grads[c] for c in box.children]"]
    fprop = function_lines("fprop", arguments, [f"return {box}.fprop({given})"])
    return (*import_of(cls), *fprop, *function_lines("bprop", f"grad, output, {arguments}", bprop))


def gradient_definition(
    cls: type[Box], keywords: str, names: Sequence[str], leaves: Sequence[str], wanted: Sequence[int], shift: int
) -> tuple[str, ...]:
    """The graph of the gradients of a box.

    `names` are those of `shift` incoming gradients, the children and the settings, `leaves` the kinds of the first two.
    """
    arguments, wrt = ", ".join(names), ", ".join(f"leaves[{i + shift}]" for i in wanted)
    gradients = f"fg.gradient(box, [{wrt}], leaves[0])"
    if shift > 1:
        gradients = f"fg.gradient(sum(fg.sum(part * grad) for part, grad in zip(box, leaves)), [{wrt}])"
    graph_of = [
        f"leaves = [{', '.join(f'fg.{kind}({name})' for kind, name in zip(leaves, names, strict=False))}]",
        f"box = {cls.__name__}(*leaves[{shift}:]{keywords})",
        f"return fg.Graph(*{gradients}), leaves",
    ]
    fprop = [f"return graph_of({arguments})[0].fprop().outputs{'' if len(wanted) > 1 else '[0]'}"]
    return (*import_of(cls), *function_lines("fprop", arguments, fprop), *lines_of_graph(arguments, graph_of))


def import_of(cls: type[Box]) -> tuple[str, ...]:
    """Python text after which the class has its name, and flowgraph is fg."""
    first = "import flowgraph as fg"
    if getattr(sys.modules["flowgraph"], cls.__name__, None) is cls:
        return first, f"from flowgraph import {cls.__name__}"
    if registry.get(cls.__name__) is cls:
        return first, f"{cls.__name__} = fg.registry[{cls.__name__!r}]"
    if "<locals>" in cls.__qualname__:
        return (first,)
    return first, *import_lines(cls.__module__, cls.__qualname__, cls.__name__)


def import_lines(module: str, qualname: str, name: str) -> list[str]:
    """Python text that gives something of a module a name; a file such as my-boxes.py has no import statement."""
    if not all(map(str.isidentifier, module.split("."))):
        return ["import importlib", f"{name} = importlib.import_module({module!r}).{qualname}"]
    outer, _, inner = qualname.partition(".")
    if inner:
        return [f"from {module} import {outer}", f"{name} = {qualname}"]
    return [f"from {module} import {qualname}{'' if qualname == name else f' as {name}'}"]


def definition_of(name: str, function: Callable[..., Any]) -> list[str]:
    """An import where one works, the source where it stands alone, a comment otherwise."""
    named = attribute(function, "fun") or function  # of a primitive of autograd, which has no name of its own
    module, qualname = attribute(named, "__module__"), attribute(named, "__qualname__")
    qualname = qualname if type(qualname) is str else name_of(function)
    known = type(module) is str and module != "__main__"
    if known and attribute(sys.modules.get(module), qualname) is function:
        return import_lines(module, qualname, name)
    inner = code_of(function)
    if inner is not None and not inner.co_freevars and qualname.rpartition(".")[2].isidentifier():
        try:
            source = textwrap.dedent(inspect.getsource(function)).rstrip()
        except Exception:  # of what is no file, or says that it is of another one
            source = ""
        if source.startswith("def "):
            own = inner.co_name
            return ["", *source.splitlines(), *([f"{name} = {own}"] if own != name else [])]
    return [f"# {name}: your function {qualname}"]


def literal(value: Value) -> str:
    """An expression that gives the value back."""
    if isinstance(value, tuple):
        return "(" + ", ".join(literal(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    if type(value) is list:
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, np.ndarray):
        if value.size == 0:
            return f"np.zeros({value.shape}, dtype=np.{value.dtype.name})"
        text = repr(value.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        kind = "" if value.dtype in (np.float64, np.int64, np.bool_) else f", dtype=np.{value.dtype.name}"
        return f"np.array({text}{kind})"
    if isinstance(value, np.generic):
        return literal(value.item())
    if type(value) is float and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
