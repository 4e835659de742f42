"""What an assignment to elements does to an array, as a new box."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.indexing import Index, get, index_add
from flowgraph.boxes.likeness import broadcast_like
from flowgraph.errors import UsageError


def set_at(a: Any, index: Any, value: Any) -> Any:
    """The array with other values at an index of slices, integers and masks: a new box in place of a[index] = value.

    h = a, but h[index] = value        da = the gradient, 0 at the index; dvalue = the gradient at the index

    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(3,))
    >>> h = fg.set_at(x, slice(1, None), 0.0)
    >>> fg.Graph(h).fprop(x=[1.0, 2.0, 3.0])[h]
    array([1., 0., 0.])
    """
    if not isinstance(a, Box) and not isinstance(value, Box):
        copy = np.array(a)
        copy[index] = value
        return copy
    a = a if isinstance(a, Box) else Constant(a)
    taken = get(a, index)
    assert isinstance(taken, Index)
    indices = taken.children[1:]
    if any(one.dtype.kind != "b" for one in indices):
        raise UsageError(
            f"set_at: found an index of integer arrays for {a.title}, which may name a place twice; needs slices, "
            f"integers and masks; use np.where with a mask"
        )
    new = value if isinstance(value, Box) else Constant(np.asarray(value, a.dtype))
    new = broadcast_like(new if new.dtype == a.dtype else new.astype(a.dtype), taken)
    placed = index_add(new, a, *indices, index=taken.index)
    there = index_add(np.ones_like(taken), a, *indices, index=taken.index)
    return np.where(there != 0, placed, a)
