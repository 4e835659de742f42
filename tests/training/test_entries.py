"""The contract of an update rule, a schedule, an initialiser: a step by hand, the same names everywhere, a fit.

What is added is found here without being listed: it has an independent computation below or in rules_by_hand.py, stands
in every list of its kind, and the example of its docstring trains a model.
"""

import ast
import doctest
import inspect
import math
from typing import get_args

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import schedules, training
from flowgraph.training import initialisers, rules
from tests.rooms import ROOT
from tests.training.rules_by_hand import cases

PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def public(module, of):
    """The classes of a kind that a module defines for users."""
    defined = {name: one for name, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__}
    return {
        name: one for name, one in defined.items() if name[0] != "_" and inspect.isclass(one) and issubclass(one, of)
    }


RULES = public(rules, training.Rule)
OF_OTHERS = {"Clipped", "Proximal"}
"""Rules that change another rule, which no single word names."""


def test_each_rule_has_a_step_by_hand():
    assert {type(rule).__name__ for rule, _ in cases()} | {"SGD"} == RULES.keys()


def test_the_lists_of_rules_have_each_rule():
    names = {name.lower() for name in RULES.keys() - OF_OTHERS}
    assert set(rules.RULES) == set(get_args(rules.RuleName)) == names
    assert RULES.keys() <= {*training.__all__}
    assert RULES.keys() <= {*fg.__all__}
    for name in RULES:
        assert f"`{name}" in PAGE or f"fg.{name}" in PAGE, f"docs/training.md does not say {name}"
    for name in names:
        assert f"'{name}'" in fg.fit.__doc__, f"fg.fit does not say {name!r}"


def values_in(docstring):
    """What the calls in the examples of a docstring give, and the classes that they define."""
    space, found = {"fg": fg, "np": np}, []
    for example in doctest.DocTestParser().get_examples(docstring):
        tree = ast.parse(example.source)
        exec(compile(tree, "<example>", "exec"), space)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in calls:
            names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
            if names <= space.keys() | vars(__import__("builtins")).keys():
                found.append(eval(compile(ast.Expression(call), "<example>", "eval"), space))
    return found


def fitted(**settings):
    """The objective before and after a short training by these settings."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    mlp = fg.MLP([3, 4, 2], rng=0)
    history = fg.fit(mlp, (X, (X[:, 0] > 0).astype(int)), epochs=4, seed=0, checks=False, progress=False, **settings)
    losses = [epoch.train_objective for epoch in history]
    assert np.isfinite(losses).all()
    return losses


@pytest.mark.parametrize("cls", [training.Rule, *RULES.values()], ids=lambda cls: cls.__name__)
def test_the_example_of_a_rule_trains(cls):
    shown = [one for one in values_in(cls.__doc__) if isinstance(one, cls)]
    assert shown, f"the example of {cls.__name__} makes none"
    for rule in shown:
        losses = fitted(rule=rule)
        assert losses[-1] < losses[0]


FIXED = schedules.Fixed(0.1)
INVERSE = schedules.InverseTime(0.1, delta=0.5)
POWER = schedules.Power(0.1, delta=0.75)
HALF, LARGE = math.sqrt(1 / 2), math.sqrt(3 / 4)
RATES = [
    (FIXED, [0.1, 0.1, 0.1]),
    (INVERSE, [0.1 / 1.5, 0.1 / 2, 0.1 / 2.5]),
    (POWER, [0.1, 0.1 / 2**0.75, 0.1 / 3**0.75]),
    (schedules.Step(0.1, every=3, factor=0.5), [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025]),
    (schedules.Cosine(0.1, updates=5, lowest=0.02), [0.1, 0.06 + 0.04 * HALF, 0.06, 0.06 - 0.04 * HALF, 0.02, 0.02]),
    (schedules.OneCycle(1.0, updates=9, rise=1 / 3, start=0.2, lowest=0.1),
     [0.2, 0.6, 1.0, 0.55 + 0.45 * LARGE, 0.775, 0.55, 0.325, 0.55 - 0.45 * LARGE, 0.1, 0.1]),
    (schedules.FixedFirst(0.2, updates=2, then=INVERSE), [0.2, 0.2, 0.1 / 1.5, 0.1 / 2]),
    (schedules.WarmUp(4, POWER), [0.025, 0.05, 0.075, 0.1, 0.1, 0.1 / 2**0.75]),
]  # fmt: skip
SCHEDULES = public(schedules, schedules.Schedule).keys() - {"Schedule"}


@pytest.mark.parametrize(("schedule", "rates"), RATES, ids=lambda one: type(one).__name__)
def test_the_rates_of_a_schedule_are_those_by_hand_and_train(schedule, rates):
    np.testing.assert_allclose([schedule(t) for t in range(1, len(rates) + 1)], rates, rtol=1e-12)
    losses = fitted(rule="sgd", learning_rate=schedule)
    assert losses[-1] < losses[0]


def test_each_schedule_has_rates_by_hand_and_stands_on_the_page():
    assert {type(schedule).__name__ for schedule, _ in RATES} == SCHEDULES
    for name in SCHEDULES:
        assert f"`{name}`" in PAGE


def of_bound(bound):
    return lambda found, fan_in, fan_out: 0.99 * bound(fan_in, fan_out) < abs(found).max() <= bound(fan_in, fan_out)


def of_spread(spread):
    """Of a normal distribution: its moments up to the fourth."""

    def holds(found, fan_in, fan_out):
        z = found / spread(fan_in, fan_out)
        return np.allclose([z.mean(), (z**2).mean(), (z**4).mean()], [0, 1, 3], atol=0.05)

    return holds


DRAWN = {
    "glorot_uniform": of_bound(lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out))),
    "he_uniform": of_bound(lambda fan_in, fan_out: math.sqrt(6 / fan_in)),
    "he_normal": of_spread(lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
    "zeros": lambda found, fan_in, fan_out: not found.any(),
}
INITIALISERS = {
    name: one for name, one in vars(initialisers).items()
    if inspect.isfunction(one) and [*inspect.signature(one).parameters] == ["fan_in", "fan_out", "rng", "dtype"]
}  # fmt: skip


def test_the_lists_of_initialisers_have_each():
    assert (
        INITIALISERS.keys() == DRAWN.keys() == set(get_args(initialisers.InitialiserName)) == {*initialisers._BY_NAME}
    )
    assert INITIALISERS.keys() <= {*training.__all__}
    for name in INITIALISERS:
        assert f"'{name}'" in fg.MLP.__doc__, f"fg.MLP does not say {name!r}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DRAWN)
def test_an_initialiser_draws_from_its_distribution_and_trains(name, dtype):
    for fans in ((300, 200), (50, 900)):
        found = INITIALISERS[name](*fans, rng=1, dtype=dtype)
        assert (found.shape, found.dtype) == (fans, dtype)
        assert DRAWN[name](found, *fans)
        if name.endswith("uniform"):
            assert abs(found.mean()) < 0.02 * abs(found).max()
            assert np.mean(abs(found) < abs(found).max() / 2) == pytest.approx(0.5, abs=0.02)
    mlp = fg.MLP([3, 4, 2], init=name, rng=0)
    assert all(DRAWN[name](weight.value, *weight.shape) for weight in mlp.weights) or name != "zeros"
    X = np.random.default_rng(0).normal(size=(60, 3))
    history = fg.fit(mlp, (X, (X[:, 0] > 0).astype(int)), epochs=3, seed=0, checks=False, progress=False)
    assert np.isfinite([epoch.train_objective for epoch in history]).all()


LOSSES = {
    "SoftmaxCrossEntropy": (2, lambda h, labels: fg.SoftmaxCrossEntropy(h, labels)),
    "NegativeLogLikelihood": (2, lambda h, labels: fg.NegativeLogLikelihood(fg.softmax(h), labels)),
    "BinaryCrossEntropy": (1, lambda h, labels: fg.BinaryCrossEntropy(h[:, 0], labels * 1.0)),
    "Hinge": (1, lambda h, labels: fg.Hinge(h[:, 0], labels * 2.0 - 1.0)),
    "SquaredError": (1, lambda h, labels: fg.SquaredError(h[:, 0], labels * 1.0)),
    "AbsoluteError": (1, lambda h, labels: fg.AbsoluteError(h[:, 0], labels * 1.0)),
    "Huber": (1, lambda h, labels: fg.Huber(h[:, 0], labels * 1.0)),
}
"""Each loss of outputs and labels 0 and 1, and how many outputs it needs."""


def test_each_loss_is_tried():
    assert {name for name, cls in fg.registry.items() if cls.role == "loss" and cls.public} == LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_trains_a_network_to_tell_two_classes_apart(name):
    outputs, loss = LOSSES[name]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    x, labels = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    h = fg.MLP([3, 8, outputs], output="linear", rng=0)(x)
    objective = fg.mean(loss(h, labels))
    fg.fit(objective, {"x": X, "y": y}, epochs=60, learning_rate=0.02, seed=0, checks=False, progress=False)
    scores = fg.Graph(h).fprop(x=X).outputs[0]
    middle = 0.5 if name in ("SquaredError", "AbsoluteError", "Huber") else 0.0
    found = scores.argmax(1) if outputs == 2 else scores[:, 0] > middle
    assert np.mean(found == y) > 0.9
