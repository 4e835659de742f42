"""A plan: a graph compiled into one function of NumPy calls, which also updates parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.box.locks import new_lock
from flowgraph.box.random_draws import seed_of_run
from flowgraph.errors import FeedError, PlanError
from flowgraph.graph import Graph, feeding
from flowgraph.graph.debug_mode import debugging
from flowgraph.graph.pictures import DrawnPlan
from flowgraph.plan.agreement import Expected
from flowgraph.plan.calling import KEYWORDS, MISSING, is_plain, make_calls
from flowgraph.plan.specialise import concrete_leaves
from flowgraph.plan.specialised import Specialised
from flowgraph.plan.store import Store

LARGEST_CACHE = 16
"""Sets of shapes for which a plan keeps its function; the one compiled first makes room."""


class Plan(DrawnPlan):
    """A graph as straight-line NumPy: `step(x=X, y=Y)` gives the values of the outputs and updates the parameters.

    Values come as a tuple in the order of the outputs, or alone where a single box was compiled. All updates read the
    old values and are applied together at the end of the call: an exception or Ctrl-C leaves every parameter as it was,
    or every one updated. For inputs of other shapes the plan is compiled once more, and both functions stay.

    In debug mode (`fg.debug()`) every call is held against the graph.

    Plans may run in any threads; calls of one plan, and of plans that update one parameter, run one after the other. A
    copy by `copy.deepcopy` or pickle has parameters of its own, and is compiled anew.
    """

    __call__: Callable[..., Any]

    def __init__(
        self,
        outputs: Sequence[Box],
        updates: Mapping[Parameter, Box],
        inputs: Sequence[Box],
        *,
        alone: bool,
        borrow: bool,
        without: frozenset[str],
        make: Callable[..., Specialised] = Specialised,
    ) -> None:
        self._forward = Graph(*outputs, *updates.values())
        self.inputs = tuple(inputs)
        self.store = Store(updates)
        self._reads = tuple(p for p in self._forward.parameters if isinstance(p, Parameter) and p not in updates)
        self._alone = alone
        self._borrow = borrow
        self._without = without
        self._make = make
        self.known: dict[Any, Specialised] = {}
        self._compiling = new_lock()
        self.last: Specialised | None = None
        self.input_names = [self._forward.names[box] if box in self._forward else str(box.name) for box in self.inputs]
        more = bool(self._forward.randoms or self._reads)
        call, self._run = make_calls(self, more=more, alone=alone, borrow=borrow)
        own = {"__call__": call, "__module__": __name__, "__doc__": Plan.__doc__}
        self.__class__ = type("Plan", (Plan,), own)  # Python looks for the way to call an object in its class

    def __reduce_ex__(self, protocol: Any) -> Any:
        """What pickle and copy build the plan from; the functions are compiled anew, when they are needed."""
        settings = {"alone": self._alone, "borrow": self._borrow, "without": self._without}
        backend = None if isinstance(self._make, type) else type(self._make)
        return _plan, (self._forward, self.store.parameters, self.inputs, settings, backend)

    def otherwise(
        self, given: Sequence[Any], named: Sequence[Any], unknown: Mapping[str, Any], seed: Any, prepare: bool
    ) -> Any:
        """A call with a dict, with what has to be converted or refused, of debug mode, or one that only compiles.

        `named` are values by the place of their input, MISSING where there is none.
        """
        by_name = self._by_name(given, named, unknown)
        left = feeding.keywords_left({"seed": seed, "prepare": prepare}, KEYWORDS, self.input_names, by_name)
        seed, prepare = left["seed"], left["prepare"]
        values = self._read(by_name)
        if prepare:
            self.last = self.specialised(tuple([value.shape for value in values]))
            return None
        return self._checked(values, seed) if debugging() else self._run(self, *values, seed)

    def _by_name(self, given: Sequence[Any], named: Sequence[Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
        """What is given by position, in a dict and by name, all by the names of the inputs."""
        values = {name: value for name, value in zip(self.input_names, named, strict=True) if value is not MISSING}
        first = given[0] if given else next(iter(values.values()), None)
        feeds: Mapping[Any, Any] = {}
        if isinstance(first, Mapping):
            feeds, given = first, given[1:]
            values = {name: value for name, value in values.items() if value is not feeds}
        if len(given) > len(self.inputs):
            raise FeedError(f"plan: found {len(given)} arrays, needs {len(self.inputs)}: {', '.join(self.input_names)}")
        of_feeds = {key if isinstance(key, str) else str(key.name): value for key, value in feeds.items()}
        by_place = dict(zip(self.input_names, given, strict=False))
        for name in by_place.keys() & (values.keys() | unknown.keys()):
            raise FeedError(f"plan: found the input {name!r} by position and by name, needs it once")
        return {**of_feeds, **by_place, **values, **unknown}

    def _read(self, named: dict[str, Any]) -> list[Any]:
        """The inputs in their order, as arrays and numbers of their dtypes."""
        for name in named:
            if name not in self.input_names:
                raise FeedError(f"plan: found {name!r}, which is none of its inputs {', '.join(self.input_names)}")
        values = []
        for name, box in zip(self.input_names, self.inputs, strict=True):
            value = named.get(name, MISSING)
            if value is MISSING:
                raise FeedError(f"plan: needs the input {name!r}; it is called with {', '.join(self.input_names)}")
            values.append(value if is_plain(box, value) else feeding.read_array(name, box, value))
        return values

    def _checked(self, values: Sequence[Any], seed: Any) -> Any:
        """A call held against the graph, in debug mode."""
        seed = seed_of_run(seed, "plan")
        expected = Expected(self._forward, dict(zip(self.input_names, values, strict=True)), seed)
        found = self._run(self, *values, seed)
        count = len(self._forward.outputs) - len(self.store.parameters)
        boxes, new = self._forward.outputs[:count], self._forward.outputs[count:]
        updated = dict(zip(self.store.parameters, new, strict=True))
        expected.compare(boxes, [found] if self._alone else found, updated)
        return found

    @property
    def source(self) -> str:
        """The function that ran last, as text."""
        return self._latest().source.text

    @property
    def graph(self) -> Graph:
        """The simplified flow graph of the function that ran last: its outputs, then the new values."""
        return self._latest().graph

    @property
    def bytes(self) -> int:
        """Bytes of the buffers of the function that ran last, without the parameters and their spare copies."""
        return self._latest().memory.bytes

    def _latest(self) -> Specialised:
        if self.last is None:
            shapes = tuple([box.shape for box in self.inputs])
            if not all(isinstance(size, int) for shape in shapes for size in shape):
                names = ", ".join(self.input_names)
                raise PlanError(
                    f"plan: its source and its graph follow the shapes of the inputs, and {names} have sizes "
                    f"with names; run it once, or compile it for arrays with plan.prepare(x=..., ...)"
                )
            self.last = self.specialised(shapes)
        return self.last

    def prepare(self, /, *positional: Any, **named: Any) -> Plan:
        """Compile for the shapes of these inputs without running, and return the plan."""
        self.otherwise(positional, [MISSING] * len(self.inputs), named, KEYWORDS["seed"], True)
        return self

    def specialised(self, shapes: tuple[Any, ...]) -> Specialised:
        """The function for inputs of these shapes, compiled if it is not known."""
        known = self.known.get(shapes)
        if known is not None:
            return known
        with self._compiling:
            if shapes in self.known:
                return self.known[shapes]
            given = dict(zip(self.inputs, shapes, strict=True))
            for name, box, shape in zip(self.input_names, self.inputs, shapes, strict=True):
                feeding.read_array(name, box, np.broadcast_to(np.zeros((), box.dtype), shape))
            sizes = feeding.bind_sizes(self._forward, {box: given[box] for box in self._forward.inputs})
            leaves = {**{box: box for box in self.inputs}, **concrete_leaves(self._forward, given, sizes)}
            found = self._make(self._forward, self.store, leaves, self._reads, self._without)
            found.shapes = shapes
            while len(self.known) >= LARGEST_CACHE:
                del self.known[next(iter(self.known))]
            self.known[shapes] = found
            return found

    def more(self, found: Specialised, seed: Any) -> list[Any]:
        """What the function takes beside the inputs: random draws, and parameters that it only reads."""
        if self._forward.randoms:
            seed = seed_of_run(seed, "plan")
        drawn = [
            found.leaves[leaf].value_for(seed, number, {})[()] for number, leaf in enumerate(self._forward.randoms)
        ]
        return drawn + [parameter.array for parameter in self._reads]


def _plan(
    forward: Graph,
    parameters: Sequence[Parameter],
    inputs: Sequence[Box],
    settings: Mapping[str, Any],
    backend: Callable[[], Callable[..., Specialised]] | None,
) -> Plan:
    """The plan whose graph this is, the last outputs of which are new values of parameters."""
    count = len(forward.outputs) - len(parameters)
    updates = dict(zip(parameters, forward.outputs[count:], strict=True))
    make = Specialised if backend is None else backend()
    return Plan(forward.outputs[:count], updates, inputs, make=make, **settings)
