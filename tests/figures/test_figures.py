"""Figures show what is computed: held against closed forms, scikit-learn and SciPy, and each one draws itself."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, Ridge

import flowgraph as fg
from flowgraph import figures, schedules
from flowgraph.errors import UsageError


def regression():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 5))
    return x, x @ [2.0, -1.0, 0.5, 0.0, 0.0] + 0.1 * rng.normal(size=80)


def test_shrinkage_is_that_of_scikit_learn():
    x, y = regression()
    scaled, centred = (x - x.mean(axis=0)) / x.std(axis=0), y - y.mean()
    shown = figures.shrinkage(x, y, [0.05, 0.5, 2.0]).data
    for factor, l1, l2 in zip(shown["factors"], shown["L1"], shown["L2"], strict=True):
        lasso = Lasso(alpha=factor / 2, fit_intercept=False, tol=1e-10).fit(scaled, centred).coef_
        ridge = Ridge(alpha=factor * len(x), fit_intercept=False).fit(scaled, centred).coef_
        np.testing.assert_allclose(l1, lasso, atol=1e-6)
        np.testing.assert_allclose(l2, ridge, atol=1e-10)
        assert ((l1 == 0) == (lasso == 0)).all()


@pytest.mark.parametrize("methods", [("SGD", "Newton"), ("SGD", "momentum")])
def test_the_legend_names_every_line_of_a_surface(methods, tmp_path):
    w = fg.Parameter([2.0, 1.0], name="w")
    shown = figures.loss_surface(0.5 * fg.sum(w**4), {}, steps=3, learning_rate=0.05, methods=methods)
    text = shown._repr_svg_()
    assert all(f">{one}</text>" in text for one in (*methods, "start"))
    assert (">quadratic model at the start</text>" in text) == (shown.data["model"] is not None)


def test_newton_needs_one_step_on_a_quadratic_and_descent_does_not():
    w = fg.Parameter([2.0, 1.0, -1.0], name="w")
    loss = 0.5 * fg.sum(np.array([1.0, 10.0, 3.0]) * w**2)
    shown = figures.loss_surface(loss, {}, steps=4, learning_rate=0.05).data
    assert shown["losses"]["Newton"][1] < 1e-20
    assert shown["losses"]["SGD"][-1] > 1e-3
    np.testing.assert_array_equal(w.value, [2, 1, -1])
    decay = 0.05 * np.array([1.0, 10.0, 3.0])
    needed = 0.5 * np.sum(np.array([1.0, 10.0, 3.0]) * (np.array([2.0, 1.0, -1.0]) * (1 - decay) ** 4) ** 2)
    np.testing.assert_allclose(shown["losses"]["SGD"][-1], needed)


def test_the_surface_is_the_loss_at_each_place():
    w = fg.Parameter([0.3, -0.2], name="w")
    shown = figures.loss_surface(np.cos(w[0]) * w[1] ** 2, {}, steps=3, points=7).data
    u, v = shown["grid"]
    np.testing.assert_allclose(shown["surface"], np.cos(u)[None, :] * v[:, None] ** 2, atol=1e-12)


def test_errors_of_differences_fall_by_the_step_and_by_its_square():
    errors = figures.difference_errors(np.exp, 0.5).data
    near = (errors["step"] < 1e-1) & (errors["step"] > 1e-3)
    np.testing.assert_allclose(errors["one-sided"][near], errors["step"][near] / 2, rtol=0.05)
    np.testing.assert_allclose(errors["central"][near], errors["step"][near] ** 2 / 6, rtol=0.05)
    assert errors["central"].argmin() < errors["one-sided"].argmin()  # the best step of central differences is longer


def test_permuted_units_compute_the_same_and_the_way_between_does_not():
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",), dtype=int)
    net = fg.MLP([2, 6, 5, 2], output="linear", rng=1)
    points = np.random.default_rng(0).normal(size=(40, 2))
    labels = (points[:, 0] * points[:, 1] > 0).astype(int)
    before = [p.value.copy() for p in (*net.weights, *net.biases)]
    loss = fg.mean(fg.SoftmaxCrossEntropy(net(x), y))
    fg.fit(loss, {"x": points, "y": labels}, epochs=300, learning_rate=0.02, progress=False)
    trained = [p.value.copy() for p in (*net.weights, *net.biases)]
    shown = figures.permuted_units(net, loss, {"x": points, "y": labels}).data["loss"]
    np.testing.assert_allclose(shown[0], shown[-1], rtol=1e-12)
    assert shown.max() > 1.5 * shown[0]
    for one, other in zip((*net.weights, *net.biases), trained, strict=True):
        np.testing.assert_array_equal(one.value, other)
    assert any((one != other).any() for one, other in zip(before, trained, strict=True))


def test_each_figure_saves_and_shows_itself(tmp_path):
    x, y = regression()
    w = fg.Parameter([2.0, 1.0], name="w")
    made = [
        figures.learning_rates({"fixed": schedules.Fixed(0.1), "α/t": schedules.InverseTime(0.1, delta=1.0)}),
        figures.difference_errors(np.tanh),
        figures.shrinkage(x, y, [0.1, 1.0]),
        figures.loss_surface(w[0] ** 2 + 5 * w[1] ** 2, {}, steps=5, points=9),
    ]
    for number, one in enumerate(made):
        assert one.save(tmp_path / f"{number}.png").stat().st_size > 2000
        assert one._repr_svg_().startswith("<?xml")
    with pytest.raises(UsageError, match="needs a name that ends in"):
        made[0].save(tmp_path / "a.gif")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: figures.difference_errors(lambda a: a * 0), "found the slope 0 at 1.0"),
        (lambda: figures.difference_errors(lambda a: 3.0), "found no box without axes"),
        (lambda: figures.learning_rates({}), "found no schedules"),
        (lambda: figures.loss_surface(fg.Parameter(1.0, name="w") ** 2, {}), "found one parameter, needs two or more"),
        (lambda: figures.loss_surface(fg.Input("x", shape=()) * 2, {"x": 1.0}), "found no parameter"),
        (lambda: figures.loss_surface(fg.Parameter([1.0], name="w") ** 2, {}), "needs a scalar; take its mean"),
        (lambda: figures.permuted_units(fg.MLP([2, 2], rng=0), fg.Parameter(1.0) ** 2, {}), "without hidden layers"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(UsageError, match=text):
        call()
