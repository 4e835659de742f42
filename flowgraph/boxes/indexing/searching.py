"""Positions as integers, not differentiable: in a sorted array, between bins, of nonzero elements."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.example import example
from flowgraph.box.numpy_dispatch import implements
from flowgraph.boxes.numpy_api.array_arguments import as_box
from flowgraph.shapes.size import unknown
from flowgraph.shapes.spec import Spec

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
        found = np.nonzero(a)
        return found if len(found) > 1 else found[0]

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
