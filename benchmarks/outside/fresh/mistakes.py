"""Kinds of mistakes, as changes of a gradient that is right.

Each is a function of `pull`, which gives the right gradients for an incoming gradient at any inputs, of the call
(incoming gradient, value, inputs) and of the place of the input whose gradient is made wrong. It gives that one
gradient, or raises `Impossible` where the kind makes no sense. They are written with operators and methods that arrays
of NumPy, PyTorch and JAX share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Impossible(Exception):
    """Such a mistake cannot be made in the function at hand."""


class Call(NamedTuple):
    """One call of a backward pass: `pull(grad, inputs)` gives all gradients, `ones` is an array library's ones_like."""

    pull: Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]
    grad: Any
    value: Any
    inputs: tuple[Any, ...]
    place: int
    memory: dict[str, Any]

    def right(self) -> Any:
        """The gradient as it should be."""
        return self.pull(self.grad, self.inputs)[self.place]


Mistake = Callable[[Call], Any]
KINDS: dict[str, Mistake] = {}


def _kind(name: str) -> Callable[[Mistake], Mistake]:
    def named(mistake: Mistake) -> Mistake:
        KINDS[name] = mistake
        return mistake

    return named


def _scaled(name: str, factor: float) -> None:
    KINDS[name] = lambda call: call.right() * factor


def _single(call: Call) -> Any:
    if isinstance(call.grad, tuple | list):
        raise Impossible("several outputs")
    return call.grad


def _sized(x: Any, ndim: int) -> Any:
    if len(getattr(x, "shape", ())) < ndim or (ndim and min(x.shape) < 2):
        raise Impossible("too few axes")
    return x


def _where(condition: Any, x: Any) -> Any:
    """x where the condition holds, 0 elsewhere."""
    return x * (condition * 1.0)


_scaled("sign", -1.0)
_scaled("factor 2", 2.0)
_scaled("factor 1/2", 0.5)
_scaled("one per cent", 1.01)
_scaled("three in a thousand", 1.003)


@_kind("mean instead of a sum")
def _mean(call: Call) -> Any:
    return call.right() / _sized(call.inputs[call.place], 1).shape[0]


@_kind("incoming gradient dropped")
def _dropped(call: Call) -> Any:
    grad = _single(call)
    return call.pull(grad * 0 + 1, call.inputs)[call.place]


@_kind("incoming gradient twice")
def _squared(call: Call) -> Any:
    grad = _single(call)
    return call.pull(grad * grad, call.inputs)[call.place]


@_kind("derivative at the value instead of the input")
def _at_value(call: Call) -> Any:
    if getattr(call.value, "shape", None) != getattr(call.inputs[call.place], "shape", ()) or not call.value.shape:
        raise Impossible("the value has another shape")
    moved = tuple(call.value if k == call.place else x for k, x in enumerate(call.inputs))
    return call.pull(call.grad, moved)[call.place]


@_kind("derivative at twice the input")
def _at_double(call: Call) -> Any:
    moved = tuple(2 * x if k == call.place else x for k, x in enumerate(call.inputs))
    return call.pull(call.grad, moved)[call.place]


@_kind("stale cache: the inputs of the first call")
def _stale(call: Call) -> Any:
    first = call.memory.setdefault("inputs", call.inputs)
    if [getattr(x, "shape", None) for x in first] != [getattr(x, "shape", None) for x in call.inputs]:
        first = call.inputs
    return call.pull(call.grad, first)[call.place]


@_kind("operand not transposed")
def _transposed(call: Call) -> Any:
    found = _sized(call.right(), 2)
    if len(found.shape) != 2 or found.shape[0] != found.shape[1]:
        raise Impossible("not square")
    return found.T


@_kind("gradients of two inputs swapped")
def _swapped(call: Call) -> Any:
    found = call.pull(call.grad, call.inputs)
    mine = call.inputs[call.place]
    for place, other in enumerate(found):
        if place != call.place and other is not None and tuple(other.shape) == tuple(mine.shape):
            return other
    raise Impossible("no other input of this shape")


@_kind("only the last row is accumulated")
def _last(call: Call) -> Any:
    grad = _sized(_single(call), 1)
    kept = grad * 0 + grad
    last = (grad * 0 + 1).cumsum(0) > grad.shape[0] - 0.5
    return call.pull(_where(last, kept), call.inputs)[call.place]


@_kind("sum over the wrong axis")
def _axis(call: Call) -> Any:
    found = _sized(call.right(), 2)
    return found - found.mean(0) + found.mean(-1)[..., None]


@_kind("a path is dropped: the mean of the rows")
def _path(call: Call) -> Any:
    found = _sized(call.right(), 1)
    return found - found.mean(0)


@_kind("not summed to the shape of the input")
def _unsummed(call: Call) -> Any:
    found = _sized(call.right(), 1)
    return found[None] * 1.0


@_kind("0 / 0 at a zero")
def _zero(call: Call) -> Any:
    x = _sized(call.inputs[call.place], 1)
    return call.right() * (x / x)


@_kind("0 / 0 where all are zero")
def _all_zero(call: Call) -> Any:
    x = _sized(call.inputs[call.place], 1)
    square = (x * x).sum()
    return call.right() * (square / square)


@_kind("twice at a tie")
def _tie(call: Call) -> Any:
    x = _sized(call.inputs[call.place], 1)
    flat = x.reshape(-1)
    equal = ((flat[:, None] == flat[None, :]) * 1.0).sum(1).reshape(x.shape)
    return call.right() * equal


@_kind("0 beyond 10")
def _large(call: Call) -> Any:
    x = _sized(call.inputs[call.place], 1)
    return _where((x < 10) & (x > -10), call.right())


@_kind("0 above three")
def _clipped(call: Call) -> Any:
    x = _sized(call.inputs[call.place], 1)
    return _where(x < 3, call.right())
