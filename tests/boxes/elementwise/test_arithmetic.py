"""Arithmetic and powers: signs, zeros, plain numbers, dtypes."""

import math

import numpy as np
import pytest

import flowgraph as fg


def value(box, **feeds):
    return fg.Graph(box).fprop(**feeds)[box]


def grad(function, *arrays):
    """The gradients of a function of arrays, where a 1 arrives at each element of its value."""
    leaves = [fg.Parameter(a, name=f"p{i}") for i, a in enumerate(arrays)]
    h = function(*leaves)
    grads = fg.Graph(h).fprop().bprop(grad=np.ones(h.shape, h.dtype), unused="zeros")
    found = [grads[leaf] for leaf in leaves]
    return found if len(found) > 1 else found[0]


def test_shapes_that_do_not_broadcast_are_refused_where_the_box_is_built():
    with pytest.raises(fg.ShapeError, match="do not broadcast"):
        fg.Input("x", shape=("N", 3)) + fg.Input("b", shape=(4,))


class TestPower:
    def test_a_plain_number_is_a_setting(self):
        x = fg.Input("x", shape=("N",), dtype="float32")
        for exponent in (2, 0.5, -1):
            box = x**exponent
            assert isinstance(box, fg.ConstantPower)
            assert box.dtype == np.float32
        assert isinstance(x**x, fg.Power)
        assert isinstance(2**x, fg.Power)
        assert isinstance(x ** np.array(2.0), fg.Power)

    @pytest.mark.parametrize("exponent", [0, 1, 2, 3])
    def test_every_order_is_exact_at_0(self, exponent):
        x = fg.Input("x")
        h = x**exponent
        for order in range(exponent + 1):
            feeds = {"x": 0.0} if "x" in fg.Graph(h) else {}
            assert value(h, **feeds) == (math.factorial(exponent) if order == exponent else 0)
            if order < exponent:
                (h,) = fg.gradient(h, [x])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128])
    def test_a_power_of_0_is_flat_at_every_base_subnormal_ones_and_infinities_too(self, dtype):
        numbers = np.finfo(dtype)
        a = np.array([0, -0.0, numbers.tiny, -numbers.tiny / 4, numbers.smallest_subnormal, numbers.max, 3], dtype)
        a = a if dtype is np.complex128 else np.append(a, [np.inf, -np.inf]).astype(dtype)
        np.testing.assert_array_equal(grad(lambda x: x ** np.zeros(x.shape, dtype), a), np.zeros(a.shape))
        np.testing.assert_array_equal(grad(lambda x: x**0, a), np.zeros(a.shape))

    def test_a_negative_base_has_a_gradient_and_its_exponent_none(self):
        a, b = np.array([-2.0, 2.0]), np.array([3.0, 3.0])
        np.testing.assert_array_equal(grad(lambda x: x**b, a), [12, 12])
        with pytest.warns(fg.GradientWarning, match=r"Power.*made a NaN for child 'b'"):
            of_exponent = grad(np.power, a, b)[1]
        np.testing.assert_allclose(of_exponent, [np.nan, 8 * math.log(2)])

    def test_whole_numbers_to_negative_powers_are_refused_as_in_numpy(self):
        with pytest.raises(fg.ShapeError, match="Integers to negative integer powers"):
            fg.Input("x", shape=(3,), dtype=int) ** -1

    @pytest.mark.parametrize("exponent", ["2", None, True, 2j, fg.Input("p")])
    def test_an_exponent_that_is_no_plain_number_is_refused(self, exponent):
        with pytest.raises(fg.FlowgraphError, match=r"ConstantPower: found exponent=.*, needs a number, such as expon"):
            fg.ConstantPower(fg.Input("x"), exponent=exponent)

    def test_an_exponent_of_numpy_is_kept_as_a_python_number(self):
        for number, kept in ((np.float64(2), 2.0), (np.int8(3), 3)):
            exponent = fg.ConstantPower(fg.Input("x"), exponent=number).exponent
            assert (type(exponent), exponent) == (type(kept), kept)


def test_a_quotient_of_large_numbers():
    np.testing.assert_array_equal(grad(np.divide, np.array(1e300), np.array(1e300)), [1e-300, -1e-300])
