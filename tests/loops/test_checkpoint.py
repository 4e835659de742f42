"""fg.checkpoint: the numbers of the function, of any order, in graphs and plans, with fewer values kept."""

import tracemalloc

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.graph.table import total_flops
from flowgraph.loops.checkpoint import Recomputed
from flowgraph.plan.javascript.node import node_program
from tests.loops.bodies import all_derivatives, assert_close, dear, leaves, objective, random_body

SHAPES = [(), (2,), (3, 3)]
WRAPPED = {"one": fg.checkpoint, "nested": lambda f: fg.checkpoint(lambda *args: fg.checkpoint(f)(*args))}


def chained(seed, shape, wrap, dtype=float):
    """The objective of a random function that is called twice, one call on the results of the other; the leaves."""
    rng = np.random.default_rng(seed)
    body_on = random_body(rng, shape)
    first, x, outer = leaves(rng, shape, dtype, 2)
    f = wrap(body_on(outer))
    carry, stacked = f(tuple(first), x[0])
    carry, more = f(carry, x[1])
    loss = objective([*carry, *stacked, *more])
    wrt = [box for box in (*first, x, *outer) if box in fg.Graph(loss)]
    return loss, wrt, {"x": np.random.default_rng(seed).normal(size=x.shape).astype(dtype)}


def same_leaves(seed, shape, wrap, dtype=float):
    """The function with and without checkpoints, on equal leaves, and its derivatives by the sweep on arrays."""
    results = []
    for how in (lambda f: f, wrap):
        loss, wrt, fed = chained(seed, shape, how, dtype)
        swept = fg.Graph(loss).fprop(fed).bprop(wrt=wrt)
        results.append((all_derivatives(loss, wrt), [swept[box] for box in wrt], fed))
    return results


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_values_and_derivatives_are_those_of_the_function(seed, shape, dtype, wrap):
    (plain, swept_plain, fed), (again, swept, _) = same_leaves(seed, shape, WRAPPED[wrap], dtype)
    needed = fg.Graph(*plain).fprop(fed).outputs
    assert_close(fg.Graph(*again).fprop(fed).outputs, needed, dtype)
    assert_close(fg.compile(again)(fed), needed, dtype)
    assert_close(swept, swept_plain, dtype)


@pytest.mark.parametrize("backend", ["numba", "jax", "javascript"])
def test_every_back_end_computes_it(backend):
    if backend != "javascript":
        pytest.importorskip(backend, reason=f"{backend} is not installed")
    elif node_program() is None:
        pytest.skip("found no Node.js, which runs the modules")
    (plain, _, fed), (again, _, _) = same_leaves(5, (3, 3), fg.checkpoint)
    needed = fg.Graph(*plain[:-1]).fprop(fed).outputs
    assert_close(fg.compile(again[:-1], backend=backend)(fed), needed)


def layers(wrap, count=8, width=32):
    """A deep network, whose layers have four values inside: the loss and its weights."""
    rng = np.random.default_rng(0)
    x = h = fg.Input("x", shape=("N", width))
    weights = [fg.Parameter(rng.normal(size=(width, width)) / 6, name=f"w{i}") for i in range(count)]
    for w in weights:
        h = wrap(lambda h, w=w: np.tanh(np.sin(np.tanh(h @ w) * 2) @ w))(h)
    return x, fg.mean(h * h), weights


def test_the_sweep_on_arrays_holds_fewer_values():
    def bytes_at_most(wrap):
        _, loss, weights = layers(wrap)
        graph = fg.Graph(loss)
        x = np.ones((2000, 32))
        graph.fprop(x=x).bprop(wrt=weights)
        tracemalloc.start()
        graph.fprop(x=x).bprop(wrt=weights)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert bytes_at_most(fg.checkpoint) < bytes_at_most(lambda f: f) / 2


def test_a_pass_through_the_body_drops_what_nothing_reads_any_more():
    def chain(h):
        for _ in range(40):
            h = np.tanh(h)
        return h

    x = fg.Input("x", shape=(50_000,))
    graph = fg.Graph(fg.checkpoint(chain)(x))
    graph.fprop(x=np.ones(50_000))
    tracemalloc.start()
    graph.fprop(x=np.ones(50_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 50_000 * 8


@pytest.mark.parametrize(
    ("updating", "backend"),
    [
        (False, "numpy"),
        (True, "numpy"),
        pytest.param(False, "numba", marks=pytest.mark.sampled(one_in=4)),
    ],  # it compiles long
)
def test_a_plan_has_fewer_bytes_of_buffers(updating, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    found = {}
    for name, wrap in (("plain", lambda f: f), ("checkpoint", fg.checkpoint)):
        _, loss, weights = layers(wrap)
        grads = fg.gradient(loss, weights)
        how = {"updates": {w: w - 0.1 * d for w, d in zip(weights, grads, strict=True)}} if updating else {}
        plan = fg.compile([loss] if updating else [loss, *grads], backend=backend, **how)
        values = plan(x=np.ones((4096, 32)))
        found[name] = (plan.bytes / (4096 * 32 * 8), values)
    plain, again = found["plain"], found["checkpoint"]
    assert again[0] < 8 + 5 < 8 * 3 < plain[0]  # arrays: one behind each of 8 layers, and one layer at work
    for one, other in zip(*(v if isinstance(v, list | tuple) else [v] for v in (again[1], plain[1])), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


@pytest.mark.parametrize("run", ["sweep", "graph", "plan"])
def test_each_value_is_computed_twice_and_not_more(run):
    calls = []
    box = dear(calls)
    x = fg.Parameter(np.full((4, 4), 2.0), name="x")
    h = x
    for _ in range(3):
        h = fg.checkpoint(lambda h: box(h * 0.5) * 3.0)(h)
    loss = fg.sum(h)
    graph = fg.Graph(loss)
    runs = {
        "sweep": lambda: [graph.fprop().bprop()[x]],
        "graph": fg.Graph(loss, *fg.gradient(loss, [x])).fprop,
        "plan": fg.compile([loss, *fg.gradient(loss, [x])]),
    }
    runs[run]()
    calls.clear()
    found = runs[run]()
    np.testing.assert_allclose(
        found[0] if run == "sweep" else list(found.outputs if run == "graph" else found)[1], 3.375
    )
    assert len(calls) == 6


def test_containers_other_arguments_and_results_stay_as_they_are():
    x, y = fg.Input("x", shape=(2,)), fg.Input("y", shape=(2,))

    @fg.checkpoint
    def f(pair, scale, *, by, named):
        """Of boxes in containers."""
        return {"sum": pair[0] + by["y"], "more": [pair[1] * scale, pair[0], 3.0, None], "same": pair[0] + by["y"]}

    assert f.__doc__ == "Of boxes in containers."
    found = f((x, y), 2.0, by={"y": y}, named="text")
    assert found["more"][2:] == [3.0, None]
    boxes = [found["sum"], *found["more"][:2], found["same"]]
    values = fg.Graph(*boxes).fprop(x=[1.0, 2.0], y=[3.0, 5.0]).outputs
    np.testing.assert_array_equal(values, [[4.0, 7.0], [6.0, 10.0], [1.0, 2.0], [4.0, 7.0]])
    assert len({box.children[0] for box in boxes}) == 1
    arrays = f((np.ones(2), np.ones(2)), 2.0, by={"y": np.ones(2)}, named="text")
    np.testing.assert_array_equal(arrays["sum"], [2.0, 2.0])


def test_a_draw_is_the_same_in_both_passes():
    x = fg.Parameter(np.arange(1.0, 201.0), name="x")
    h = fg.checkpoint(lambda x: fg.dropout(x, 0.5) * np.exp(x / 200))(x)
    run = fg.Graph(h).fprop()
    grad = run.bprop(grad=np.ones(200))[x]
    kept = run[h] != 0
    assert 0 < kept.sum() < 200
    np.testing.assert_array_equal(grad != 0, kept)
    np.testing.assert_allclose(grad[kept], (2 * np.exp(x.value / 200) * (1 + x.value / 200))[kept])


def test_integers_and_complex_numbers():
    z = fg.Parameter(np.array([1.0 + 2.0j, -0.5j]), name="z")
    k = fg.Input("k", shape=(2,), dtype=int)
    f = lambda z, k: (np.exp(z * 0.5) * z[k], k + 1)  # noqa: E731
    results = []
    for how in (f, fg.checkpoint(f)):
        value, after = how(z, k)
        loss = fg.sum(np.abs(value) ** 2) + fg.sum(after)
        graph = fg.Graph(loss, *fg.gradient(loss, [z]))
        results.append([*graph.fprop(k=[1, 1]).outputs, fg.Graph(loss).fprop(k=[1, 1]).bprop()[z]])
    assert_close(results[1], results[0])


def test_it_stands_in_loops_and_loops_stand_in_it():
    x = fg.Input("x", shape=("T", 3))
    w = fg.Parameter(np.eye(3) * 0.7, name="w")
    step = lambda h, e: (np.tanh(np.sin(h @ w) + e) @ w, None)  # noqa: E731
    results = []
    for how in ("plain", "inside", "around"):
        body = (lambda h, e: (fg.checkpoint(lambda h, e: step(h, e)[0])(h, e), None)) if how == "inside" else step
        run = lambda h, x, body=body: fg.scan(body, h, x)[0]  # noqa: E731
        last = (fg.checkpoint(run) if how == "around" else run)(x[0], x)
        loss = fg.sum(last**2)
        wanted = [loss, *fg.gradient(loss, [w, x]), *fg.hvp(loss, [w], [np.ones((3, 3))])]
        fed = np.random.default_rng(0).normal(size=(5, 3))
        results.append(fg.Graph(*wanted).fprop(x=fed).outputs)
        assert_close(fg.compile(wanted)(x=fed), results[0])
    assert_close(results[1], results[0])
    assert_close(results[2], results[0])


@pytest.mark.parametrize("backend", ["numpy", "javascript"])
def test_a_plan_writes_into_no_box_of_a_body(backend):
    """Else a copy would meet the box of the plan, from which it came, inside of itself."""
    _, loss, weights = layers(fg.checkpoint, count=2, width=3)
    last, _ = fg.scan(
        lambda c, _: (fg.while_loop(lambda c: fg.sum(c * c) > 1.0, lambda c: c * 0.5, c), c), weights[0], length=2
    )
    loss = loss + fg.sum(last * 2.0)
    boxes = [loss, *fg.gradient(loss, weights)]
    held = [box for box in fg.Graph(*boxes) if hasattr(box, "body")]
    bodies = [one for box in held for one in fg.Graph(*box.body.results)]
    before = [dict(box.__dict__) for box in bodies]
    fg.compile(boxes, backend=backend).prepare(x=np.ones((2, 3)))
    assert all(box.__dict__.keys() == held.keys() for box, held in zip(bodies, before, strict=True))


def test_a_picture_shows_it_as_one_box_and_its_body_alone():
    _, loss, _ = layers(fg.checkpoint, count=2)
    graph = fg.Graph(loss)
    assert len([box for box in graph if type(box) is Recomputed]) == 2
    assert graph.to_dot().count('class="box box"') < 5
    inside = fg.opened(graph["checkpoint"])
    assert [type(box).__name__ for box in inside if box.children] == [
        "MatMul",
        "Tanh",
        "Multiply",
        "Sin",
        "MatMul",
        "Tanh",
    ]
    assert "tanh" in inside.to_svg()


def test_flops_are_those_of_the_body():
    x = fg.Input("x", shape=(5, 3))
    plain = lambda x: np.tanh(x) * x  # noqa: E731
    assert total_flops([(fg.checkpoint(plain)(x), 1)]) == total_flops((box, 1) for box in fg.Graph(plain(x)))


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: fg.checkpoint(3), "found a int, needs a function"),
        (lambda: fg.checkpoint(lambda a: "text")(fg.Input("a")), "returned a str, needs boxes"),
        (lambda: fg.checkpoint(lambda a: a * fg.Input("b"))(2.0), "arguments without a box"),
        (lambda: fg.checkpoint(lambda a: a if a > 0 else -a)(fg.Input("a")), "value"),
    ],
)
def test_what_is_wrong_is_said(build, text):
    with pytest.raises(fg.FlowgraphError, match=text):
        build()
