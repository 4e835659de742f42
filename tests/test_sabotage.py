"""Boxes broken on purpose: each must fail the contract, in the check that is there for it."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.example import example
from tests import contract
from tests.cases import cases
from tests.values import VALUES

SABOTAGED = {}


def breaks(check, value=None):
    """Keep a sabotaged class, out of the registry, with the check that must fail on it."""

    def keep(cls):
        assert fg.registry.pop(f"{__name__}.{cls.__qualname__}") is cls
        SABOTAGED[cls] = (check, value or (lambda a: a * a))
        return cls

    return keep


class Square(fg.Elementwise):
    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (2.0 * a * grad,)


fg.registry.pop(f"{__name__}.Square")


@breaks(contract.value_by_an_independent_formula, lambda a: a**4)
class WrongValueRightGradient(Square):
    pass


@breaks(contract.gradient_by_central_differences)
class WrongFactor(Square):
    def bprop(self, grad, h, a):
        return (a * grad,)


@breaks(contract.gradient_by_complex_step)
class SlightlyWrong(Square):
    def bprop(self, grad, h, a):
        return (2.00000001 * a * grad,)


@breaks(contract.gradient_by_central_differences)
class WrongSign(Square):
    def bprop(self, grad, h, a):
        return (-2.0 * a * grad,)


@breaks(contract.linear_in_grad)
class IgnoresGrad(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a,)


@breaks(contract.linear_in_grad)
class GradTwice(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a * grad * grad,)


@breaks(contract.one_gradient_per_child)
class ReturnsAList(Square):
    def bprop(self, grad, h, a):
        return [2.0 * a * grad]


@breaks(contract.one_gradient_per_child)
class TooMany(Square):
    def bprop(self, grad, h, a):
        return 2.0 * a * grad, grad


@breaks(contract.one_gradient_per_child)
class NoneForAFloat(Square):
    def bprop(self, grad, h, a):
        return (None,)


@breaks(contract.one_gradient_per_child)
class Widens(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a * grad * np.ones(np.shape(a)),)


@breaks(contract.shape_and_dtype_as_built)
class ShapeOfItsOwn(Square):
    def infer(self, a):
        return fg.Spec((*a.shape, 1), a.dtype)


@breaks(contract.pure)
class WritesToItsChild(Square):
    def fprop(self, a):
        a[...] = a * a
        return a


@breaks(contract.pure)
class WritesToTheGrad(Square):
    def bprop(self, grad, h, a):
        grad *= 2.0 * a
        return (grad,)


@breaks(contract.pure)
class Remembers(Square):
    calls = [0]

    def fprop(self, a):
        self.calls[0] += 1
        return a * a + self.calls[0]


@breaks(contract.any_memory_layout)
class ReadsMemory(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a.ravel(order="K").reshape(a.shape) * grad,)


@breaks(contract.empty_arrays, lambda a: np.max(a) * a)
class DividesByTheNumber(fg.Box):
    def fprop(self, a):
        return a.sum(keepdims=True)

    def bprop(self, grad, h, a):
        with np.errstate(all="ignore"):
            return (np.broadcast_to(grad * np.float64(a.size) / np.float64(a.size), a.shape)[..., :0:1],)


@breaks(contract.float32_like_float64)
class CoarseInFloat32(Square):
    def bprop(self, grad, h, a):
        return ((2.0 if a.dtype == np.float64 else 2.1) * a * grad,)


@breaks(contract.gradient_graph_equals_bprop)
class OtherOnBoxes(Square):
    def bprop(self, grad, h, a):
        return ((3.0 if isinstance(a, fg.Box) else 2.0) * a * grad,)


@breaks(contract.gradient_graph_equals_bprop)
class LeavesTheGraph(Square):
    def bprop(self, grad, h, a):
        return (2.0 * np.asarray(a) * grad,)


@breaks(contract.second_derivative)
class CachesItsValue(Square):
    seen = [np.ones((3, 4))]

    def fprop(self, a):
        self.seen[0] = np.array(a)
        return a * a

    def bprop(self, grad, h, a):
        return (2.0 * (self.seen[0] if isinstance(a, fg.Box) and self.seen[0].shape == a.shape else a) * grad,)


@breaks(contract.postconditions_hold)
class MakesNaN(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a * grad * np.float64("nan"),)


@pytest.mark.parametrize("cls", SABOTAGED, ids=lambda cls: cls.__name__)
def test_a_sabotaged_box_fails_the_contract(cls, monkeypatch):
    check, value = SABOTAGED[cls]
    monkeypatch.setitem(VALUES, cls.__name__, value)
    with pytest.raises((AssertionError, fg.FlowgraphError, ValueError, IndexError, TypeError)):
        on_all_cases(check, cls)


def on_all_cases(check, cls):
    for case in cases(cls):
        check(case)


def test_what_they_sabotage_is_right(monkeypatch):
    monkeypatch.setitem(VALUES, "Square", lambda a: a**2)
    for check in contract.CHECKS:
        on_all_cases(check, Square)


def test_a_class_added_anywhere_is_found(monkeypatch):
    class Cube(fg.Elementwise):
        examples = (example((2,)),)

        def fprop(self, a):
            return a * a * a

    assert fg.registry.pop(f"{__name__}.{Cube.__qualname__}") is Cube
    monkeypatch.setitem(VALUES, "Cube", lambda a: a**3)
    for check in contract.CHECKS:
        on_all_cases(check, Cube)
