"""Gradients clipped by norm and by value, the average of the parameters, and one cycle of learning rates."""

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training import Trainer

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.normal(size=30) * 50
QUIET = {"checks": False, "progress": False}


def linear(dtype=float):
    """Two parameters of a linear model, and its objective."""
    x, y = fg.Input("x", shape=("N", 4), dtype=dtype), fg.Input("y", shape=("N",), dtype=dtype)
    w, b = fg.Parameter(np.zeros(4, dtype), name="w"), fg.Parameter(np.zeros((), dtype), name="b")
    return w, b, fg.mean(fg.SquaredError(x @ w + b, y))


def by_torch(norm=None, value=None, steps=5):
    """The same with PyTorch's clipping; its norm is divided by 1e-6 more."""
    w, b = torch.zeros(4, dtype=float, requires_grad=True), torch.zeros((), dtype=float, requires_grad=True)
    optimizer = torch.optim.SGD([w, b], lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        ((torch.tensor(X) @ w + b - torch.tensor(Y)) ** 2).mean().backward()
        if value is not None:
            torch.nn.utils.clip_grad_value_([w, b], value)
        if norm is not None:
            torch.nn.utils.clip_grad_norm_([w, b], norm)
        optimizer.step()
    return w.detach().numpy(), b.detach().numpy()


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("limits", [{"norm": 0.5}, {"value": 2.0}, {"norm": 1e6}, {"norm": 0.5, "value": 0.1}])
def test_as_pytorch_clips(limits):
    w, b, objective = linear()
    settings = {f"clip_{name}": limit for name, limit in limits.items()}
    fg.fit(objective, (X, Y), rule="sgd", learning_rate=0.1, batch_size=None, epochs=5, **settings, **QUIET)
    for found, expected in zip((w, b), by_torch(**limits), strict=True):
        np.testing.assert_allclose(found.value, expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_step_is_longer_than_the_limit(dtype):
    """And what is shown of the gradient is its norm before."""
    w, b, objective = linear(dtype)
    trainer = Trainer(objective, (X.astype(dtype), Y.astype(dtype)), rule="sgd", learning_rate=1.0, clip_norm=0.25)
    before = np.append(w.value, b.value)
    trainer.step()
    assert np.linalg.norm(np.append(w.value, b.value) - before) == pytest.approx(0.25, rel=1e-5)
    assert sum(trainer.end_epoch().gradient_norms.values()) > 1
    assert w.value.dtype == dtype


@pytest.mark.parametrize("rule", [fg.AdamW(decay=0.1), fg.Proximal(fg.SGD(), l1=0.5), fg.Adam(), fg.RMSProp()])
def test_around_any_rule_a_limit_that_is_never_reached_changes_nothing(rule):
    found = []
    for settings in ({}, {"clip_norm": 1e9, "clip_value": 1e9}):
        w, _, objective = linear()
        history = fg.fit(objective, (X, Y), rule=rule, epochs=3, **settings, **QUIET)
        found.append([w.value.tolist(), history["train_objective"]])
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)


def test_a_gradient_of_zero_stays_zero():
    p = fg.Parameter(np.zeros(3), name="p")
    n = fg.Input("n", shape=("N",))
    fg.fit(np.sum(p * p) + 0 * fg.mean(n), {"n": np.zeros(2)}, rule="sgd", clip_norm=1.0, epochs=1, **QUIET)
    assert not p.value.any()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"norm": 0}, "Clipped: found norm=0, needs a number above 0"),
        ({"value": "a"}, "Clipped: found value='a', needs a number above 0"),
        ({}, "found neither norm= nor value="),
        ({"rule": 3, "norm": 1}, "Clipped: found rule=3, needs a rule"),
    ],
)
def test_limits_that_make_no_sense(settings, text):
    with pytest.raises(UsageError, match=text):
        fg.Clipped(**({"rule": fg.SGD()} | settings))


def test_the_average_is_that_of_the_values_after_each_step():
    """By hand: it starts at the first values, validation sees it, and the model is left with it."""
    w, b, objective = linear()
    seen, expected = [], np.zeros(4)
    trainer = Trainer(objective, (X, Y), (X, Y), rule="sgd", learning_rate=0.01, batch_size=8, average=0.9)

    class See(fg.Callback):
        def on_step(self, trainer):
            seen.append(np.array(w.value))

    history = trainer.run(1, [See()])
    for value in seen:
        expected = 0.9 * expected + 0.1 * value
    assert len(seen) == 4
    np.testing.assert_allclose(w.value, expected)
    shown = np.mean((X @ w.value + b.value - Y) ** 2)
    assert history.best.valid_objective == pytest.approx(shown)
    assert not np.allclose(w.value, seen[-1])


def test_the_average_goes_on_from_a_state():
    first, second, whole = (Trainer(linear()[2], (X, Y), (X, Y), average=0.9) for _ in range(3))
    states = []
    first.run(1, [lambda trainer, epoch: states.append(trainer.state())])
    second.restore(states[0])
    assert second.run(3)["valid_objective"] == whole.run(3)["valid_objective"]
    with pytest.raises(UsageError, match=r"found a state with average 0.9, but this trainer has None"):
        Trainer(linear()[2], (X, Y), (X, Y)).restore(states[0])


def test_steps_go_on_from_the_parameters_themselves_after_a_run():
    found, expected = (linear() for _ in range(2))
    trainer = Trainer(found[2], (X, Y), average=0.9)
    for epochs in (1, 2, 3):
        trainer.run(epochs)
    Trainer(expected[2], (X, Y), average=0.9).run(3)
    assert (found[0].value == expected[0].value).all()


def test_an_average_that_makes_no_sense():
    with pytest.raises(UsageError, match="found average=1, needs a number from 0 and below 1"):
        fg.fit(linear()[2], (X, Y), average=1, **QUIET)


@pytest.mark.parametrize("updates", [10, 101, 1000])
def test_one_cycle_is_that_of_pytorch(updates):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    peer = OneCycleLR(optimizer, max_lr=0.3, total_steps=updates)
    schedule = fg.schedules.OneCycle(0.3, updates=updates)
    for t in range(1, updates):
        assert schedule(t) == pytest.approx(peer.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        peer.step()
    assert schedule(updates) == pytest.approx(0.3 / 25 / 1e4) == schedule(updates + 5)


def test_one_cycle_rises_then_falls():
    schedule = fg.schedules.OneCycle(1.0, updates=100, rise=0.5, start=0.1, lowest=0.0)
    rates = np.array([schedule(t) for t in range(1, 101)])
    assert (np.diff(rates[:50]) > 0).all()
    assert (np.diff(rates[49:]) < 0).all()
    assert (rates[0], rates.max(), rates[-1]) == (pytest.approx(0.1), pytest.approx(1.0), pytest.approx(0, abs=1e-12))
    assert not schedule.converges()
    for settings in ({"rise": 1.0}, {"start": 2.0}, {"updates": 0}, {"lowest": -1}):
        with pytest.raises(UsageError, match="OneCycle: found"):
            fg.schedules.OneCycle(**({"alpha": 1.0, "updates": 10} | settings))
    assert fg.schedules.OneCycle(1.0, updates=1)(1) > 0
