"""A derivative that a box does not implement is refused by what leads there, whatever stands between."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError
from tests.registry import unregister


@unregister
class Scaled(fg.Elementwise):
    """h = a b, whose derivative by b nobody wrote."""

    constant_children = frozenset({"b"})
    not_implemented_children = frozenset({"b"})

    def fprop(self, a, b):
        return a * b

    def bprop(self, grad, h, a, b):
        return grad * b, None


@pytest.mark.parametrize("between", [lambda b: b, np.positive, lambda b: np.positive(np.positive(b))])
def test_what_leads_there_is_named_past_copies_of_it(between):
    x, b = fg.Parameter([1.0, 2.0], name="x"), fg.Parameter([3.0, 4.0], name="b")
    run = fg.Graph(fg.sum(Scaled(x, between(b)) + b)).fprop()
    assert run.bprop(wrt=[x])[x].tolist() == [3, 4]
    with pytest.raises(NotDifferentiableError, match=r"by 'b' is not implemented.*by way of Parameter 'b'"):
        run.bprop(wrt=[x, b])


@unregister
class Nothing(fg.Box):
    """A box whose shape is not said."""

    def fprop(self, a):
        return a

    def infer(self, a):
        return None


def test_an_infer_that_returns_no_spec_is_refused_by_the_box():
    with pytest.raises(fg.FlowgraphError, match="Nothing"):
        Nothing(fg.Input("x"))
