"""The flow graph of the lecture: fprop along the topological order of its boxes, bprop in the reverse order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn, SupportsIndex, cast

from flowgraph.box import Array, Box, Built, Constant
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import feeding
from flowgraph.graph.array_sweep import sweep_arrays
from flowgraph.graph.backward import backward
from flowgraph.graph.cached_steps import CachedSteps
from flowgraph.graph.debug_mode import debugging
from flowgraph.graph.forward import forward
from flowgraph.graph.grads import Grads, read_only
from flowgraph.graph.pictures import DrawnGraph, ExplainedRun
from flowgraph.graph.postconditions import assert_values
from flowgraph.graph.reachability import refuse_cut
from flowgraph.graph.seeds import array_seeds
from flowgraph.graph.table import graph_table
from flowgraph.graph.value_table import values_html
from flowgraph.printable import printable

_KEYWORDS: dict[str, Any] = {"keep": "all", "seed": None}
"""The keywords of `fprop`, with their defaults; an input of such a name takes what is given by that keyword."""


class Graph(CachedSteps, DrawnGraph):
    """A directed acyclic graph of boxes, given by its outputs.

    `boxes` stand in topological order: children before parents. `fprop` visits them in that order and gives a `Run`,
    which holds the values; the run's `bprop` visits them in the reverse order. The graph itself never changes.
    `along` are boxes that the outputs read, in the order in which they are wanted early.

    Parameters
    ----------
    *outputs : Box
        The boxes whose values are wanted; everything that they read belongs to the graph.
    along : iterable of Box, default ()
        Boxes that the outputs read, in the order in which they are wanted early.

    Raises
    ------
    UsageError
        If there is no output, or one is no box.
    DuplicateNameError
        If two inputs or two parameters have one name.

    Examples
    --------
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
        super().__init__(cast("tuple[Box, ...]", outputs), along)
        self._of_keywords = [box for box in self.inputs if box.name in _KEYWORDS]
        self._constants: list[Any] = []  # read by the first run: a constant of a traced function notes who asks for it

    def fprop(
        self, feeds: Mapping[Any, Any] | None = None, /, *, keep: object = "all", seed: Seed = None, **named: Any
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
        if self.randoms or seed is not None:
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

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
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


class Run(ExplainedRun):
    """What `Graph.fprop` computed: `run[box]` or `run["name"]` is a value, `run.bprop()` gives the gradients.

    A run never changes; values are read-only arrays. `graph.fprop(seed=run.seed)` repeats what random leaves drew.

    A run is made by `Graph.fprop`, and not by hand.

    Examples
    --------
    >>> import flowgraph as fg
    >>> w = fg.Parameter([1.0, 2.0], name="w")
    >>> run = fg.Graph(fg.sum(w * w)).fprop()
    >>> float(run), run["w"].tolist(), run.bprop()["w"].tolist()
    (5.0, [1.0, 2.0], [2.0, 4.0])
    """

    def __init__(
        self, graph: Graph, values: list[Any], has_all_values: bool, seed: Seed, sizes: dict[str, int]
    ) -> None:
        self.graph = graph
        self.seed = seed
        self.sizes = sizes
        self.has_all_values = has_all_values
        self._values = values
        if debugging():
            assert_values(graph, values, sizes)

    def __getitem__(self, key: Built | str) -> Array:
        box = self.graph.box(key)
        value = self._values[self.graph.slots[box]]
        if value is None:
            raise UsageError(
                f"{self.graph.names[box]}: its value was not kept; run fprop with keep='all' or keep=[box, ...]"
            )
        return cast(Array, read_only(value))

    @property
    def outputs(self) -> tuple[Array, ...]:
        """The values of the outputs of the graph."""
        return tuple(self[box] for box in self.graph.outputs)

    def __float__(self) -> float:
        values = [self._values[self.graph.slots[box]] for box in self.graph.outputs]
        if len(values) != 1 or values[0].shape != ():
            raise UsageError("float(run): the graph has not one scalar output; take the value you mean, run[box]")
        return float(values[0])

    def update(self, feeds: Mapping[Any, Any] | None = None, /, **named: Any) -> Run:
        """A new run with other values for some leaves: only what descends from them is computed again."""
        self._needs_all("update")
        graph = self.graph
        values = self._values.copy()
        given = feeding.read_feeds(graph, feeds, named)
        for box, value in given.items():
            values[graph.slots[box]] = value
        sizes = feeding.bind_sizes(graph, {box: values[graph.slots[box]].shape for box in graph.inputs})
        if sizes != self.sizes:
            raise FeedError(f"update: the sizes change from {self.sizes} to {sizes}; run graph.fprop for another batch")
        forward(graph, graph.fsteps(None, frozenset(graph.slots[box] for box in given)), values)
        return Run(graph, values, True, self.seed, sizes)

    def bprop(
        self,
        grad: Any = None,
        *,
        wrt: Built | str | Iterable[Built | str] | None = None,
        keep: Literal["wrt", "all"] = "wrt",
        unused: Literal["raise", "zeros"] = "raise",
    ) -> Grads:
        """The gradients of the output with respect to the parameters, or to the boxes in `wrt`.

        Boxes are visited in reverse topological order, and only those that lead to `wrt`; each sends to its children
        the vector-Jacobian product of what arrived. `grad` is what arrives at the output, 1 for a scalar; for several
        outputs give one each, in their order or by box or name, [1.0, 0.5] or {loss: 1.0}, where nothing arrives at
        those left out; or leave it out where all are scalar: then it is the gradient of their sum.
        `keep="all"` keeps the gradient of every box on the way. A box to which no gradient leads raises an error;
        `unused="zeros"` gives zeros for it.

        Source: Larochelle, Training neural networks, "flow graph", bprop.
        """
        self._needs_all("bprop")
        if keep not in ("wrt", "all") or unused not in ("raise", "zeros"):
            raise UsageError("bprop: keep is 'wrt' or 'all', unused is 'raise' or 'zeros'")
        boxes = self._wrt(wrt)
        seeds = self._seeds(grad)
        if unused == "raise":
            refuse_cut(self.graph, self.graph.cut(boxes))
        grads = backward(self.graph, self._values, seeds, boxes, sweep_arrays, every=keep == "all")
        return Grads(self.graph, grads, boxes, self._values, seeds)

    def _wrt(self, wrt: Built | str | Iterable[Built | str] | None) -> tuple[Box, ...]:
        if wrt is None:
            if not self.graph.parameters:
                raise UsageError("bprop: the graph has no parameters; say with respect to what, wrt=[box, ...]")
            return self.graph.parameters
        listed = [wrt] if isinstance(wrt, str | Box) else list(wrt)
        return tuple(dict.fromkeys(self.graph.box(box) for box in listed))

    def _seeds(self, grad: Any) -> list[Any]:
        """What arrives at the outputs, with a place for every box."""
        return array_seeds(self.graph, self._values, grad)

    def _needs_all(self, what: str) -> None:
        if not self.has_all_values:
            raise UsageError(f"{what}: needs the values of every box; run fprop with keep='all'")

    def __repr__(self) -> str:
        sizes = "".join(f", {name} = {size}" for name, size in self.sizes.items())
        return f"<Run of {self.graph!r}{sizes}>"

    def _repr_html_(self) -> str:
        kept = {box: self._values[slot] for box, slot in self.graph.slots.items() if self._values[slot] is not None}
        return values_html(self.graph, kept, repr(self).strip("<>"))


def _graph(cls: type[Graph], boxes: Sequence[Box], places: Sequence[int]) -> Graph:
    """The graph of boxes in their order, some of which are its outputs."""
    graph = object.__new__(cls)
    Graph.__init__(graph, *[boxes[place] for place in places], along=boxes)
    return graph


_DERIVED = frozenset({*vars(Graph(Constant(0.0))), "names", "_by_name"})
"""The attributes that every graph has, or has once it is asked for a name."""
