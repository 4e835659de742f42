"""Which units count as saturated or dead, by what a class of boxes declares."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.debugging.zero import share_flat
from flowgraph.errors import DeclarationError
from tests.registry import unregister


def share(cls, read, **settings):
    read = np.asarray(read, float)
    box = cls(fg.Input("a", shape=read.shape), **settings)
    return share_flat(box, box.fprop(read), read)


def test_the_share_of_values_near_a_bound():
    assert share(fg.Tanh, np.arctanh([0.0, 0.968, 0.972, -0.99])) == 0.5
    assert share(fg.Sigmoid, [0.0, -7.0, 7.0, 0.4]) == 0.5
    assert share(fg.ELU, [1.0, -7.0]) == 0.5


def test_the_share_of_units_that_are_off_for_all_examples():
    assert share(fg.ReLU, [[-1.0, 1.0], [-2.0, -3.0]]) == 0.5
    assert share(fg.ReLU, -np.ones(3)) == 1.0


def test_boxes_that_declare_nothing_and_values_that_are_none():
    assert share(fg.Exp, np.ones(3)) is None
    assert share(fg.LeakyReLU, -np.ones(3)) is None
    assert share(fg.Tanh, np.zeros(0)) is None


@unregister
class Squashed(fg.Elementwise):
    """h = a / (1 + |a|)"""

    saturates = "saturated"

    def fprop(self, a):
        return a / (1 + np.abs(a))

    def bprop(self, grad, h, a):
        return (grad / (1 + np.abs(a)) ** 2,)


def test_a_box_of_ones_own_is_counted_wherever_units_are():
    w = fg.Parameter(np.full((4, 3), 50.0), name="w")
    graph = fg.Graph(fg.sum(1e-6 * Squashed(w)))
    assert share(Squashed, np.full(3, 50.0)) == 1.0
    grads = graph.fprop().bprop()
    assert grads.why_zero(w).causes[0].kind == "saturated units"
    assert "100 % saturated" in graph.to_svg(view="gradients", grads=grads, run=graph.fprop())


def test_a_word_that_nobody_reads_is_refused():
    with pytest.raises(DeclarationError, match=r"Odd: found saturates = 'full', needs '', 'saturated' or 'dead'"):

        class Odd(fg.Elementwise):
            saturates = "full"

            def fprop(self, a):
                return a

    with pytest.raises(DeclarationError, match=r"Two: found saturates = 'dead' and the children a, b, needs one child"):

        class Two(fg.Elementwise):
            saturates = "dead"

            def fprop(self, a, b):
                return a + b
