"""Read-only arrays of numbers, as constants and parameters hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.errors import DtypeError

Array = np.ndarray[Any, Any]


def read_only(value: Any) -> Any:
    """A view that cannot be written to, of each part of a tuple; what is no array stays as it is."""
    if isinstance(value, tuple):
        return tuple(map(read_only, value))
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.setflags(write=False)
    return view


def refuse_masked(who: str, value: object) -> None:
    """Refuse an array that hides some of its numbers, which np.asarray would bring to light."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        hidden = int(np.sum(np.ma.getmaskarray(value)))
        raise DtypeError(
            f"{who}: found a masked array that hides {hidden} of its {value.size} numbers, needs a number everywhere; "
            f"fill it, a.filled(0.0), and give the mask to np.where or as weights"
        )


def frozen_copy(value: object, dtype: DTypeLike | None = None) -> Array:
    """A read-only copy as an array of numbers or booleans."""
    refuse_masked("constant", value)
    array = np.array(value, dtype=dtype)
    array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind not in "biufc":
        dense = "; give matrix.toarray()" if hasattr(value, "toarray") else ""
        raise DtypeError(f"constant: found dtype {array.dtype} ({str(value)[:60]}), needs numbers or booleans{dense}")
    array.setflags(write=False)
    return array
