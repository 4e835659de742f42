"""numpy.linalg, whose functions take boxes by themselves."""

from __future__ import annotations

from typing import Any

from numpy import linalg as _of_numpy
from numpy.linalg import *  # noqa: F403


def __getattr__(name: str) -> Any:
    return getattr(_of_numpy, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_of_numpy)})
