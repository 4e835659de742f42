"""`checkpoint`: values inside are computed again on the way back, not kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Constant, Value
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.engine.passing_on import Barrier, Part
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.passes import forward
from flowgraph.graph.table import total_flops
from flowgraph.graph.topology import topological_order
from flowgraph.loops.body import Body, CarryInput, OuterInput, body_of, fit_body, hoist_outer, known_of, name_of
from flowgraph.loops.containers import arrays_of, flatten, map_leaves
from flowgraph.loops.reverse import gradients_asked, gradients_of
from flowgraph.plan.passes.inlining import in_numbers
from flowgraph.plan.rebuild import on_children, rebuild, twin_of
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec

# The box of a function whose inner values are not kept, but computed again in the backward pass.


class Recomputed(Box):
    """A function of boxes, its body: of the values inside none is kept, and the backward pass computes them again.

    h = body(a, b, …)        the gradients are those of the body, computed anew from a, b, … when that of h has arrived

    The children are the arguments and what the body reads from outside; the last `after` of them are gradients that
    arrive in the backward pass, before which a plan computes nothing of the body. `fg.checkpoint` builds it.

    Source: Griewank and Walther, Evaluating Derivatives, chapter 12; Chen et al., Training Deep Nets with Sublinear
    Memory Cost (2016).
    """

    body: Body
    after: int = 0

    symbol = "checkpoint"
    public = False
    examples = None  # it holds a graph; tests/loops tests it with random ones

    def fprop(self, *values: Value) -> Value:
        """The results of the body; on boxes, the boxes that it is made of."""
        if any(isinstance(value, Box) for value in values):
            opened = opened_body(self, [v if isinstance(v, Box) else Constant(v) for v in values])
            return opened[0] if len(opened) == 1 else opened
        arrays = [np.asarray(value) for value in values]
        body = fit_body(self.body, [Spec(array.shape, array.dtype) for array in arrays])
        results = known_of(body, "steps", lambda: _Steps(body))(arrays)
        return results[0] if len(results) == 1 else results

    def bprop(self, grad: Value, h: Value, *values: Value, needs: tuple[bool, ...] | None = None) -> tuple[Value, ...]:
        """The gradients of the body, as the same kind of box on the arguments and on what arrives."""
        body = fit_body(self.body, [Spec(value.shape, value.dtype) for value in values])
        arrived, wanted = gradients_asked(body, grad, needs)
        sent = [part for part in arrived if part is not None]
        reverse = _reverse_of(body, tuple([part is not None for part in arrived]), wanted)
        again = [values[i] for i in reverse.read]
        gradients = Recomputed.apply(*again, *sent, body=reverse.body, after=len(sent))
        parts = iter([gradients] if len(reverse.body.results) == 1 else [gradients[i] for i in range(sum(wanted))])
        return tuple([next(parts) if asks else None for asks in wanted])

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the results of the body."""
        if len(self.children) != self.body.slots:
            raise UsageError(
                f"{self.title}: found {len(self.children)} children, needs {self.body.slots}, as its body has slots"
            )
        specs = [result.spec for result in fit_body(self.body, [child.spec for child in self.children]).results]
        return specs if len(specs) > 1 else specs[0]

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Those of the boxes of the body; None where one of them is not known."""
        body = fit_body(self.body, [child.spec for child in self.children])
        total = total_flops([(box, 1) for box in topological_order(body.results)])
        return total.known if total.complete else None


class _Steps:
    """The forward pass through a body, in which each value is dropped behind the last box that reads it."""

    def __init__(self, body: Body) -> None:
        self.graph = Graph(*body.results)
        self.places = [(i, self.graph.slots[leaf]) for i, leaf in enumerate(body.leaves) if leaf in self.graph.slots]
        self.constants = [box.value[()] if isinstance(box, Constant) else None for box in self.graph.boxes]
        self.results = [self.graph.slots[result] for result in body.results]
        self.steps = self.graph.fsteps(frozenset(self.results))

    def __call__(self, arrays: Sequence[Array]) -> tuple[Any, ...]:
        """The results for these values of the slots."""
        values = self.constants.copy()
        for i, slot in self.places:
            values[slot] = arrays[i][()]
        forward(self.graph, self.steps, values)
        return tuple([values[slot] for slot in self.results])


class _Reverse(NamedTuple):
    """The body of the backward pass, and the places of the slots of the forward one that it reads."""

    body: Body
    read: tuple[int, ...]


def _reverse_of(body: Body, arriving: tuple[bool, ...], wanted: tuple[bool, ...]) -> _Reverse:
    def build_reverse() -> _Reverse:
        results = [result for result, arrives in zip(body.results, arriving, strict=True) if arrives]
        arrived: list[Box] = [OuterInput(shape=result.shape, dtype=result.dtype) for result in results]
        wrt = [leaf for leaf, asks in zip(body.leaves, wanted, strict=True) if asks]
        gradients = gradients_of(results, wrt, arrived)
        reads = set(topological_order(gradients))
        read = tuple([i for i, leaf in enumerate(body.leaves) if leaf in reads])
        return _Reverse(body_of((), (), [*(body.leaves[i] for i in read), *arrived], gradients), read)

    return known_of(body, ("reverse of all", arriving, wanted), build_reverse)


def opened_body(box: Recomputed, children: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes of the body on these children, which are read once the gradients behind them have arrived.

    Checkpoints inside are opened too. A parameter is in memory in any case, so it is read at once if another argument
    waits.
    """
    body, count = box.body, len(children) - box.after
    late = children[count:]
    read = list(children)
    if late:
        behind = [not isinstance(child, Constant | Parameter) for child in children[:count]]
        if not any(behind):
            behind = [not isinstance(child, Constant) for child in children[:count]]
        read[:count] = [
            Barrier(child, *late) if waits else child for child, waits in zip(children[:count], behind, strict=True)
        ]
    stands = dict(zip(body.leaves, read, strict=True))
    parts: dict[Box, tuple[Box, ...]] = {}

    def rule(inner: Box, of: tuple[Box, ...]) -> Box:
        if not of:
            # a plan writes into the constants that it is given
            return stands[inner] if inner in stands else twin_of(inner)
        if isinstance(inner, Part) and inner.children[0] in parts:
            return parts[inner.children[0]][inner.index]
        if not isinstance(inner, Recomputed):
            return in_numbers(on_children(inner, of))
        inside = opened_body(inner, of)
        if len(inside) == 1:
            return inside[0]
        parts[inner] = inside
        return on_children(inner, of)

    return rebuild(Graph(*body.results), rule).outputs


# fg.checkpoint: a function of boxes becomes one box whose inner values are not kept for the backward pass.


class ArgumentInput(CarryInput):
    """What stands for an argument of a function that is called once, on boxes."""

    symbol = "argument"
    public = False


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose inner values are not kept for the backward pass, which computes them again.

    A call on boxes keeps its arguments and results and no values in between, which saves memory and costs time. Values
    and gradients of any order are those of the function. Where it is a part of a chain, such as one of many layers, the
    backward pass holds the inner values of one part at a time. It is JAX's `jax.checkpoint` and PyTorch's
    `torch.utils.checkpoint`.

    Parameters
    ----------
    function : function
        What is called on boxes; arguments and results may be tuples, lists and dicts of them. Other arguments pass as
        they are. What it reads from outside, parameters and other boxes, is found; what it draws at random is drawn
        before and kept.

    Returns
    -------
    function
        It is called as the function is. Each call on boxes builds one box; a call on arrays is one of the function.

    Raises
    ------
    UsageError
        If what is given is no function, returns what is neither a box nor an array, or reads boxes and has none among
        its arguments.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, w = fg.Input("x", shape=(2,)), fg.Parameter(np.eye(2), name="w")
    >>> layer = fg.checkpoint(lambda h: np.tanh(np.tanh(h @ w) @ w))
    >>> run = fg.Graph(fg.sum(layer(layer(x)))).fprop(x=[0.0, 0.0])
    >>> run.bprop(wrt=[x])[x]
    array([1., 1.])
    """
    if not callable(function):
        raise UsageError(f"checkpoint: found a {type(function).__name__}, needs a function of boxes")

    @functools.wraps(function, updated=())
    def call_on_slots(*args: Any, **keywords: Any) -> Any:
        given = list(dict.fromkeys(leaf for leaf in arrays_of((args, keywords)) if isinstance(leaf, Box)))
        if not given:
            return _without_boxes(function, args, keywords)
        slots: dict[Box, Box] = {box: ArgumentInput(shape=box.shape, dtype=box.dtype) for box in given}
        of_args, of_keywords = map_leaves(
            lambda leaf: slots.get(leaf, leaf) if isinstance(leaf, Box) else leaf, (args, keywords)
        )
        returned = function(*of_args, **of_keywords)
        boxes = list(dict.fromkeys(_results(function, returned)))
        if not boxes:
            return returned
        outside, outers, results = hoist_outer(boxes, slots.values())
        box = Recomputed(*given, *outside, body=body_of((), (), [*slots.values(), *outers], results))
        parts = [box] if len(results) == 1 else list(box)
        stands = dict(zip(boxes, parts, strict=True))
        return map_leaves(lambda leaf: stands.get(leaf, leaf) if isinstance(leaf, Box) else leaf, returned)

    return call_on_slots


def _without_boxes(function: Callable[..., Any], args: Any, keywords: Any) -> Any:
    """The value on arrays; a function that returns a box all the same is refused, as no argument leads to it."""
    returned = function(*args, **keywords)
    read = next((leaf for leaf in arrays_of(returned) if isinstance(leaf, Box)), None)
    if read is not None:
        raise UsageError(
            f"checkpoint: {name_of(function)} returned {read.title} of arguments without a box, needs one that it is "
            f"computed from again; give the boxes that it reads as arguments\n  built at {read.built_at}"
        )
    return returned


def _results(function: Callable[..., Any], returned: Any) -> list[Box]:
    """The boxes that the function returned, of which each is computed in it; arrays and numbers stay as they are."""
    leaves: list[Any] = []
    others: list[Any] = []
    flatten(returned, leaves, others)
    for leaf in (*leaves, *others):
        if not isinstance(leaf, Box) and leaf is not None and np.asarray(leaf).dtype.kind not in "biufc":
            raise UsageError(
                f"checkpoint: {name_of(function)} returned a {type(leaf).__name__}, needs boxes, alone or in tuples, "
                f"lists and dicts"
            )
    return [leaf for leaf in leaves if isinstance(leaf, Box) and not isinstance(leaf, Constant)]
