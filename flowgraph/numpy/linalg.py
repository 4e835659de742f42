"""numpy.linalg, whose functions take boxes, and lists with boxes in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy import linalg as _of_numpy

from flowgraph.numpy.construction import of_lists

if TYPE_CHECKING:
    from numpy.linalg import *  # noqa: F403

__all__ = _of_numpy.__all__


def __getattr__(name: str) -> Any:
    function = globals()[name] = of_lists(getattr(_of_numpy, name), __name__)
    return function


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_of_numpy)})
