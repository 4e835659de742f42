"""The flow graph of the lecture: boxes in topological order, fprop along it, the leaves that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from flowgraph.box import Box, Constant
from flowgraph.box.random_draws import seed_of_run
from flowgraph.errors import UsageError
from flowgraph.graph import feeding
from flowgraph.graph.cached_steps import CachedSteps
from flowgraph.graph.forward import forward
from flowgraph.graph.pictures import DrawnGraph
from flowgraph.graph.run import Run
from flowgraph.graph.table import graph_table
from flowgraph.printable import printable

_KEYWORDS: dict[str, Any] = {"keep": "all", "seed": None}
"""The keywords of `fprop`, with their defaults; an input of such a name takes what is given by that keyword."""


class Graph(CachedSteps, DrawnGraph):
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

    def __init__(self, *outputs: Box, along: Iterable[Box] = ()) -> None:
        for output in outputs:
            if not isinstance(output, Box):
                raise UsageError(f"Graph: found {type(output).__name__} as an output, needs boxes")
        if not outputs:
            raise UsageError("Graph: found no output, needs one box or more")
        super().__init__(outputs, along)
        self._of_keywords = [box for box in self.inputs if self.names[box] in _KEYWORDS]
        self._constants: list[Any] = []  # read by the first run: a constant of a traced function notes who asks for it

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
        forward(self, self.fsteps(kept), values)
        return Run(self, values, kept is None, seed, sizes)

    def __call__(self, *arguments: Any, **named: Any) -> NoReturn:
        """Refused: a graph is run."""
        given = ", ".join([*("..." for _ in arguments), *(f"{name}=..." for name in named)])
        raise UsageError(
            f"Graph: found a call, but a graph is no function; run it with graph.fprop({given}), or make a function of "
            f"it with fg.compile(graph)"
        )

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


def _graph(cls: type[Graph], boxes: Sequence[Box], places: Sequence[int]) -> Graph:
    """The graph of boxes in their order, some of which are its outputs."""
    graph = object.__new__(cls)
    Graph.__init__(graph, *[boxes[place] for place in places], along=boxes)
    return graph


_DERIVED = frozenset(vars(Graph(Constant(0.0))))
"""The attributes that every graph has."""
