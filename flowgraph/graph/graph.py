"""The flow graph of the lecture: boxes in topological order, fprop along it, the leaves that it reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np

from flowgraph.box import Box, Built, Constant
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.box.random_draws import seed_of_run
from flowgraph.box.underflow import is_underflow
from flowgraph.errors import UnknownBoxError, UsageError
from flowgraph.graph import feeding
from flowgraph.graph.backward_steps import backward_steps, reader
from flowgraph.graph.debug_mode import debugging
from flowgraph.graph.order import Boxes, assert_topological, topological_order, unique_names
from flowgraph.graph.pictures import DrawnGraph
from flowgraph.graph.run import Run, as_values
from flowgraph.graph.sweep import Step
from flowgraph.graph.table import graph_table
from flowgraph.printable import printable

_KEYWORDS: dict[str, Any] = {"keep": "all", "seed": None}
"""The keywords of `fprop`, with their defaults; an input of such a name takes what is given by that keyword."""

_VALUES = frozenset({np.ndarray, tuple, np.float64, np.float32, np.int64, np.bool_})


class Fstep(NamedTuple):
    """One fprop: the slot of the box, its fprop, the slots of its children, the slots that no later step reads."""

    slot: int
    fprop: Callable[..., Any]
    read: Callable[[Any], Iterable[Any]]
    done: tuple[int, ...]


class Graph(DrawnGraph):
    """A directed acyclic graph of boxes, given by its outputs.

    `boxes` stand in topological order: children before parents. `fprop` visits them in that order and gives a `Run`,
    which holds the values; the run's `bprop` visits them in the reverse order. The graph itself never changes.
    `along` are boxes that the outputs read, in the order in which they are wanted early.

    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=("N", 2))
    >>> w = fg.Parameter([1.0, -1.0], name="w")
    >>> loss = fg.mean(np.tanh(x @ w))
    >>> run = fg.Graph(loss).fprop(x=[[1.0, 1.0], [2.0, 0.0]])
    >>> run.bprop()[w].round(3)
    array([0.571, 0.5  ])

    Source: Larochelle, Training neural networks, "flow graph".
    """

    def __init__(self, *outputs: Built, along: Iterable[Box] = ()) -> None:
        for output in outputs:
            if not isinstance(output, Box):
                raise UsageError(f"Graph: found {type(output).__name__} as an output, needs boxes")
        if not outputs:
            raise UsageError("Graph: found no output, needs one box or more")
        self.outputs = Boxes(cast("tuple[Box, ...]", outputs))
        self.boxes = topological_order((*along, *self.outputs))
        if debugging():
            assert_topological(self.boxes)
        self.slots = {box: slot for slot, box in enumerate(self.boxes)}
        self.names = unique_names(self.boxes)
        self.inputs = Boxes(box for box in self.boxes if isinstance(box, Input))
        self.parameters = Boxes(box for box in self.boxes if isinstance(box, Parameter))
        self.randoms = Boxes(box for box in self.boxes if isinstance(box, Random))
        self._by_name = {name: box for box, name in self.names.items()}
        self._of_keywords = [box for box in self.inputs if self.names[box] in _KEYWORDS]
        self._constants: list[Any] = []  # read by the first run: a constant of a traced function notes who asks for it
        self._fsteps: dict[Any, tuple[Fstep, ...]] = {}
        self._bsteps: dict[Any, tuple[Step, ...]] = {}
        self.reached: set[tuple[Box, ...]] = set()

    def fprop(
        self, feeds: Mapping[Any, Any] | None = None, /, *, keep: Any = "all", seed: Any = None, **named: Any
    ) -> Run:
        """Compute every box from its children, children first, and return the run that holds the values.

        `feeds` maps inputs (or their names) to arrays; names may also be keywords. Inputs are copied, so nothing
        outside can change a run. `keep` says which values stay: "all", "outputs", or boxes; `bprop` needs "all".
        Random leaves draw anew in each call; `seed=7` repeats the draws. `run.seed` is the seed that repeats those of
        a run, and all that is done with the run keeps them. An input of the name "seed" or "keep" takes what is given
        by that keyword, unless `feeds` holds a value for it.
        """
        if self._of_keywords:
            fed = feeds if isinstance(feeds, Mapping) else {}
            free = [self.names[box] for box in self._of_keywords if box not in fed and self.names[box] not in fed]
            left = feeding.keywords_left({"keep": keep, "seed": seed}, _KEYWORDS, free, named)
            keep, seed = left["keep"], left["seed"]
        if not self._constants:
            self._constants = [box.value[()] if isinstance(box, Constant) else None for box in self.boxes]
        values = self._constants.copy()
        for box in self.parameters:
            values[self.slots[box]] = box.array[()]
        sizes = feeding.feed(self, values, feeds, named)
        if self.randoms:
            seed = seed_of_run(seed)
            for number, leaf in enumerate(self.randoms):
                if values[self.slots[leaf]] is None:
                    values[self.slots[leaf]] = leaf.value_for(seed, number, sizes)[()]
        kept = self._kept(keep)
        self.compute(self.fsteps(kept), values)
        return Run(self, values, kept is None, seed, sizes)

    def compute(self, steps: Sequence[Fstep], values: list[Any]) -> None:
        """Run the steps on the list of values, in place."""
        slot = 0
        try:
            for slot, fprop, read, done in steps:
                value = fprop(*read(values))
                if type(value) not in _VALUES:
                    value = as_values(value)
                values[slot] = value
                for dead in done:
                    values[dead] = None
        except Exception as error:
            if is_underflow(error):
                rest = tuple(itertools.dropwhile(lambda step: step.slot != slot, steps))
                with np.errstate(under="ignore"):
                    return self.compute(rest, values)
            box = self.boxes[slot]
            error.add_note(f"in fprop of {type(box).__name__} {self.names[box]!r}, built at {box.built_at}")
            raise

    def box(self, key: Built | str) -> Box:
        """The box of that name, or the box itself if the graph holds it."""
        found = self._by_name.get(key) if isinstance(key, str) else key
        if not isinstance(found, Box) or found not in self.slots:
            raise UnknownBoxError(feeding.unknown_box(self, key))
        return found

    def fsteps(self, kept: frozenset[int] | None, dirty: frozenset[int] | None = None) -> tuple[Fstep, ...]:
        """The forward steps: all, or those of the descendants of `dirty`; values that are not kept are dropped."""
        key = (kept, dirty)
        if key not in self._fsteps:
            self._fsteps[key] = self._build_fsteps(kept, dirty)
        return self._fsteps[key]

    def bsteps(self, wrt: tuple[Box, ...]) -> tuple[Step, ...]:
        """The backward steps: the boxes that lead to `wrt`, in reverse order."""
        if wrt not in self._bsteps:
            self._bsteps[wrt] = backward_steps(self.boxes, self.slots, wrt)
        return self._bsteps[wrt]

    def __call__(self, *arguments: Any, **named: Any) -> NoReturn:
        """Refused: a graph is run."""
        given = ", ".join([*("..." for _ in arguments), *(f"{name}=..." for name in named)])
        raise UsageError(
            f"Graph: found a call, but a graph is no function; run it with graph.fprop({given}), or make a function of "
            f"it with fg.compile(graph)"
        )

    def __getitem__(self, name: str) -> Box:
        return self.box(name)

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Box]:
        return iter(self.boxes)

    def __contains__(self, box: object) -> bool:
        return (self._by_name if isinstance(box, str) else self.slots).__contains__(box)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """What pickle and copy build the graph from: its boxes, which outputs they are, what a subclass has added."""
        places = [self.slots[box] for box in self.outputs]
        added = {name: value for name, value in vars(self).items() if name not in _DERIVED}
        return _graph, (type(self), tuple(self.boxes), places), added or None

    def __str__(self) -> str:
        return graph_table(self)

    def __repr__(self) -> str:
        outputs = ", ".join(printable(self.names[box]) for box in self.outputs)
        return f"<Graph of {len(self)} boxes: {outputs}>"

    def _kept(self, keep: Any) -> frozenset[int] | None:
        """The slots to keep, None for all."""
        if isinstance(keep, str) and keep == "all":
            return None
        listed: Sequence[Any] = [keep] if isinstance(keep, str | Box) else list(keep)
        extra = () if isinstance(keep, str) and keep == "outputs" else listed
        return frozenset(self.slots[self.box(box)] for box in (*self.outputs, *extra))

    def _build_fsteps(self, kept: frozenset[int] | None, dirty: frozenset[int] | None) -> tuple[Fstep, ...]:
        changed = set(dirty or ())
        last: dict[int, int] = {}
        steps: list[Fstep] = []
        for slot, box in enumerate(self.boxes):
            children = [self.slots[child] for child in box.children]
            if not box.children or (dirty is not None and changed.isdisjoint(children)):
                continue
            changed.add(slot)
            last.update(dict.fromkeys(children, len(steps)))
            steps.append(Fstep(slot, box.fprop, reader(children), ()))
        if kept is None:
            return tuple(steps)
        dead: list[list[int]] = [[] for _ in steps]
        for slot, step in last.items():
            if slot not in kept:
                dead[step].append(slot)
        return tuple(step._replace(done=tuple(slots)) for step, slots in zip(steps, dead, strict=True))


def _graph(cls: type[Graph], boxes: Sequence[Box], places: Sequence[int]) -> Graph:
    """The graph of boxes in their order, some of which are its outputs."""
    graph = object.__new__(cls)
    Graph.__init__(graph, *[boxes[place] for place in places], along=boxes)
    return graph


_DERIVED = frozenset(vars(Graph(Constant(0.0))))
"""The attributes that every graph has."""
