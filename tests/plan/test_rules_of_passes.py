"""Rules of the passes, each on the arrays that it was written for, and at the edges of their range."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, PlacesOf
from flowgraph.plan.numpy.rules import keep_where
from flowgraph.plan.numpy.selection import MANY as MOST
from flowgraph.plan.numpy.short_rows import MANY, SHORT
from flowgraph.plan.passes.scalars import may_add, may_multiply
from tests.plan.agreement import assert_agree
from tests.plan.test_plan import batch, network

# Convolutions and pooling whose views a plan makes once: the numbers of the graph, in every run and for every size.


PADDINGS = (0, 1, ((0, 2), (1, 0)))


@pytest.mark.parametrize(("stride", "padding"), [*itertools.product((1, (2, 1)), PADDINGS)])
@pytest.mark.parametrize(("dilation", "size"), [(1, (2, 3)), ((1, 2), (3, 2)), (2, (2, 2)), (1, (1, 1))])
def test_values_and_gradients_are_those_of_the_graph(stride, padding, dilation, size):
    rng = np.random.default_rng(0)
    w = fg.Parameter(rng.normal(size=(3, 4, *size)), name="w")
    v = fg.Parameter(rng.normal(size=(5, 3, 1, 2)), name="v")
    x = fg.Input("x", shape=("N", 4, 9, 8))
    inner = np.tanh(fg.Conv2d(x, w, stride=stride, padding=padding, dilation=dilation))
    h = fg.MaxPool(np.maximum(fg.Conv2d(inner, v, padding=1), 0), size=2, stride=1)
    loss = fg.mean(h**2)
    graph = fg.Graph(loss, *fg.gradient(loss, [x, w, v]))
    plan = fg.compile(list(graph.outputs))
    for n in (3, 1, 3):
        images = rng.normal(size=(n, 4, 9, 8))
        for one, other in zip(plan(x=images), graph.fprop(x=images).outputs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


# The choice between an array and zeros: the same bits as NumPy's where, and the line of a plan.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_bits_are_those_of_where(dtype, order):
    rng = np.random.default_rng(0)
    array = np.asarray(rng.normal(size=(7, 5)), dtype, order)
    array[0] = [np.nan, np.inf, -np.inf, -0.0, 0.0]
    array[1] = array[0]
    mask = rng.random((7, 5)) > 0.5
    mask[0], mask[1] = True, False
    out = np.full((7, 5), np.nan, dtype)
    assert keep_where(mask, array, out) is out
    assert out.tobytes() == np.where(mask, array, dtype(0)).tobytes()


def test_a_plan_uses_it_where_zeros_are_chosen_and_only_there():
    a = fg.Input("a", shape=(4, 3))
    values = np.random.default_rng(0).normal(size=(4, 3))
    for zero, used in ((0.0, True), (-0.0, False), (1.0, False)):
        plan = fg.compile(np.where(a > 0, np.exp(a), zero))
        found = plan(a=values)
        assert found.tobytes() == np.where(values > 0, np.exp(values), zero).tobytes()
        assert ("keep_where" in plan.source) == used


def test_a_row_that_is_repeated_is_not_taken_for_an_array():
    a, row = fg.Input("a", shape=(4, 3)), fg.Input("row", shape=(3,))
    values = np.random.default_rng(0).normal(size=(4, 3))
    plan = fg.compile(np.where(a > 0, np.exp(row), 0.0))
    np.testing.assert_array_equal(plan(a=values, row=np.ones(3)), np.where(values > 0, np.e, 0.0))


# Plans of scores of a few classes, for labels and reductions drawn at random, give the numbers of the graph.


ROWS = (1, 3, 40, 300)
STEPS = (np.sin, np.tanh, lambda a: a * 2.0, lambda a: a - 1.0, fg.softmax, lambda a: a.T.T, lambda a: np.exp(-a * a))


def heads(random, scores, labels, rows):
    """What a model makes of scores: a loss, the score at each label, the best of each row."""
    return random.choice([
        lambda: fg.SoftmaxCrossEntropy(scores, labels), lambda: fg.mean(fg.SoftmaxCrossEntropy(scores, labels)),
        lambda: fg.NegativeLogLikelihood(fg.softmax(scores), labels), lambda: scores[np.arange(rows), labels],
        lambda: np.max(scores, axis=1), lambda: np.min(scores, axis=-1, keepdims=True), lambda: np.sum(scores, axis=1),
        lambda: fg.logsumexp(scores, axis=1), lambda: scores - np.max(scores, axis=1)[:, None],
        lambda: scores.reshape((-1,))[labels], lambda: np.sum(scores, axis=0), lambda: np.argmax(scores, axis=1),
    ])()  # fmt: skip


@settings(max_examples=settings().max_examples // 2)
@given(st.randoms(use_true_random=True))
def test_plans_of_scores_give_the_numbers_of_the_graph(random):
    rows, classes = random.choice(ROWS), random.randint(1, 4)
    x, given_scores = fg.Input("x", shape=(rows, 5)), fg.Input("given", shape=(rows, classes))
    labels = fg.Input("labels", shape=(rows,), dtype=int)
    w = fg.Parameter(np.linspace(-1, 1, 5 * classes).reshape(5, classes), name="w")
    pool = [x @ w, x @ w + fg.Parameter(np.linspace(0, 1, classes), name="b"), np.cos(given_scores)]
    for _ in range(random.randint(0, 4)):
        a = random.choice(pool)
        pool.append(random.choice([random.choice(STEPS)(a), a + random.choice(pool), a * random.choice(pool)]))
    made = [heads(random, random.choice(pool), labels, rows) for _ in range(random.randint(1, 4))]
    floats = [box for box in made if box.dtype.kind == "f"]
    slopes = fg.gradients([sum((fg.sum(box) for box in floats), fg.sum(x))], [w, x], [None], unused="zeros")
    graph = fg.Graph(*made, *slopes)
    rng = np.random.default_rng(random.randrange(2**32))
    feeds = {"x": rng.normal(size=x.shape), "given": rng.normal(size=given_scores.shape),
             "labels": rng.integers(0, classes, rows)}  # fmt: skip
    feeds = {name: value for name, value in feeds.items() if name in graph}
    plan = fg.compile(graph)
    for one, box, other in zip(plan(feeds), graph.outputs, graph.fprop(feeds).outputs, strict=True):
        assert_agree(one, other, f"{box.title}\n{plan.source}", 100.0)


# Labels of a batch: their places, of every integer dtype, and the refusal of those that are no class.


DTYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


def plan_of(dtype, without=()):
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=dtype)
    loss = fg.SoftmaxCrossEntropy(x, y)
    outputs = [loss, *fg.gradient(fg.sum(loss), [x])]
    return fg.Graph(*outputs), fg.compile(outputs, without=without)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("without", [(), ("transpose_layout",)])
def test_every_label_outside_the_classes_is_refused(dtype, without):
    graph, plan = plan_of(dtype, without)
    feeds = {"x": np.arange(12.0).reshape(4, 3), "y": np.array([2, 0, 1, 2], dtype)}
    for found, expected in zip(plan(feeds), graph.fprop(feeds).outputs, strict=True):
        assert_agree(found, expected, plan.source, 10)
    info = np.iinfo(dtype)
    for wrong in {3, 5, 6, 7, -1, -3, -4, -6, -7, info.max, info.min} - {0}:
        if info.min <= wrong <= info.max:
            feeds["y"][1] = wrong
            with pytest.raises(fg.FlowgraphError, match=rf"SoftmaxCrossEntropy.*label {wrong} at index 1"):
                plan(feeds)


def test_no_labels_are_none_outside_the_classes():
    _, plan = plan_of(np.int64)
    assert plan(x=np.zeros((0, 3)), y=np.zeros(0, int))[0].shape == (0,)


def test_places_that_are_used_for_something_else():
    x, y = fg.Input("x", shape=(2, 3)), fg.Input("y", shape=(2,), dtype=int)
    places = PlacesOf(y, x)
    plan = fg.compile([places * 2, x.reshape((-1,))[places]])
    found = plan(x=np.arange(6.0).reshape(2, 3), y=[2, 1])
    np.testing.assert_array_equal(found[0], [4, 8])
    np.testing.assert_array_equal(found[1], [2.0, 4.0])
    for wrong in ([2, 3], [-1, 0], [0, 100]):
        with pytest.raises(fg.FlowgraphError, match=r"PlacesOf.*needs 0 to 2"):
            plan(x=np.zeros((2, 3)), y=wrong)


# What a plan computes in another way than the box does: sums as products with ones, sigmoids without a choice.


SPECIAL = [-np.inf, -800.0, -90.0, -20.0, -1.0, -1e-30, -0.0, 0.0, 1e-30, 1.0, 20.0, 90.0, 800.0, np.inf, np.nan]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_a_sigmoid_has_the_bits_of_the_box(dtype):
    a = fg.Input("a", shape=("N",), dtype=dtype)
    plan = fg.compile(fg.sigmoid(a))
    values = np.concatenate([np.array(SPECIAL), np.random.default_rng(0).normal(scale=8, size=1000)]).astype(dtype)
    np.testing.assert_array_equal(plan(a=values), fg.Sigmoid(a).fprop(values))
    assert "where" not in plan.source


@pytest.mark.parametrize("given_array", [np.array([-3, 0, 2]), np.empty(0), np.float32([[1, -1]]).T])
def test_a_sigmoid_of_whole_numbers_and_of_nothing(given_array):
    a = fg.Input("a", shape=given_array.shape, dtype=given_array.dtype)
    np.testing.assert_array_equal(fg.compile(fg.sigmoid(a))(a=given_array), fg.Sigmoid(a).fprop(given_array))


@given(st.data())
def test_a_sum_over_any_axes_is_that_of_numpy(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4), label="shape"))
    axes = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1), label="axes"))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]), label="dtype")
    keepdims = data.draw(st.booleans(), label="keepdims")
    turned = data.draw(st.booleans(), label="turned")
    values = np.random.default_rng(0).normal(size=shape).astype(dtype)
    flat = values.reshape(-1)
    for number, place in enumerate(data.draw(st.lists(st.integers(0, 600), max_size=2), label="special")):
        if flat.size:
            flat[place % flat.size] = (np.inf, np.nan)[number]
    x = fg.Input("x", shape=shape, dtype=dtype)
    read = np.exp(x).T if turned else np.exp(x)
    with np.errstate(invalid="ignore"):
        found = fg.compile(fg.sum(read, axis=axes, keepdims=keepdims))(x=values)
        right = np.exp(values).T if turned else np.exp(values)
        assert_agree(found, np.sum(right, axis=axes, keepdims=keepdims))


def test_sums_over_the_first_the_last_and_the_last_but_one_axes_are_products():
    x = fg.Input("x", shape=(3, 4, 5))
    h = np.exp(x)
    plan = fg.compile([fg.sum(h, axis=(0, 1)), fg.sum(h, axis=2), fg.sum(h, axis=(1, 2)), fg.sum(h, axis=1)])
    plan.prepare(x=np.ones((3, 4, 5)))
    assert plan.source.count(".dot(") == 3
    assert plan.source.count("matmul(ones") == 1
    assert "add.reduce" not in plan.source


# Sums of arrays that are zero but in a slice: joined where the slices are apart, added where they are not.


SHAPE = (4, 6)


@st.composite
def parts(draw):
    """An index of the array: one slice or place along one axis, or anything else."""
    axis = draw(st.integers(0, 1))
    size = SHAPE[axis]
    start, stop = draw(st.integers(-size, size)), draw(st.integers(-size, size))
    one = draw(
        st.sampled_from(
            [slice(start, stop), slice(start, None), slice(None, stop), slice(None, None, 2), slice(None)]
            + [draw(st.integers(-size, size - 1))] * 3
        )
    )
    index = (slice(None),) * axis + (one,)
    return draw(st.sampled_from([index, index, index, (*index, None), (Ellipsis, one), (slice(1, 3), slice(2, 4))]))


@given(st.lists(parts(), min_size=2, max_size=6), st.booleans(), st.booleans())
def test_the_gradient_of_parts_is_that_of_the_graph(indices, twice, beside):
    x = fg.Input("x", shape=SHAPE)
    loss = sum(fg.sum(np.sin(x[index] * (i + 1.5))) for i, index in enumerate(indices))
    if twice:
        loss = loss + fg.sum(x[indices[0]] * x[indices[0]])
    if beside:
        loss = loss + fg.sum(np.cos(x))
    outputs = [loss, *fg.gradient(loss, [x])]
    given_x = np.random.default_rng(0).normal(size=SHAPE)
    for without in ((), ("slices",), ("common",)):
        found = fg.compile(outputs, without=without)(x=given_x)
        for one, other in zip(found, fg.Graph(*outputs).fprop(x=given_x).outputs, strict=True):
            assert_agree(one, other, f"without {without}", scale=1)


def test_the_gates_of_a_cell_are_joined_and_the_steps_of_a_sequence():
    z = fg.Input("z", shape=(3, 8))
    i, f, g, o = (z[:, 2 * k : 2 * k + 2] for k in range(4))
    loss = fg.sum(np.tanh(i) * f + np.sin(g) * o)
    x = fg.Input("x", shape=(3, 5, 2))
    steps = sum(fg.sum(np.sin(x[:, t] * (t + 1.0))) for t in range(5))
    for whole, source in ((loss, z), (steps, x)):
        plan = fg.compile(fg.gradient(whole, [source])).prepare({source.name: np.ones(source.shape)})
        assert "IndexAdd" not in plan.source
        assert plan.source.count("concatenate(") == 1


def test_a_term_that_comes_twice_stays_twice():
    a = fg.Input("a", shape=(2,))
    like = fg.Constant(np.zeros(4))
    left = fg.boxes.IndexAdd(a, like, index=(slice(0, 2),))
    right = fg.boxes.IndexAdd(np.sin(a), like, index=(slice(2, 4),))
    total = left + right + left
    given_a = np.array([1.0, 2.0])
    np.testing.assert_array_equal(fg.compile(total)(a=given_a), fg.Graph(total).fprop(a=given_a).outputs[0])


# A batch of one: numbers in the place of short rows give the same, mistakes and NaN included.


@pytest.mark.parametrize("values", [[1.0, np.nan, 3.0], [-np.inf, 2.0, np.inf], [-0.0, 0.0, -1.0], [2.0, 2.0, 1.0]])
@pytest.mark.parametrize("reduce", [np.max, np.min])
def test_extremes_of_one_row(reduce, values):
    x = fg.Input("x", shape=("N", 3))
    h = reduce(x * 1.0 + np.zeros((1, 3)), axis=1)
    found = fg.compile([h, x - h[:, None]])
    with np.errstate(invalid="ignore"):
        for one, other in zip(found(x=[values]), fg.Graph(h, x - h[:, None]).fprop(x=[values]).outputs, strict=True):
            assert_agree(one, other, found.source)


def test_the_largest_of_a_row_is_found_by_its_place():
    _, loss, _, updates = network()
    source = fg.compile([loss], updates=updates).prepare(**batch(1), rate=0.1).source
    assert "_flat.argmax()]" in source
    assert "        check_labels(y)" in source


def test_the_place_of_the_only_label_is_a_number_of_numpy():
    y, x = fg.Input("y", shape=(1,), dtype=np.int32), fg.Input("x", shape=(1, 3))
    place = PlaceOf(y, x)
    outputs = [place, place * np.float32(2), MinusAt(x, place.reshape((1,)), np.sum(x)), place.reshape((1, 1)) * x]
    plan = fg.compile(outputs)
    feeds = {"y": np.array([2], np.int32), "x": np.array([[1.0, 2.0, 4.0]])}
    for one, other in zip(plan(feeds), fg.Graph(*outputs).fprop(feeds).outputs, strict=True):
        assert type(one) is type(other)
        assert_agree(one, other, plan.source)


def test_constants_are_written_with_the_digits_that_their_dtype_needs():
    x = fg.Input("x", shape=(), dtype=np.float32)
    plan = fg.compile(x * fg.Constant(0.1, dtype=np.float32))
    assert plan(x=3.0) == np.float32(3) * np.float32(0.1)
    assert "= 0.1 * x" in plan.source


# Where factors and terms may be gathered: never so that a result becomes infinite, NaN or 0, or is so no longer.


NUMBERS = (0.0, 1.0, -1.0, 2.0, -0.5, 3.0, 1e-3, 1e30, -1e30, 1e-30, 3e38, 1e-38, 1e-40, 1e160, 1e-160, 1.7e308, 1e-310)
RULES = {
    may_multiply: (lambda c, d, x: c * (d * x), lambda c, d, x: (c * d) * x),
    may_add: (lambda c, d, x: c + (d + x), lambda c, d, x: (c + d) + x),
}


def kinds(value):
    """Which elements are not finite, by kind, and which are 0 or so small that digits are lost."""
    tiny = np.abs(value) < 4 * np.finfo(value.dtype).tiny
    return np.select([np.isnan(value), value == np.inf, value == -np.inf, tiny], [1, 2, 3, 4], 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("may", RULES, ids=lambda rule: rule.__name__)
def test_what_may_be_gathered_keeps_the_kind_of_every_result(may, dtype):
    apart, gathered = RULES[may]
    info = np.finfo(dtype)
    spread = 10.0 ** np.linspace(np.log10(float(info.tiny)), 0.9999 * np.log10(float(info.max)), 500)
    x = np.concatenate([spread, -spread, [0.0, np.inf, -np.inf, np.nan]]).astype(dtype)
    given = [dtype(number) for number in NUMBERS if abs(number) <= float(info.max)]
    allowed = 0
    with np.errstate(all="ignore"):
        for c, d in itertools.product(given, repeat=2):
            if may(c, d, np.dtype(dtype)):
                allowed += 1
                one, other = apart(c, d, x), gathered(c, d, x)
                edge = (kinds(one) != kinds(other)) & ~_near(one, other, info)
                if may is may_add:  # terms cancel, and what is left of them is rounding
                    edge &= ~(np.isfinite(one) & np.isfinite(other))
                assert not edge.any(), (c, d, x[edge][:3], one[edge][:3], other[edge][:3])
    assert allowed > len(given)


def _near(one, other, info):
    """Whether both are on one edge: of the smallest numbers, or of the largest, up to rounding."""
    small = (np.abs(one) < 8 * info.tiny) & (np.abs(other) < 8 * info.tiny)
    large = (np.abs(one) > info.max * 0.999) & (np.abs(other) > info.max * 0.999) & (np.sign(one) == np.sign(other))
    return small | large


@pytest.mark.parametrize("may", RULES, ids=lambda rule: rule.__name__)
def test_a_number_that_only_a_run_knows_is_not_gathered(may):
    for number in (2.0, -3.0, 1e300, None):
        assert not may(None, number, np.dtype(float))
        assert not may(number, None, np.dtype(float))


def test_factors_of_which_one_is_known_stay_apart():
    x, c = fg.Input("x", shape=(3,)), fg.Input("c")
    boxes = [c * x + 2.0 * x, 2.0 * x + c * x, c * x - 2.0 * x, c * (2.0 * x), 2.0 * (c * x), x / c + x * 2.0]
    plan, graph = fg.compile(boxes), fg.Graph(*boxes)
    for feeds in ({"x": [1.0, -2.0, 1e-308], "c": 1e-3}, {"x": [1.0, 1e308, -1.0], "c": -1.5}):
        with np.errstate(all="ignore"):
            for one, other in zip(plan(feeds), graph.fprop(feeds).outputs, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-14)


# Maxima and minima of two: long arrays limited by a number.


SPECIAL_OF_EXTREMES = [-np.inf, -1.5, -1e-300, -0.0, 0.0, 1e-300, 0.5, np.inf, np.nan]
LONG = 5000


def values(dtype, size=LONG):
    rng = np.random.default_rng(0)
    with np.errstate(under="ignore"):
        return np.concatenate([SPECIAL_OF_EXTREMES, rng.normal(size=size - len(SPECIAL_OF_EXTREMES))]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("limit", [0.0, -1.0, 0.5, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum])
def test_a_long_array_is_limited_as_numpy_does_it(ufunc, limit, dtype):
    x, a = fg.Input("x", shape=("N",), dtype=dtype), values(dtype)
    plan = fg.compile([ufunc(x, dtype(limit)), ufunc(dtype(limit), x * 2), ufunc(x[::2], dtype(limit)) + 1])
    with np.errstate(all="raise", over="ignore"):
        found = plan(x=a)
    right = [ufunc(a, dtype(limit)), ufunc(dtype(limit), a * 2), ufunc(a[::2], dtype(limit)) + 1]
    for one, other in zip(found, right, strict=True):
        np.testing.assert_array_equal(one, other)
    assert ("clip" in plan.source) == (dtype != np.float16 and not np.isnan(limit))


def test_short_arrays_and_rows_are_not_clipped():
    x, row = fg.Input("x", shape=("N",)), fg.Input("row", shape=(LONG,))
    plan = fg.compile([np.maximum(x, 0.0), np.maximum(row, np.ones((2, 1)))])
    plan.prepare(x=np.ones(20), row=np.ones(LONG))
    assert "clip" not in plan.source


@pytest.mark.parametrize("size", [7, LONG])
def test_the_slope_of_a_rectifier_with_ties(size):
    x = fg.Input("x", shape=("N",))
    a = np.resize([-1.0, 0.0, 2.0, -0.0, np.nan, np.inf], size)
    outputs = fg.gradient(fg.sum(np.maximum(x, 0) * 3.0), [x]) + fg.gradient(fg.sum(fg.relu(x) * 3.0), [x])
    for one, other in zip(fg.compile(outputs)(x=a), fg.Graph(*outputs).fprop(x=a).outputs, strict=True):
        np.testing.assert_array_equal(one, other)


# Extremes of short rows, which are found in columns.


@given(st.data())
def test_extremes_of_short_rows_are_those_of_numpy(data):
    """Also of what does not lie in rows, with NaN and infinities, below and above the sizes where columns are made."""
    stack = tuple(data.draw(st.lists(st.sampled_from([1, 3, 8, 40]), min_size=1, max_size=2), label="stack"))
    size = data.draw(st.sampled_from([1, 2, 7, 16, 17, 32, 33]), label="size")
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64, np.int32]), label="dtype")
    reduce = data.draw(st.sampled_from([np.max, np.min]), label="reduce")
    turned, keepdims = data.draw(st.booleans(), label="turned"), data.draw(st.booleans(), label="keepdims")
    shape = (*stack, size)
    values = (np.random.default_rng(len(stack)).normal(size=shape) * 10).astype(dtype)
    if np.dtype(dtype).kind == "f":
        values.flat[:: data.draw(st.integers(5, 90), label="every")] = data.draw(
            st.sampled_from([np.nan, np.inf, -np.inf, -0.0])
        )
    fed = values.T if turned else values
    x = fg.Input("x", shape=fed.shape, dtype=dtype)
    read = (x + x).T if turned else x + x
    results = [reduce(read, axis=-1, keepdims=keepdims), read]
    plan = fg.compile(results)
    found, whole = plan(x=fed)
    np.testing.assert_array_equal(found, reduce(values + values, axis=-1, keepdims=keepdims))
    np.testing.assert_array_equal(whole, values + values)
    floats = np.dtype(dtype).itemsize > 2 and np.dtype(dtype).kind == "f"
    short = 1 < size <= SHORT // np.dtype(dtype).itemsize and values.size // size >= MANY
    if len(shape) > 2:  # a matrix is turned as a whole by `transpose_layout`, where it is a product
        assert ("_of_rows(" in plan.source) == (floats and short)


# A choice between arrays, by the bits of their numbers.


@given(st.data())
def test_a_choice_has_the_bits_of_where(data):
    """Arrays and numbers on either side, NaN and infinities, a mask that is a comparison or is given."""
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.float16, np.int64]), label="dtype")
    shape = data.draw(st.sampled_from([(4096,), (64, 70), (3, 40, 40), (20,), (0, 5)]), label="shape")
    values = [(np.random.default_rng(i).normal(size=shape) * 8).astype(dtype) for i in range(2)]
    if np.dtype(dtype).kind == "f":
        for one in values:
            one.flat[:: data.draw(st.integers(3, 60))] = data.draw(st.sampled_from([np.nan, -np.inf, -0.0]))
    a, b = (fg.Input(name, shape=("N", *shape[1:]), dtype=dtype) for name in "ab")
    mask = data.draw(st.sampled_from([lambda a, b: a > b, lambda a, b: a == b, lambda a, b: b != 0]), label="mask")
    yes, no = (
        data.draw(st.sampled_from([lambda a, b: a, lambda a, b: a + a, lambda a, b: b * b, lambda a, b: dtype(3)]))
        for _ in range(2)
    )
    with np.errstate(all="ignore"):
        chosen = np.where(mask(a, b), yes(a, b), no(a, b))
        if not isinstance(chosen, fg.Box):
            return
        found, again = fg.compile([chosen, chosen + a])(a=values[0], b=values[1])
        right = np.where(mask(*values), yes(*values), no(*values))
        np.testing.assert_array_equal(found, right)
        assert (np.signbit(found) == np.signbit(right)).all()
        np.testing.assert_array_equal(again, right + values[0])


def test_long_arrays_are_chosen_by_bits():
    a, b = fg.Input("a", shape=(MOST,)), fg.Input("b", shape=(MOST,))
    for chosen, by_bits in [(np.where(a > b, a, b), True), (np.where(a == b, a, b), False), (fg.LeakyReLU(a), True)]:
        plan = fg.compile(chosen)
        plan.prepare(**{box.name: np.ones(MOST) for box in plan.inputs})
        assert ("select(" in plan.source) == by_bits


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.complex128])
def test_limits_on_one_side_and_whole_numbers_are_those_of_numpy(dtype):
    a = fg.Input("a", shape=("N",), dtype=dtype)
    values = np.resize([-2.5, -0.5, -0.0, 0.5, 1.5, np.nan, np.inf, -np.inf], 5000)
    values = (np.clip(np.nan_to_num(values), -9, 9) if dtype is np.int64 else values).astype(dtype)
    built = [np.round, lambda a: np.round(a, 1)]
    if dtype is not np.complex128:
        built += [lambda a: np.clip(a, None, 1), lambda a: np.clip(a, -1, None), lambda a: np.clip(a, -1, 1)]
    for build in built:
        with np.errstate(invalid="ignore"):
            found, right = fg.compile(build(a))(a=values), build(values)
        np.testing.assert_array_equal(found, right)
        assert found.dtype == right.dtype


# What leaves a number as it is, and what undoes itself, at the edges of every kind of number.

EDGES = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan]
NEUTRAL = {
    "x * 1": lambda x, one, zero: x * one, "1 * x": lambda x, one, zero: one * x, "x / 1": lambda x, one, zero: x / one,
    "x + 0": lambda x, one, zero: x + zero, "0 + x": lambda x, one, zero: zero + x,
    "x - 0": lambda x, one, zero: x - zero, "x ** 1": lambda x, one, zero: x**1, "+x": lambda x, one, zero: +x,
    "--x": lambda x, one, zero: np.negative(-x), "-(a - b)": lambda x, one, zero: -(zero - x),
    "x * -1": lambda x, one, zero: x * -one, "1 / (1 / x)": lambda x, one, zero: one / (one / x),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("name", NEUTRAL)
def test_what_leaves_numbers_as_they_are_gives_those_of_numpy_at_every_edge(name, dtype):
    parts = np.array([*itertools.product(EDGES, EDGES)]).astype(np.dtype(dtype).type(0).real.dtype)
    values = (parts.view(dtype) if np.dtype(dtype).kind == "c" else parts).ravel()
    x, one, zero = fg.Input("x", shape=values.shape, dtype=dtype), dtype(1), dtype(0)
    with np.errstate(all="ignore"):
        needed = NEUTRAL[name](values, one, zero)
        found = fg.compile(NEUTRAL[name](x, one, zero))(x=values)
    np.testing.assert_array_equal(found, needed, strict=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("build", [lambda a: np.logaddexp(a, 0), lambda a: np.logaddexp(0, a), fg.softplus])
def test_softplus_is_that_of_numpy_at_every_edge(build, dtype):
    a, info = fg.Input("a", shape=("N",), dtype=dtype), np.finfo(dtype)
    numbers = [0.0, info.tiny, info.eps, 1e-3, 1.0, 10.0, -np.log(info.tiny), info.max, np.inf, np.nan]
    values = np.array([sign * number for number in numbers for sign in (1, -1)], dtype)
    with np.errstate(all="ignore"):
        found, right = fg.compile(build(a))(a=values), np.logaddexp(values.astype(np.longdouble), 0)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, right.astype(dtype), rtol=4 * info.eps, atol=info.smallest_subnormal)


def test_softplus_and_its_slope_share_an_exponential():
    a, y = fg.Input("a", shape=("N",)), fg.Input("y", shape=("N",))
    for loss in (fg.softplus(a), fg.BinaryCrossEntropy(a, y)):
        plan = fg.compile([loss, *fg.gradient(fg.sum(loss), [a])])
        plan.prepare(**{box.name: np.ones(5) for box in plan.inputs})
        assert [isinstance(box, fg.Exp) for box in plan.graph.boxes].count(True) == 1


def test_a_mean_of_sums_of_rows_sends_back_one_number():
    x = fg.Input("x", shape=("N", 4))
    loss = fg.mean(np.sum(np.sin(x) * x, axis=1)) + 0.5 * fg.mean(np.sum(np.exp(x), axis=1, keepdims=True))
    plan = fg.compile([loss, *fg.gradient(loss, [x])])
    values = np.random.default_rng(0).normal(size=(3, 4))
    for one, other in zip(plan(x=values), fg.Graph(loss, *fg.gradient(loss, [x])).fprop(x=values).outputs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    assert not any(isinstance(box, fg.BroadcastTo) for box in plan.graph.boxes)
