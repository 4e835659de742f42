"""Nothing random is frozen: without a seed every run and step draws anew, a seed repeats, a run keeps its draws."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.random_draws import seed_of_run
from flowgraph.errors import UsageError
from flowgraph.functional import grad, value_and_grad

QUIET = {"checks": False, "progress": False}

X = np.ones((4, 6))
x = fg.Input("x", shape=("N", 6))
w = fg.Parameter(np.full(6, 0.5), name="w")
noise = fg.Random(lambda generator, shape: generator.normal(size=shape), shape=(6,), name="noise")
loss = fg.mean((fg.dropout(x, 0.5) @ (w + noise)) ** 2)
graph = fg.Graph(loss)
(dw,) = fg.gradient(loss, [w])
step = fg.compile([loss, dw])


def of_run(**settings):
    run = graph.fprop(x=X, **settings)
    return np.append(run.bprop()[w], run[loss])


def of_plan(**settings):
    value, grad = step(x=X, **settings)
    return np.append(grad, value)


def of_plan_in_debug_mode(**settings):
    with fg.debug():
        return of_plan(**settings)


def of_outputs_alone(**settings):
    return np.asarray(graph.fprop({x: X}, keep="outputs", **settings)[loss])


WAYS = [of_run, of_plan, of_plan_in_debug_mode, of_outputs_alone]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_run_draws_anew_without_a_seed_and_repeats_with_one(way):
    found = [way().tobytes() for _ in range(8)]
    assert len(set(found)) == 8
    for seed in (0, 7, np.int64(7), 2**100, (3, 1), [3, 1], np.array([3, 1]), np.random.SeedSequence(5)):
        assert way(seed=seed).tobytes() == way(seed=seed).tobytes()
    assert way(seed=7).tobytes() == way(seed=np.int64(7)).tobytes() != way(seed=8).tobytes()
    assert way(seed=(3, 1)).tobytes() == way(seed=[3, 1]).tobytes() != way(seed=(1, 3)).tobytes()


def test_the_seed_of_a_run_repeats_it_and_all_of_a_run_keeps_its_draws():
    run = graph.fprop(x=X)
    again = graph.fprop(x=X, seed=run.seed)
    assert again.seed == run.seed
    for box in graph:
        np.testing.assert_array_equal(run[box], again[box])
    np.testing.assert_array_equal(run.bprop()[w], again.bprop()[w])
    moved = run.update({w: w.value + 1})
    assert moved.seed == run.seed
    np.testing.assert_array_equal(moved[noise], run[noise])
    np.testing.assert_array_equal(moved[loss], graph.fprop({x: X, w: w.value + 1}, seed=run.seed)[loss])
    with np.errstate(all="ignore"):
        bad = fg.Graph(np.sum(np.log(noise * 0 - 1) * w)).fprop()
        assert "log" in str(bad.explain_nan()).lower()


def test_a_run_without_random_leaves_needs_no_seed():
    run = fg.Graph(fg.sum(x)).fprop(x=X)
    assert run.seed is None


def test_what_trains_or_checks_repeats_by_its_own_seed():
    labels = (np.arange(40) % 2).astype(int)
    data = np.random.default_rng(0).normal(size=(40, 6))

    def trained():
        mlp = fg.MLP([6, 8, 2], dropout=0.5, rng=0)
        history = fg.fit(mlp, (data, labels), (data, labels), epochs=2, seed=3, **QUIET)
        return [*(p.value.tobytes() for p in mlp.parameters), history["train_loss"], history["valid_loss"]]

    def minimised(method):
        weights = fg.Parameter(np.full(6, 0.3), name="weights")
        squares = fg.mean((fg.dropout(x, 0.5) @ weights - 1) ** 2) + 0.1 * fg.L2(weights)
        found = method(squares, {"x": data})
        told = found["valid_loss"] if method is fitted else found.objective
        return told, weights.value.tobytes()

    def fitted(objective, feeds):
        return fg.fit(objective, (feeds, feeds), epochs=2, seed=3, **QUIET)

    assert trained() == trained()
    for method in (fg.newton, fg.lbfgs, fitted):
        assert minimised(method) == minimised(method)
    network = fg.MLP([6, 8, 2], dropout=0.5, rng=0)
    assert str(fg.preflight(network, (data, labels))) == str(fg.preflight(network, (data, labels)))
    reports = [fg.check(graph, x=X, seed=2) for _ in range(2)]
    assert reports[0].passed
    assert reports[0].resolution == reports[1].resolution


@pytest.mark.parametrize("seed", [-1, 1.5, "7", [], [1, None], [1, -2], [1, (2, 3)], np.random.default_rng(0)])
def test_a_seed_that_is_none_is_refused_with_the_way_out(seed):
    for way, who in ((of_run, "fprop"), (of_plan, "plan")):
        with pytest.raises(UsageError, match=rf"{who}: found seed=.* needs an integer from 0.* or None for new draws"):
            way(seed=seed)


def test_fresh_entropy_is_fresh_and_a_seed_is_itself():
    assert len({seed_of_run(None) for _ in range(50)}) == 50
    assert seed_of_run(7) == seed_of_run(np.uint8(7)) == 7
    assert seed_of_run([1, np.int8(2)]) == (1, 2)


def dropped(p):
    h = fg.dropout(p * 1.0, 0.5)
    return np.sum(h) * 2 if np.sum(h) > 6 else np.sum(h)


def test_the_value_and_the_control_flow_of_a_call_see_one_draw():
    slope = value_and_grad(dropped)
    for _ in range(40):
        value, grads = slope(np.ones(6))
        kept = np.count_nonzero(grads)
        assert value == 2 * kept * (2 if 2 * kept > 6 else 1)
        assert set(grads) <= {0.0, 4.0 if 2 * kept > 6 else 2.0}


def test_random_leaves_in_a_function_have_draws_of_their_own_each_use_the_same():
    def f(p):
        first, second = (fg.Random(lambda g, s: g.normal(size=s), shape=(3,)) for _ in range(2))
        return np.sum(p * first - p * second) + np.sum(noise[:3] * p) - np.sum(noise[:3] * p)

    slope = grad(f)
    found = [slope(np.ones(3)) for _ in range(6)]
    assert len({one.tobytes() for one in found}) == 6
    assert all(np.abs(one).min() > 1e-12 for one in found)


def test_a_derivative_inside_another_has_the_seed_that_it_was_given():
    fixed = grad(lambda p: np.sum(fg.dropout(p, 0.5)), seed=3)
    both = grad(lambda p: np.sum(fixed(p) * p) + np.sum(10 * fixed(p) * p) + np.sum(100 * fg.dropout(p, 0.5)))
    found = [both(np.ones(8)) for _ in range(6)]
    np.testing.assert_array_equal([one % 100 for one in found], [(fixed(np.ones(8)) * 11) for _ in range(6)])
    assert len({one.tobytes() for one in found}) > 3
