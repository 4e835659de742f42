"""Boxes broken on purpose, many of them in one test case only, with what fg.check must say of each."""

import numpy as np

import flowgraph as fg
from flowgraph.box.vocabulary import example
from tests.registry import unregister

SABOTAGED = {}


def broken(child, word="", order=1):
    """Keep a broken class, out of the registry, with the child that the report must name and a word of its text."""

    def keep(cls):
        SABOTAGED[unregister(cls)] = (child, word, order)
        return cls

    return keep


@broken("a")
class FarOut(fg.Elementwise):
    """Wrong above 37 only."""

    def fprop(self, a):
        return np.tanh(a / 37.0)

    def bprop(self, grad, h, a):
        return (grad * (1 - h * h) / 37.0 / np.where(a > 37.0, 0 * a + 2, 0 * a + 1),)


@broken("a")
class AtZero(fg.Elementwise):
    def fprop(self, a):
        return a * a * a + a

    def bprop(self, grad, h, a):
        return (np.where(a == 0.0, 0.0 * grad, grad * (3 * a * a + 1)),)


@broken("b")
class NotSummedOverRepeats(fg.Box):
    """Broadcasts without being Elementwise, so its author must sum, and does so over one axis only."""

    examples = (example((3, 4), (4,)),)

    def fprop(self, a, b):
        return a * b

    def bprop(self, grad, h, a, b):
        return grad * b, np.sum(grad * a, axis=0)


@broken(None, "bprop raised")
class OneAxisOnly(fg.Box):
    """Right for axis=0, of no use for the others."""

    axis: int = 0
    examples = (example((3, 4)),)

    def fprop(self, a):
        return np.sum(a * a, axis=self.axis)

    def bprop(self, grad, h, a):
        return (2.0 * a * grad,)


@broken("a")
class SquareOnly(fg.Box):
    """Wrong where the sum is over the last axis of a square."""

    axis: int = 0
    examples = (example((3, 3)),)

    def fprop(self, a):
        return np.sum(a * a, axis=self.axis, keepdims=True)

    def bprop(self, grad, h, a):
        last = self.axis == -1 and a.ndim == 2 and a.shape[0] == a.shape[1]
        return (2.0 * a * (np.swapaxes(grad, 0, 1) if last else grad),)


@broken("a")
class OneSetting(fg.Elementwise):
    double: bool = False

    def fprop(self, a):
        return np.sin(2.0 * a if self.double else a)

    def bprop(self, grad, h, a):
        return (grad * np.cos(2.0 * a if self.double else a),)


@broken("a", "float64")
class WidensFloat32(fg.Elementwise):
    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (grad * 2 * a * np.ones(1),)


@broken("targets", "must be None")
class GradientOfTargets(fg.Elementwise):
    constant_children = frozenset({"targets"})

    def fprop(self, a, targets):
        return a * targets

    def bprop(self, grad, h, a, targets):
        return grad * targets, grad * a


@broken(None, "returned 1 gradients, needs a tuple of 2")
class OneForTwo(fg.Elementwise):
    def fprop(self, a, b):
        return a * b

    def bprop(self, grad, h, a, b):
        return (grad * b,)


@broken(None, "shape")
class WrongShape(fg.Box):
    examples = (example((3, 4)),)

    def fprop(self, a):
        return np.sum(a * a, axis=0)

    def bprop(self, grad, h, a):
        return (2 * a[0] * grad,)


@broken(None, "built with")
class NotAsBuilt(fg.Box):
    examples = (example((3, 4)),)

    def fprop(self, a):
        return np.sum(a * a, axis=0)

    def bprop(self, grad, h, a):
        return (2 * a * grad,)

    def infer(self, a):
        return fg.Spec(a.shape, a.dtype)


@broken("b", "alone")
class OtherWithNeeds(fg.Elementwise):
    def fprop(self, a, b):
        return a * b

    def bprop(self, grad, h, a, b, *, needs=(True, True)):
        return grad * b, grad * (a if all(needs) else b)


@broken(None, "gives other numbers than on arrays", order=2)
class OtherOnBoxes(fg.Elementwise):
    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (grad * a * (3.0 if isinstance(a, fg.Box) else 2.0),)


@broken(None, "where output 0 alone is read")
class RefusesNone(fg.Box):
    signature = "(n)->(),(n)"

    def fprop(self, a):
        return np.sum(a, axis=-1), a * a

    def bprop(self, grad, h, a):
        return (grad[0][..., None] + grad[1] * 2 * a,)


@broken("a", "for None than for zeros")
class TakesNoneForOnes(RefusesNone):
    def bprop(self, grad, h, a):
        first, second = (np.ones_like(part) if g is None else g for g, part in zip(grad, h, strict=True))
        return (first[..., None] + second * 2 * a,)


@broken("a")
class HalfOfAPart(RefusesNone):
    def bprop(self, grad, h, a):
        first, second = (np.zeros_like(part) if g is None else g for g, part in zip(grad, h, strict=True))
        return (first[..., None] + second * a,)
