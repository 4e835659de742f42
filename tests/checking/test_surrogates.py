"""Surrogates have a name: a backward pass of another function, where the value is piecewise constant."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.surrogates import SLOPES
from flowgraph.errors import DeclarationError, UsageError
from flowgraph.testing import check_box_class
from tests.registry import unregister

X = np.random.default_rng(0).normal(size=(3, 4))


def spike(x):
    return (x > 0).astype(float)


def sigmoid(x):
    return 1 / (1 + np.exp(-4 * x))


def slope_of_sigmoid(g, y, x):
    return (4 * g * sigmoid(x) * (1 - sigmoid(x)),)


def straight_through(g, y, x):
    return (g,)


SURROGATES = {
    "rounding": (np.round, straight_through, "straight-through"),
    "floor": (np.floor, straight_through, "straight-through"),
    "sign, clipped": (np.sign, lambda g, y, x: (g * (np.abs(x) <= 1),), "within bounds (straight-through from -0.9"),
    "sigmoid": (spike, slope_of_sigmoid, "the slope of a sigmoid, σ(4 x)"),
    "arctangent": (spike, lambda g, y, x: (g / (1 + (3 * x) ** 2),), "the slope of an arctangent, atan(3 x)"),
    "fast sigmoid": (spike, lambda g, y, x: (g / (1 + 25 * np.abs(x)) ** 2,), "of 25 x / (1 + 25 |x|)"),
    "triangle": (spike, lambda g, y, x: (0.3 * g * np.maximum(0, 1 - np.abs(x)),), "a triangle to 0 at |1 x| = 1"),
    "Gaussian": (spike, lambda g, y, x: (g * np.exp(-4 * x * x),), "exp(-(2 x)²)"),
    "exponential": (spike, lambda g, y, x: (g * np.exp(-5 * np.abs(x)),), "exp(-5 |x|)"),
    "fine steps": (lambda x: np.round(127 * x) / 127, straight_through, "straight-through"),
    "detached": (lambda x: x + (np.round(x) - x), straight_through, "straight-through"),
    "in float32": (lambda x: np.round(x.astype(np.float32)).astype(float), straight_through, "straight-through"),
    "unknown": (spike, lambda g, y, x: (g * np.cos(x) ** 2,), "bprop is not 0"),
    "of a sum": (lambda x: np.round(x).sum(axis=1), lambda g, y, x: (g[:, None] * np.ones(x.shape),), "bprop is not 0"),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_is_named_in_the_first_line(name):
    fprop, bprop, words = SURROGATES[name]
    report = fg.check(fprop, X, bprop=bprop)
    first, *_ = str(report).splitlines()
    assert report.verdict == "fail"
    assert "FAIL (surrogate: the value is piecewise constant, and bprop " in first
    assert words in first
    assert {failure.kind for failure in report.failures} == {"surrogate"}
    assert "declare the function that it is of with surrogate=" in report.failures[0].message
    assert not report.failures[0].diagnosis
    assert report.remark in report._repr_html_().replace("&lt;", "<")


def test_every_slope_that_is_known_is_recognised_at_any_steepness():
    for name, shape in SLOPES.items():
        for k in (0.3, 1.0, 10.0):
            report = fg.check(spike, X, bprop=lambda g, y, x, k=k, shape=shape: (1.7 * g * shape(k * x),), seed=3)
            assert name.partition("{")[0] in report.remark, (name, k, report.remark)


ORDINARY = {
    "a dead unit": (lambda x: np.maximum(x, 0), lambda g, y, x: (g * np.where(x > 0, 1, 0.1),)),
    "a constant": (lambda x: 0 * x, straight_through),
    "float32": (lambda x: np.tanh(x.astype(np.float32)).astype(float), straight_through),
    "saturated": (lambda x: np.clip(x, -0.5, 0.5), straight_through),
    "one output": (lambda x: np.concatenate([np.round(x), x]), lambda g, y, x: (g[3:] * 2,)),
    "slow": (lambda x: 1e-3 * np.sin(x), lambda g, y, x: (g * 2e-3 * np.cos(x),)),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_mistake_is_no_surrogate(name):
    report = fg.check(ORDINARY[name][0], X, bprop=ORDINARY[name][1])
    assert report.verdict == "fail"
    assert "value" in {failure.kind for failure in report.failures}
    assert "surrogate" not in report.remark or name == "one output"


def test_no_hint_is_given_where_the_right_slope_is_0():
    report = fg.check(lambda x: 0 * x, X, bprop=straight_through)
    assert "another activation" not in report.failures[0].diagnosis


def test_a_surrogate_that_is_declared_is_what_bprop_is_checked_against():
    report = fg.check(spike, X, bprop=slope_of_sigmoid, surrogate=sigmoid)
    assert report.passed, report
    assert str(report).splitlines()[0] == "spike: PASS (against the surrogate that is declared)"
    wrong = fg.check(spike, X, bprop=slope_of_sigmoid, surrogate=lambda x: 1 / (1 + np.exp(-3.9 * x)))
    assert wrong.failures[0].kind == "value"
    assert fg.check(np.round, X, bprop=straight_through, surrogate=lambda x: x).passed


def test_its_bprop_gets_the_value_of_the_function_and_not_of_the_surrogate():
    seen = []
    assert fg.check(np.round, X, bprop=lambda g, y, x: seen.append(y) or (g,), surrogate=lambda x: x).passed
    assert all(np.array_equal(y, np.round(y)) for y in seen)


def test_settings_are_those_of_both():
    def stepped(x, *, slope):
        return slope * (x > 0)

    def smooth(x, *, slope):
        return slope / (1 + np.exp(-x))

    def bprop(g, y, x, *, slope):
        s = 1 / (1 + np.exp(-x))
        return (g * slope * s * (1 - s),)

    assert fg.check(stepped, X, bprop=bprop, slope=2.0, surrogate=smooth).passed
    wrong = fg.check(stepped, X, bprop=lambda g, y, x: bprop(g, y, x, slope=2.0), slope=2.0, surrogate=smooth)
    assert wrong.failures[0].test_case.startswith("slope =")


def test_what_cannot_be_a_surrogate_is_refused():
    with pytest.raises(UsageError, match=r"gives the shape \(\) at the example, needs \(3, 4\)"):
        fg.check(spike, X, bprop=slope_of_sigmoid, surrogate=np.sum)
    with pytest.raises(UsageError, match="found second= beside surrogate="):
        fg.check(spike, X, bprop=slope_of_sigmoid, surrogate=sigmoid, second=slope_of_sigmoid)
    with pytest.raises(UsageError, match="needs a function, or None"):
        fg.check(spike, X, bprop=slope_of_sigmoid, surrogate="sigmoid")
    with pytest.raises(UsageError, match="the gradient is that of the boxes"):
        fg.check(np.tanh, X, surrogate=np.tanh)
    with pytest.raises(UsageError, match="declares its surrogate itself"):
        fg.check(fg.Tanh, surrogate=np.tanh)
    with pytest.raises(UsageError, match="declares its surrogate itself"):
        fg.check(fg.Graph(fg.sum(fg.Parameter(X, name="w"))), surrogate=np.tanh)
    with pytest.raises(DeclarationError, match="found surrogate = 3"):

        class Numbered(fg.Elementwise):
            surrogate = 3

            def fprop(self, a):
                return a


@unregister
class Spike(fg.Elementwise):
    """h = a > 0, with the gradient of σ(k a)"""

    k: float = 4.0
    analytic = False

    def fprop(self, a):
        return (a > 0).astype(a.dtype)

    def surrogate(self, a):
        return 0.5 * (1 + np.tanh(self.k * a / 2))

    def bprop(self, grad, h, a):
        s = 0.5 * (1 + np.tanh(self.k * a / 2))
        return (grad * self.k * s * (1 - s),)


@unregister
class WrongSpike(Spike):
    """Forgets its steepness."""

    def bprop(self, grad, h, a):
        s = 0.5 * (1 + np.tanh(self.k * a / 2))
        return (grad * s * (1 - s),)


@unregister
class Undeclared(Spike):
    """Does not say what its bprop is of."""

    surrogate = None


def test_a_box_declares_its_surrogate():
    assert fg.check(Spike).passed
    assert fg.check(Spike, order=2).passed
    assert fg.check(Spike(fg.Input("a", shape=(3,)), k=2.0)).passed
    check_box_class(Spike)
    wrong = fg.check(WrongSpike)
    assert [failure.kind for failure in wrong.failures] == ["value"]
    assert fg.check(Undeclared).failures[0].kind == "surrogate"


def test_the_code_of_a_report_shows_the_mistake(tmp_path, monkeypatch):
    (failure,) = fg.check(WrongSpike).failures
    names = {"WrongSpike": WrongSpike}
    lines = [line for line in failure.code.splitlines() if "import WrongSpike" not in line and "registry" not in line]
    printed: list[tuple[object, ...]] = []
    exec("\n".join(lines), {**names, "print": lambda *words: printed.append(words)})
    bprop, numeric = (float(words[-1]) for words in printed)
    assert bprop == pytest.approx(failure.analytic, rel=1e-5)
    assert numeric == pytest.approx(failure.numeric, rel=1e-5)


def test_a_graph_with_surrogates_is_checked_box_by_box():
    w = fg.Parameter(X, name="w")
    report = fg.check(fg.Graph(fg.sum(Spike(2 * w) ** 2)))
    assert report.verdict == "pass"
    assert any("end to end nothing was compared" in text for text in report.warnings)
    assert fg.check(fg.Graph(fg.sum(WrongSpike(2 * w) ** 2))).verdict == "fail"


def test_functions_of_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Rounded(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.round(x)

        @staticmethod
        def backward(ctx, grad):
            return grad

    class Declared(Rounded):
        surrogate = staticmethod(lambda x: x * 1.0)

    class Doubled(Declared):
        @staticmethod
        def backward(ctx, grad):
            return 2 * grad

    x = torch.tensor(X)
    assert "surrogate: the value is piecewise constant, and backward gives that of the identity" in str(
        fg.check(Rounded, x)
    )
    assert fg.check(Rounded, x, surrogate=lambda x: x * 1.0).passed
    assert fg.check(Declared, x, surrogate=None).passed
    assert fg.check(Doubled, x).failures[0].kind == "value"
    with pytest.raises(UsageError, match="needs its inputs"):
        fg.check(torch.nn.Linear(4, 2), x, surrogate=torch.sin)


def test_functions_of_jax():
    jax = pytest.importorskip("jax", reason="jax is not installed")

    @jax.custom_jvp
    def stepped(x):
        return jax.numpy.heaviside(x, 0.0)

    stepped.defjvp(lambda primals, tangents: (stepped(*primals), tangents[0] * jax.nn.sigmoid(primals[0])))
    x = jax.numpy.array(X[0])
    assert "surrogate" in fg.check(stepped, x).remark
    assert fg.check(stepped, x, surrogate=jax.nn.softplus).passed
