"""What `without=` names is left out of a plan, and nothing else: each pass changes some plan, also alone."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan import PASSES
from flowgraph.plan.blas import routine


def programs():
    """Outputs and updates in which every pass finds something to do."""
    x, y = fg.Input("x", shape=(6, 4)), fg.Input("y", shape=(6,), dtype=int)
    w, b = fg.Parameter(np.full((4, 3), 0.1), name="w"), fg.Parameter(np.zeros(3), name="b")
    v, c = fg.Parameter(np.full((3, 3), 0.2), name="v"), fg.Parameter(np.zeros(3), name="c")
    rate = fg.Input("rate")
    h = np.tanh(x @ w + b)
    loss = fg.mean(fg.SoftmaxCrossEntropy(h @ v + c, y))
    parameters = [w, b, v, c]
    new = {p: p - rate * g for p, g in zip(parameters, fg.gradient(loss, parameters), strict=True)}
    large = fg.Input("large", shape=(2000, 200))
    one = fg.Input("one", shape=(1, 3))
    yield [loss], new
    yield [np.exp(np.sin(large) * 2.0) + large, fg.sum(large * large)], {}
    yield [np.tanh(one @ v) * 2.0 + np.max(one, axis=1)[:, None]], {}
    yield (
        [
            x * 1.0 + 0.0,
            np.negative(-x),
            x.T.T,
            (x * 2.0) * 3.0,
            fg.Constant(np.ones(4)) + np.ones(4),
            np.sin(x) + np.sin(x),
        ],
        {},
    )
    yield [fg.sum(x[:, :2] ** 2, axis=1), np.linalg.norm(x, axis=1), np.outer(b, c)], {}
    scores = fg.Input("many", shape=(40, 4)) @ w
    yield [np.max(scores, axis=1), fg.sum(np.exp(scores - np.max(scores, axis=1)[:, None]))], {}
    square = fg.Input("square", shape=(200, 200))
    yield [np.sin(square @ square + np.cos(square))], {}
    stack, z = fg.Input("stack", shape=(4, 8, 3)), fg.Input("z", shape=(3, 8))
    yield [np.mean(stack @ v, axis=1)], {}
    yield fg.gradient(fg.sum(np.sin(z[:, :4]) * z[:, 4:]), [z]), {}
    table = fg.Parameter(np.ones((2000, 8)), name="table")
    yield [], {table: table - rate * fg.gradient(fg.sum(table[y] ** 2), [table])[0]}
    images = fg.Input("images", shape=(2, 4, 4))
    yield fg.gradient(fg.sum(fg.MaxPool(np.maximum(images, 0)) ** 2), [images]), {}
    batch = fg.Input("batch", shape=(64, 48, 48))
    yield [fg.sum(np.exp(np.tanh(batch)), axis=0)], {}
    yield [np.where(y[:, None] == np.arange(4), x, 0.0), x[np.arange(6), y]], {}


def sources(without):
    found = []
    for outputs, updates in programs():
        plan = fg.compile(outputs, updates=updates, without=without)
        feeds = {one.name: np.zeros([6 if isinstance(n, str) else n for n in one.shape], one.dtype)
                 for one in fg.Graph(*outputs, *updates.values()).inputs}  # fmt: skip
        with np.errstate(all="ignore"):
            plan(feeds)
        found.append(plan.source)
    return found


NEEDS_OPENBLAS = pytest.mark.skipif(routine(np.dtype(np.float64)) is None, reason="NumPy is built on another BLAS")
NEEDS = {"accumulation": [NEEDS_OPENBLAS]}
EACH = [pytest.param(name, marks=NEEDS.get(name, [])) for name in PASSES]

WHOLE, BARE = sources(()), sources(PASSES)


@pytest.mark.parametrize("name", EACH)
def test_each_pass_changes_a_plan_and_is_left_out_where_it_is_named(name):
    assert sources([name]) != WHOLE


@pytest.mark.parametrize("name", EACH)
def test_each_pass_changes_a_plan_alone(name):
    assert sources([one for one in PASSES if one != name]) != BARE


@pytest.mark.parametrize("name", [None, *PASSES])
@pytest.mark.parametrize("rows", [2, 3])
def test_a_gradient_in_sections_of_a_new_value_is_written_without_any_pass(name, rows):
    w = fg.Parameter(np.arange(3.0 * rows).reshape(rows, 3), name="w")
    slope = fg.gradient(fg.sum(np.diff(w * -1, axis=0) ** 2), [w])[0]
    graph = fg.Graph(w - 0.1 * slope)
    needed = graph.fprop().outputs[0]
    fg.compile([], updates={w: w - 0.1 * slope}, without=() if name is None else (name,))()
    np.testing.assert_allclose(w.value, needed, rtol=1e-13)
