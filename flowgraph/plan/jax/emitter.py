"""The back end of JAX: lines of `jax.numpy`, compiled by XLA, on whatever devices JAX has."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.plan.binding import Binding, Memory, Program
from flowgraph.plan.emitter import Request
from flowgraph.plan.jax.array import noted
from flowgraph.plan.jax.evaluation import refuse_unfit, value_of
from flowgraph.plan.jax.lines import expression_of, has_line
from flowgraph.plan.jax.placement import Layout, Placement
from flowgraph.plan.jax.running import Compiled, Runner
from flowgraph.plan.jax.store import DeviceStore
from flowgraph.plan.names import Names
from flowgraph.plan.numpy.emit import beside
from flowgraph.plan.numpy.operands import literal_of
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import sizes_known
from flowgraph.plan.schedule import Schedule, schedule
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text

OF_NUMPY = frozenset(
    {"labels", "pooling", "transpose_layout", "products", "batch_one", "accumulation", "tiling", "flat_parameters"}
)
"""Passes that turn a graph into what NumPy is fast at; XLA finds its own ways."""

_CALL = """\
def step({arguments}):
    return run(({leaves}), ({reads}))
"""


class JaxEmitter:
    """Needs JAX, and a twin in it for every box: what has none is refused by name, and no other back end runs it."""

    name: ClassVar[str] = "jax"
    standalone: ClassVar[bool] = False

    def __init__(self, placement: Placement | None = None) -> None:
        self.placement = placement

    def placed(self, placement: Placement) -> JaxEmitter:
        """The back end for these devices."""
        return JaxEmitter(placement)

    def why_missing(self) -> None:
        """Whoever made this has JAX."""

    def store(self, updates: Mapping[Parameter, Box]) -> DeviceStore:
        """Parameters live where they are computed."""
        return DeviceStore(updates, self.placement)

    def has_rule(self, box: Box) -> bool:
        """Whether there is an expression or a rule for the box."""
        return has_line(box)

    def schedule(self, request: Request) -> Schedule:
        """The graph after the passes that do not aim at NumPy; where values lie is XLA's affair."""
        parameters = request.store.parameters
        small = simplify(request.graph, request.without | OF_NUMPY, len(parameters))
        refuse_unfit(small.boxes)
        return schedule(small, dict(zip(parameters, small.outputs[request.returned :], strict=True)), tiles=False)

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The lines, traced once so that what JAX cannot compute is refused here; the call hands them to XLA."""
        writer = _Writer(request, schedule)
        layout = Layout(self.placement, request)
        compiled = Compiled(writer.function(), request, layout)
        names = [f"a{place}" for place in range(len(request.leaves) + len(request.reads))]
        leaves, reads = names[: len(request.leaves)], names[len(request.leaves) :]
        call = _CALL.format(
            arguments=", ".join(names),
            leaves="".join(f"{name}, " for name in leaves),
            reads="".join(f"{name}, " for name in reads),
        )
        copied = tuple([len(box.outputs) > 1 or bool(box.shape) for box in schedule.graph.outputs[: request.returned]])
        bindings = [Binding("run", functools.partial(_runner, compiled))]
        return Program(writer.text, call, bindings, 0, copied)


def _runner(compiled: Compiled, memory: Memory) -> Runner:
    old: Mapping[Parameter, Any] = memory.old
    new: Mapping[Parameter, Any] = memory.new
    return Runner(compiled, list(old.values()), list(new.values()))


class _Writer:
    """The source of a function of the leaves, of the parameters that are updated and of those that are read."""

    def __init__(self, request: Request, schedule: Schedule) -> None:
        self.graph = schedule.graph
        self.returned = request.returned
        self.arguments = list(dict.fromkeys([*request.leaves, *request.store.parameters, *request.reads]))
        self.space: dict[str, Any] = {"jnp": jnp, "optimization_barrier": jax.lax.optimization_barrier}
        self.taken = Names({*self.space, "step"})
        self.names = self.taken.of_values(list(dict.fromkeys([*self.arguments, *self.graph.boxes])))
        for parameter, box in schedule.updated.items():
            if box.children:
                self.names[box] = self.taken.free(f"new_{self.names[parameter]}")
        self.texts: dict[Box, str] = {}
        self.lines: list[str] = []
        self.scope = ""
        for box in self.graph.boxes:
            self.texts[box] = self._text(box)
        results = [self.texts[box] for box in self.graph.outputs]
        head = f"def step({', '.join(self.names[box] for box in self.arguments)}):"
        kept, new = ("".join(f"{one}, " for one in part).rstrip() for part in (results[: self.returned],
                                                                              results[self.returned :]))  # fmt: skip
        self.lines.append(f"    return ({kept}), ({new})")
        self.text = "\n".join([head, *self.lines]) + "\n"

    def function(self) -> Any:
        """What the text says, as a function."""
        space = dict(self.space)
        exec(compile(self.text, "<plan of JAX>", "exec"), space)
        return space["step"]

    def _text(self, box: Box) -> str:
        """Write the line of a box; the text by which its parents read it."""
        name = self.names[box]
        if isinstance(box, Constant):
            self.space[name] = box.value[()]
            return name
        if not box.children:
            return name
        scope = box.scope.rstrip("/")
        if scope != self.scope:
            self.lines.append(f"    # {printable(scope)}".rstrip())
            self.scope = scope
        found = expression_of(box, self._operands(box))
        if found is None:
            found = f"{self._called(box)}({', '.join(self.texts[child] for child in box.children)})"
        shapes = " and ".join(shape_text(spec.shape) for spec in box.outputs)
        self.lines.append(beside(f"    {name} = {found}", shapes if sizes_known(box) else "size from values"))
        return name

    def _operands(self, box: Box) -> Sequence[str]:
        """The children, literals where another child of the same dtype stands beside them and gives theirs."""
        if any(len(child.outputs) > 1 for child in box.children):
            return [self.texts[child] for child in box.children]
        literals = [literal_of(child) for child in box.children]
        alike = len({child.dtype for child in box.children}) == 1 and None in literals
        return [
            literal if alike and literal is not None else self.texts[child]
            for child, literal in zip(box.children, literals, strict=True)
        ]

    def _called(self, box: Box) -> str:
        """The name of a function that computes the box by its rule or its fprop."""

        def twin(*values: Value) -> Any:
            value, refused = value_of(box, values)
            noted(refused)
            return value

        name = self.taken.free(type(box).__name__)
        self.space[name] = twin
        return name
