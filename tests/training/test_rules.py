"""Update rules: each as a graph, run for some steps, against the same rule written as a loop."""

import math

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training.rules import RULES, find_rule

GRADS = np.random.default_rng(0).normal(size=(6, 3, 2))
START = np.random.default_rng(1).normal(size=(3, 2))
RATE = 0.05


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


def sgd(theta, grad, memory, t):
    return theta - RATE * grad


def momentum(theta, grad, memory, t):
    memory["v"] = grad + 0.8 * memory.get("v", 0)
    return theta - RATE * memory["v"]


def nesterov(theta, grad, memory, t):
    memory["v"] = grad + 0.8 * memory.get("v", 0)
    return theta - RATE * grad - RATE * 0.8 * memory["v"]


def rmsprop(theta, grad, memory, t):
    memory["s"] = 0.7 * memory.get("s", 0) + 0.3 * grad**2
    return theta - RATE * grad / (memory["s"] ** 0.5 + 1e-3)


def adagrad(theta, grad, memory, t):
    memory["s"] = memory.get("s", 0) + grad**2
    return theta - RATE * grad / (memory["s"] ** 0.5 + 1e-3)


def adam(theta, grad, memory, t):
    memory["m"] = 0.6 * memory.get("m", 0) + 0.4 * grad
    memory["s"] = 0.7 * memory.get("s", 0) + 0.3 * grad**2
    return theta - RATE * (memory["m"] / (1 - 0.6**t)) / (np.sqrt(memory["s"] / (1 - 0.7**t)) + 1e-3)


def adamw(theta, grad, memory, t):
    return adam(theta, grad, memory, t) - RATE * 0.2 * theta


CASES = [
    (fg.SGD(), sgd),
    (fg.Momentum(0.8), momentum),
    (fg.Nesterov(0.8), nesterov),
    (fg.RMSProp(0.7, 1e-3), rmsprop),
    (fg.Adagrad(1e-3), adagrad),
    (fg.Adam(0.6, 0.7, 1e-3), adam),
    (fg.AdamW(0.6, 0.7, 1e-3, decay=0.2), adamw),
]


@pytest.mark.parametrize(("rule", "loop"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_the_graph_is_the_rule(rule, loop):
    theta, memory = START, {}
    for t, grad in enumerate(GRADS, 1):
        theta = loop(theta, grad, memory, t)
    np.testing.assert_allclose(run(rule), theta, rtol=1e-12)


def test_momentum_is_the_lectures_running_sum():
    """∇̄ᵗ = ∇ + β ∇̄ᵗ⁻¹: under a steady gradient the speed grows by the factor 1 / (1 − β)."""
    steady = np.ones((200, 1))
    start = np.zeros(1)
    last = run(fg.Momentum(0.9), steady, start) - run(fg.Momentum(0.9), steady[:-1], start)
    np.testing.assert_allclose(last, -RATE / (1 - 0.9), rtol=1e-6)


def test_momentum_crosses_a_plateau():
    """On a slope of 1e-3 that ends in a flat stretch, momentum goes on where plain descent stands still."""
    steep, flat = np.full((20, 1), 1.0), np.zeros((50, 1))
    grads = np.concatenate([steep, flat])
    travelled = {rule.name: -run(rule, grads, np.zeros(1))[0] for rule in (fg.SGD(), fg.Momentum(0.9))}
    assert travelled["SGD"] == pytest.approx(20 * RATE)
    assert travelled["Momentum"] > 9 * travelled["SGD"]


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


def test_what_it_refuses():
    with pytest.raises(UsageError, match=r"rule: found 'sdg', needs a rule, fg.Momentum\(0.9\), or one of sgd, mom"):
        find_rule("sdg")
    with pytest.raises(UsageError, match=r"Momentum: found beta=1.0, needs a number from 0 and below 1"):
        fg.Momentum(1.0)
    with pytest.raises(UsageError, match=r"Adam: found beta2=nan"):
        fg.Adam(beta2=math.nan)
