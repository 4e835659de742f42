"""Update rules and learning rates: each against a loop or a closed form; clipped gradients, averages of parameters."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

import flowgraph as fg
from flowgraph import schedules
from flowgraph.box.kinds import Number
from flowgraph.errors import UsageError
from flowgraph.training import Trainer
from flowgraph.training.rules import RULES, find_rule
from tests.training.rules_by_hand import RATE, STATES, cases, sgd

GRADS = np.random.default_rng(0).normal(size=(6, 3, 2))
START = np.random.default_rng(1).normal(size=(3, 2))


CASES = [(fg.SGD(), sgd), *cases()]


def run(rule, grads=GRADS, start=START, rate=RATE):
    """The parameter, as a weight, after one step per gradient, by the graph of the rule."""
    theta = fg.Parameter(start, name="theta")
    grad, lr = fg.Input("grad", shape=start.shape, dtype=start.dtype), fg.Input("lr", dtype=start.dtype)
    updates = rule.of_weights([theta]).updates({theta: grad}, lr)
    graph = fg.Graph(*updates.values())
    for one in grads:
        values = graph.fprop({grad: one.astype(start.dtype), lr: rate}) if lr in graph else graph.fprop({grad: one})
        for parameter, box in updates.items():
            parameter.value = values[box]
    return theta.value


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rate_may_be_all_that_numpy_multiplies_by(rule, dtype):
    """One update, in the dtype of the parameter, whatever kind of number the rate is."""
    theta = fg.Parameter(START.astype(dtype), name="theta")
    found = []
    for rate in (1, True, 1.0, np.float32(1), np.int8(1), np.array(1.0), fg.Constant(1.0), fg.Constant(np.float32(1))):
        updates = find_rule(rule).of_weights([theta]).updates({theta: theta * 0.5}, rate)
        assert updates[theta].dtype == dtype
        found.append(fg.Graph(updates[theta]).fprop().outputs[0])
    assert all(np.array_equal(one, found[0]) for one in found)


@pytest.mark.parametrize(("rule", "loop"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_the_graph_is_the_rule(rule, loop):
    theta, memory = START, dict.fromkeys(STATES, 0.0)
    for t, grad in enumerate(GRADS, 1):
        theta = loop(theta, grad, memory, t)
    np.testing.assert_allclose(run(rule), theta, rtol=1e-12)


@pytest.mark.parametrize("rule", [case[0] for case in CASES], ids=lambda rule: rule.name)
def test_float32_stays(rule):
    found = run(rule, start=START.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, run(rule), rtol=1e-4, atol=1e-5)


def test_parameters_of_two_dtypes_each_keep_their_own():
    wide, narrow = fg.Parameter(np.ones((2, 2)), name="wide"), fg.Parameter(np.ones((2, 2), np.float32), name="narrow")
    updates = fg.Adam().updates({wide: wide * 2.0, narrow: narrow * 2.0}, fg.Input("lr"))
    assert all(parameter.dtype == box.dtype for parameter, box in updates.items())
    assert {p.name for p in updates} > {"wide/mean", "narrow/mean_square", "steps_float32", "steps_float64"}


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_is_drawn(name, tmp_path):
    graph = find_rule(name).graph()
    assert "theta" in graph
    assert graph.to_dot().startswith("digraph")


@pytest.mark.parametrize("rule", [fg.SGD(), fg.Momentum(0.5), fg.Nesterov(0.5)], ids=lambda rule: rule.name)
def test_complex_parameters_descend(rule):
    """|z − c|² over complex z: the minimum is at c."""
    x, z = fg.Input("x", shape=("N",)), fg.Parameter(np.array(3.0 + 1.0j), name="z")
    c = 1.0 - 2.0j
    objective = np.real((z - c) * np.conj(z - c)) + 0 * fg.mean(x)
    fg.fit(objective, {"x": np.zeros(1)}, rule=rule, learning_rate=0.1, epochs=200, checks=False, progress=False)
    assert z.value == pytest.approx(c, abs=1e-6)


def test_complex_parameters_have_no_mean_square():
    z = fg.Parameter(np.array(3.0 + 1.0j), name="z")
    with pytest.raises(UsageError, match=r"Adam: found Parameter 'z' of dtype complex128, but the square .* needs SGD"):
        fg.Adam().updates({z: z * 2.0}, fg.Input("lr"))


FIXED = schedules.Fixed(0.1)
INVERSE = schedules.InverseTime(0.1, delta=0.5)
POWER = schedules.Power(0.1, delta=0.75)
STEP = schedules.Step(0.1, every=3, factor=0.5)
COSINE = schedules.Cosine(0.1, updates=5, lowest=0.02)
TO_ZERO = schedules.Cosine(0.1, updates=5)
ALL = [
    FIXED, INVERSE, POWER, schedules.Power(0.1, delta=1), STEP, COSINE, TO_ZERO, schedules.WarmUp(4, POWER),
    schedules.FixedFirst(0.2, updates=3, then=INVERSE), schedules.WarmUp(2, FIXED), schedules.OneCycle(0.1, 50),
    schedules.OneCycle(0.1, 50, lowest=0),
]  # fmt: skip


@pytest.mark.parametrize("schedule", ALL, ids=str)
def test_the_conditions_are_those_of_partial_sums(schedule):
    """A sum is infinite if the part from T to 100 T does not die out as T grows."""
    found = schedule.converges()
    parts = []
    for start in (10**3, 10**5):
        t = np.unique(np.geomspace(start, 100 * start, 4000).astype(int))
        rates = np.array([schedule(int(one)) for one in t])
        parts.append((np.trapezoid(rates, t), np.trapezoid(rates**2, t)))
    (first, first_square), (second, second_square) = parts
    assert found.sum_is_infinite == (second > 0.5 * first > 0)
    assert found.squares_are_finite == (second_square <= 0.5 * first_square)
    assert bool(found) == (found.sum_is_infinite and found.squares_are_finite)


def test_it_warns_when_asked():
    with pytest.warns(schedules.ConvergenceWarning, match=r"Fixed\(alpha=0.1\): the sum of their squares is infinite"):
        FIXED.converges(warn=True)
    with pytest.warns(schedules.ConvergenceWarning, match=r"the sum of its rates is finite, .* InverseTime and Power"):
        STEP.converges(warn=True)
    assert INVERSE.converges(warn=True)


def test_what_a_schedule_refuses():
    for delta, why in ((0.5, "squares of the rates have an infinite sum"), (1.1, "rates have a finite sum")):
        with pytest.raises(UsageError, match=rf"Power: found delta={delta}, needs 0.5 < delta <= 1; the {why}"):
            schedules.Power(0.1, delta)
    with pytest.raises(UsageError, match=r"Step: found factor=1.0, needs a number below 1; Fixed keeps the rate"):
        schedules.Step(0.1, 2, 1.0)
    with pytest.raises(UsageError, match=r"Cosine: found lowest=0.2, needs 0 to alpha=0.1"):
        schedules.Cosine(0.1, 5, lowest=0.2)
    with pytest.raises(UsageError, match="updates are counted from 1"):
        FIXED(0)
    with pytest.raises(NotImplementedError):
        schedules.Schedule()(1)
    with pytest.raises(NotImplementedError):
        schedules.Schedule().converges()


def test_a_schedule_of_ones_own_may_have_fields_of_any_type_and_declare_their_ranges():
    """Annotations that only a type checker can resolve are left alone; those that declare a range are read."""
    space = {"__name__": __name__, "schedules": schedules, "dataclass": dataclass}
    code = """from __future__ import annotations
from typing import Annotated
from flowgraph.box.kinds import Number
@dataclass(frozen=True)
class Own(schedules.Schedule):
    table: OnlyForTypeCheckers
    alpha: float
    times: "int" = 2
    def rate(self, t):
        return self.alpha * self.table[t] * self.times
    def conditions(self):
        return schedules.Convergence(False, True)
"""
    exec(compile(code, "own", "exec"), space)
    own = space["Own"]({1: 0.5}, -1)
    assert (own(1), own.alpha) == (-1.0, -1)


@dataclass(frozen=True)
class Halved(schedules.Schedule):
    start: Annotated[float, Number(above=0)]

    def rate(self, t):
        return self.start / 2**t


def test_a_range_that_a_schedule_of_ones_own_declares_is_read():
    assert Halved(1)(1) == 0.5
    with pytest.raises(UsageError, match=r"Halved: found start=-1, needs a number above 0"):
        Halved(-1)


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


@pytest.mark.parametrize(("rule", "limits", "text"), [
    (fg.SGD(), {"norm": 0}, "norm=0, needs a number above 0"), (fg.SGD(), {}, "neither norm= nor value="),
    (3, {"norm": 1}, "rule=3, needs a rule"),
])  # fmt: skip
def test_limits_that_make_no_sense(rule, limits, text):
    with pytest.raises(UsageError, match=f"Clipped: found {text}"):
        fg.Clipped(rule, **limits)


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


def test_steps_go_on_from_the_parameters_themselves_after_a_run():
    found, expected = (linear() for _ in range(2))
    trainer = Trainer(found[2], (X, Y), average=0.9)
    for epochs in (1, 2, 3):
        trainer.run(epochs)
    Trainer(expected[2], (X, Y), average=0.9).run(3)
    assert (found[0].value == expected[0].value).all()


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
