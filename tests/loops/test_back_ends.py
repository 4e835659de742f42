"""Loops in other back ends: what each computes is what NumPy computes, and what it does not is refused by name."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import PlanError, StepLimitError, UnsupportedError
from flowgraph.loops import numbers
from flowgraph.plan.javascript.node import node_program
from tests.loops.bodies import assert_close, leaves, objective, random_body

BACK_ENDS = ["jax", "javascript"]


@pytest.fixture(autouse=True)
def installed(request):
    backend = getattr(request.node, "callspec", None) and request.node.callspec.params.get("backend")
    if backend in ("jax", "numba"):
        pytest.importorskip(backend, reason=f"{backend} is not installed")
    if backend == "javascript" and node_program() is None:
        pytest.skip("found no Node.js, which runs the modules")


@pytest.mark.parametrize("how", [{}, {"reverse": True}, {"checkpoint": 2}], ids=str)
@pytest.mark.parametrize("shape", [(), (3, 3)], ids=str)
@pytest.mark.parametrize("backend", BACK_ENDS)
def test_a_scan_and_its_derivatives_are_those_of_numpy(backend, shape, how):
    rng = np.random.default_rng(len(how) + len(shape))
    body_on = random_body(rng, shape)
    first, x, outer = leaves(rng, shape, float, 5)
    carry, stacks = fg.scan(body_on(outer), tuple(first), x, **how)
    loss = objective([*carry, *stacks])
    wrt = [box for box in (*first, x, *outer) if box in fg.Graph(loss)]
    along = [rng.normal(size=box.shape) for box in wrt]
    boxes = [*carry, *stacks, *fg.gradient(loss, wrt), *fg.hvp(loss, wrt, along)]
    fed = {"x": rng.normal(size=x.shape)}
    assert_close(fg.compile(boxes, backend=backend)(fed), fg.Graph(*boxes).fprop(fed).outputs)


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_the_number_of_steps_may_be_a_name_and_nothing(backend):
    y = fg.Input("y", shape=("T", 2))
    last, before = fg.scan(lambda c, e: (c + e * e, c), np.zeros(2), y)
    graph, plan = fg.Graph(last, before), fg.compile([last, before], backend=backend)
    for length in (3, 1, 0):
        fed = np.arange(2.0 * length).reshape(length, 2)
        assert_close(plan(y=fed), graph.fprop(y=fed).outputs)


def counted(a, **how):
    """Halves a number until it is small, and counts."""
    return fg.while_loop(lambda c: c[0] > 1.0, lambda c: (c[0] * 0.5, c[1] + 1), (a, 0), **how)


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_a_while_loop_is_that_of_numpy(backend):
    a = fg.Input("a")
    boxes = list(counted(np.sin(a) * 9.0))
    plan = fg.compile(boxes, backend=backend)
    for value in (1.0, 0.5, 0.01):
        assert_close(plan(a=value), fg.Graph(*boxes).fprop(a=value).outputs)


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_a_while_loop_stands_in_a_scan(backend):
    x = fg.Input("x", shape=("T",))
    last, _ = fg.scan(lambda c, e: (counted(c + e)[0], c), 0.5, x)
    fed = np.array([3.0, 0.2, 7.0])
    assert_close(fg.compile([last], backend=backend)(x=fed), fg.Graph(last).fprop(x=fed).outputs)


def forms_of_checkpoints(a, x):
    """Where a checkpoint may stand: alone, in the steps of a loop, in another one, around a loop."""
    step = fg.checkpoint(lambda b: np.sin(b) * 0.9)
    yield step(a)
    yield fg.scan(lambda c, e: (step(c) * e + a, c), a, x)[0]
    yield fg.checkpoint(lambda b: step(step(b) * b))(a)
    yield fg.checkpoint(lambda b: fg.scan(lambda c, e: (np.cos(c) * e, c), b, x)[0])(a)


@pytest.mark.parametrize("form", range(4))
@pytest.mark.parametrize("backend", BACK_ENDS)
def test_checkpoints_and_their_derivatives_are_those_of_numpy(backend, form):
    rng = np.random.default_rng(form)
    a, x = fg.Input("a", shape=(3,)), fg.Input("x", shape=(4, 3))
    value = [*forms_of_checkpoints(a, x)][form]
    loss = fg.sum(value * value)
    boxes = [value, *fg.gradient(loss, [a]), *fg.hvp(loss, [a], [rng.normal(size=3)])]
    fed = {"a": rng.normal(size=3), "x": rng.normal(size=(4, 3))}
    fed = {box.name: fed[box.name] for box in fg.Graph(*boxes).inputs}
    assert_close(fg.compile(boxes, backend=backend)(fed), fg.Graph(*boxes).fprop(fed).outputs)


def test_jacobians_of_boxes_that_have_no_rule_for_rows_run_on_jax():
    pytest.importorskip("jax", reason="jax is not installed")
    a = fg.Input("a", shape=(3,))
    for value in (fg.set_at(a, [0, 2], a[[1, 1]]), fg.checkpoint(lambda b: np.sin(b) * b)(a)):
        jacobian = fg.jacobian(value, [a])[0]
        fed = {"a": np.array([0.3, -0.7, 1.2])}
        assert_close(fg.compile([jacobian], backend="jax")(fed), fg.Graph(jacobian).fprop(fed).outputs)


@pytest.mark.parametrize(("backend", "error"), [("jax", StepLimitError), ("javascript", PlanError)])
def test_an_endless_loop_is_an_error(backend, error):
    a = fg.Input("a")
    plan = fg.compile(list(counted(a, max_steps=4)), backend=backend)
    assert plan(a=16.0)[0] == 1.0
    with pytest.raises(error, match="true after 4 steps"):
        plan(a=17.0)


def test_javascript_differentiates_a_while_loop():
    if node_program() is None:
        pytest.skip("found no Node.js, which runs the modules")
    a, w = fg.Input("a"), fg.Parameter(0.6, name="w")
    last = fg.while_loop(lambda c: c > 1.0, lambda c: np.sin(c) * w + c * 0.25, a * 4.0)
    boxes = [last, *fg.gradient(last, [a, w]), *fg.hvp(last * last, [w], [np.ones(())])]
    plan = fg.compile(boxes, backend="javascript")
    for value in (2.0, 0.1):
        assert_close(plan(a=value), fg.Graph(*boxes).fprop(a=value).outputs)


def test_jax_refuses_the_gradient_of_a_while_loop_with_a_way_out():
    pytest.importorskip("jax", reason="jax is not installed")
    a = fg.Input("a")
    with pytest.raises(
        UnsupportedError, match=r"While: found a while loop that keeps .*use backend=\"numpy\", or fg.scan"
    ):
        fg.compile(fg.gradient(counted(a)[0], [a]), backend="jax")(a=3.0)


def test_onnx_opens_checkpoints_and_refuses_loops(tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    x = fg.Input("x", shape=("N", 3), dtype=np.float32)
    graph = fg.Graph(*fg.checkpoint(lambda x: (np.tanh(x) * 2, fg.sum(x)))(x))
    session = runtime.InferenceSession(fg.save(tmp_path / "net.onnx", graph))
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    for one, other in zip(session.run(None, {"x": given}), graph.fprop(x=given).outputs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    with pytest.raises(UnsupportedError, match="While: no operation stands for it"):
        fg.save(tmp_path / "loop.onnx", fg.while_loop(lambda c: np.max(c) > 1, lambda c: c * np.float32(0.5), x))


def test_numba_leaves_loops_to_numpy_and_says_so():
    pytest.importorskip("numba", reason="numba is not installed")
    a = fg.Input("a")
    plan = fg.compile(list(counted(a)), backend="numba")
    with pytest.warns(UserWarning, match=r"While .*; NumPy runs this plan"):
        assert plan(a=3.0)[0] == 0.75


@pytest.mark.filterwarnings("ignore:.*NumPy runs this plan")
@pytest.mark.parametrize("loop", ["while", "scan over rows", "scan of rows"])
@pytest.mark.parametrize("backend", ["numpy", "numba", "javascript"])
def test_loops_over_what_a_mask_takes_are_those_of_numpy(backend, loop):
    x = fg.Input("x", shape=("N",))
    rows = x[x > 0]
    boxes = {
        "while": lambda: [fg.while_loop(lambda c: np.sum(c) > 0.5, lambda c: c / 2, rows)],
        "scan over rows": lambda: list(fg.scan(lambda c, row: (c + row, c), 0.0, rows)),
        "scan of rows": lambda: [fg.scan(lambda c, row: (c * row, None), rows, fg.Constant(np.array([0.5, 3.0])))[0]],
    }[loop]()
    plan = fg.compile(boxes, backend=backend)
    for given in (np.arange(-3.0, 5.0), np.array([-1.0, 2.0]), np.array([-1.0])):
        assert_close(plan(x=given), fg.Graph(*boxes).fprop(x=given).outputs)


def test_a_function_of_jax_has_loops():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    from flowgraph.interop.jax import function

    x, w = fg.Input("x", shape=(3,), dtype=np.float32), fg.Parameter(np.float32(0.5), name="w")
    last, _ = fg.scan(lambda c, e: (np.tanh(c * w + e), None), np.float32(0.0), x)
    f = function(fg.Graph(last))
    given = {"x": jax.numpy.array([0.1, 0.2, 0.3])}
    weights = {"w": jax.numpy.float32(0.5)}
    run = fg.Graph(last).fprop(x=np.array([0.1, 0.2, 0.3], np.float32))
    np.testing.assert_allclose(f(weights, given), float(run), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(f)(weights, given)["w"], run.bprop()[w], rtol=1e-5)


def test_a_forward_plan_keeps_no_carries():
    """Of a loop whose stacked carries nobody reads, a plan stacks none."""
    first = fg.Parameter(np.ones(3), name="first")
    ends = [
        fg.scan(lambda c, _: (np.sin(c), c * 2.0), first, length=5)[0],
        fg.while_loop(lambda c: fg.sum(c) > 1.0, np.sin, first),
    ]
    for last in ends:
        assert len(last.children[0].outputs) > 1
        plan = fg.compile(last)
        np.testing.assert_array_equal(plan(), fg.Graph(last).fprop().outputs[0])
        (loop,) = [box for box in plan.graph if hasattr(box, "body")]
        assert len(loop.outputs) == 1


@pytest.fixture
def compiled_results(monkeypatch):
    """Whether each call of a loop that Numba compiled gave results, in place of NumPy."""
    in_numba = pytest.importorskip("flowgraph.loops.in_numba", reason="Numba is not installed")
    call, gave = in_numba.CompiledSteps.__call__, []

    def noted(*arguments):
        results = call(*arguments)
        gave.append(results is not None)
        return results

    monkeypatch.setattr(in_numba.CompiledSteps, "__call__", noted)
    return gave


@pytest.mark.parametrize("steps", [0, 1, 255, 256, 257, 600, 1100])
def test_a_compiled_loop_goes_on_where_the_room_for_its_steps_ends(steps, compiled_results):
    n, first = fg.Input("n", shape=()), fg.Parameter([0.5, -1.0], name="first")
    w, b = fg.Parameter(0.99, name="w"), fg.Parameter(0.3, name="b")
    last, count = fg.while_loop(
        lambda c: c[1] < n, lambda c: (np.sin(c[0] * w) + b * c[0][::-1], c[1] + 1.0), (first, 0.0)
    )
    boxes = [last, count, *fg.gradient(fg.sum(last), [w, b, first])]
    needed = fg.Graph(*boxes).fprop(n=float(steps)).outputs
    assert needed[1] == steps
    assert_close(fg.compile(boxes, backend="numba")(n=float(steps)), needed)
    assert compiled_results[0]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("reads", ["rows", "nothing"])
def test_a_compiled_loop_stacks_what_it_reads_and_what_it_does_not(reads, length, reverse, compiled_results):
    x, w = fg.Input("x", shape=("T",)), fg.Parameter(0.5, name="w")

    def body(carry, row):
        new = np.tanh(carry * w + (1.0 if row is None else row))
        return new, (new * 2.0, carry - w)

    how = {"length": length} if reads == "nothing" else {}
    last, rows = fg.scan(body, fg.Parameter(0.25, name="first"), x if reads == "rows" else None, reverse=reverse, **how)
    boxes = [last, *rows, x * 1.0]
    feeds = {"x": np.arange(1.0, length + 1.0)}
    assert_close(fg.compile(boxes, backend="numba")(feeds), fg.Graph(*boxes).fprop(feeds).outputs)
    assert compiled_results == [True]


@pytest.mark.parametrize("name", sorted(numbers._PATTERNS))
def test_each_function_of_numbers_is_that_of_numpy_in_a_compiled_loop(name, compiled_results):
    function, x = getattr(np, name), fg.Input("x", shape=(5,))
    given = np.array([0.1, 0.3, 0.5, 0.75, 0.9]) + (1.0 if name == "arccosh" else 0.0)
    last, rows = fg.scan(lambda c, row: (c + function(*(row, row + 0.5)[: function.nin]), c * 1.0), np.float64(0.5), x)
    needed = fg.Graph(last, rows).fprop(x=given).outputs
    found = fg.compile([last, rows], backend="numba")(x=given)
    for one, other in zip(found, needed, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)
    assert compiled_results == [True]


@pytest.mark.parametrize("first", [0.0, 4.0, 7.0])
@pytest.mark.parametrize("change", [-1.0, 1.0])
@pytest.mark.parametrize("name", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
def test_a_compiled_loop_ends_where_its_condition_does(name, change, first, compiled_results):
    x = fg.Input("x", shape=())
    last, steps = fg.while_loop(
        lambda c: getattr(np, name)(c[0], 4.0), lambda c: (c[0] + change, c[1] + 1.0), (x, 0.0), max_steps=20
    )
    ends = {"graph": fg.Graph(last, steps).fprop, "plan": fg.compile([last, steps], backend="numba")}
    found = {}
    for way, call in ends.items():
        try:
            found[way] = [float(one) for one in getattr(call(x=first), "outputs", None) or call(x=first)]
        except StepLimitError:
            found[way] = "goes on"
    assert found["plan"] == found["graph"]
    assert compiled_results[0] == (found["graph"] != "goes on")
