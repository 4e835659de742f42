"""Plans as their users meet them: calls, updates, errors, threads, interruptions."""

import signal
import sys
import threading
import traceback

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
    from flowgraph.plan.plan import LARGEST_CACHE

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
                  plan({"a": [3.0, 4.0]}, b=[1.0, 1.0])):  # fmt: skip
        np.testing.assert_array_equal(found, [2.0, 3.0])


def test_results_are_the_callers_own_unless_borrowed():
    x = fg.Input("x", shape=(3,))
    plan = fg.compile(np.exp(x))
    first = plan(x=np.zeros(3))
    plan(x=np.ones(3))
    np.testing.assert_array_equal(first, 1.0)
    borrowing = fg.compile(np.exp(x), borrow=True)
    first = borrowing(x=np.zeros(3))
    borrowing(x=np.ones(3))
    np.testing.assert_array_equal(first, np.exp(np.ones(3)))


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


def test_a_value_assigned_between_steps_is_used():
    w = fg.Parameter(1.0, name="w")
    step = fg.compile([w * 1], updates={w: w + 1})
    assert step() == (1.0,)
    w.value = 10.0
    assert step() == (10.0,)
    assert float(w.value) == 11.0


def test_updates_read_the_old_values_and_come_together():
    a, b = fg.Parameter([1.0, 2.0], name="a"), fg.Parameter([3.0, 4.0], name="b")
    fg.compile([], updates={a: b, b: a})()
    np.testing.assert_array_equal(a.value, [3.0, 4.0])
    np.testing.assert_array_equal(b.value, [1.0, 2.0])


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


def test_random_leaves_draw_what_the_graph_draws():
    x = fg.Input("x", shape=("N", 4))
    h = fg.dropout(x, 0.5)
    plan, graph = fg.compile(h), fg.Graph(h)
    given = np.ones((5, 4))
    for seed in (0, 3):
        np.testing.assert_array_equal(plan(x=given, seed=seed), graph.fprop(x=given, seed=seed)[h])


def test_a_label_outside_the_classes_is_refused_and_nothing_changes():
    mlp, loss, _, updates = network()
    step = fg.compile([loss], updates=updates)
    before = [p.value for p in mlp.parameters]
    for wrong in (3, -1):
        feeds = batch()
        feeds["y"][2] = wrong
        with pytest.raises(fg.FlowgraphError, match=rf"SoftmaxCrossEntropy.*label {wrong} at index 2, needs 0 to 2"):
            step(**feeds, rate=0.1)
    for p, value in zip(mlp.parameters, before, strict=True):
        np.testing.assert_array_equal(p.value, value)


class Stops(fg.Elementwise):
    """The value itself; raises when it is told to."""

    when: object = None

    def fprop(self, a):
        a = np.asarray(a)
        self.when()
        return a + 0

    def bprop(self, grad, h, a):
        return (grad,)

    def infer(self, a):
        return a


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_in_a_step_leaves_every_parameter_as_it_was(error):
    calls = []

    def when():
        calls.append(1)
        if len(calls) == 3:
            raise error("now")

    a, b = fg.Parameter([1.0, 2.0], name="a"), fg.Parameter([3.0, 4.0], name="b")
    step = fg.compile([], updates={a: a + 1, b: Stops(b * 2, when=when)})
    step()
    step()
    with pytest.raises(error):
        step()
    np.testing.assert_array_equal(a.value, [3.0, 4.0])
    np.testing.assert_array_equal(b.value, [12.0, 16.0])
    step()
    np.testing.assert_array_equal(a.value, [4.0, 5.0])
    np.testing.assert_array_equal(b.value, [24.0, 32.0])


@pytest.mark.skipif(sys.platform == "win32", reason="setitimer is of POSIX")
def test_interrupts_at_any_instant_leave_all_parameters_or_none_updated():
    parameters = [fg.Parameter(np.zeros(3), name=f"p{i}") for i in range(40)]
    step = fg.compile([], updates={p: p + 1 for p in parameters})
    step()

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        caught = 0
        for trial in range(60):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-4 * (1 + trial % 7))
                while True:
                    step()
            except KeyboardInterrupt:
                caught += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            values = {float(p.value[0]) for p in parameters}
            assert len(values) == 1, f"some parameters were updated and some not: {sorted(values)}"
        assert caught == 60
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_one_plan_from_many_threads_runs_one_call_after_the_other():
    w = fg.Parameter(np.zeros(1000), name="w")
    x = fg.Input("x", shape=("N",))
    step = fg.compile(fg.sum(np.tanh(x)), updates={w: w + 1})
    wrong = []

    def work(number):
        given = np.full(50 + number, 0.1 * number)
        for _ in range(200):
            found = step(x=given)
            if abs(found - np.tanh(given).sum()) > 1e-9:
                wrong.append((number, found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    np.testing.assert_array_equal(w.value, 800.0)


def test_a_plan_that_its_own_fprop_calls_is_refused():
    holder = {}
    x = fg.Input("x", shape=(2,))
    holder["plan"] = fg.compile(Stops(x, when=lambda: holder["plan"](x=np.ones(2)) if "deep" in holder else None))
    holder["plan"](x=np.zeros(2))
    holder["deep"] = True
    with pytest.raises(fg.FlowgraphError, match="called by a fprop that it is running itself; compile a second plan"):
        holder["plan"](x=np.zeros(2))


def test_a_traceback_shows_the_line_of_the_plan():
    x = fg.Input("x", shape=(2,))

    def fail():
        raise ValueError("no")

    plan = fg.compile(Stops(np.exp(x), when=fail))
    with pytest.raises(ValueError, match="no") as caught:
        plan(x=np.zeros(2))
    assert any("Stops(" in line for line in traceback.format_tb(caught.value.__traceback__))


def test_mistakes_of_calls():
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",))
    plan = fg.compile(fg.sum(x) + fg.sum(y))
    with pytest.raises(fg.FlowgraphError, match="needs the input 'y'; it is called with x, y"):
        plan(x=np.ones((3, 2)))
    with pytest.raises(fg.FlowgraphError, match="found 'z', which is none of its inputs x, y"):
        plan(x=np.ones((3, 2)), y=np.ones(3), z=1)
    with pytest.raises(fg.FlowgraphError, match="found 3 arrays, needs 2: x, y"):
        plan(np.ones((3, 2)), np.ones(3), np.ones(3))
    with pytest.raises(fg.ShapeError, match=r"y: found the shape \(4,\), needs \(N,\), and N = 3 in 'x'"):
        plan(x=np.ones((3, 2)), y=np.ones(4))
    with pytest.raises(fg.ShapeError, match=r"x: found the shape \(3,\), needs \(N, 2\)"):
        plan(x=np.ones(3), y=np.ones(3))
    with pytest.raises(fg.FlowgraphError, match="found dtype complex128, needs float64"):
        plan(x=np.ones((3, 2)) * 1j, y=np.ones(3))
    with pytest.raises(fg.FlowgraphError, match="have sizes with names; run it once, or compile it for arrays"):
        _ = plan.source
    assert "def step(x, y):" in plan.prepare(x=np.ones((3, 2)), y=np.ones(3)).source


def test_mistakes_of_compile():
    x, w = fg.Input("x", shape=(2,)), fg.Parameter([1.0, 2.0], name="w")
    with pytest.raises(fg.FlowgraphError, match="found no output and no update"):
        fg.compile([])
    with pytest.raises(fg.FlowgraphError, match="found int as an output, needs boxes"):
        fg.compile([3])
    with pytest.raises(fg.FlowgraphError, match="among updates, needs parameters"):
        fg.compile([x], updates={x: x})
    with pytest.raises(fg.FlowgraphError, match=r"found a new value of shape \(\) for Parameter 'w', needs \(2,\)"):
        fg.compile([], updates={w: fg.sum(w)})
    with pytest.raises(fg.FlowgraphError, match="found a new value of dtype float32 for Parameter 'w', needs float64"):
        fg.compile([], updates={w: w.astype(np.float32)})
    with pytest.raises(fg.FlowgraphError, match="inputs= leaves out 'x', which the outputs read"):
        fg.compile(x, inputs=[])
    with pytest.raises(fg.FlowgraphError, match="found without='scale', needs some of common, constants"):
        fg.compile(x, without=["scale"])


def test_sizes_that_depend_on_values():
    x = fg.Input("x", shape=("N",))
    chosen = x[x > 0] * 2
    plan, graph = fg.compile([chosen, fg.sum(chosen)]), fg.Graph(chosen)
    for given in (np.array([1.0, -1.0, 2.0]), np.array([3.0, 1.0, 1.0]), np.array([-1.0, -2.0, -1.0])):
        values = plan(x=given)
        np.testing.assert_array_equal(values[0], graph.fprop(x=given)[chosen])
        assert values[1] == values[0].sum()


def test_boxes_of_several_outputs():
    x = fg.Input("x", shape=(6, 2))
    parts = np.split(x, 3)
    plan = fg.compile([parts[0] * 2, parts[2]])
    given = np.arange(12.0).reshape(6, 2)
    found = plan(x=given)
    np.testing.assert_array_equal(found[0], 2 * given[:2])
    np.testing.assert_array_equal(found[1], given[4:])


def test_names_that_would_clash_with_those_of_a_plan():
    names = [
        "m1",
        "add",
        "t1",
        "rows",
        "check_labels",
        "one",
        "step",
        "class",
        "a b",
        "ones",
        "spare_w",
        "new_w",
        "x_T",
        "I₀",
        "I0",
        "x²",
        "if",
    ]
    inputs = [fg.Input(name, shape=(3, 3)) for name in names]
    w = fg.Parameter(np.ones((3, 3)), name="w")
    total = inputs[0]
    for one in inputs[1:]:
        total = np.tanh(total) @ one.T + one
    values = {name: np.random.default_rng(i).normal(size=(3, 3)) for i, name in enumerate(names)}
    plan = fg.compile([total], updates={w: w + total})
    expected = fg.Graph(total).fprop(values)[total]
    assert_agree(plan(values)[0], expected, plan.source, 10)
    assert_agree(w.value, 1 + expected, plan.source, 10)


def test_a_long_chain_compiles_without_recursion():
    x = fg.Input("x", shape=(4,))
    h = x
    for _ in range(3000):
        h = np.tanh(h)
    (dx,) = fg.gradient(fg.sum(h), [x])
    plan = fg.compile([dx])
    assert_agree(plan(x=np.ones(4))[0], fg.Graph(dx).fprop(x=np.ones(4))[dx])
