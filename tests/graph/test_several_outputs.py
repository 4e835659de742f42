"""Boxes whose value is a tuple, and boxes without a bprop of their own."""

from typing import NamedTuple

import numpy as np
import pytest

import flowgraph as fg
from tests.graph.test_graph import numeric


def test_a_box_of_several_outputs():
    class SumAndDifference(fg.Box):
        def fprop(self, a, b):
            return a + b, a - b

        def bprop(self, grad, h, a, b):
            plus, minus = (0 * a if g is None else g for g in grad)
            return plus + minus, plus - minus

    a, b = fg.Parameter([1.0, 2.0], name="a"), fg.Parameter([3.0, 5.0], name="b")
    both = SumAndDifference(a, b)
    plus, minus = both
    assert len(both) == 2
    assert [part.outputs for part in both[:2]] == [plus.outputs, minus.outputs]
    with pytest.raises(TypeError, match="a box of 2 outputs used as one"):
        both + 1.0
    with pytest.raises(TypeError, match="2 outputs"):
        both.shape  # noqa: B018
    run = fg.Graph(fg.sum(plus * minus)).fprop()
    with fg.debug():
        grads = run.bprop()
    np.testing.assert_array_equal(grads[a], [2.0, 4.0])
    np.testing.assert_array_equal(grads[b], [-6.0, -10.0])
    np.testing.assert_array_equal(fg.Graph(fg.sum(minus)).fprop().bprop()[b], [-1.0, -1.0])
    (da,) = fg.gradient(fg.sum(plus * minus), [a])
    np.testing.assert_array_equal(fg.Graph(da).fprop().outputs[0], [2.0, 4.0])
    often = fg.Graph(fg.sum(both[0] * both[1] + both[0] * 3.0 + both[1] * both[1]))  # each output, taken twice
    for leaf in (a, b):
        np.testing.assert_allclose(often.fprop().bprop()[leaf], numeric(often, leaf.name, {}), atol=1e-8)
        (grad,) = fg.gradient(often.outputs[0], [leaf])
        np.testing.assert_allclose(fg.Graph(grad).fprop().outputs[0], numeric(often, leaf.name, {}), atol=1e-8)
    whole = fg.Graph(both).fprop()
    np.testing.assert_array_equal(whole[both][1], [-2.0, -3.0])
    with pytest.raises(TypeError, match="has several parts"):
        whole.bprop()


def test_a_bprop_left_out_is_derived():
    class Swish(fg.Elementwise):
        def fprop(self, a, b):
            return a / (1 + np.exp(-a)) * b

    class Share(fg.Box):
        def fprop(self, a):
            return a / fg.sum(a)

    w = fg.Parameter([0.5, -1.0], name="w")
    graph = fg.Graph(fg.sum(Swish(w, np.float64(2.0)) * Share(np.exp(w))))
    np.testing.assert_allclose(graph.fprop().bprop()[w], numeric(graph, "w", {}), atol=1e-9)
    (dw,) = fg.gradient(graph.outputs[0], [w])
    np.testing.assert_allclose(fg.Graph(dw).fprop()[dw], graph.fprop().bprop()[w], rtol=1e-14)


class Parts(NamedTuple):
    low: object
    high: object


@pytest.mark.parametrize("returned", [tuple, Parts._make], ids=["tuple", "named tuple"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_the_value_of_several_outputs_is_a_plain_tuple_of_arrays(returned, shape):
    class Both(fg.Box):
        outputs_are = ("low", "high")

        def fprop(self, a):
            return returned([a - 1.0, a + 1.0])

        def infer(self, a):
            return a, a

    box = Both(fg.Parameter(np.ones(shape), name="w"))
    low, high = box
    run = fg.Graph(low, high).fprop()
    assert type(run[box]) is tuple
    for part, needed in zip((*run[box], run[low], run[high]), (0.0, 2.0, 0.0, 2.0), strict=True):
        np.testing.assert_array_equal(part, np.full(shape, needed))
        assert isinstance(part, np.ndarray if shape else np.float64)
