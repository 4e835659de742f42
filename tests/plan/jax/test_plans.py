"""Plans on JAX: the numbers of the graph, updates all together, source that can be read, values of parameters."""

import contextlib
import copy
import gc
import itertools
import pickle
import re

import jax
import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DtypeError, UnsupportedError, UsageError
from tests.cases import cases
from tests.interop.jax.test_every_box import OF_NUMBERS, skip_what_older_jax_lacks
from tests.plan.agreement import assert_agree
from tests.plan.test_drawn_graphs import assert_plan_equals_graph
from tests.seed import share_of_tree
from tests.test_contract import BOXES

X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.array([0, 1, 2, 0, 1, 2])
EVERY = 5
"""One box in so many is compiled as a plan; each of them runs under jit in tests/interop/jax."""


def step_of(backend, dtype=float, **options):
    x, y, rate = fg.Input("x", shape=("N", 4), dtype=dtype), fg.Input("y", shape=("N",), dtype=int), fg.Input("rate")
    mlp = fg.MLP([4, 5, 3], rng=0, dtype=dtype)
    loss = fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y, name="loss")) + 0.1 * fg.L2(*mlp.weights)
    parameters = list(fg.Graph(loss).parameters)
    grads = fg.gradient(loss, parameters)
    updates = {p: p - rate.astype(dtype) * g for p, g in zip(parameters, grads, strict=True)}
    return fg.compile([loss, mlp.logits(x)], updates, [x, y, rate], backend=backend, **options), parameters


def test_steps_are_those_of_numpy():
    (one, mine), (other, theirs) = step_of("jax"), step_of("numpy")
    for n in (6, 4, 6, 5):
        found, expected = one(X[:n], Y[:n], 0.1), other(X[:n], Y[:n], 0.1)
        for a, b in zip(found, expected, strict=True):
            assert_agree(a, b)
    for a, b in zip(mine, theirs, strict=True):
        assert type(a.value).__mro__[-2] is np.ndarray
        assert_agree(np.asarray(a.value), np.asarray(b.value))


def test_results_are_arrays_of_ones_own():
    step, _ = step_of("jax")
    loss, logits = step(X, Y, 0.1)
    assert type(loss) is np.float64
    assert type(logits) is np.ndarray
    logits[:] = 0  # as it may be written to
    assert np.abs(step(X, Y, 0.1)[1]).max() > 0


def test_the_source_is_what_runs_in_jnp():
    step, _ = step_of("jax")
    step(X, Y, 0.1)
    assert re.search(r"^def step\(x, y, rate, W1, b1, W2, b2\):$", step.source, re.MULTILINE)
    for line in (r"h1 = jnp\.tanh\(a1\) +# \(6, 5\)", r"= x @ W1 +#", r"loss\w* = SoftmaxCrossEntropy\(a2, y\)",
                 r"return \(\w+, a2,\), \(new_W1, new_b1, new_W2, new_b2,\)"):  # fmt: skip
        assert re.search(line, step.source), f"{line}\n{step.source}"
    assert [box.name for box in step.graph.outputs][:1] == [None]
    assert step.bytes == 0


def test_a_parameter_may_be_assigned_and_moves_between_back_ends():
    w = fg.Parameter(1.0, name="w")
    on_jax, on_numpy = (fg.compile([w * 1], {w: w * 2}, backend=backend) for backend in ("jax", "numpy"))
    assert [float(plan()[0]) for plan in (on_jax, on_numpy, on_jax)] == [1.0, 2.0, 4.0]
    w.value = 5.0
    assert float(on_jax()[0]) == 5.0
    assert float(w.value) == 10.0


def test_a_parameter_that_is_only_read_is_read_anew_when_it_changes():
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    plan = fg.compile([x * w], backend="jax")
    assert plan(x=[1.0])[0].tolist() == [1.0]
    w.value = 3.0
    assert plan(x=[1.0])[0].tolist() == [3.0]


def test_a_seed_draws_what_it_draws_in_the_graph():
    noise = fg.Random(lambda g, shape: g.normal(size=shape), shape=(3,))
    plan = fg.compile([noise * 2], backend="jax")
    np.testing.assert_array_equal(plan(seed=7)[0], fg.Graph(noise * 2).fprop(seed=7).outputs[0])
    assert not np.array_equal(plan()[0], plan()[0])


def test_debug_mode_holds_a_call_against_the_graph():
    step, _ = step_of("jax")
    with fg.debug():
        step(X, Y, 0.1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))])
def test_a_copy_has_parameters_of_its_own(copied):
    step, parameters = step_of("jax", devices=1)
    step(X, Y, 0.1)
    other = copied(step)
    before = parameters[0].value.copy()
    expected = step_of("numpy")[0]
    expected(X, Y, 0.1)
    assert_agree(other(X, Y, 0.1)[0], expected(X, Y, 0.1)[0])
    np.testing.assert_array_equal(parameters[0].value, before)


def test_float32_stays_float32():
    step, parameters = step_of("jax", np.float32)
    loss, _ = step(X.astype(np.float32), Y, 0.1)
    assert loss.dtype == np.float32
    assert all(p.value.dtype == np.float32 for p in parameters)


DTYPES = ("?", "i1", "i8", "f2", "f4", "f8", "c16")
MEETINGS = {
    "sum": lambda a, b: a + b, "product": lambda a, b: a @ b, "choice": lambda a, b: np.where(a != 0, a, b),
    "joined": lambda a, b: np.concatenate([a, b]), "cast": lambda a, b: a.astype(b.dtype),
    "total": lambda a, b: np.sum(a * b, axis=1),
    "largest": lambda a, b: np.max(np.maximum(np.real(a), np.real(b)), axis=0),
}  # fmt: skip


def test_operands_of_any_two_dtypes_meet_as_in_the_graph():
    leaves = [fg.Input(f"x{dtype}", shape=(2, 2), dtype=dtype) for dtype in DTYPES]
    feeds = {leaf: np.array([[1, 0], [2, 3]]).astype(leaf.dtype) for leaf in leaves}
    feeds |= {leaf: a * np.array([1j, 1 - 1j]) for leaf, a in feeds.items() if leaf.dtype.kind == "c"}
    outputs = {}
    for (one, other), (name, meet) in itertools.product(itertools.product(leaves, leaves), MEETINGS.items()):
        with contextlib.suppress(DtypeError):  # a complex number is cast to no real one
            outputs[f"{name} of {one.dtype} and {other.dtype}"] = meet(one, other)
    drawn = dict(zip(names := share_of_tree(outputs, 8), map(outputs.get, names), strict=True))
    graph = fg.Graph(*drawn.values())
    given = {leaf: a for leaf, a in feeds.items() if leaf in graph}
    found, expected = fg.compile(graph, backend="jax")(given), graph.fprop(given).outputs
    for what, one, other in zip(drawn, found, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), what
        np.testing.assert_allclose(one, other, rtol=1e-3 if "float16" in what else 1e-6, err_msg=what)


@pytest.mark.parametrize("take", [lambda x, k: x[k], lambda x, k: x[:, k], lambda x, k: x[..., k, None]])
def test_a_place_is_taken_from_either_end_and_refused_beyond_both(take):
    x, k = fg.Input("x", shape=(3, 3)), fg.Input("k", shape=(2,), dtype=int)
    a, box = np.arange(9.0).reshape(3, 3), take(x, k)
    plan = fg.compile(box, backend="jax")
    for place in range(-5, 5):
        places = np.array([0, place])
        try:
            expected = take(a, places)
        except IndexError:
            with pytest.raises(IndexError):
                plan(x=a, k=places)
        else:
            np.testing.assert_array_equal(plan(x=a, k=places), expected)


def test_wide_numbers_do_not_depend_on_the_mode_of_jax():
    for wide in (False, True):
        with jax.enable_x64(wide):
            step, _ = step_of("jax")
            assert step(X, Y, 0.1)[0].dtype == np.float64
            assert jax.numpy.ones(1).dtype == (np.float64 if wide else np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_a_quotient_of_truth_values_and_0_is_that_of_numpy(dtype):
    """XLA would take 0 for it where the truth value is made a number."""
    x, y = fg.Input("x", shape=(3,)), fg.Input("y", shape=(3,), dtype=dtype)
    largest = np.max(x)
    outputs = [
        (x > 0).astype(dtype) / y, np.divide(x > 0, y), np.true_divide(x > 0, np.isnan(x)),
        *fg.gradient(fg.sum(largest), [x]), (x == largest) * y / y,
    ]  # fmt: skip
    feeds = {"x": np.array([1.0, np.nan, -2.0]), "y": np.array([0.0, 0.0, 0.0], dtype)}
    with np.errstate(all="ignore"):
        found, needed = (fg.compile(outputs, backend=one)(feeds) for one in ("jax", "numpy"))
    for one, other in zip(found, needed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_plan_dies_with_its_last_reference():
    step, parameters = step_of("jax")
    step(X, Y, 0.1)
    store = step.store
    del step
    gc.collect()
    assert parameters[0].home[0] is store


def test_what_cannot_be_compiled_is_refused_by_name_before_it_runs():
    mask = fg.Input("x", shape=("N",))
    plan = fg.compile([fg.sum(mask[mask > 0])], backend="jax")
    with pytest.raises(
        UnsupportedError, match=r"(?s)Index: JAX cannot compute it: a mask takes.*np.where.*built at test_pl"
    ):
        plan(x=[1.0, -1.0])
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(DtypeError, match="which JAX does not have"):
            fg.compile([fg.Input("x", dtype=np.longdouble) * 2], backend="jax")(x=np.longdouble(1))
    for options in ({"mesh": 1}, {"devices": 1}):
        with pytest.raises(UsageError, match=f"{next(iter(options))}= with backend='numba'"):
            fg.compile([mask * 2], backend="numba", **options)


@pytest.mark.parametrize("name", [name for name in BOXES if name not in OF_NUMBERS][::EVERY])
def test_forward_and_backward_of_a_box_are_those_of_its_graph(name):
    with skip_what_older_jax_lacks():
        assert_plan_equals_graph(name, cases(BOXES[name])[0], backend="jax")
