"""Each pass alone, from graph to graph; passes broken on purpose; the memory of a schedule."""

import importlib

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan import PASSES, simplify
from flowgraph.plan.passes import idioms, scalars
from flowgraph.plan.passes.inlining import open_box, open_composites, specialise
from flowgraph.plan.passes.simplify import ORDER, How, has_all
from flowgraph.plan.store import align_size
from tests.fuzz.built import Built
from tests.fuzz.drawing import draw_case
from tests.plan.test_plan import batch, network
from tests.seed import seed_of_tree


def only(*names):
    """All passes but these left out."""
    return frozenset(PASSES) - frozenset(names)


def kinds(graph):
    """The classes of the boxes that compute, in order."""
    return [type(box).__name__ for box in graph if box.children]


def inputs(*shapes):
    return [fg.Input(f"x{i}", shape=shape) for i, shape in enumerate(shapes)]


def test_common_parts_are_computed_once():
    (x,) = inputs((3,))
    graph = fg.Graph(np.tanh(x * 2) + np.exp(x * 2))
    assert kinds(graph).count("Multiply") == 2
    assert kinds(simplify(graph, only("common"))).count("Multiply") == 1
    assert kinds(simplify(graph, frozenset(PASSES))).count("Multiply") == 2


def test_random_leaves_are_never_shared():
    def draw(generator, shape):
        return generator.normal(size=shape)

    graph = fg.Graph(fg.Random(draw, shape=(3,)) - fg.Random(draw, shape=(3,)))
    assert len(simplify(graph).randoms) == 2


def test_constants_are_folded():
    (x,) = inputs((3,))
    c = fg.Constant(2.0)
    graph = simplify(fg.Graph(x * (np.exp(c) + 1) ** 1), only("constants"))
    assert [box.value.ndim for box in graph if isinstance(box, fg.Constant)].count(0) >= 1
    assert "Exp" not in kinds(graph)


def test_what_overflows_is_left_to_the_run():
    (x,) = inputs((3,))
    plan = fg.compile(x * np.exp(fg.Constant(1e3)))
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert np.isinf(plan(x0=np.ones(3))).all()


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, c: x + 0, []),
        (lambda x, c: 0 + x, []),
        (lambda x, c: x - 0, []),
        (lambda x, c: x * 1, []),
        (lambda x, c: x / 1, []),
        (lambda x, c: np.negative(-x), []),
        (lambda x, c: +x, []),
        (lambda x, c: x.T.T, []),
        (lambda x, c: x.transpose((1, 0)).T, []),
        (lambda x, c: x.reshape((6,)).reshape((2, 3)), []),
        (lambda x, c: np.expand_dims(np.squeeze(x[:, None, :], 1), (0, 3))[0, :, :, 0], ["Reshape", "Index"]),
        (lambda x, c: 2 * (3 * x), ["Multiply"]),
        (lambda x, c: (x * 0.5) / 4, ["Multiply"]),
        (lambda x, c: (x * 2) / 4, ["Multiply", "Multiply"]),  # 2 x may overflow where x / 2 does not
        (lambda x, c: x + 3 * x, ["Multiply", "Add"]),  # only the new value of a parameter gathers terms
        (lambda x, c: x - 0.5 * x, ["Multiply", "Add"]),  # an infinite x has no such difference
        (lambda x, c: x - c * x, ["Negative", "Multiply", "Add"]),
        (lambda x, c: x**2, ["Square"]),
        (lambda x, c: x * x, ["Square"]),
        (lambda x, c: np.sum(np.sum(x, axis=0)), ["Sum"]),
        (lambda x, c: np.sum(np.broadcast_to(c, (4, 5))), ["Multiply"]),
        (lambda x, c: np.broadcast_to(np.exp(c), (2, 3)) * x, ["Exp", "Multiply"]),
        (lambda x, c: x.astype(np.float64), []),
        (lambda x, c: np.sum(x * x), ["Reshape", "MatMul"]),
    ],
)
def test_what_changes_nothing_goes(build, expected):
    x, c = inputs((2, 3), ())
    graph = simplify(open_composites(specialise(fg.Graph(build(x, c)), {})))
    assert kinds(graph) == expected, str(graph)
    rng = np.random.default_rng(0)
    feeds = {x: rng.normal(size=(2, 3)), c: 0.7}
    original = fg.Graph(build(x, c))
    found = graph.fprop({box: value for box, value in feeds.items() if box in graph}).outputs[0]
    expected_value = original.fprop({box: value for box, value in feeds.items() if box in original}).outputs[0]
    np.testing.assert_allclose(found, expected_value, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("other", [(), (1,), (1, 1), (2, 3)])
def test_a_neutral_array_that_widens_the_other_is_not_left_out(other, dtype):
    """x + 0 is x only where the zeros have no axes and no dtype of their own."""
    zeros, ones = fg.Constant(np.zeros(other, dtype)), fg.Constant(np.ones(other, dtype))
    for shape in ((), (1,), (3,), (2, 3), (0, 3)):
        x = fg.Input("x", shape=shape, dtype=np.float32)
        value = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
        for make in (
            lambda x: x + zeros, lambda x: zeros + x, lambda x: x - zeros, lambda x: -(zeros - x), lambda x: x * ones,
            lambda x: ones * x, lambda x: x / ones, lambda x: np.power(x, ones),
        ):  # fmt: skip
            try:
                box = make(x)
            except fg.ShapeError:
                continue
            needed, found = fg.Graph(box).fprop({x: value})[box], fg.compile(box)({x: value})
            assert (np.shape(found), found.dtype) == (np.shape(needed), needed.dtype)
            np.testing.assert_array_equal(found, needed)


def test_integers_and_halves_keep_their_arithmetic():
    i = fg.Input("i", shape=(3,), dtype=np.int8)
    plan = fg.compile([i * np.int8(100) * np.int8(2), np.negative(-i), i // np.int8(2)])
    given = np.array([1, -128, 3], np.int8)
    graph = fg.Graph(*plan._forward.outputs)
    with np.errstate(all="ignore"):
        for one, other in zip(plan(i=given), graph.fprop(i=given).outputs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_rate_scales_the_small_gradient_and_not_the_weights():
    x, g, w = inputs((32, 784), (32, 10), (784, 10))
    rate = fg.Input("rate")
    new = fg.Graph(w - rate * (x.T @ g))

    def scaled(updated):
        graph = simplify(new, only("scalars", "scales", "common"), updated)
        return [box.shape for box in graph if isinstance(box, fg.Multiply) and box.ndim]

    assert scaled(1) == [(32, 10)]
    assert scaled(0) == [(784, 10)], "what is no change of a parameter is scaled where the user scales it"


def test_a_factor_is_not_moved_into_what_is_read_unscaled():
    x, g = inputs((32, 784), (32, 10))
    rate = fg.Input("rate")
    product = x.T @ g
    graph = simplify(fg.Graph(rate * product, product), only("scalars", "scales", "common"))
    assert kinds(graph).count("MatMul") == 1


def test_the_whole_backward_pass_is_scaled_at_its_seed():
    _, loss, _, updates = network(sizes=(64, 32, 16, 3))
    step = fg.compile([loss], updates=updates, without=["flat_parameters"]).prepare(**batch(20, width=64), rate=0.1)
    large = [box.shape for box in step.graph if isinstance(box, fg.Multiply) and box.children[0].shape == ()]
    assert all(shape in [(), (64, 32), (32, 16), (16, 3), (20,), (1, 20)] for shape in large), large


def test_scores_of_few_classes_are_kept_in_columns():
    h, w, y = inputs((64, 8), (8, 5), (64,))
    y = fg.Input("y", shape=(64,), dtype=int)
    loss = fg.SoftmaxCrossEntropy(h @ w, y)
    graph = simplify(open_composites(fg.Graph(loss)))
    assert [box.children[0].shape for box in graph if isinstance(box, fg.Max)] == [(5, 64)]


def test_softmax_and_cross_entropy_share_their_exponentials():
    _, loss, _, updates = network()
    step = fg.compile([loss], updates=updates).prepare(**batch(), rate=0.1)
    assert kinds(step.graph).count("Exp") == 1
    assert kinds(step.graph).count("Max") == 1


def test_a_composite_box_is_opened_into_its_parts():
    x = fg.Input("x", shape=(4, 3))
    names = {type(part).__name__ for part in fg.Graph(open_box(fg.softmax(x))) if part.children}
    assert names <= {"Max", "Subtract", "Exp", "Sum", "Divide", "Multiply"}


class Remembers(fg.Elementwise):
    """A box that branches on values: it stays one call."""

    def fprop(self, a):
        return a * 2 if np.asarray(a).max() > 0 else a * 3

    def bprop(self, grad, h, a):
        return (grad * 2,)


def test_a_box_that_does_not_run_on_boxes_stays_one_call():
    x = fg.Input("x", shape=(4,))
    plan = fg.compile(Remembers(np.exp(x)) + 1)
    np.testing.assert_array_equal(plan(x=np.zeros(4)), 3.0)
    assert "Remembers(" in plan.source


def test_passes_broken_on_purpose_are_found_out_in_debug_mode(monkeypatch):
    def wrong_sign(make, c):
        return c

    def wrong_zero(make, box):
        return box.children[0] if box.children[0].shape == box.shape else None

    x, w = fg.Input("x", shape=(4, 3)), fg.Parameter(np.arange(3.0), name="w")
    new = {w: w - 0.5 * fg.sum(np.tanh(x) - 2 * x, axis=0)}
    given = np.random.default_rng(0).normal(size=(4, 3))
    with fg.debug():
        fg.compile([fg.sum(x * w)], updates=new)(x=given)
        monkeypatch.setattr(scalars, "minus", wrong_sign)
        with pytest.raises(
            fg.FlowgraphError, match="the new value of Parameter 'w' differs from that of the graph: by"
        ):
            fg.compile([fg.sum(x * w)], updates=new)(x=given)
        monkeypatch.undo()
        monkeypatch.setitem(scalars.RULES, fg.Add, [wrong_zero])
        kept = importlib.import_module("flowgraph.plan.passes.simplify")
        monkeypatch.setattr(kept, "_rules", kept._rules.__wrapped__)  # made anew, and not kept
        with pytest.raises(fg.FlowgraphError, match=r"the output .* differs from that of the graph"):
            fg.compile(x + w)(x=given)


def test_a_buffer_given_away_too_early_is_found_out_in_debug_mode(monkeypatch):
    from flowgraph.plan import schedule as module

    x = fg.Input("x", shape=(4,))
    h = np.tanh(x)
    late = np.exp(h) + h
    with fg.debug():
        fg.compile(late)(x=np.ones(4))
        monkeypatch.setattr(module, "_find_last", lambda plan: plan.last.update(dict.fromkeys(plan.graph.boxes, 1)))
        with pytest.raises(fg.FlowgraphError, match="differs from that of the graph"):
            fg.compile(late)(x=np.ones(4))


@pytest.mark.parametrize("sizes", [(64, 32, 10), (784, 128, 10), (64, *(32,) * 8, 10), (128, 128, 128, 10)])
def test_memory_is_near_the_least_that_the_schedule_needs(sizes):
    _, loss, _, updates = network(sizes=sizes)
    step = fg.compile([loss], updates=updates)
    step.prepare(**batch(64, width=sizes[0], classes=10), rate=0.1)
    buffers = {id(b): b for b in step.last.schedule.buffers.values() if b.is_own}
    lines = range(len(step.last.schedule.graph.boxes))
    alive = [sum(align_size(b.size) for b in buffers.values() if b.first <= line <= b.last) for line in lines]
    assert step.bytes <= 1.1 * max(alive)
    for one in buffers.values():
        for other in buffers.values():
            if one is not other and one.first <= other.last and other.first <= one.last:
                apart = one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
                assert apart, f"{one} and {other} lie in the same place at the same time"


def test_the_thresholds_of_columns_are_what_the_tests_cover():
    assert idioms.MANY < 33 < idioms.LARGE < 300


def test_a_pass_changes_nothing_where_its_classes_are_missing():
    skipped = set()
    for number in range(60):
        case = draw_case([seed_of_tree(), number])
        try:
            built = Built(case, np.random.default_rng(number))
        except Exception:  # what cannot be built is no graph
            continue
        graph = open_composites(fg.Graph(*built.outputs, *built.grads))
        for step in ORDER:
            how = How(frozenset({"common"}), 0, set())
            changed = step.run(graph, how)
            if not has_all(graph, step.needs):
                skipped.add(step.name)
                assert changed is graph, f"{step.name}\n{case.text()}"
            graph = changed
    assert skipped == {step.name for step in ORDER if step.needs}
