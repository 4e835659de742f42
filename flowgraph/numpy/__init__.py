"""NumPy, with the few functions that NumPy itself cannot call on boxes: for code written for autograd.numpy.

Everything here is NumPy's own, except what makes an array of a list or fills one, which NumPy does without asking what
the elements are: `array`, `asarray`, `asanyarray`, `ascontiguousarray`, `full`, `r_`, `c_`. Code that uses none of
these on boxes needs `import numpy as np` alone.

>>> import flowgraph.numpy as np
>>> from flowgraph.functional import grad
>>> grad(lambda x: np.sum(np.array([x[1], x[0] ** 2])))(np.array([3.0, 4.0]))
array([6., 1.])
"""

from __future__ import annotations

from typing import Any

import numpy
from numpy import *  # noqa: F403

from flowgraph.numpy import fft, linalg, random  # type: ignore[no-redef]
from flowgraph.numpy.construction import (  # type: ignore[no-redef]
    array,
    asanyarray,
    asarray,
    ascontiguousarray,
    c_,
    full,
    r_,
)

__all__ = ["array", "asanyarray", "asarray", "ascontiguousarray", "c_", "fft", "full", "linalg", "r_", "random"]
__all__ += numpy.__all__


def __getattr__(name: str) -> Any:
    return getattr(numpy, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(numpy)})
