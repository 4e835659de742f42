"""Complex numbers inside a graph: their parts, conjugate and angle, both ends of a sweep; conversion between dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.arrays import read_dtype
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.errors import DtypeError
from flowgraph.shapes.spec import Spec

_PLANE = np.array([[1.0 + 2.0j, -0.5 + 0.3j], [0.7 - 1.1j, -2.0 - 0.4j]])


class Conjugate(Elementwise):
    """Complex conjugate; the same for real numbers.

    h = conj(z)        Re(g dh) = Re(conj(g) dz)
    """

    symbol = "conj"
    formula = r"\bar z"
    analytic = False
    slopes = "constant"
    examples = (example(_PLANE), example(np.array(2.0 - 1.0j)))

    def fprop(self, z: Value) -> Value:
        return np.conjugate(z)

    def bprop(self, grad: Value, h: Value, z: Value) -> tuple[Value, ...]:
        return (np.conjugate(grad),)


class Real(Elementwise):
    """Real part; the same for real numbers.

    h = Re z        g is sent on as it is
    """

    symbol = "Re"
    formula = r"\operatorname{Re} z"
    analytic = False
    slopes = "constant"
    examples = (example(_PLANE), example(np.array(2.0 - 1.0j)))

    def fprop(self, z: Value) -> Value:
        return np.real(z)

    def bprop(self, grad: Value, h: Value, z: Value) -> tuple[Value, ...]:
        return (grad,)


class Imag(Elementwise):
    """Imaginary part.

    h = Im z        Re(g dh) = Re(−i g dz)
    """

    symbol = "Im"
    formula = r"\operatorname{Im} z"
    analytic = False
    slopes = "constant"
    examples = (example(_PLANE), example(np.array(2.0 - 1.0j)))

    def fprop(self, z: Value) -> Value:
        return np.imag(z)

    def bprop(self, grad: Value, h: Value, z: Value) -> tuple[Value, ...]:
        return (_of_kind(z, grad * -1j),)


class Angle(Elementwise):
    """The angle of a complex number, from −π to π.

    h = atan2(Im z, Re z)        Re(g dh) = Re(−i g dz / z), 0 at z = 0
    """

    symbol = "∠"
    formula = r"\angle z"
    examples = (example(_PLANE), example(np.array(2.0 - 1.0j)))

    def fprop(self, z: Value) -> Value:
        return np.arctan2(np.imag(z), np.real(z))

    def bprop(self, grad: Value, h: Value, z: Value) -> tuple[Value, ...]:
        return (_of_kind(z, np.where(z == 0, 0, grad * -1j / np.where(z == 0, 1, z))),)


@implements(np.conjugate)
def conj(x: Value) -> Any:
    """np.conj of a box; of booleans integers, as in NumPy."""
    return x.astype(np.int8) if x.dtype.kind == "b" else conjugate(x)


def conjugate(x: Value) -> Any:
    """The complex conjugate of a box or an array; real values are returned unchanged."""
    if x.dtype.kind != "c":
        return x
    if isinstance(x, Conjugate):
        return x.children[0]
    return Conjugate(x) if isinstance(x, Box) else np.conjugate(x)


@implements(np.real)
def real(val: Value) -> Any:
    """np.real of a box."""
    return Real(val) if val.dtype.kind == "c" else val


@implements(np.imag)
def imag(val: Value) -> Any:
    """np.imag of a box: 0 for real numbers."""
    return Imag(val) if val.dtype.kind == "c" else np.zeros_like(val)


@implements(np.angle)
def angle(z: Value, deg: bool = False) -> Any:
    """np.angle of a box, in radians, or in degrees for `deg`."""
    turn = Angle(z) if z.dtype.kind == "c" else np.arctan2(0, z)
    return turn * (180 / math.pi) if deg else turn


def real_part(a: Value) -> Any:
    """The real part of a box or an array, itself where it is real."""
    return np.real(a) if a.dtype.kind == "c" else a


def _of_kind(z: Value, grad: Value) -> Any:
    """The gradient of z: real where z is."""
    return grad if z.dtype.kind == "c" else real_part(grad)


def conjugate_if_complex(grad: Value) -> Any:
    """The conjugate of complex values: between the user's convention of gradients and that of the sweep.

    The sweep carries g with dL = Re Σ g dz, so that no bprop conjugates; the gradient is ∂L/∂Re z + i ∂L/∂Im z.
    """
    if grad is None:
        return None
    if isinstance(grad, tuple):
        return tuple(map(conjugate_if_complex, grad))
    return conjugate(grad) if grad.dtype.kind == "c" else grad


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
    slopes = "constant"
    examples = (example((3, 4), to=np.float64), example((3, 4), to=np.int64), example((3, 4), to=np.complex128))

    @classmethod
    def from_numpy(cls, x: Value, dtype: DTypeLike | None, *, copy: bool = True) -> Box:
        """A box never shares memory, whatever `copy` says, and has the order of bytes of this machine."""
        to = read_dtype("astype", dtype)
        return x if to == x.dtype else cls(x, to=to)

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
        if read_dtype("Cast", self.to).kind not in "biufc":
            raise DtypeError(f"Cast: found the dtype {np.dtype(self.to)}, needs numbers or booleans")
