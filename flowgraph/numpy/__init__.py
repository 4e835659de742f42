"""NumPy, with what NumPy itself cannot do on boxes: for code written for autograd.numpy.

Everything here is NumPy's own, except that its functions take lists with boxes in them, `np.mean([a, b])`, and what
makes an array of a list or fills one: `array`, `asarray`, `asanyarray`, `ascontiguousarray`, `full`, `full_like`,
`r_`, `c_`. NumPy makes numbers of the elements of a list without asking what they are. Code that needs none of this on
boxes needs `import numpy as np` alone.

>>> import flowgraph.numpy as np
>>> from flowgraph.functional import grad
>>> grad(lambda x: np.sum(np.array([x[1], x[0] ** 2])))(np.array([3.0, 4.0]))
array([6., 1.])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy

from flowgraph.numpy import fft, linalg
from flowgraph.numpy.construction import (
    array,
    asanyarray,
    asarray,
    ascontiguousarray,
    c_,
    full,
    full_like,
    of_lists,
    r_,
)

if TYPE_CHECKING:
    from numpy import *  # type: ignore[no-redef]  # noqa: F403

    from flowgraph.numpy import random  # type: ignore[no-redef]

__all__ = [
    "array",
    "asanyarray",
    "asarray",
    "ascontiguousarray",
    "c_",
    "fft",
    "full",
    "full_like",
    "linalg",
    "r_",
    "random",
]
__all__ += numpy.__all__


def __getattr__(name: str) -> Any:
    if name == "random":  # half of the time that `import flowgraph.numpy` takes, for what hardly any program asks
        return importlib.import_module(f"{__name__}.random")
    function = globals()[name] = of_lists(getattr(numpy, name), __name__)
    return function


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(numpy)})
