"""vjp, jvp, hvp, jacobian and hessian of graphs: against each other, closed forms and frameworks."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FlowgraphError, UsageError
from tests.registry import unregister


def values(outputs, **feeds):
    graph = fg.Graph(*outputs)
    run = graph.fprop({name: value for name, value in feeds.items() if name in graph})
    return [np.asarray(run[box]) for box in outputs]


def mlp(seed=0, batch="N"):
    rng = np.random.default_rng(seed)
    x, y = fg.Input("x", shape=(batch, 6)), fg.Input("y", shape=(batch,), dtype=int)
    parameters = [
        fg.Parameter(rng.normal(size=shape), name=name)
        for name, shape in (("W1", (6, 4)), ("b1", (4,)), ("W2", (4, 3)), ("b2", (3,)))
    ]
    W1, b1, W2, b2 = parameters
    loss = fg.mean(fg.SoftmaxCrossEntropy(np.tanh(x @ W1 + b1) @ W2 + b2, y))
    return loss, parameters, {"x": rng.normal(size=(5, 6)), "y": rng.integers(0, 3, 5)}


def test_the_hessian_is_the_jacobian_of_the_gradient_symmetric_and_agrees_with_complex_steps():
    loss, parameters, feeds = mlp()
    (H,) = values([fg.hessian(loss, parameters)], **feeds)
    np.testing.assert_allclose(H, H.T, rtol=1e-12, atol=1e-14)
    grads = fg.gradient(loss, parameters)
    for j, parameter in enumerate(parameters):
        columns = slice(*np.cumsum([0, *[p.value.size for p in parameters]])[j : j + 2])
        J = values([fg.jacobian(g, parameter, mode="rows")[0] for g in grads], **feeds)
        rows = np.concatenate([block.reshape(-1, parameter.value.size) for block in J])
        np.testing.assert_allclose(rows, H[:, columns], rtol=1e-9, atol=1e-12)


def test_one_hessian_serves_every_batch():
    loss, parameters, feeds = mlp()
    H = fg.hessian(loss, parameters)
    for batch in (1, 3):
        cut = {name: value[:batch] for name, value in feeds.items()}
        fixed, own, _ = mlp(batch=batch)
        np.testing.assert_allclose(values([H], **cut)[0], values([fg.hessian(fixed, own)], **cut)[0], atol=1e-13)


def test_jvp_reads_nothing_of_the_backward_pass():
    x = fg.Input("x", shape=("N",))
    slope = fg.jvp(np.tanh(x * x), [x], [np.ones_like(x)])
    assert "arriving" not in fg.Graph(slope)
    assert len(fg.Graph(slope)) < 20


def test_a_box_without_a_rule_is_run_row_by_row_and_differentiated_again():
    x = fg.Input("x", shape=(2, 3))
    (J,) = fg.jacobian(np.prod(x, axis=1), [x], mode="rows")
    X = np.random.default_rng(0).uniform(0.5, 1.5, (2, 3))
    (again,) = values(fg.gradient(fg.sum(J * J), [x]), x=X)

    def norm(X):
        return sum(np.sum((np.prod(row) / row) ** 2) for row in X)

    numeric = [(norm(X + 1e-6 * e) - norm(X - 1e-6 * e)) / 2e-6 for e in np.eye(6).reshape(6, 2, 3)]
    np.testing.assert_allclose(again.ravel(), numeric, rtol=1e-7)


@unregister
class Weighted(fg.Box):
    """h = Σ a b, of a box without a bprop of its own and without a rule over rows."""

    def fprop(self, a, b):
        return np.sum(a * b, axis=-1)


@unregister
class Turned(fg.Box):
    """h = a w, from the last to the first: its bprop is a Turned again."""

    def fprop(self, a, w):
        return (a * w)[::-1]

    def bprop(self, grad, h, a, w):
        return Turned.apply(grad, w[::-1]), grad[::-1] * a


def test_a_box_without_a_rule_over_rows_is_differentiated_on_arrays_and_on_boxes():
    x, w = fg.Input("x", shape=(3,)), fg.Parameter([1.0, 2.0, 4.0], name="w")
    (J,) = fg.jacobian(Turned(x * x, w), [x], mode="rows")
    assert any(box.symbol == "per row" for box in fg.Graph(J))
    X = np.array([1.0, -1.0, 3.0])
    needed = np.diag(2 * X * w.value)[::-1]
    np.testing.assert_allclose(values([J], x=X)[0], needed)
    total = fg.sum(J * J)
    slope = 8 * X**2 * w.value
    np.testing.assert_allclose(fg.Graph(total).fprop(x=X).bprop()[w], slope)
    (dw,) = fg.gradient(total, [w])
    np.testing.assert_allclose(values([dw], x=X)[0], slope)
    np.testing.assert_allclose(values([fg.hessian(total, [w])], x=X)[0], np.diag(8 * X**2))


def test_a_jacobian_of_nothing_is_empty():
    x = fg.Input("x", shape=("N",))
    w = fg.Parameter([1.0, 2.0, 4.0], name="w")
    (J,) = fg.jacobian(np.tanh(x), [x])
    assert values([J], x=np.zeros(0))[0].shape == (0, 0)
    (J,) = fg.jacobian(Turned(w, w)[:0], [w], mode="rows")
    assert values([J])[0].shape == (0, 3)


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_a_box_of_a_user_without_bprop(mode):
    x, W = fg.Input("x", shape=(3,)), fg.Constant(np.arange(6.0).reshape(2, 3))
    X = np.array([1.0, 2.0, 3.0])
    (J,) = fg.jacobian(Weighted(x * x, W), [x], mode=mode)
    np.testing.assert_allclose(values([J], x=X)[0], 2 * X * W.value)
    run = fg.Graph(fg.sum(J * J)).fprop(x=X)
    np.testing.assert_allclose(run.bprop(wrt=["x"])["x"], 8 * X * np.sum(W.value**2, axis=0))


def test_third_derivatives_from_a_hessian():
    x = fg.Input("x", shape=(3,))
    H = fg.hessian(fg.sum(x**4), [x])
    (third,) = fg.jacobian(H, [x])
    X = np.array([1.0, 2.0, 3.0])
    needed = np.zeros((3, 3, 3))
    needed[range(3), range(3), range(3)] = 24 * X
    np.testing.assert_allclose(values([third], x=X)[0], needed, atol=1e-12)


@pytest.mark.parametrize("layers", [1, 4, 16])
def test_hvp_is_a_small_multiple_of_a_gradient_for_any_number_of_parameters(layers):
    weights = [fg.Parameter(np.eye(3) * (i + 1) / 9, name=f"W{i}") for i in range(layers)]
    h = fg.Input("x", shape=("N", 3))
    for W in weights:
        h = np.tanh(h @ W)
    loss = np.mean(h * h)
    once = len(fg.Graph(*fg.gradient(loss, weights)))
    twice = len(fg.Graph(*fg.hvp(loss, weights, [np.ones((3, 3))] * layers)))
    assert twice < 4 * once


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: fg.jvp(x * x, [x], []), "found 0 directions"),
        (lambda x: fg.hvp(fg.sum(x), [x], [np.ones(2)]), "needs (3,)"),
        (lambda x: fg.jacobian(x, [x], mode="both"), "mode='both'"),
        (lambda x: fg.gradient(fg.sum(x), [x], fallback="numeric"), "central differences"),
        (lambda x: fg.gradients([fg.sum(x)], [x], [None], unused="no"), "unused='no'"),
        (lambda x: fg.hessian(x, [x]), "only a scalar has a gradient"),
    ],
)
def test_errors(call, text):
    with pytest.raises(FlowgraphError) as error:
        call(fg.Input("x", shape=(3,)))
    assert text in str(error.value)
    assert isinstance(error.value, UsageError | ValueError)
