"""Plans of every box and of graphs drawn at random give the numbers of their graphs."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.checking.strategies import graphs
from flowgraph.plan import PASSES
from tests.cases import cases
from tests.derivatives.test_other_shapes import BOXES, named, resized
from tests.plan.agreement import assert_agree
from tests.plan.test_views import agree

# Every registered box, forward and backward: its plan gives the numbers of its graph.


@pytest.mark.parametrize("name", BOXES)
def test_plan_equals_graph(name):
    for case in cases(BOXES[name]):
        assert_plan_equals_graph(name, case)


def assert_plan_equals_graph(name, case, **settings):
    """The plan of the box and of its gradient, with these settings, at the sizes of the case and at larger ones."""
    built = named(case)
    if built is None:
        return None
    box, leaves = built
    outputs = [box] if len(box.outputs) == 1 else list(box)
    wanted = [leaves[i] for i in case.floats] if any(o.dtype.kind in "fc" for o in outputs) else []
    arriving = [fg.Input(f"arriving{i}", shape=one.shape, dtype=one.dtype) for i, one in enumerate(outputs)]
    grads = fg.gradients(outputs, wanted, arriving, unused="zeros") if wanted else []
    graph, alone = fg.Graph(*outputs, *grads), fg.Graph(*outputs)
    plan = fg.compile(graph, **settings)
    for by in (0, 1):
        feeds = dict(zip(leaves, resized(case, by), strict=True))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                box.with_children(*[fg.Input(leaf.name, shape=feeds[leaf].shape, dtype=leaf.dtype) for leaf in leaves])
                run = alone.fprop({leaf: feeds[leaf] for leaf in leaves if leaf in alone})
                sent = {a: np.cos(np.arange(run[o].size).reshape(run[o].shape)).astype(o.dtype)
                        for a, o in zip(arriving, outputs, strict=True)}  # fmt: skip
                every = {leaf: value for leaf, value in {**feeds, **sent}.items() if leaf in graph}
                expected = graph.fprop(every).outputs
        except (fg.FlowgraphError, ValueError, IndexError, np.linalg.LinAlgError):
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = plan(every)
        scale = max([float(np.max(np.abs(v), initial=0)) for v in every.values() if np.isfinite(v).all()], default=0)
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_agree(one, other, f"{name} {case.settings} output {place}\n{plan.source}", scale)
    return plan


# Plans of arrays whose sizes depend on values: every rule about shapes meets one, and the numbers are the graph's.


STEPS = {
    "n[:, None]": lambda n: n[:, None],
    "n[None]": lambda n: n[None],
    "reshape to a column": lambda n: np.reshape(n, (-1, 1)),
    "reshape to a row": lambda n: np.reshape(n, (1, -1)),
    "transpose": np.transpose,
    "swap the ends": lambda n: np.swapaxes(n, 0, -1),
    "flat": np.ravel,
    "sum of the last axis": lambda n: np.sum(n, axis=-1, keepdims=True),
    "max with a number": lambda n: np.maximum(n, 1.0),
    "less a matrix of one": lambda n: n - np.ones((1, 1)),
    "times 2": lambda n: n * 2.0,
    "spread": lambda n: np.broadcast_to(n, (2, *n.shape)),
    "joined": lambda n: np.concatenate([n, n]),
}


@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4),
    st.lists(st.sampled_from([-1.0, 0.5, 2.0]), min_size=4, max_size=4),
    st.sampled_from(("", *PASSES)),
)
def test_the_plan_gives_what_the_graph_gives(steps, numbers, without):
    x = fg.Input("x", shape=(4,))
    value = np.flatnonzero(x > 0) * 1.0
    for step in steps:
        value = STEPS[step](value)
    needed = fg.Graph(value).fprop(x=np.array(numbers))[value]
    (found,) = fg.compile([value], without=(without,) if without else ())(x=np.array(numbers))
    assert found.shape == needed.shape
    assert found == pytest.approx(needed, rel=1e-12)


# Plans of arrays with axes of one, and of numbers in the shape of arrays, drawn at random, agree with the graph.


SHAPES = [(), (1,), (1, 1), (3,), (1, 3), (3, 1), (2, 3), (1, 1, 1), (2, 1, 3)]
UNARY = (np.sin, np.tanh, np.negative, np.square, np.exp, np.abs, lambda a: a * 0.5, lambda a: 1.5 - a)
BINARY = (np.add, np.subtract, np.multiply, np.maximum, np.minimum, lambda a, b: a / (2.0 + b * b))
KINDS = ("unary", "binary", "binary", "binary", "reduced", "product", "reshaped", "repeated", "number")
REDUCED = (np.sum, np.mean, np.max, np.min, fg.logsumexp)


def reduced(random, a):
    axis = random.choice([None, *range(-a.ndim, a.ndim)])
    return random.choice(REDUCED)(a, axis=axis, keepdims=random.random() < 0.5)


def broadcast(a, b):
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None


def one_more(random, pool):
    a, b = random.choice(pool), random.choice(pool)
    kind = random.choice(KINDS)
    if kind == "number":
        number = random.choice(REDUCED)(a).reshape((1,) * random.randint(0, 3))
        return random.choice(BINARY)(number, b if b.ndim < 3 else number)
    if kind == "binary" and broadcast(a, b) is not None:
        return random.choice(BINARY)(a, b)
    if kind == "reduced":
        return reduced(random, a)
    if kind == "product" and a.ndim and b.ndim and a.shape[-1] == b.shape[-2 if b.ndim > 1 else -1]:
        loops = (a.shape[:-2], b.shape[:-2])
        if loops[0] == loops[1] or () in loops:
            return a @ b
    if kind == "reshaped":
        size = int(np.prod(a.shape))
        return a.reshape(random.choice([s for s in [*SHAPES, (size,)] if int(np.prod(s)) == size]))
    if kind == "repeated":
        wider = [s for s in SHAPES if broadcast(a, np.empty(s)) == s]
        return np.broadcast_to(a, random.choice(wider)) if wider else a
    return random.choice(UNARY)(a)


@st.composite
def programs(draw):
    random = draw(st.randoms(use_true_random=True))  # more even than what Hypothesis draws, which is mostly small
    inputs = [fg.Input(f"x{i}", shape=random.choice(SHAPES)) for i in range(random.randint(1, 3))]
    pool = list(inputs)
    for _ in range(random.randint(2, 9)):
        made = np.tanh(box) if (box := one_more(random, pool)).ndim > 3 else box
        pool.append(made)
    count = random.randint(1, 3)
    return inputs, [box for box in pool[-count:] if box.children] or [np.sin(pool[0])]


@given(programs())
def test_plans_of_small_axes_give_the_numbers_of_the_graph(program):
    agree(*program)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.filterwarnings("ignore:compile")  # what has no rule for Numba is run by NumPy
@settings(max_examples=settings().max_examples // 5)
@given(programs())
def test_native_plans_of_small_axes_give_the_numbers_of_the_graph(program):
    agree(*program, backend="numba")


# Whole graphs drawn by Hypothesis: the plan of loss, gradients and updates gives the numbers of the graph.


def largest(run):
    """The largest finite number that the run has seen: rounding errors are in units of its last place."""
    values = [np.abs(np.asarray(run[box])) for box in run.graph if np.asarray(run[box]).dtype.kind in "fc"]
    return max((float(np.max(v[np.isfinite(v)], initial=0)) for v in values), default=0.0)


def wanted(graph):
    """The loss, its gradients, and parameters a step of gradient descent further."""
    (loss,) = graph.outputs
    grads = fg.gradient(loss, graph.parameters)
    rate = fg.Input("rate")
    new = {p: (p - rate * g).astype(p.dtype) for p, g in zip(graph.parameters, grads, strict=True)}
    return loss, grads, new


def compare(graph, without, **settings):
    loss, grads, new = wanted(graph)
    whole = fg.Graph(loss, *grads, *new.values())
    run = whole.fprop(rate=0.125)
    assume(all(np.isfinite(np.asarray(value)).all() for value in run.outputs))
    scale = largest(run)
    assume(scale < 1e6)  # a sum in another order loses digits in proportion to its largest term
    eps = max(float(np.finfo(box.dtype).eps) for box in whole if box.dtype.kind in "fc")
    before = {p: p.value for p in graph.parameters}
    step = fg.compile([loss, *grads], updates=new, without=without, **settings)
    found = step(rate=0.125)
    for place, (one, other) in enumerate(zip(found, run.outputs, strict=False)):
        assert_agree(one, other, f"output {place}\n{step.source}", scale, eps)
    for parameter, box in new.items():
        assert_agree(parameter.value, run[box], f"new value of {parameter.title}\n{step.source}", scale, eps)
    for parameter, value in before.items():
        parameter.value = value
    again = step(rate=0.125)
    for one, other in zip(found, again, strict=True):
        assert np.array_equal(one, other, equal_nan=True), "a second run from the same values gives other bits"


@given(graphs(dtypes=(np.float32, np.float64)))
def test_all_passes(graph):
    compare(graph, ())


@pytest.mark.parametrize("off", PASSES)
@settings(max_examples=settings().max_examples // 10)
@given(graph=graphs())
def test_each_pass_off(off, graph):
    compare(graph, (off,))


@given(graphs(), st.sets(st.sampled_from(PASSES)))
def test_any_passes_off(graph, off):
    compare(graph, tuple(off))
