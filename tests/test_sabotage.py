"""Boxes broken on purpose: each must fail the contract, in the check that is there for it."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.vocabulary import example
from flowgraph.errors import BoxContractError
from flowgraph.testing import check_box_class, checks
from flowgraph.testing.declared import (
    any_memory_layout,
    empty_arrays,
    float32_like_float64,
    one_gradient_per_child,
    postconditions_hold,
    pure,
    rows_at_once,
    saturation_as_declared,
    shape_and_dtype_as_built,
    slopes_as_declared,
    value_by_an_independent_formula,
)
from flowgraph.testing.slopes import (
    gradient_by_central_differences,
    gradient_by_complex_step,
    gradient_graph_equals_bprop,
    linear_in_grad,
    second_derivative,
)
from tests.registry import unregister

SABOTAGED = {}


def breaks(check, value=None):
    """Keep a sabotaged class, out of the registry, with the check that must fail on it."""

    def keep(cls):
        SABOTAGED[unregister(cls)] = (check, value or (lambda a: a * a))
        return cls

    return keep


@unregister
class Square(fg.Elementwise):
    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (2.0 * a * grad,)


@breaks(value_by_an_independent_formula, lambda a: a**4)
class WrongValueRightGradient(Square):
    pass


@breaks(gradient_by_central_differences)
class WrongFactor(Square):
    def bprop(self, grad, h, a):
        return (a * grad,)


@breaks(gradient_by_complex_step)
class SlightlyWrong(Square):
    def bprop(self, grad, h, a):
        return (2.00000001 * a * grad,)


@breaks(gradient_by_central_differences)
class WrongSign(Square):
    def bprop(self, grad, h, a):
        return (-2.0 * a * grad,)


@breaks(linear_in_grad)
class IgnoresGrad(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a,)


@breaks(linear_in_grad)
class GradTwice(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a * grad * grad,)


@breaks(one_gradient_per_child)
class ReturnsAList(Square):
    def bprop(self, grad, h, a):
        return [2.0 * a * grad]


@breaks(one_gradient_per_child)
class TooMany(Square):
    def bprop(self, grad, h, a):
        return 2.0 * a * grad, grad


@breaks(one_gradient_per_child)
class NoneForAFloat(Square):
    def bprop(self, grad, h, a):
        return (None,)


@breaks(one_gradient_per_child)
class Widens(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a * grad * np.ones(np.shape(a)),)


@breaks(one_gradient_per_child)
class NeedsExchanged(fg.Elementwise):
    def fprop(self, a, b):
        return a * b

    def bprop(self, grad, h, a, b, *, needs=(True, True)):
        return grad * b if needs[1] else None, grad * a if needs[0] else None


@breaks(shape_and_dtype_as_built)
class ShapeOfItsOwn(Square):
    def infer(self, a):
        return fg.Spec((*a.shape, 1), a.dtype)


@breaks(pure)
class WritesToItsChild(Square):
    def fprop(self, a):
        a[...] = a * a
        return a


@breaks(pure)
class WritesToTheGrad(Square):
    def bprop(self, grad, h, a):
        grad *= 2.0 * a
        return (grad,)


@breaks(pure)
class Remembers(Square):
    calls = [0]

    def fprop(self, a):
        self.calls[0] += 1
        return a * a + self.calls[0]


@breaks(any_memory_layout)
class ReadsMemory(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a.ravel(order="K").reshape(a.shape) * grad,)


@breaks(empty_arrays, lambda a: np.max(a) * a)
class DividesByTheNumber(fg.Box):
    def fprop(self, a):
        return a.sum(keepdims=True)

    def bprop(self, grad, h, a):
        with np.errstate(all="ignore"):
            return (np.broadcast_to(grad * np.float64(a.size) / np.float64(a.size), a.shape)[..., :0:1],)


@breaks(float32_like_float64)
class CoarseInFloat32(Square):
    def bprop(self, grad, h, a):
        return ((2.0 if a.dtype == np.float64 else 2.1) * a * grad,)


@breaks(gradient_graph_equals_bprop)
class OtherOnBoxes(Square):
    def bprop(self, grad, h, a):
        return ((3.0 if isinstance(a, fg.Box) else 2.0) * a * grad,)


@breaks(gradient_graph_equals_bprop)
class LeavesTheGraph(Square):
    def bprop(self, grad, h, a):
        return (2.0 * np.asarray(a) * grad,)


@breaks(second_derivative)
class CachesItsValue(Square):
    seen = [np.ones((3, 4))]

    def fprop(self, a):
        self.seen[0] = np.array(a)
        return a * a

    def bprop(self, grad, h, a):
        return (2.0 * (self.seen[0] if isinstance(a, fg.Box) and self.seen[0].shape == a.shape else a) * grad,)


@breaks(slopes_as_declared, lambda a: np.where(a == 0, 1.0, np.sin(a) / a))
class InfiniteAtZero(fg.Elementwise):
    slopes = "finite"

    def fprop(self, a):
        return np.sin(a) / a


@breaks(slopes_as_declared)
class SlopeOfItsValue(Square):
    slopes = "constant"


@breaks(slopes_as_declared, lambda a: -a)
class NegativeShare(fg.Elementwise):
    slopes = "share"

    def fprop(self, a):
        return -a


@breaks(saturation_as_declared)
class NeverFlat(Square):
    saturates = "saturated"


@breaks(saturation_as_declared, lambda a: np.where(a > 0, a, 0.01 * a))
class NeverDead(fg.LeakyReLU):
    saturates = "dead"


@breaks(rows_at_once, lambda a: a - np.mean(a))
class MixesElements(fg.Elementwise):
    def fprop(self, a):
        return a - np.mean(a)


@breaks(postconditions_hold)
class MakesNaN(Square):
    def bprop(self, grad, h, a):
        return (2.0 * a * grad * np.float64("nan"),)


@pytest.mark.parametrize("cls", SABOTAGED, ids=lambda cls: cls.__name__)
def test_a_sabotaged_box_fails_the_check_that_is_there_for_it(cls):
    check, value = SABOTAGED[cls]
    (named,) = [one for one in checks({cls.__name__: value}) if one.name == check.__name__]
    with pytest.raises(BoxContractError, match=rf"{cls.__name__}: fails {named.name}\n  found: "):
        named(cls)
    with pytest.raises(BoxContractError, match=rf"{cls.__name__}: fails "):
        check_box_class(cls, formulas={cls.__name__: value})


def test_each_check_has_a_box_that_it_is_there_for():
    assert {check.__name__ for check, _ in SABOTAGED.values()} == {check.name for check in checks({})}


def test_what_they_sabotage_is_right():
    check_box_class(Square, formulas={"Square": lambda a: a**2})


def test_without_formulas_a_wrong_value_with_its_gradient_passes():
    check_box_class(WrongValueRightGradient)


def test_a_box_without_formula_among_formulas_is_named():
    with pytest.raises(BoxContractError, match="Square: has no independent value formula; add one under 'Square'"):
        check_box_class(Square, formulas={})


def test_a_class_added_anywhere_is_checked():
    class Cube(fg.Elementwise):
        examples = (example((2,)),)

        def fprop(self, a):
            return a * a * a

    check_box_class(Cube, formulas={"Cube": lambda a: a**3})


def test_a_box_that_cannot_be_built_on_floats_says_what_to_declare():
    class Rows(fg.Box):
        def fprop(self, table, places):
            return table[places]

    with pytest.raises(
        BoxContractError, match=r"(?s)Rows: fails \w+.*IndexError.*examples = .*table, places"
    ) as caught:
        check_box_class(Rows)
    assert str(caught.value).count("Rows: fails") == 1
