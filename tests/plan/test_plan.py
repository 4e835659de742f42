"""Plans as their users meet them: training steps, calls, updates, values that are theirs."""

import gc
import inspect
import weakref

import numpy as np
import pytest

import flowgraph as fg
from tests.plan.agreement import assert_agree


def network(dtype=float, hidden="tanh", sizes=(6, 5, 3)):
    x = fg.Input("x", shape=("N", sizes[0]), dtype=dtype)
    y = fg.Input("y", shape=("N",), dtype=int)
    rate = fg.Input("rate", dtype=dtype)
    mlp = fg.MLP(list(sizes), hidden=hidden, output="softmax", rng=0, dtype=dtype)
    loss = fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y)) + fg.Constant(1e-2, dtype=dtype) * fg.L2(*mlp.weights)
    grads = fg.gradient(loss, mlp.parameters)
    updates = {p: p - rate * g for p, g in zip(mlp.parameters, grads, strict=True)}
    return mlp, loss, grads, updates


def batch(count=8, dtype=float, width=6, classes=3):
    rng = np.random.default_rng(1)
    return {"x": rng.normal(size=(count, width)).astype(dtype), "y": rng.integers(0, classes, count)}


def steps_by_hand(mlp, loss, feeds, count, rate):
    graph = fg.Graph(loss)
    losses = []
    for _ in range(count):
        run = graph.fprop(feeds)
        grads = run.bprop()
        losses.append(float(run))
        for p in mlp.parameters:
            p.value = p.value - p.dtype.type(rate) * grads[p]
    return losses


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", ["tanh", "relu", "sigmoid", "gelu", "softplus"])
@pytest.mark.parametrize("count", [1, 2, 33, 300])
def test_training_steps_are_those_of_the_graph(dtype, hidden, count):
    mlp, loss, _, updates = network(dtype, hidden)
    feeds = batch(count, dtype)
    start = [p.value for p in mlp.parameters]
    expected = steps_by_hand(mlp, loss, feeds, 4, 0.1)
    end = [p.value for p in mlp.parameters]
    for p, value in zip(mlp.parameters, start, strict=True):
        p.value = value
    step = fg.compile([loss], updates=updates)
    found = [float(step(**feeds, rate=0.1)[0]) for _ in range(4)]
    np.testing.assert_allclose(found, expected, rtol=2e-5 if dtype == np.float32 else 1e-12)
    for p, value in zip(mlp.parameters, end, strict=True):
        assert_agree(p.value, value, p.name, 1.0)


def test_the_source_reads_like_backpropagation_by_hand():
    _, loss, _, updates = network()
    step = fg.compile([loss], updates=updates)
    step(**batch(), rate=0.1)
    lines = [line.split("#")[0].strip() for line in step.source.splitlines()]
    assert lines[0] == "def step(x, y, rate):"
    for line in ("h1 = tanh(a1, m1)", "dh1 = t31.dot(W2_T, m10)"):
        start = line.split("(")[0]
        assert any(one.startswith(start.split(".")[0].split(" = ")[0]) for one in lines), step.source
    assert "(8, 5)" in step.source
    assert "# layer1" in step.source
    assert "# layer2" in step.source


def test_another_batch_size_is_compiled_once_and_both_stay():
    _, loss, _, updates = network()
    step = fg.compile([loss], updates=updates)
    step(**batch(8), rate=0.1)
    first = step.last
    step(**batch(3), rate=0.1)
    assert step.last is not first
    step(**batch(8), rate=0.1)
    assert step.last is first


def test_the_cache_is_bounded():
    from flowgraph.plan.variants import LARGEST_CACHE

    x = fg.Input("x", shape=("N",))
    plan = fg.compile(fg.sum(x * x))
    for count in range(1, LARGEST_CACHE + 5):
        assert plan(x=np.ones(count)) == count
    assert len(plan.known) == LARGEST_CACHE


def test_one_box_gives_its_value_and_a_list_gives_a_tuple():
    x = fg.Input("x", shape=(3,))
    assert fg.compile(fg.sum(x))(x=[1.0, 2.0, 3.0]) == 6.0
    found = fg.compile([fg.sum(x), x * 2])(x=[1.0, 2.0, 3.0])
    assert isinstance(found, tuple)
    np.testing.assert_array_equal(found[1], [2.0, 4.0, 6.0])


def test_inputs_by_position_by_box_and_by_name():
    a, b = fg.Input("a", shape=(2,)), fg.Input("b", shape=(2,))
    plan = fg.compile(a - b, inputs=[b, a])
    for found in (plan([1.0, 1.0], [3.0, 4.0]), plan({a: [3.0, 4.0], b: [1.0, 1.0]}), plan(a=[3.0, 4.0], b=[1.0, 1.0]),
                  plan({"a": [3.0, 4.0]}, b=[1.0, 1.0]), plan([1.0, 1.0], a=[3.0, 4.0])):  # fmt: skip
        np.testing.assert_array_equal(found, [2.0, 3.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8"])
def test_arrays_of_the_dtype_go_the_short_way(monkeypatch, dtype):
    from flowgraph.plan.variants import Inputs

    monkeypatch.setattr(Inputs, "read_call", None)
    x, k = fg.Input("x", shape=("N",), dtype=dtype), fg.Input("k", shape=("N",), dtype=int)
    plan = fg.compile(fg.sum(x * k) * fg.Input("rate", shape=(), dtype=dtype))
    assert plan(x=np.ones(3, x.dtype), k=np.arange(3), rate=0.5) == 1.5
    assert plan(np.ones(4, x.dtype), np.arange(4), 0.5) == 3.0


def test_a_number_that_changes_between_calls():
    rate = fg.Input("rate", dtype=np.float32)
    plan = fg.compile(rate * 2)
    for number in (0.1, 0.1, 0.25, 1, np.float32(3), np.float64(0.5), 0.25):
        assert plan(rate=number) == np.float32(number) * np.float32(2)
        assert type(plan(number)) is np.float32


def test_names_of_the_call_itself_are_names_of_inputs_too():
    names = ("seed", "prepare", "self", "_plan", "_given", "call", "run")
    boxes = [fg.Input(name, shape=()) for name in names]
    plan = fg.compile([box * (10.0**place) for place, box in enumerate(boxes)])
    feeds = dict(zip(boxes, range(len(boxes)), strict=True))
    assert plan(feeds) == plan(*feeds.values()) == tuple(10.0**place * place for place in range(len(boxes)))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_results_are_the_callers_own_unless_borrowed(backend, interpreted):
    x = fg.Input("x", shape=("N",))
    for borrow, kept in ((False, 1.0), (True, np.exp(1.0))):
        plan = fg.compile([np.exp(x), x, x.reshape((1, -1))], borrow=borrow, backend=backend)
        first = plan(x=np.zeros(3))
        plan(x=np.ones(3))
        np.testing.assert_array_equal(first[0], kept)
        np.testing.assert_array_equal(first[2], np.zeros((1, 3)))  # what was given, which no call overwrites


def test_an_input_given_back_is_a_copy():
    x = fg.Input("x", shape=(3,))
    given = np.zeros(3)
    found = fg.compile([x, x.reshape((3, 1))])(x=given)
    assert not any(np.shares_memory(value, given) for value in found)


def test_values_read_between_steps_do_not_change():
    mlp, loss, _, updates = network()
    step = fg.compile([loss], updates=updates)
    read = []
    for _ in range(3):
        step(**batch(), rate=0.1)
        read.append((mlp.weights[0].value, mlp.weights[0].value.copy()))
    for value, copy in read:
        np.testing.assert_array_equal(value, copy)
    assert not read[0][0].flags.writeable
    assert mlp.weights[0].value is mlp.weights[0].value


@pytest.mark.parametrize("backend", ["numpy", "numba", "jax"])
def test_updates_read_the_old_values_and_come_together_and_a_value_assigned_between_is_used(backend, interpreted):
    a, b = fg.Parameter([1.0, 2.0], name="a"), fg.Parameter([3.0, 4.0], name="b")
    c = fg.Parameter(1.0, name="c")
    step = fg.compile([c * 1], updates={a: b, b: a, c: c + 1}, backend=backend)
    for count in range(3):
        assert step() == (1.0 + count,)
    np.testing.assert_array_equal(a.value, [3.0, 4.0])
    np.testing.assert_array_equal(b.value, [1.0, 2.0])
    c.value = 10.0
    assert step() == (10.0,)
    assert float(c.value) == 11.0


def test_new_values_that_are_no_buffer_of_their_own():
    a, b = fg.Parameter(np.zeros((2, 2)), name="a"), fg.Parameter(np.ones((2, 2)), name="b")
    x = fg.Input("x", shape=(2, 2))
    same = x * 2
    given = np.array([[1.0, 2.0], [3.0, 4.0]])
    fg.compile([same], updates={a: same, b: same.T})(x=given)
    np.testing.assert_array_equal(a.value, 2 * given)
    np.testing.assert_array_equal(b.value, 2 * given.T)
    fg.compile([], updates={a: fg.Constant(np.full((2, 2), 7.0)), b: x})(x=given)
    np.testing.assert_array_equal(a.value, 7.0)
    np.testing.assert_array_equal(b.value, given)


def test_two_plans_share_parameters():
    mlp, loss, _, updates = network()
    feeds = batch()
    step, look = fg.compile([loss], updates=updates), fg.compile(loss)
    for _ in range(3):
        before = look(**feeds)
        assert step(**feeds, rate=0.1)[0] == pytest.approx(before, rel=1e-14)
    assert look(**feeds) == pytest.approx(float(fg.Graph(loss).fprop(feeds)), rel=1e-14)
    other = fg.compile([], updates={mlp.biases[0]: mlp.biases[0] * 0})
    other()
    np.testing.assert_array_equal(mlp.biases[0].value, 0)
    assert step(**feeds, rate=0.0)[0] == pytest.approx(look(**feeds), rel=1e-14)


def test_sizes_that_depend_on_values():
    x = fg.Input("x", shape=("N",))
    chosen = x[x > 0] * 2
    plan, graph = fg.compile([chosen, fg.sum(chosen)]), fg.Graph(chosen)
    for given in (np.array([1.0, -1.0, 2.0]), np.array([3.0, 1.0, 1.0]), np.array([-1.0, -2.0, -1.0])):
        values = plan(x=given)
        np.testing.assert_array_equal(values[0], graph.fprop(x=given)[chosen])
        assert values[1] == values[0].sum()


def test_a_long_chain_compiles_without_recursion():
    x = fg.Input("x", shape=(4,))
    h = x
    for _ in range(3000):
        h = np.tanh(h)
    (dx,) = fg.gradient(fg.sum(h), [x])
    plan = fg.compile([dx])
    assert_agree(plan(x=np.ones(4))[0], fg.Graph(dx).fprop(x=np.ones(4))[dx])


def test_numbers_of_different_dtypes_keep_theirs():
    a, b = fg.Input("a", dtype=np.float32), fg.Input("b")
    out = [a * fg.Constant(np.float64(1.5)), fg.Constant(np.float64(2.0)) - np.log(a), a * b, np.exp(a) + a]
    graph = fg.Graph(*out)
    for one, other in zip(fg.compile(out)(a=0.3, b=0.7), graph.fprop(a=0.3, b=0.7).outputs, strict=True):
        assert (one, one.dtype) == (other, other.dtype)


def test_a_plan_is_freed_when_nobody_refers_to_it():
    gc.collect()
    gc.disable()
    try:
        w = fg.Parameter(np.ones(1000), name="w")
        plan = fg.compile(fg.sum(w * fg.Input("x", shape=(1000,))), {w: w * 0.5})
        plan(x=np.ones(1000))
        ends = [weakref.ref(plan), weakref.ref(plan.last)]
        del plan
        assert [end() for end in ends] == [None, None], "its memory would stay until the garbage is collected"
    finally:
        gc.enable()


def test_a_plan_says_which_arguments_it_takes():
    plan = fg.compile(fg.Input("x") * fg.Input("rate"))
    assert list(inspect.signature(plan).parameters) == ["_given", "x", "rate", "seed", "prepare", "_unknown"]
    assert type(plan) is fg.Plan
    assert callable(plan)


NOT_TAKEN = {
    "a place outside": (lambda x: fg.sum(x[:, fg.Constant([0, 7])]), ("N", "M"), np.ones((2, 2)), IndexError),
    "a singular matrix": (lambda x: fg.sum(np.linalg.inv(x)), ("N", "N"), np.zeros((2, 2)), np.linalg.LinAlgError),
    "another number of elements": (lambda x: fg.sum(np.reshape(x, (3, -1))), ("N", "M"), np.ones((2, 2)), ValueError),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("what", NOT_TAKEN)
def test_what_numpy_does_not_take_is_refused_by_a_plan_as_by_the_graph(what, threads):
    """An error of flowgraph's, of NumPy's own kind, that names the box; and the next call is as if it had not been."""
    build, shape, value, kind = NOT_TAKEN[what]
    box = build(fg.Input("x", shape))
    plan = fg.compile(box, threads=threads)
    for run in (lambda: fg.Graph(box).fprop(x=value), lambda: plan(x=value), lambda: plan(x=value)):
        with pytest.raises(fg.FlowgraphError) as caught:
            run()
        assert isinstance(caught.value, kind), caught.value


def test_a_plan_of_a_graph_has_the_inputs_of_the_graph_those_that_nothing_reads_too():
    a, unused, b = (fg.Input(name, shape=(2,)) for name in ("a", "unused", "b"))
    graph = fg.Graph(a - b, along=[b, unused, a])
    assert [box.name for box in graph.inputs] == ["b", "unused", "a"]
    plan = fg.compile(graph)
    feeds = {"a": [1.0, 2.0], "unused": [0.0, 0.0], "b": [3.0, 5.0]}
    np.testing.assert_array_equal(plan(feeds)[0], graph.fprop(feeds).outputs[0])
    np.testing.assert_array_equal(plan(feeds["b"], feeds["unused"], feeds["a"])[0], [-2.0, -3.0])
