"""Choices element by element, positions as integers in a sorted array or between bins, and interpolation there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from flowgraph.box import Box, Elementwise, Value, join_boxes
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine.shape_like import broadcast_like, count_like
from flowgraph.boxes.indexing.index import arange_like, index_add
from flowgraph.boxes.numpy_api.constructors import as_box, as_element, common_dtype
from flowgraph.errors import DtypeError, ShapeError, UnsupportedError, UsageError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import unknown
from flowgraph.shapes.spec import Spec, same, shape_text

_MODES = ("raise", "wrap", "clip")


class Choose(Elementwise):
    """Elements of several arrays, as np.choose: an array of integers says from which array each one comes.

    h = choices[number]        the gradient goes to the array that was chosen, an exact 0 to the others

    A number outside 0 to n - 1 is refused in a run, or taken modulo n, or clipped, by `mode`.

    Parameters
    ----------
    mode : {'raise', 'wrap', 'clip'}, default 'raise'
        What is done with a number outside 0 to n - 1: refuse it, take it modulo n, or take the nearest.
    """

    mode: Literal["raise", "wrap", "clip"] = "raise"

    numpy = np.choose
    symbol = "choose"
    constant_children = frozenset({"number"})
    slopes = "choice"
    examples = (
        example(np.array([[0, 1, 2, 1]] * 3), (3, 4), (4,), ()),
        example(np.array([-1, 2, 5]), (3,), (2, 3), mode="wrap"),
        example(np.array([-1, 1, 5]), (3,), (2, 3), mode="clip"),
    )

    @classmethod
    def from_numpy(cls, a: Value, choices: Value, mode: str = "raise") -> Box:
        """np.choose of a sequence, or of an array whose first axis counts the choices."""
        return cls(a, *choices, mode=mode)

    def infer(self, *specs: Spec) -> Spec:
        """The common shape; the numbers are integers."""
        if specs[0].dtype.kind not in "biu" or len(specs) < 2:
            raise DtypeError(
                f"{self.title}: found numbers of dtype {specs[0].dtype}, needs integers, and one choice or more"
            )
        return super().infer(*specs)

    def fprop(self, number: Value, *choices: Value) -> Value:
        return np.choose(number, choices, mode=self.mode)

    def parts(self, number: Value, *choices: Value) -> Value:
        """One of the stacked choices; where a number is to be refused, a place behind the last of them."""
        count = len(choices)
        if self.mode == "raise":
            number = np.where((number < 0) | (number >= count), count, number)
        elif self.mode == "wrap":
            number = np.remainder(number, count)
        else:
            number = np.minimum(np.maximum(number, 0), count - 1)
        like = number.astype(self.dtype)
        for choice in choices:
            like = like + choice.astype(self.dtype) * self.dtype.type(0) if choice.shape else like
        stacked = np.stack([broadcast_like(choice.astype(self.dtype), like) for choice in choices])
        return np.take_along_axis(stacked, broadcast_like(number, like)[None], 0)[0]

    def bprop(self, grad: Value, h: Value, number: Value, *choices: Value) -> tuple[Value, ...]:
        last = len(choices) - 1
        if self.mode == "wrap":
            number = number % len(choices)
        elif self.mode == "clip":
            number = np.minimum(np.maximum(number, 0), last)
        return None, *(np.where(number == i, grad, 0) for i in range(len(choices)))

    def _dtype_of(self, place: int, children: Sequence[Any]) -> Any:
        """A Python number takes the dtype of the other choices."""
        return super()._dtype_of(place - 1, children[1:]) if place else None


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Value = 0) -> Any:
    """np.select of boxes: the choice of the first condition that holds; a choice that is not taken gets an exact 0."""
    if len(condlist) != len(choicelist) or not condlist:
        raise UsageError(
            f"np.select: found {len(condlist)} conditions for {len(choicelist)} choices, needs one for each"
        )
    common = common_dtype(*choicelist, default)
    result = as_element(default, common, "np.select")
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        if join_boxes(condition).dtype.kind != "b":
            raise DtypeError(f"np.select: found a condition of dtype {join_boxes(condition).dtype}, needs booleans")
        result = np.where(as_box(condition), as_element(choice, common, "np.select"), result)
    return result


@implements(np.piecewise)
def piecewise(x: Value, condlist: Value, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """np.piecewise of a box: each function on the elements for which its condition holds, and on no others.

    The last condition that holds decides; one function more is for the rest. What a function would give elsewhere, such
    as a NaN, shows neither in the value nor in the gradient.
    """
    x = as_box(x)
    if x.ndim == 0:
        conditions = [np.reshape(c, (1,)) for c in _conditions(condlist, x)]
        return np.reshape(piecewise(np.reshape(x, (1,)), conditions, funclist, *args, **kw), ())
    conditions = _conditions(condlist, x)
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise UsageError(
            f"np.piecewise: found {len(funclist)} functions for {len(conditions)} conditions, needs one for each, or "
            f"one more for the rest"
        )
    h, undecided = np.zeros_like(x), ~np.zeros_like(x, dtype=bool)
    ordered = list(zip(conditions, funclist, strict=False))
    for condition, function in reversed(ordered):
        mask = condition & undecided
        undecided = undecided & ~condition
        h = np.where(mask, _piece(x, mask, function, args, kw), h)
    if len(funclist) > len(conditions):
        h = np.where(undecided, _piece(x, undecided, funclist[-1], args, kw), h)
    return h


def _piece(x: Box, mask: Value, function: Any, args: Any, kw: Any) -> Any:
    """The values of a function where a mask holds, 0 elsewhere; a number is a constant function."""
    if not callable(function):
        return as_element(function, x.dtype, "np.piecewise")
    taken = x[mask]
    values = as_box(function(taken, *args, **kw)).astype(x.dtype)
    return index_add(broadcast_like(values, taken), x, mask, index=(ARRAY,))


def _conditions(condlist: Value, x: Box) -> list[Any]:
    """The conditions of np.piecewise, each a mask of the shape of x; one alone needs no list."""
    if isinstance(condlist, list | tuple):
        alone = x.ndim > 0 and not isinstance(condlist[0], list | tuple | np.ndarray | Box)
    else:
        alone = np.ndim(condlist) <= x.ndim
    conditions = [join_boxes(c).astype(bool) for c in ([condlist] if alone else condlist)]
    for condition in conditions:
        if condition.shape != x.shape:
            raise ShapeError(
                f"np.piecewise: found a condition of shape {shape_text(condition.shape)}, needs that of {x.title}, "
                f"{shape_text(x.shape)}"
            )
    return conditions


_SORTED = np.array([-1.5, -0.2, 0.4, 0.4, 1.3])


class SearchSorted(Box):
    """Indices at which numbers are inserted into a sorted array, before or after equal numbers by `side`.

    h = the number of elements below v, or not above it; no gradient

    Parameters
    ----------
    side : {'left', 'right'}, default 'left'
        Whether a number belongs before or after the elements that are equal to it.
    """

    side: Literal["left", "right"] = "left"

    symbol = "search sorted"
    examples = (
        example(_SORTED, (2, 3)),
        example(_SORTED, np.array([0.4, -3.0, 9.0]), side="right"),
        example(_SORTED, ()),
    )

    def fprop(self, a: Value, v: Value) -> Value:
        return np.searchsorted(a, v, side=self.side)

    def infer(self, a: Spec, v: Spec) -> Spec:
        """One place per number."""
        if len(a.shape) != 1:
            raise self.shape_error(f"found {len(a.shape)} axes to search in, needs one")
        return Spec(v.shape, np.dtype(np.intp))


class Digitize(Box):
    """The number of the bin that contains each number, as in np.digitize; with `right` bins include their right edge.

    h = i with bins[i-1] ≤ x < bins[i]; no gradient

    Parameters
    ----------
    right : bool, default False
        Whether a bin contains its right edge instead of its left one.
    """

    right: bool = False

    numpy = np.digitize
    symbol = "digitize"
    examples = (
        example((2, 3), np.array([-1.0, 0.0, 0.5])),
        example(np.array([0.0, 0.5, 2.0]), np.array([0.5, 0.0, -1.0]), right=True),
    )

    def fprop(self, x: Value, bins: Value) -> Value:
        return np.digitize(x, bins, right=self.right)

    def infer(self, x: Spec, bins: Spec) -> Spec:
        """One bin per number."""
        if len(bins.shape) != 1:
            raise self.shape_error(f"found bins with {len(bins.shape)} axes, needs one")
        return Spec(x.shape, np.dtype(np.intp))


class Nonzero(Box):
    """The indices of the elements that are not 0: one array per axis, whose size is known only in a run.

    a[h] ≠ 0; no gradient
    """

    symbol = "nonzero"
    examples = (
        example(np.array([0.0, 2.0, 0.0, -1.0])),
        example(np.array([[True, False], [True, True]])),
        example(np.zeros((2, 3))),
    )

    def fprop(self, a: Value) -> Value:
        places = np.nonzero(a)
        return places if len(places) > 1 else places[0]

    def infer(self, a: Spec) -> Any:
        """As many places on each axis as there will be."""
        if not a.shape:
            raise self.shape_error("found no axes, needs one or more; use np.atleast_1d(box)")
        places = Spec((unknown(),), np.dtype(np.intp))
        return (places,) * len(a.shape) if len(a.shape) > 1 else places


@implements(np.searchsorted)
def searchsorted(a: Value, v: Value, side: str = "left", sorter: Value = None) -> Any:
    """np.searchsorted of boxes."""
    return SearchSorted(a if sorter is None else np.take(as_box(a), sorter), v, side=side)


@implements(np.nonzero)
def nonzero(a: Value) -> tuple[Any, ...]:
    """np.nonzero of a box: the size of the results is known only in a run, as for a mask."""
    places = Nonzero(a)
    return tuple(places) if len(places.outputs) > 1 else (places,)


@implements(np.flatnonzero)
def flatnonzero(a: Value) -> Any:
    """np.flatnonzero of a box."""
    return Nonzero(np.ravel(a))


@implements(np.argwhere)
def argwhere(a: Value) -> Any:
    """np.argwhere of a box: the places in rows, which are empty where there is no axis."""
    if not a.ndim:
        return argwhere(np.atleast_1d(a))[:, :0]
    return np.stack(nonzero(a), axis=1)


_PLACES = np.array([-1.0, -0.3, 0.5, 2.0])


class Interp(Box):
    """Linear interpolation between points at x; constant before the first and after the last.

    h = (1 - t) f_j + t f_{j+1}, t = (x - x_j) / (x_{j+1} - x_j)
    ∂h/∂x = s, the slope; ∂h/∂f = 1 - t and t; ∂h/∂x_j = -s (1 - t), ∂h/∂x_{j+1} = -s t

    At a corner the slope is that to its right, at the last point that to its left; outside it is 0.
    """

    symbol = "interp"
    examples = (
        example(np.array([[-0.7, 0.1, 1.9], [-2.0, 0.4, 3.0]]), _PLACES, (4,)),
        example(np.array(0.2), _PLACES, np.array([1.0, -1.0, 0.5, 0.7])),
        example(np.array([0.3, -0.4]), np.array([0.1]), (1,)),
    )

    def fprop(self, x: Value, xp: Value, fp: Value) -> Value:
        if np.any(xp[1:] < xp[:-1]):
            raise UsageError(
                f"{self.title}: found xp that is not increasing, needs ascending xp; sort xp, and fp in the same order"
            )
        return np.asarray(np.interp(x, xp, fp))

    def bprop(self, grad: Value, h: Value, x: Value, xp: Value, fp: Value) -> tuple[Value, ...]:
        dtypes = x.dtype, xp.dtype, fp.dtype
        x, xp, fp = (a.astype(np.float64) for a in (x, xp, fp))  # as np.interp computes
        last = count_like(arange_like(xp, 0)) - 1
        left = np.minimum(np.maximum(np.searchsorted(xp, x, side="right") - 1, 0), last - 1)
        right = left + 1
        x0, x1, f0, f1 = xp[left], xp[right], fp[left], fp[right]
        width = np.where(x1 == x0, 1, x1 - x0)
        t = np.clip((x - x0) / width, 0, 1)
        slope = np.where((x >= xp[0]) & (x <= xp[-1]), grad * (f1 - f0) / width, 0)
        of_places, of_heights = _share_gradient(-slope, t, xp, left, right), _share_gradient(grad, t, fp, left, right)
        return tuple(part.astype(dtype) for part, dtype in zip((slope, of_places, of_heights), dtypes, strict=True))

    def infer(self, x: Spec, xp: Spec, fp: Spec) -> Spec:
        """One height per x, in double precision."""
        if "c" in (x.dtype.kind, xp.dtype.kind, fp.dtype.kind):
            raise DtypeError(f"{self.title}: found complex numbers, needs real ones; interpolate each part by itself")
        if len(xp.shape) != 1 or len(fp.shape) != 1 or not same(xp.shape[0], fp.shape[0]):
            raise self.shape_error("needs xp and fp with one axis each and of the same length")
        return Spec(x.shape, np.dtype(np.float64))


@implements(np.interp)
def interp(x: Value, xp: Value, fp: Value, left: Value = None, right: Value = None, period: Value = None) -> Any:
    """np.interp of boxes: x, xp, fp, left and right may all be boxes."""
    x, xp, fp = join_boxes(x), join_boxes(xp), join_boxes(fp)
    if "c" in (x.dtype.kind, xp.dtype.kind, fp.dtype.kind):
        raise UnsupportedError("np.interp: found complex numbers, needs real ones; interpolate each part by itself")
    if period is None:
        return _ends(Interp(x, xp, fp), x, xp, left, right)
    if isinstance(period, Box) or period == 0:
        raise UsageError(f"np.interp: found period={period!r}, needs a number other than 0")
    x, xp = (a.astype(np.float64) % abs(period) for a in (x, xp))
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    around = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
    return Interp(x, around, np.concatenate([fp[-1:], fp, fp[:1]]))


def _ends(h: Value, x: Value, xp: Value, left: Value, right: Value) -> Any:
    """The values of left and right, if they are given."""
    if left is not None:
        h = np.where(x < xp[0], left, h)
    return h if right is None else np.where(x > xp[-1], right, h)


def _share_gradient(grad: Value, t: Value, like: Value, left: Value, right: Value) -> Any:
    """A gradient shared between both neighbours."""
    near = index_add(grad * (1 - t), like, left, index=(ARRAY,))
    return near + index_add(grad * t, like, right, index=(ARRAY,))
