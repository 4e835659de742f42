"""The flow graph of the lecture: fprop along the topological order of its boxes, bprop in the reverse order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, SupportsIndex, TypeGuard, cast

import numpy as np

from flowgraph.box import Array, Box, Built, Constant, Leaf
from flowgraph.box.arrays import again, read_only
from flowgraph.box.attached import OnGrads, OnGraph, OnRun
from flowgraph.box.leaves import Input
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.box.vocabulary import Value
from flowgraph.errors import FeedError, UnknownBoxError, UsageError
from flowgraph.graph import feeding
from flowgraph.graph.composition import build_on
from flowgraph.graph.feeding import array_seeds
from flowgraph.graph.passes import Step, assert_values, backward, forward, sweep
from flowgraph.graph.steps import CachedSteps, refuse_cut
from flowgraph.graph.table import graph_table
from flowgraph.graph.topology import Topology, debugging
from flowgraph.graph.where_masking import checked_sweep, sweep_to_nan
from flowgraph.printable import printable

_KEYWORDS: dict[str, Any] = {"keep": "all", "seed": None}
"""The keywords of `fprop`, with their defaults; an input of such a name takes what is given by that keyword."""


class Graph(CachedSteps, OnGraph):
    """A directed acyclic graph of boxes, given by its outputs.

    `boxes` stand in topological order: children before parents. `fprop` visits them in that order and gives a `Run`,
    which holds the values; the run's `bprop` visits them in the reverse order. The graph itself never changes.
    `along` are boxes that belong to the graph too, in the order in which they are wanted early: inputs in that of the
    arguments of a function, those that no output reads included.

    Parameters
    ----------
    *outputs : Box
        The boxes whose values are wanted; everything that they read belongs to the graph.
    along : iterable of Box, default ()
        Boxes that stand in the graph before what the outputs read; inputs among them are fed, read or not.

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
        strange = [type(output).__name__ for output in outputs if not isinstance(output, Box)]
        if strange or not outputs:
            problem = f"{strange[0]} as an output, needs boxes" if strange else "no output, needs one box or more"
            raise UsageError(f"Graph: found {problem}")
        super().__init__(cast("tuple[Box, ...]", outputs), along)
        self._of_keywords = [box for box in self.inputs if box.name in _KEYWORDS]

    @cached_property
    def _constants(self) -> list[Any]:
        """The values of the constants; made for the first run, as a constant of a traced function notes who asks."""
        return [box.value[()] if isinstance(box, Constant) else None for box in self.boxes]

    def fprop(
        self, feeds: Mapping[Any, Any] | None = None, /, *, keep: object = "all", seed: Seed = None, **named: Any
    ) -> Run:
        """Compute every box from its children, children first.

        Parameters
        ----------
        feeds : mapping of (Input or str) to array_like, optional
            The values of the inputs, by box or by name; each is copied.
        keep : {"all", "outputs"} or iterable of Box or str, default "all"
            Which values stay in the run; `bprop` needs "all".
        seed : int, sequence of int or SeedSequence, optional
            Repeats the draws of random leaves; without it each call draws anew. `run.seed` repeats those of a run.
        **named : array_like
            Values of inputs by name. An input named "seed" or "keep" takes what is given by that keyword, unless
            `feeds` holds a value for it.

        Returns
        -------
        Run
            The values of all boxes that are kept.

        Raises
        ------
        FeedError
            If an input has no value, a name is unknown, or a named axis has two sizes.
        ShapeError, DtypeError
            If a value does not have the shape or the dtype of its input.
        """
        if self._of_keywords:
            fed = feeds if isinstance(feeds, Mapping) else {}
            free = [self.names[box] for box in self._of_keywords if box not in fed and self.names[box] not in fed]
            left = feeding.keywords_left({"keep": keep, "seed": seed}, _KEYWORDS, free, named)
            keep, seed = left["keep"], left["seed"]
        values = self._constants.copy()
        for box in self.parameters:
            values[self.slots[box]] = box.array[()]
        sizes = feeding.feed(self, values, feeds, named)
        if self.randoms or seed is not None:
            seed = seed_of_run(seed)
        for number, leaf in enumerate(self.randoms):
            if values[self.slots[leaf]] is None:
                values[self.slots[leaf]] = leaf.value_for(seed, number, sizes)[()]
        kept = self._slots_to_keep(keep)
        forward(self, self.fsteps(kept), values)
        return Run(self, values, kept is None, seed, sizes)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The outputs built anew on boxes: a graph on the outputs of another. Arrays are run with `fprop`.

        Parameters
        ----------
        *arguments, **named : Box or array_like
            A box for each input, in the order of `inputs` or by name; an array beside boxes is a constant. The names of
            sizes stand for those of the boxes.

        Returns
        -------
        Box or tuple of Box
            The outputs; parameters are those of this graph, so that both train together.

        Raises
        ------
        UsageError
            If there is no box among the arguments.
        FeedError
            If an input has no box, or one of another dtype.
        ShapeError
            If a box has another shape.

        Examples
        --------
        >>> import numpy as np, flowgraph as fg
        >>> z, x = fg.Input("z", shape=("N", 2)), fg.Input("x", shape=("N", 3))
        >>> generator = fg.Graph(np.tanh(z @ fg.Parameter(np.ones((2, 3)), name="G")))
        >>> judge = fg.Graph(x @ fg.Parameter(np.ones(3), name="D"))
        >>> fg.Graph(judge(generator(z))).fprop(z=np.zeros((4, 2))).outputs[0]
        array([0., 0., 0., 0.])
        """
        if not any(isinstance(argument, Box) for argument in (*arguments, *named.values())):
            given = ", ".join([*("..." for _ in arguments), *(f"{name}=..." for name in named)])
            raise UsageError(
                f"Graph: found a call without boxes, which builds nothing; run it with graph.fprop({given}), or make a "
                f"function of it with fg.compile(graph)"
            )
        outputs = build_on(self, arguments, named)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """The state for pickle and copy: the boxes, which of them are outputs, and the attributes of a subclass."""
        places = [self.slots[box] for box in self.outputs]
        added = {name: value for name, value in vars(self).items() if name not in _DERIVED}
        return _graph, (type(self), tuple(self.boxes), places), added or None

    def __str__(self) -> str:
        return graph_table(self)

    def __repr__(self) -> str:
        outputs = ", ".join(printable(self.names[box]) for box in self.outputs)
        return f"<Graph of {len(self)} boxes: {outputs}>"

    def _slots_to_keep(self, keep: Any) -> frozenset[int] | None:
        """The slots to keep, None for all."""
        if isinstance(keep, str) and keep == "all":
            return None
        listed: Sequence[Any] = [keep] if isinstance(keep, str | Box) else list(keep)
        extra = () if isinstance(keep, str) and keep == "outputs" else listed
        return frozenset(self.slots[self.box(box)] for box in (*self.outputs, *extra))


@dataclass(eq=False, repr=False)
class Run(OnRun):
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

    graph: Graph
    _values: list[Any]
    has_all_values: bool
    seed: Seed
    sizes: dict[str, int]

    def __post_init__(self) -> None:
        if debugging():
            assert_values(self.graph, self._values, self.sizes)

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
            raise UsageError(
                f"float(run): found {self.graph!r}, needs one scalar output; take the value of a box, float(run[box])"
            )
        return float(values[0])

    def update(self, feeds: Mapping[Any, Any] | None = None, /, **named: Any) -> Run:
        """A new run with other values for some leaves; only their descendants are computed again.

        Parameters
        ----------
        feeds : mapping of (Box or str) to array_like, optional
            The new values of inputs, parameters or random leaves.
        **named : array_like
            New values by name.

        Returns
        -------
        Run
            The new run; this one stays as it is.

        Raises
        ------
        FeedError
            If the size of a named axis changes, such as that of the batch.
        UsageError
            If this run was made with `keep` other than "all".
        """
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

        Boxes are visited in reverse topological order, and only those on a path to `wrt`; each sends to its children
        the vector-Jacobian product of the gradient that reached it.

        Source: Larochelle, Training neural networks, "flow graph", bprop.

        Parameters
        ----------
        grad : array_like, sequence or mapping, optional
            The gradient at the output (the cotangent), of its shape; by default 1, for scalar outputs. For several
            outputs one each, in their order or by box or name: [1.0, 0.5] or {loss: 1.0}, with none for those left out.
        wrt : Box, str or iterable of them, optional
            What to differentiate by; by default the parameters.
        keep : {"wrt", "all"}, default "wrt"
            Whether the gradients of all boxes on the way are kept too.
        unused : {"raise", "zeros"}, default "raise"
            What a box of `wrt` that the output does not depend on gives: an error, or an array of zeros.

        Returns
        -------
        Grads
            The gradients by box or name, each of the shape of its box.

        Raises
        ------
        UsageError
            If an output is not a scalar and `grad` is not given, or a setting is none of those above.
        NotDifferentiableError
            If the output does not depend on a box of `wrt`.
        """
        self._needs_all("bprop")
        if keep not in ("wrt", "all") or unused not in ("raise", "zeros"):
            raise UsageError(
                f"bprop: found keep={keep!r} and unused={unused!r}, needs keep='wrt' or 'all', unused='raise' or "
                f"'zeros'"
            )
        graph, boxes = self.graph, self._wrt(wrt)
        seeds = array_seeds(graph, self._values, grad)
        cut = graph.cut(boxes)
        if cut and unused == "raise":
            refuse_cut(graph, cut)
        grads = backward(graph, graph.bsteps(boxes), self._values, seeds, boxes, _sweep_arrays, every=keep == "all")
        return Grads(graph, grads, boxes, self._values, seeds)

    def _wrt(self, wrt: Built | str | Iterable[Built | str] | None) -> tuple[Box, ...]:
        if wrt is None:
            if not self.graph.parameters:
                raise UsageError(
                    "bprop: found no parameters in the graph; say what to differentiate by, wrt=[box, ...]"
                )
            return self.graph.parameters
        listed = [wrt] if isinstance(wrt, str | Box) else list(wrt)
        return tuple(dict.fromkeys(self.graph.box(box) for box in listed))

    def _needs_all(self, what: str) -> None:
        if not self.has_all_values:
            raise UsageError(f"{what}: needs the values of every box; run fprop with keep='all'")

    def __repr__(self) -> str:
        sizes = "".join(f", {name} = {size}" for name, size in self.sizes.items())
        return f"<Run of {self.graph!r}{sizes}>"


_NAMED = 40
"""Boxes that the text of gradients names."""


@dataclass(eq=False, repr=False)
class Grads(OnGrads, Mapping[Any, Array]):
    """The gradients of one bprop, by box or by name: `grads[W1]`, `grads["W1"]`; iteration goes over the boxes.

    Gradients are made by `Run.bprop`, and not by hand.

    Examples
    --------
    >>> import flowgraph as fg
    >>> w = fg.Parameter([1.0, 2.0], name="w")
    >>> grads = fg.Graph(fg.sum(w * w)).fprop().bprop()
    >>> grads[w].tolist(), [box.name for box in grads]
    ([2.0, 4.0], ['w'])
    """

    graph: Topology
    _grads: dict[Box, Any]
    wrt: tuple[Box, ...]
    _values: list[Any]
    _seeds: list[Any]

    def __getitem__(self, key: Built | str) -> Array:
        box = self.graph.box(key)
        if box not in self._grads:
            raise UnknownBoxError(
                f"{self.graph.names[box]}: this bprop did not keep its gradient; "
                f"run bprop with wrt=[box], or with keep='all' for every box on the way"
            )
        return cast(Array, read_only(self._grads[box]))

    def __iter__(self) -> Iterator[Box]:
        return iter(self._grads)

    def __len__(self) -> int:
        return len(self._grads)

    def __contains__(self, key: object) -> bool:
        box = self.graph.box(key) if isinstance(key, str) else key
        return isinstance(box, Box) and box in self._grads

    def __repr__(self) -> str:
        names = [printable(self.graph.names[box]) for box in self._grads]
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        return f"<Grads of {', '.join(names[:_NAMED])}{more}>"


def _sweep_arrays(
    graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any], wrt: Sequence[Box]
) -> list[Any]:
    """The gradients of all boxes.

    Masks of branches that are not taken cost more than the sweep itself, so they are only made where a gradient by one
    of `wrt` is NaN without them.
    """
    try:
        return _sweep_gradients(graph, steps, values, seeds, wrt)
    except (FloatingPointError, RuntimeWarning) as error:
        grads: list[Any] = again(error, _sweep_gradients, graph, steps, values, seeds, wrt)
        return grads


def _sweep_gradients(
    graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any], wrt: Sequence[Box]
) -> list[Any]:
    grads = list(seeds)
    if debugging():
        checked_sweep(graph, steps, values, grads)
    else:
        sweep(steps, values, grads)
    if any(_has_nan(grads[graph.slots[box]]) for box in wrt):
        return sweep_to_nan(graph, steps, values, seeds)
    return grads


def _has_nan(part: Value) -> bool:
    """A cheap look: a sum that is no NaN rules one out."""
    return part is not None and not isinstance(part, tuple) and copy_context().run(_sums_to_nan, part)


def _sums_to_nan(part: Array) -> bool:
    # Of the copied context: an interrupt in `np.errstate` could leave it so for all that follows.
    np.seterr(all="ignore")
    return bool(np.isnan(np.sum(part))) and bool(np.isnan(part).any())


def _graph(cls: type[Graph], boxes: Sequence[Box], places: Sequence[int]) -> Graph:
    """The graph of boxes in their order, some of which are its outputs."""
    graph = object.__new__(cls)
    Graph.__init__(graph, *[boxes[place] for place in places], along=boxes)
    return graph


_DERIVED = frozenset({*vars(Graph(Constant(0.0))), "names", "passed", "_by_name", "_constants"})
"""The attributes that every graph has, or has once it is asked for a name."""


def opened(box: Box) -> Graph:
    """The flow graph inside a box, to draw, explain or run; what the box reads from other boxes becomes an input.

    A box whose fprop is one call of NumPy, or does not run on boxes, stands in its graph alone.

    Parameters
    ----------
    box : Box
        The box that is looked into.

    Returns
    -------
    Graph
        What its fprop builds when it is called on boxes.

    Raises
    ------
    UsageError
        If the argument is no box.

    Examples
    --------
    >>> import flowgraph as fg
    >>> h, W, b = fg.Input("h", shape=("N", 3)), fg.Input("W", shape=(3, 2)), fg.Input("b", shape=(2,))
    >>> [type(part).__name__ for part in fg.opened(fg.Affine(h, W, b)) if part.children]
    ['MatMul', 'Add']
    """
    if not isinstance(box, Box):
        raise UsageError(f"opened: found {type(box).__name__}, needs a box; graph['name'] is one")
    children = _children(box)
    try:
        inside = box.fprop(*children)
    except Exception:  # whatever a fprop raises on boxes, on arrays it may run
        inside = None
    whole = inside if _stands_for(inside, box) else box.with_children(*children) if box.children else box
    name = (box.name or "").rpartition("/")[2]
    return Graph(whole.named(name) if name and name not in {child.name for child in children} else whole)


def _stands_for(inside: object, box: Box) -> TypeGuard[Box]:
    """Whether what fprop built is more than one box of the same kind, with the same value."""
    if not isinstance(inside, Box) or not inside.children:
        return False
    return inside.outputs == box.outputs and type(inside) is not type(box)


def _children(box: Box) -> list[Box]:
    """The replacement of each child: a leaf itself, an input for a box, the child if it has several outputs."""
    stands: dict[Box, Box] = {}
    names = {child.name for child in box.children if isinstance(child, Leaf)}
    for role, child in zip(box.names_of_children(), box.children, strict=True):
        if child in stands:
            continue
        if isinstance(child, Leaf) or len(child.outputs) != 1:
            stands[child] = child
            continue
        own = (child.name or "").rpartition("/")[2]
        name = own if own and own not in names else role
        while name in names:
            name += "'"
        names.add(name)
        stands[child] = Input(name, shape=child.shape, dtype=child.dtype)
    return [stands[child] for child in box.children]
