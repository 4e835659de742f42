"""Boxes that pass a value on as it is: one output of several, read later, in training only, or without a gradient."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from flowgraph.box import Box, Constant, Leaf, Value
from flowgraph.box.base import public
from flowgraph.box.vocabulary import Interval, example
from flowgraph.errors import BoxContractError, ShapeError, UsageError
from flowgraph.shapes.spec import Spec, same

TUPLES_OF_ONE: set[type[Box]] = set()
"""Classes whose value is a tuple where they have a single output too."""


class Part(Box):
    """Output number `index` of a box whose value is a tuple; `box[index]` and unpacking build it.

    h = whole[index]        the gradient goes to that output, None to the others
    """

    index: Annotated[int, Interval(0)]

    public = False
    symbol = "part"
    slopes = "share"
    arithmetic = False
    examples = None  # its child has several outputs: it is tested with the boxes that have them

    def fprop(self, whole: Value) -> Value:
        if isinstance(whole, np.ndarray):  # of which an element would be taken for an output
            box = self.children[0]
            raise BoxContractError(
                f"{box.title}: fprop returned an array, needs a tuple of {len(box.outputs)}, as the box has as many "
                f"outputs\n  built at {box.built_at}"
            )
        return whole[self.index]

    def bprop(self, grad: Value, h: Value, whole: Value) -> tuple[Value, ...]:
        return (tuple(grad if i == self.index else None for i in range(len(whole))),)

    def infer_from_children(self) -> Spec:
        """Shape and dtype of that output."""
        (whole,) = self.children
        if self.index >= len(whole.outputs) or (len(whole.outputs) == 1 and type(whole) not in TUPLES_OF_ONE):
            raise UsageError(
                f"{self.title}: found {whole.title} with {len(whole.outputs)} outputs, needs a box of several, "
                f"{self.index} among their indices"
            )
        return whole.outputs[self.index]


def part(box: Box, index: object) -> Any:
    """Output `index` of a box of several outputs, counted from the end where negative; a tuple for a slice."""
    count = len(box.outputs)
    if isinstance(index, slice):
        return tuple(Part(box, index=i) for i in range(count)[index])
    if not isinstance(index, int) or not -count <= index < count:
        raise UsageError(f"{box.title}: found the index {index!r}, but it has {count} outputs; take box[0], ...")
    return Part(box, index=index % count)


class Barrier(Box):
    """The value of a, read only once the values `after` are there.

    h = a        the gradient goes to a as it is

    A plan takes two equal computations for one and keeps the value in between. Where the second one reads its children
    through barriers it is another one, and has its place behind `after`.

    Source: Bradbury et al., JAX, `jax.lax.optimization_barrier`.
    """

    symbol = "barrier"
    arithmetic = False
    public = False
    constant_children = frozenset({"after"})
    slopes = "share"
    examples = (example((2, 3), (3,)), example((), ()), example((3,), (2,), ()))

    def fprop(self, a: Value, *after: Value) -> Value:
        return a

    def bprop(self, grad: Value, h: Value, a: Value, *after: Value) -> tuple[Value, ...]:
        return (grad, *[None] * len(after))

    def infer_from_children(self) -> Spec:
        """That of a."""
        return self.children[0].spec


class InTraining(Box):
    """What a graph computes while it trains, such as a mean of the batch; in use, a leaf stands for it.

    h = a        the gradient goes to a, while the graph trains

    `in_evaluation` is that leaf, such as a running mean: of the shape of a, or a number.
    """

    in_evaluation: Leaf

    symbol = "in training"
    arithmetic = False
    public = False
    slopes = "share"
    examples = None  # its setting is a box: it is tested with batch normalisation

    def fprop(self, a: Value) -> Value:
        """The same numbers."""
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        """What arrives; of a graph in use nothing, as the leaf does not depend on a."""
        return (InTraining.apply(grad, in_evaluation=Constant(0.0)),)

    def infer(self, a: Spec) -> Spec:
        """That of a."""
        shape = self.in_evaluation.shape
        if shape and (len(shape) != len(a.shape) or not all(map(same, shape, a.shape))):
            raise ShapeError(f"{self.title}: found in_evaluation {self.in_evaluation.spec} for {a}, needs its shape")
        return a


class StopGradient(Box):
    """The same numbers, as a constant.

    h = a        no gradient is sent to a
    """

    public = False
    symbol = "stop gradient"
    arithmetic = False
    constant_children = frozenset({"a"})
    examples = None  # it has no gradient: its function is tested

    def fprop(self, a: Value) -> Value:
        """The same numbers."""
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        """Nothing is sent."""
        return (None,)

    def infer(self, a: Spec) -> Spec:
        """That of a."""
        return a


@public
def stop_gradient(a: Value) -> Any:
    """The same value as a constant: no gradient passes through it.

    h = a        dh/da = 0

    Parameters
    ----------
    a : box or array_like, any shape
        What is taken as it is. Dicts, lists and tuples of such are taken part by part.

    Returns
    -------
    box or array_like
        A box for a box; what is no box, as it is.

    Examples
    --------
    >>> import flowgraph as fg
    >>> w = fg.Parameter(3.0, name="w")
    >>> float(fg.Graph(w * fg.stop_gradient(w)).fprop().bprop()[w])
    3.0
    """
    if isinstance(a, Box):
        return StopGradient(a)
    if isinstance(a, dict):
        return {key: stop_gradient(item) for key, item in a.items()}
    if type(a) in (list, tuple):
        return type(a)([stop_gradient(item) for item in a])
    return a
