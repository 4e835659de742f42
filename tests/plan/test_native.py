"""Plans through Numba: the numbers of the NumPy plan, and NumPy where Numba cannot."""

import importlib.util

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import flowgraph as fg
from flowgraph.checking.strategies import graphs
from flowgraph.plan.programs import PROGRAMS
from flowgraph.training.mlp import HIDDEN
from tests.cases import cases
from tests.derivatives.test_other_shapes import BOXES
from tests.plan.agreement import assert_agree
from tests.plan.native_in_python import is_native
from tests.plan.test_drawn_graphs import assert_plan_equals_graph, compare
from tests.plan.test_plan import batch

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.mark.parametrize("name", BOXES)
def test_every_box_with_native_lines_gives_the_numbers_of_its_graph(interpreted, name):
    for case in cases(BOXES[name]):
        plan = assert_plan_equals_graph(name, case, backend="numba")
        if plan is not None and plan.last is not None and not is_native(plan):
            break


@pytest.mark.filterwarnings("ignore:compile")  # what has no rule for Numba is run by NumPy
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs(dtypes=(np.float32, np.float64)))
def test_random_graphs(interpreted, graph):
    compare(graph, (), backend="numba")


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.sampled(one_in=3)
@settings(max_examples=3)
@given(graph=graphs(dtypes=(np.float32, np.float64)))
def test_random_graphs_compiled(graph):
    compare(graph, (), backend="numba")


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("count", [40])
def test_all_activations_in_one_compiled_network(count):
    x, y = fg.Input("x", shape=("N", 24)), fg.Input("y", shape=("N",), dtype=int)
    rate = fg.Input("rate")
    rng = np.random.default_rng(0)
    h, parameters = x, []
    for name, activation in HIDDEN.items():
        w = fg.Parameter(rng.normal(size=(24, 24)) / 5, name=f"W_{name}")
        b = fg.Parameter(0.1 * rng.normal(size=24), name=f"b_{name}")
        parameters += [w, b]
        h = activation(h @ w + b)
    loss = fg.mean(fg.SoftmaxCrossEntropy(h, y)) + 1e-2 * fg.L2(*parameters)
    grads = fg.gradient(loss, parameters)
    updates = {p: p - rate * g for p, g in zip(parameters, grads, strict=True)}
    against_numpy((parameters, loss, grads, updates), batch(count, width=24, classes=24), float)


def against_numpy(built, feeds, dtype):
    """Four steps by both plans from the same start."""
    owner, loss, grads, updates = built
    parameters = owner if isinstance(owner, list) else owner.parameters
    start, ends, losses = [p.value for p in parameters], [], []
    for backend in ("numpy", "numba"):
        for p, value in zip(parameters, start, strict=True):
            p.value = value
        step = fg.compile([loss, *grads], updates=updates, backend=backend)
        found = [step(**feeds, rate=0.1) for _ in range(4)]
        losses.append([value for values in found for value in values])
        ends.append([p.value for p in parameters])
    assert is_native(step)
    for one, other in zip(losses[1], losses[0], strict=True):
        assert_agree(one, other, step.source, 10.0)
    for one, other in zip(ends[1], ends[0], strict=True):
        assert_agree(one, other, step.source, 10.0)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_random_leaves_integers_and_truth_values(backend, interpreted):
    x, k = fg.Input("x", shape=("N", 4)), fg.Input("k", shape=(), dtype=np.int32)
    boxes = [fg.dropout(x, 0.5), np.where(x > 1, k, k // 2), x.T[1:, ::-1] * k, np.concatenate([x, x * 2], axis=1)]
    boxes += [x > 1, (x > 1).T, np.max(x > 3), np.max(k), np.sum(x > 3), np.sum(x * 1j)]
    plan, graph = fg.compile(boxes, backend=backend), fg.Graph(*boxes)
    given_x = np.arange(20.0).reshape(5, 4)
    for seed in (0, 3):
        found, run = plan(x=given_x, k=7, seed=seed), graph.fprop(x=given_x, k=7, seed=seed)
        for one, other in zip(found, run.outputs, strict=True):
            assert_agree(one, other)
    assert is_native(plan) == (backend == "numba")


def test_the_source_shares_loops_and_keeps_no_array_that_one_loop_reads(interpreted):
    x = fg.Input("x", shape=(4, 5))
    y = fg.Constant(np.ones((4, 5)))
    plan = fg.compile(fg.sum(np.exp(np.tanh(x) * 2) + y), backend="numba")
    plan(x=np.ones((4, 5)))
    assert plan.source.count("for ") == 1, plan.source
    assert plan.source.count("= pointer(") == 3, plan.source  # the addresses, the argument and the constant
    assert plan.bytes == 0


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (fg.SoftmaxCrossEntropy, [0, 5], "label 5 at index 1, needs 0 to 2"),
        (lambda f, y: fg.BinaryCrossEntropy(f[:, 0], y), [1, 2], "target 2 at index 1, needs 0 to 1"),
        (lambda f, y: fg.Hinge(f[:, 0], y), [1, 0], "label 0 at index 1, needs -1 or 1"),
        (lambda f, y: fg.NegativeLogLikelihood(fg.softmax(f), y), [-1, 0], "label -1 at index 0, needs 0 to 2"),
    ],
)
def test_targets_that_a_loss_refuses(interpreted, loss, targets, message):
    f, y = fg.Parameter(np.full((2, 3), 0.5), name="f"), fg.Input("y", shape=(2,), dtype=int)
    value = fg.mean(loss(f, y))
    (df,) = fg.gradient(value, [f])
    step = fg.compile([value], updates={f: f - df}, backend="numba")
    with pytest.raises(fg.FlowgraphError, match=message):
        step(y=np.array(targets))
    np.testing.assert_array_equal(f.value, 0.5)
    step(y=np.array([1, 1]))
    assert is_native(step)
    assert not np.array_equal(f.value, np.full((2, 3), 0.5))


def test_long_arrays_of_which_numpy_computes_a_function_faster_stay_with_it(interpreted):
    x = fg.Input("x", shape=(100, 50))
    plan = fg.compile(np.sin(x) * 2 + 1, backend="numba")
    given_x = np.random.default_rng(0).normal(size=(100, 50))
    np.testing.assert_allclose(plan(x=given_x), np.sin(given_x) * 2 + 1, rtol=1e-12)
    assert "computes sin of 5,000 numbers, which NumPy does faster" in repr(plan)
    assert "sin(x" in plan.source


def test_the_repr_of_a_plan_of_numpy_says_where_one_function_would_take_about_half_the_time():
    def plan_for(count, build=lambda x: np.exp(-x * x) + x, **options):
        x = fg.Input("x", shape=("N",))
        return fg.compile(build(x), **options).prepare(x=np.ones(count))

    advice = 'backend="numba" would take about half the time'
    assert advice in repr(plan_for(100))
    assert advice not in repr(plan_for(100_000))
    assert advice not in repr(plan_for(100, lambda x: np.exp(x[x > 0]) + 1))  # which no one function computes
    assert advice not in repr(plan_for(100, backend="numba"))
    assert advice not in repr(fg.compile(fg.Input("x", shape=("N",)) * 2))


def test_a_plan_that_was_shown_still_serves_equal_graphs():
    def shown(text):
        x = fg.Input("x", shape=(7,))
        plan = fg.compile(np.exp(-x * x) + x / 3).prepare(x=np.ones(7))
        return repr(plan) if text else None

    shown(True)
    kept = len(PROGRAMS)
    shown(False)
    assert len(PROGRAMS) == kept


def test_a_parameter_of_one_number_that_is_only_read_is_given_to_the_function_as_a_number():
    p = fg.Parameter(4.0, name="p")
    plan = fg.compile([np.sqrt(p) + 1], backend="numba")
    assert plan() == (3.0,)
    p.value = 9.0
    assert plan() == (4.0,)
    assert is_native(plan)
