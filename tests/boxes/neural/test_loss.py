"""Losses and regularizers: labels and probabilities, what is refused, large scores, autograd's gradients."""

import re

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import LabelError

CLASS_LOSSES = [fg.NegativeLogLikelihood, fg.SoftmaxCrossEntropy]
NUMBER_LOSSES = [fg.SquaredError, fg.AbsoluteError, fg.Huber]
ELEMENTWISE = [*NUMBER_LOSSES, fg.BinaryCrossEntropy, fg.Hinge]


def gradient(loss, child):
    run = fg.Graph(fg.sum(loss)).fprop()
    return run[loss], run.bprop(wrt=child)[child]


def by_name(cls):
    return cls.__name__


def test_cross_entropy_is_stable_where_softmax_is_0():
    a = fg.Parameter([[1000.0, -1000.0, 0.0]] * 3)
    value, grad = gradient(fg.SoftmaxCrossEntropy(a, np.array([0, 1, 2])), a)
    np.testing.assert_array_equal(value, [0, 2000, 1000])
    np.testing.assert_array_equal(grad, [[0, 0, 0], [1, -1, 0], [1, 0, -1]])


def test_binary_cross_entropy_is_stable():
    a = fg.Parameter([1000.0, 1000.0, -1000.0, -1000.0, 40.0])
    value, grad = gradient(fg.BinaryCrossEntropy(a, np.array([1, 0, 1, 0, 1])), a)
    np.testing.assert_allclose(value, [0, 1000, 1000, 0, np.exp(-40)], rtol=1e-14)
    np.testing.assert_allclose(grad, [0, 1, -1, 0, 0], atol=1e-15)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float64])
def test_one_hot_rows_of_any_dtype_leave_float32_alone(dtype):
    a = fg.Parameter(np.zeros((2, 3), np.float32))
    value, grad = gradient(fg.SoftmaxCrossEntropy(a, np.eye(3)[:2].astype(dtype)), a)
    assert value.dtype == grad.dtype == np.float32


def test_probabilities_of_0_count_for_nothing():
    f = fg.Parameter([0.0, 1.0])
    value, grad = gradient(fg.NegativeLogLikelihood(f, np.array([0.0, 1.0])), f)
    assert value == 0
    np.testing.assert_array_equal(grad, [0, -1])
    a = fg.Parameter([-np.inf, 0.0])
    value, grad = gradient(fg.SoftmaxCrossEntropy(a, np.array([0.0, 1.0])), a)
    assert value == 0
    np.testing.assert_array_equal(grad, [0, 0])


def test_targets_that_do_not_sum_to_1_as_autograd_has_it():
    rng = np.random.default_rng(0)
    a, t = rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))

    def objective(z):
        return -anp.sum(t * (z - anp.log(anp.sum(anp.exp(z), axis=1, keepdims=True))))

    child = fg.Parameter(a)
    np.testing.assert_allclose(gradient(fg.SoftmaxCrossEntropy(child, t), child)[1], autograd.grad(objective)(a))


@pytest.mark.parametrize("loss", CLASS_LOSSES, ids=by_name)
@pytest.mark.parametrize(("label", "where"), [(10, "label 10 at index 3"), (-1, "label -1 at index 3")])
def test_a_label_out_of_range_is_refused_with_its_index(loss, label, where):
    f, y = fg.Input("f", shape=("N", 10)), fg.Input("y", shape=("N",), dtype=int)
    graph = fg.Graph(loss(f, y, name="loss"))
    with pytest.raises(LabelError, match=f"{loss.__name__} 'loss': {where}, needs 0 to 9"):
        graph.fprop(f=np.full((5, 10), 0.1), y=[0, 1, 2, label, 4])


def test_the_index_of_a_label_has_all_its_axes():
    with pytest.raises(LabelError, match=r"label 3 at index \(1, 0\), needs 0 to 2"):
        fg.SoftmaxCrossEntropy.apply(np.zeros((2, 2, 3)), np.array([[0, 1], [3, 1]]))
    with pytest.raises(LabelError, match="label 3, needs 0 to 2"):
        fg.SoftmaxCrossEntropy.apply(np.zeros(3), np.array(3))


def test_hinge_refuses_labels_0_and_1_and_binary_cross_entropy_what_is_no_probability():
    f = fg.Input("f", shape=(2,))
    with pytest.raises(LabelError, match="label 0 at index 1, needs -1 or 1"):
        fg.Graph(fg.Hinge(f, np.array([1, 0]))).fprop(f=[0.0, 0.0])
    with pytest.raises(LabelError, match="target -1 at index 1, needs 0 to 1"):
        fg.Graph(fg.BinaryCrossEntropy(f, np.array([1, -1]))).fprop(f=[0.0, 0.0])


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=by_name)
@pytest.mark.parametrize(
    ("f_shape", "y_shape", "way_out"),
    [
        (("N", 1), ("N",), r"take the column, prediction\[:, 0\], or give the targets one, targets.reshape\(-1, 1\)"),
        (
            ("N",),
            ("N", 1),
            r"take the column, targets\[:, 0\], or give the prediction one, prediction.reshape\(-1, 1\)",
        ),
        (("N", 3), (3,), "as a loss never broadcasts"),
        ((), ("N",), "as a loss never broadcasts"),
        (("N", 3), ("N", 1), r"take the column, targets\[:, 0\]"),
    ],
)
def test_a_loss_never_broadcasts(loss, f_shape, y_shape, way_out):
    f, y = fg.Input("f", shape=f_shape), fg.Input("y", shape=y_shape)
    with pytest.raises(fg.ShapeError, match=way_out) as error:
        loss(f, y)
    assert "test_loss.py" in str(error.value)


LOSSES = [cls for cls in fg.registry.values() if cls.built_in and cls.role == "loss"]
SHAPES = st.lists(st.sampled_from([1, 2, 3]), max_size=3).map(tuple)


@given(st.sampled_from(LOSSES), SHAPES, SHAPES, st.sampled_from([int, float]))
def test_arrays_are_refused_where_boxes_are_and_have_their_value_elsewhere(loss, f_shape, y_shape, dtype):
    f, y = np.full(f_shape, 0.25), np.ones(y_shape, dtype)
    try:
        needed = fg.Graph(loss(f, y)).fprop().outputs[0]
    except fg.FlowgraphError as error:
        with pytest.raises(type(error), match=re.escape(str(error).splitlines()[0])):
            loss.apply(f, y)
    else:
        np.testing.assert_array_equal(loss.apply(f, y), needed)


@pytest.mark.parametrize("loss", CLASS_LOSSES, ids=by_name)
@pytest.mark.parametrize(
    ("y_shape", "dtype"),
    [(("N", 1), int), (("N",), float), ((), int), (("N", 9), float), (("M", 10), float), ((10,), float)],
)
def test_targets_that_do_not_fit_are_refused_when_the_box_is_built(loss, y_shape, dtype):
    f, y = fg.Input("f", shape=("N", 10)), fg.Input("y", shape=y_shape, dtype=dtype)
    with pytest.raises(
        fg.ShapeError, match=r"needs integer labels of shape \(N,\), or probabilities of shape \(N, 10\)"
    ):
        loss(f, y)


@pytest.mark.parametrize("loss", CLASS_LOSSES, ids=by_name)
def test_scores_need_an_axis_of_classes(loss):
    with pytest.raises(fg.ShapeError, match="the targets do not fit"):
        loss(fg.Input("f"), fg.Input("y", dtype=int))


def test_one_number_serves_as_the_target_of_all():
    f = fg.Parameter(np.array([1.0, 3.0], np.float32))
    value, grad = gradient(fg.SquaredError(f, 0.5), f)
    np.testing.assert_array_equal(value, np.array([0.25, 6.25], np.float32))
    assert value.dtype == grad.dtype == np.float32


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=by_name)
def test_integer_targets_leave_float32_alone(loss):
    f = fg.Parameter(np.array([0.5, 2.0], np.float32))
    value, grad = gradient(loss(f, np.array([1, 1])), f)
    assert value.dtype == grad.dtype == np.float32


def test_conventions_at_kinks():
    f = fg.Parameter([2.0, 2.0])
    assert not gradient(fg.AbsoluteError(f, np.array([2.0, 2.0])), f)[1].any()
    g = fg.Parameter([1.0, -1.0])
    assert not gradient(fg.Hinge(g, np.array([1, -1])), g)[1].any()


def test_huber_has_no_overflow_where_the_square_has():
    f = fg.Parameter([1e300, -1e300])
    value, grad = gradient(fg.Huber(f, np.zeros(2), delta=0.5), f)
    np.testing.assert_array_equal(value, [5e299, 5e299])
    np.testing.assert_array_equal(grad, [0.5, -0.5])


@pytest.mark.parametrize("delta", [0, -1, True, np.inf])
def test_huber_needs_delta_above_0(delta):
    with pytest.raises(fg.FlowgraphError, match=r"Huber: found delta=.*, needs a number above 0"):
        fg.Huber(fg.Input("f"), 0.0, delta=delta)


def test_one_hot():
    with pytest.raises(fg.ShapeError, match=r"OneHot.*needs integer labels of shape \(2,\)"):
        fg.OneHot(np.array([0, 1, 2]), np.zeros((2, 3)))


@pytest.mark.parametrize("regularizer", [fg.L1, fg.L2], ids=["L1", "L2"])
def test_float32_stays_and_weights_are_needed(regularizer):
    W = fg.Parameter(np.array([[1.0, -2.0]], np.float32))
    run = fg.Graph(regularizer(W)).fprop()
    assert run.outputs[0].dtype == run.bprop()[W].dtype == np.float32
    with pytest.raises(fg.FlowgraphError, match=f"{regularizer.__name__}: found no weights, needs one or more"):
        regularizer()


def test_they_are_drawn_as_regularizers_and_losses_as_losses():
    assert fg.L1.role == fg.L2.role == "regularizer"
    assert fg.SoftmaxCrossEntropy.role == fg.SquaredError.role == "loss"
