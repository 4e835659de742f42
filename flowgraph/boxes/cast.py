"""Conversion between dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.dispatch import implements
from flowgraph.errors import DtypeError, UnsupportedError
from flowgraph.example import example
from flowgraph.spec import Spec


class Cast(Elementwise):
    """The same numbers in another dtype; box.astype(dtype) builds it.

    h = a        dh/da = 1 between floats, converted back; no gradient passes integers and truth values
    """

    to: Any

    numpy = np.astype
    symbol = "cast"
    formula = "a"
    derivative = "1"
    examples = (example((3, 4), to=np.float64), example((3, 4), to=np.int64))

    @classmethod
    def from_numpy(cls, x: Any, dtype: Any, *, copy: bool = True) -> Box:
        """A box never shares memory, whatever `copy` says."""
        return x if np.dtype(dtype) == x.dtype else cls(x, to=np.dtype(dtype))

    def fprop(self, a: Any) -> Any:
        return a.astype(self.to)

    def bprop(self, grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        return (grad.astype(a.dtype),)

    def infer(self, a: Spec) -> Spec:
        """The same shape in that dtype."""
        return Spec(a.shape, np.dtype(self.to))

    def check_settings(self) -> None:
        """Refuse what boxes do not hold."""
        if np.dtype(self.to).kind not in "biuf":
            raise DtypeError(f"Cast: found the dtype {np.dtype(self.to)}, needs real numbers or truth values")


@implements(np.real, np.conjugate)
def real(val: Any) -> Any:
    """np.real and np.conj of boxes: real numbers are their own."""
    return _real(val, "np.real and np.conj")


@implements(np.imag)
def imag(val: Any) -> Any:
    """np.imag of boxes: 0 for real numbers."""
    return np.zeros_like(_real(val, "np.imag"))


def _real(box: Any, function: str) -> Any:
    if box.dtype.kind == "c":
        raise UnsupportedError(f"{function}: found the complex {box.title}; only boxes of real numbers have a gradient")
    return box
