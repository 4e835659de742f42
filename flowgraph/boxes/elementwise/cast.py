"""Conversion between dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.example import example
from flowgraph.boxes.elementwise.complex_numbers import real_part
from flowgraph.errors import DtypeError
from flowgraph.shapes.spec import Spec


class Cast(Elementwise):
    """The same numbers in another dtype; box.astype(dtype) builds it.

    h = a        dh/da = 1 between real and to complex numbers, converted back; no gradient passes integers and masks

    Parameters
    ----------
    to : dtype_like
        The dtype of the value, such as `"float32"`.
    """

    to: Any

    numpy = np.astype
    symbol = "cast"
    formula = "a"
    derivative = "1"
    slopes = "constant"
    examples = (example((3, 4), to=np.float64), example((3, 4), to=np.int64), example((3, 4), to=np.complex128))

    @classmethod
    def from_numpy(cls, x: Value, dtype: DTypeLike | None, *, copy: bool = True) -> Box:
        """A box never shares memory, whatever `copy` says."""
        return x if np.dtype(dtype) == x.dtype else cls(x, to=np.dtype(dtype))

    def fprop(self, a: Value) -> Value:
        return a.astype(self.to)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (np.astype(grad if a.dtype.kind == "c" else real_part(grad), a.dtype),)

    def infer(self, a: Spec) -> Spec:
        """The same shape in that dtype; of a complex number the imaginary part is not dropped unsaid."""
        if a.dtype.kind == "c" and np.dtype(self.to).kind not in "cb":
            raise DtypeError(
                f"{self.title}: found the complex child {self.children[0].title}, needs real numbers for the dtype "
                f"{np.dtype(self.to)}; take np.real, np.imag or np.abs of it"
            )
        return Spec(a.shape, np.dtype(self.to))

    def check_settings(self) -> None:
        """Refuse what boxes do not hold."""
        if np.dtype(self.to).kind not in "biufc":
            raise DtypeError(f"Cast: found the dtype {np.dtype(self.to)}, needs numbers or booleans")
