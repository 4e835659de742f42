"""Labels: classes by number as the rows e(y) of the lecture, and the refusal of a label that is no class."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.arrays import is_foreign
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import broadcast_like, reshape_like
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.errors import DtypeError, LabelError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec, same, shape_text


class OneHot(Box):
    """The vector e(y) of a label y: 1 at index y of the last axis, else 0.

    h = e(labels), of the shape and dtype of `like`; no gradient, as labels are integers

    Shapes: labels (...), like (..., C), h (..., C).

    Source: Larochelle, Training neural networks, "loss gradient at output", e(y).
    """

    symbol = "one hot"
    arithmetic = False
    formula = "e(y)"
    signature = "(),(c)->(c)"
    constant_children = frozenset({"labels", "like"})
    examples = (example(np.array([2, 0]), (2, 3)), example(np.array(1), (3,)))

    def fprop(self, labels: Value, like: Value) -> Value:
        check_labels(self, labels, like.shape[-1])
        return (labels[..., None] == np.arange(like.shape[-1])).astype(like.dtype)

    def bprop(self, grad: Value, h: Value, labels: Value, like: Value) -> tuple[Value, ...]:
        return None, None

    def infer(self, *specs: Spec) -> Spec:
        """The spec of `like`, of which the labels have all axes but the last."""
        labels, like = specs
        if labels.dtype.kind not in "iu" or not _fits(labels.shape, like.shape[:-1]) or not like.shape:
            raise self.shape_error(f"needs integer labels of shape {shape_text(like.shape[:-1])}")
        return like


def as_rows(targets: Value, scores: Value) -> Any:
    """Targets as one probability per class: labels as e(y), probabilities as they are, of the dtype of the scores."""
    if targets.ndim < scores.ndim:
        return OneHot.apply(targets, scores)
    return targets if targets.dtype == scores.dtype else targets.astype(scores.dtype)


class PlacesOf(Box):
    """The flat indices of the labels in an array of scores read row by row, or by `columns`.

    h_i = i C + labels_i, by columns h_i = labels_i N + i of N labels; a label outside 0 to C - 1 is refused; no
    gradient, as labels are integers

    Shapes: labels (...), like (..., C), h as many as labels.
    """

    public = False
    columns: bool = False

    symbol = "places"
    arithmetic = False
    constant_children = frozenset({"labels", "like"})
    examples = (
        example(np.array([2, 0]), (2, 3)),
        example(np.array(1), (3,)),
        example(np.array([2, 0]), (2, 3), columns=True),
    )

    def fprop(self, labels: Value, like: Value) -> Value:
        classes = like.shape[-1]
        check_labels(self, labels, classes)
        row, column = (1, labels.size) if self.columns else (classes, 1)
        return np.arange(labels.size) * row + labels.reshape(-1) * column

    def bprop(self, grad: Value, h: Value, labels: Value, like: Value) -> tuple[Value, ...]:
        return None, None

    def infer(self, *specs: Spec) -> Spec:
        """One place per label."""
        labels, _ = specs
        return Spec((product(labels.shape),), np.dtype(np.intp))


class PlaceOf(Box):
    """The index of a single label in a single row of scores: the label itself.

    h = y, refused outside 0 to C - 1; no gradient, as a label is an integer

    Shapes: labels of one element, like of C elements, h ().
    """

    public = False
    symbol = "place"
    arithmetic = False
    formula = "y"
    constant_children = frozenset({"labels", "like"})
    examples = (example(np.array([2]), (1, 3)), example(np.array(1), (4,)))

    def fprop(self, labels: Value, like: Value) -> Value:
        check_labels(self, labels, like.shape[-1])
        return np.intp(labels.reshape(-1)[0])

    def bprop(self, grad: Value, h: Value, labels: Value, like: Value) -> tuple[Value, ...]:
        return None, None

    def infer(self, *specs: Spec) -> Spec:
        """A number."""
        labels, like = specs
        if labels.dtype.kind not in "iu" or product(labels.shape) != 1 or product(like.shape[:-1]) != 1:
            raise self.shape_error("needs one integer label, and one row of scores")
        return Spec((), np.dtype(np.intp))


class MinusAt(Box):
    """An array with a number subtracted at some places, the array read row by row; twice where a place is named twice.

    h = a, h_places −= amount        da = grad, damount = −Σ grad_places

    With the places of labels and the amount 1 it is a − e(y), the gradient of the loss at the output pre-activation.
    """

    public = False
    symbol = "minus at"
    constant_children = frozenset({"places"})
    examples = (example((2, 3), np.array([1, 3]), ()), example((4,), np.array([2]), ()))

    def fprop(self, a: Value, places: Value, amount: Value) -> Value:
        h = np.array(a, order="C")
        np.subtract.at(h.reshape(-1), places, amount)
        return h

    def parts(self, a: Value, places: Value, amount: Value) -> Value:
        """The difference to what is sent to the places."""
        flat = np.reshape(a, (-1,))
        sent = IndexAdd.apply(broadcast_like(amount.astype(self.dtype), places), flat, places, index=(ARRAY,))
        return a - reshape_like(sent, a)

    def bprop(self, grad: Value, h: Value, a: Value, places: Value, amount: Value) -> tuple[Value, ...]:
        return grad, None, -np.sum(np.reshape(grad, (-1,))[places])

    def infer(self, a: Spec, places: Spec, amount: Spec) -> Spec:
        """The spec of a."""
        if amount.shape or len(places.shape) != 1 or places.dtype.kind not in "iu":
            raise self.shape_error("needs one amount, and a row of integer places")
        return Spec(a.shape, np.result_type(a.dtype, amount.dtype))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """One per place."""
        return product(shapes[1])


def pick(box: Box, values: Value, labels: Value) -> Any:
    """The value at each label, along the last axis; a label that is no class is refused in the name of the box."""
    if isinstance(values, Box) or isinstance(labels, Box):
        places = PlacesOf(labels, values)
        return np.reshape(np.reshape(values, (-1,))[places], labels.shape)
    check_labels(box, labels, values.shape[-1])
    return np.take_along_axis(values, labels[..., None], -1)[..., 0]


def check_labels(box: Box, labels: Value, classes: int) -> None:
    """Refuse a label outside 0 to classes - 1."""
    refuse(box, "label", labels, (labels < 0) | (labels >= classes), f"0 to {classes - 1}")


def refuse(box: Box, what: str, values: Value, wrong: Any, needed: str) -> None:
    """Name the first value that is wrong, and where it stands."""
    if is_foreign(wrong):  # which has no numbers to look at yet
        wrong.note_wrong()
        return
    if not wrong.any():
        return
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    where = f" at index {place[0] if len(place) == 1 else tuple(map(int, place))}" if place else ""
    raise LabelError(f"{box.title}: {what} {values[place]}{where}, needs {needed}")


def check_targets(box: Box, scores: Spec, targets: Spec) -> None:
    """Refuse targets that are neither a label per example nor a probability per class and example."""
    labels = targets.dtype.kind in "iu" and _fits(targets.shape, scores.shape[:-1])
    if scores.shape and (labels or _fits(targets.shape, scores.shape)):
        return
    raise box.shape_error(
        "the targets do not fit",
        f"needs integer labels of shape {shape_text(scores.shape[:-1])}, or probabilities of shape "
        f"{shape_text(scores.shape)}; targets are never broadcast{advice(scores, targets)}",
    )


def check_same_shape(box: Box, prediction: Spec, targets: Spec) -> None:
    """Refuse targets of another shape, and complex numbers; a single number serves every element."""
    if "c" in (prediction.dtype.kind, targets.dtype.kind):
        raise DtypeError(f"{box.title}: found complex numbers, needs real ones; take the loss of np.abs(difference)")
    if targets.shape and not _fits(targets.shape, prediction.shape):
        raise box.shape_error(
            "the shapes of prediction and targets differ",
            f"needs targets of shape {shape_text(prediction.shape)}, as a loss never broadcasts"
            f"{advice(prediction, targets)}",
        )


def advice(prediction: Spec, targets: Spec) -> str:
    """The way out if one of the two arrays is a column and the other is not."""
    f, y = prediction.shape, targets.shape
    if len(f) == len(y) + 1 and f[-1] == 1 and _fits(f[:-1], y):
        return "; take the column, prediction[:, 0], or give the targets one, targets.reshape(-1, 1)"
    if len(y) == len(f) and y and y[-1] == 1 and y != f:
        return "; take the column, targets[:, 0]"
    if len(y) == len(f) + 1 and y[-1] == 1 and _fits(y[:-1], f):
        return "; take the column, targets[:, 0], or give the prediction one, prediction.reshape(-1, 1)"
    return ""


def _fits(shape: Any, other: Any) -> bool:
    return len(shape) == len(other) and all(same(a, b) for a, b in zip(shape, other, strict=True))
