"""numpy.r_ and numpy.c_ with boxes among what is joined."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.errors import UsageError
from flowgraph.numpy.construction import asarray, holds_box


class Concatenation:
    """Replaces numpy.r_ and numpy.c_: NumPy's own result, unless there is a box among the arguments.

    >>> import flowgraph as fg, flowgraph.numpy as np
    >>> np.r_[0.0, fg.Input("x", shape=(3,)), 1:4].shape
    (7,)
    """

    def __init__(self, numpys: Value, axis: int, ndmin: int, trans1d: int) -> None:
        self._numpys, self._axis, self._ndmin, self._trans1d = numpys, axis, ndmin, trans1d

    def __getitem__(self, key: Value) -> Any:
        parts = list(key) if isinstance(key, tuple) else [key]
        if not holds_box(parts):
            return self._numpys[key]
        axis, ndmin, trans1d = self._axis, self._ndmin, self._trans1d
        if isinstance(parts[0], str):
            axis, ndmin, trans1d = _directive(parts.pop(0), axis, ndmin, trans1d)
        return np.concatenate([_shaped(part, ndmin, trans1d) for part in parts], axis=axis)

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return repr(self._numpys)


def _directive(text: str, axis: int, ndmin: int, trans1d: int) -> tuple[int, int, int]:
    """The axis to join along, the least number of axes, and where those of a smaller array go."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not 1 <= len(found) <= 3:
        raise UsageError(
            f"np.r_: found the directive {text!r} with boxes, needs one to three integers such as '0,2' (axis, least "
            f"number of axes, place of the old ones)"
        )
    return (*found, *(axis, ndmin, trans1d)[len(found) :])  # type: ignore[return-value]


def _shaped(part: Value, ndmin: int, trans1d: int) -> Any:
    """A part with at least so many axes, as NumPy's class places the new ones."""
    array = np.r_[part] if isinstance(part, slice) else asarray(part)
    own = array.ndim
    if not own:
        return np.reshape(array, (1,) * max(ndmin, 1))
    missing = ndmin - own
    if missing <= 0:
        return array
    start = trans1d if trans1d >= 0 else trans1d + missing + 1
    new = [place for place in range(ndmin) if not start <= place < start + own]
    return np.expand_dims(array, tuple(new))


r_: Any = Concatenation(np.r_, 0, 1, -1)
"""numpy.r_: what stands between the brackets, joined along the first axis."""

c_: Any = Concatenation(np.c_, -1, 2, 0)
"""numpy.c_: what stands between the brackets as columns."""
