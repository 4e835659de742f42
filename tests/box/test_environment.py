"""NumPy told to raise on every floating-point event: what is exact still runs, what is infinite or undefined raises."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import functional as F
from flowgraph.testing.declared import differentiable, seeds
from tests.cases import cases
from tests.test_contract import BOXES

LARGE, HALF = 800.0, 100.0
"""Where exp underflows, in float64 and in float32."""


def variants(case):
    """The case itself, at 0, where exponentials underflow, and with a single element at 0 or there."""
    yield case
    for factor, dtype in ((0.0, np.float64), (LARGE, np.float64), (-LARGE, np.float64), (HALF, np.float32)):
        yield _changed(case.cast(dtype), lambda a, factor=factor: a * a.dtype.type(factor))
    for number in (0.0, LARGE, -LARGE):
        yield _changed(case, lambda a, number=number: np.where(np.arange(a.size).reshape(a.shape) == 0, number, a))


def _changed(case, function):
    return case.replace(*(function(a).astype(a.dtype) if i in case.floats else a for i, a in enumerate(case.children)))


def finite(values):
    return all(np.all(np.isfinite(value)) for value in values)


def assert_all_equal(found, needed, what):
    for one, other in zip(found, needed, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=what)


@pytest.mark.parametrize("name", BOXES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_only_what_is_not_finite_raises(name):
    """fprop and bprop give the same bits under all="raise", and a plan runs, wherever these bits are finite numbers."""
    for case in cases(BOXES[name])[:2]:
        for number, one in enumerate(variants(case)):
            _assert_undisturbed(one, with_plan=number == 2)


def _assert_undisturbed(case, with_plan):
    leaves = [fg.Parameter(a) if i in case.floats else fg.Constant(a) for i, a in enumerate(case.children)]
    try:
        with np.errstate(all="ignore"):
            box = case.cls(*leaves, **case.settings)
            outputs = list(box) if len(box.outputs) > 1 else [box]
            graph = fg.Graph(*outputs)
            run = graph.fprop()
    except (ValueError, TypeError, np.linalg.LinAlgError):  # outside the domain: a singular matrix, say
        return
    if not finite(run.outputs):
        return
    with np.errstate(all="raise"):
        assert_all_equal(graph.fprop().outputs, run.outputs, f"{case}: value")
        if with_plan:
            fg.compile(outputs)()
    if not differentiable(case):
        return
    grad = seeds(tuple(run.outputs) if len(outputs) > 1 else run.outputs[0])
    wrt = [leaves[i] for i in case.floats]
    try:
        with np.errstate(all="ignore"):
            grads = run.bprop(grad, wrt=wrt, unused="zeros")
    except (ValueError, TypeError, np.linalg.LinAlgError):
        return
    if finite(grads.values()):
        with np.errstate(all="raise"):
            again = run.bprop(grad, wrt=wrt, unused="zeros")
        assert_all_equal(again.values(), grads.values(), f"{case}: gradient")


@pytest.mark.parametrize("told", ["raise", "warn"])
def test_what_is_an_error_of_numpy_stays_one(told):
    """Division by zero, an overflow and a logarithm of a negative number, in graphs, plans and functions."""
    error = FloatingPointError if told == "raise" else RuntimeWarning
    for function, value, text in (
        (lambda x: 1.0 / x, 0.0, "divide by zero"), (np.log, -1.0, "invalid value"), (np.exp, 1000.0, "overflow"),
        (lambda x: np.exp(-x) / np.exp(-x), LARGE, "invalid value"),  # an underflow, then 0 / 0
    ):  # fmt: skip
        x = fg.Input("x", shape=(2,))
        box = function(x)
        value = np.full(2, value)
        with np.errstate(all=told):
            with pytest.raises(error, match=text) as caught:
                fg.Graph(box).fprop(x=value)
            assert "in fprop of" in caught.value.__notes__[0]
            with pytest.raises(error, match=text):
                fg.compile(box)(x=value)
            with pytest.raises(error, match=text):
                F.value_and_grad(lambda x, function=function: np.sum(function(x)))(value)
    w = fg.Parameter([0.0], name="w")
    with np.errstate(all=told), pytest.raises(error, match="divide by zero"):
        fg.Graph(fg.sum(np.sqrt(w))).fprop().bprop()


def test_an_underflow_that_a_box_raises_itself_is_raised():
    class Strict(fg.Elementwise):
        def fprop(self, a):
            with np.errstate(under="raise"):
                return np.exp(a)

    box = Strict(fg.Input("x"))
    for state in ("ignore", "raise"):
        with np.errstate(under=state), pytest.raises(FloatingPointError, match="underflow"):
            fg.Graph(box).fprop(x=-LARGE)


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam", "rmsprop"])
def test_training_gives_the_same_weights(rule):
    """With weights so large that probabilities underflow, and inputs so small that gradients and their means do."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 4)) * [1.0, 1e-160, 30.0, 1.0]
    y = (X[:, 0] > 0).astype(int)
    weights = []
    for state in ({"under": "ignore"}, {"all": "raise"}):
        mlp = fg.MLP([4, 6, 2], hidden="sigmoid", output="softmax", rng=0)
        for parameter in mlp.parameters:
            parameter.value = parameter.value * 40
        with np.errstate(**state):
            fg.fit(mlp, (X, y), rule=rule, epochs=4, checks=False, progress=False)
        weights.append([parameter.value for parameter in mlp.parameters])
    assert_all_equal(weights[1], weights[0], rule)


@pytest.mark.sampled(one_in=5)
@pytest.mark.parametrize("cls", [fg.Divide, fg.Power, fg.Logit, fg.Softmax, fg.SoftmaxCrossEntropy])
def test_a_verdict_does_not_depend_on_it(cls):
    with np.errstate(all="raise"):
        report = fg.check(cls, budget=8000)
    assert report.passed, str(report)


NUMBERS = [0.0, 1.0, np.inf, -np.inf, np.nan, 1.7e308, -1.7e308]


@pytest.mark.parametrize("first", NUMBERS)
@pytest.mark.parametrize("second", NUMBERS)
def test_a_gradient_of_any_numbers_is_passed_on_without_a_word_of_what_the_engine_sums_itself(first, second):
    factors, x = np.array([first, second]), fg.Parameter(np.ones(2))
    grads = fg.Graph(x * factors).fprop().bprop(np.ones(2), wrt=[x])
    np.testing.assert_array_equal(grads[x], factors)
