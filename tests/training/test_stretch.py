"""Small parameters in one stretch: the same numbers as apart, and parameters that behave as any other."""

from dataclasses import dataclass

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.training.stretch import SMALL, stretches_of

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3))
Y = (X[:, 0] > 0).astype(int)

RULES = [fg.SGD(), fg.Momentum(), fg.Nesterov(), fg.RMSProp(), fg.Adam(), fg.AdamW(), fg.Proximal(fg.SGD(), l1=0.5)]


def trainer(rule, **settings):
    mlp = fg.MLP([3, 5, 2], rng=0, **settings)
    return fg.Trainer(mlp, (X, Y), rule=rule, learning_rate=0.03, batch_size=25, l2=1e-3)


def apart(rule):
    """The same rule, which does not say that it is elementwise."""
    kind = type(f"Apart{rule.name}", (type(rule),), {"elementwise": False})
    return kind(**vars(rule))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_numbers_are_those_of_parameters_apart(rule):
    dtype = np.float32 if rule.name == "Adam" else np.float64
    together, separate = trainer(rule, dtype=dtype), trainer(apart(rule), dtype=dtype)
    assert together._stretches
    assert not separate._stretches
    for _ in range(2):
        together.step()
        separate.step()
    tolerance = 100 * np.finfo(dtype).eps
    for name, value in separate.values().items():
        np.testing.assert_allclose(together.values()[name], value, rtol=tolerance, atol=tolerance)


def test_a_rule_of_its_own_gets_each_parameter_by_itself():
    seen = []

    @dataclass(frozen=True)
    class ByLayer(fg.Adam):
        """Inherits from a rule that is elementwise, and is not."""

        def change(self, parameter, grad, rate, count):
            seen.append(parameter.shape)
            return {parameter: parameter - rate * grad / np.sqrt(np.sum(grad * grad))}

    assert not ByLayer.elementwise
    trainer(ByLayer())
    assert sorted(seen) == [(2,), (3, 5), (5,), (5, 2)]


def test_a_rule_that_says_so_gets_all_small_ones_as_one():
    seen = []

    @dataclass(frozen=True)
    class Noted(fg.SGD):
        elementwise = True

        def change(self, parameter, grad, rate, count):
            seen.append(parameter.shape)
            return super().change(parameter, grad, rate, count)

    @dataclass(frozen=True)
    class NotedApart(Noted):
        elementwise = True
        spares_biases = True

        def change(self, parameter, grad, rate, count):
            return super().change(parameter, grad, rate, count)

    trainer(Noted())
    assert seen == [(3 * 5 + 5 + 5 * 2 + 2,)]
    seen.clear()
    trainer(NotedApart())
    assert sorted(seen) == [(1, 3 * 5 + 5 * 2), (5 + 2,)]


def test_large_parameters_stay_by_themselves():
    large = fg.Parameter(np.zeros(SMALL // 8 + 1), name="large")
    small = [fg.Parameter(np.zeros(3), name=name) for name in "abc"]
    (stretch,) = stretches_of([large, *small], fg.SGD(), ["theta1"])
    assert [one.name for one in stretch.parameters] == ["a", "b", "c"]
    assert stretch.whole.name == "theta2"
    assert not stretches_of([large, small[0]], fg.SGD(), [])


def test_a_parameter_assigned_during_training_is_trained_from_there():
    one, other = trainer(fg.SGD()), trainer(apart(fg.SGD()))
    for each in (one, other):
        each.step()
        weights = each._parameters["layer2/W"]
        weights.value = np.ones(weights.shape)
        assert (each.values()["layer2/W"] == 1).all()
        each.step()
    for name, value in other.values().items():
        np.testing.assert_allclose(one.values()[name], value, rtol=1e-13, atol=1e-15)


def test_two_trainers_of_one_model_take_turns():
    mlp = fg.MLP([3, 5, 2], rng=0)
    one, other = (fg.Trainer(mlp, (X, Y), rule="sgd", batch_size=50) for _ in range(2))
    losses = []
    for _ in range(3):
        for each in (one, other):
            each.step()
            losses.append(each.end_epoch().train_loss)
    assert losses == sorted(losses, reverse=True)
    alone = fg.fit(fg.MLP([3, 5, 2], rng=0), (X, Y), rule="sgd", batch_size=50, epochs=6, checks=False)
    np.testing.assert_allclose(losses, alone["train_loss"], rtol=1e-13)


def test_a_value_is_read_only_and_stays_as_it_was_read():
    training = trainer(fg.Adam())
    bias = training._parameters["layer1/b"]
    training.step()
    before = bias.value
    kept = before.copy()
    assert bias.value is before
    assert not before.flags.writeable
    training.step()
    assert (before == kept).all()
    assert (bias.value != kept).any()
