"""Regularizers over weights of any shapes."""

import numpy as np
import pytest

import flowgraph as fg


@pytest.mark.parametrize("regularizer", [fg.L1, fg.L2], ids=["L1", "L2"])
def test_float32_stays_and_weights_are_needed(regularizer):
    W = fg.Parameter(np.array([[1.0, -2.0]], np.float32))
    run = fg.Graph(regularizer(W)).fprop()
    assert run.outputs[0].dtype == run.bprop()[W].dtype == np.float32
    with pytest.raises(fg.FlowgraphError, match=f"{regularizer.__name__}: found no weights, needs one or more"):
        regularizer()


def test_sign_of_0_is_0():
    W = fg.Parameter([-0.0, 0.0, 2.0])
    np.testing.assert_array_equal(fg.Graph(fg.L1(W)).fprop().bprop()[W], [0, 0, 1])


def test_they_are_drawn_as_regularizers_and_losses_as_losses():
    assert fg.L1.role == fg.L2.role == "regularizer"
    assert fg.SoftmaxCrossEntropy.role == fg.SquaredError.role == "loss"


def test_flops_count_every_weight():
    W, V = fg.Parameter(np.zeros((3, 4))), fg.Parameter(np.zeros(5))
    assert fg.L2(W, V).flops((), (3, 4), (5,)) == 34
