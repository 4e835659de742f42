"""Complex numbers inside a graph whose output is real: their parts, conjugate and angle, and both ends of a sweep."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.example import example
from flowgraph.box.numpy_dispatch import implements

_PLANE = np.array([[1.0 + 2.0j, -0.5 + 0.3j], [0.7 - 1.1j, -2.0 - 0.4j]])


class Conjugate(Elementwise):
    """Complex conjugate; the same for real numbers.

    h = conj(z)        Re(g dh) = Re(conj(g) dz)
    """

    symbol = "conj"
    formula = r"\bar z"
    derivative = r"\bar g"
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
    derivative = "g"
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
    derivative = "-i g"
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
    derivative = "-i g / z"
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
