"""Chains over large arrays: cut into tiles, shared by threads, the same numbers as line by line."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.plan.numpy import threads, tiling
from tests.plan.agreement import assert_agree
from tests.plan.test_plan import batch, network, steps_by_hand


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces so small that arrays of a few rows are cut, three threads whatever the machine has."""
    monkeypatch.setattr(tiling, "LARGE", 64)
    monkeypatch.setattr(tiling, "TILE", 96)
    monkeypatch.setattr(tiling, "FOR_THREADS", 128)
    monkeypatch.setenv("FLOWGRAPH_THREADS", "3")
    threads.forget_threads()
    yield
    monkeypatch.undo()
    threads.forget_threads()


@pytest.mark.parametrize("hidden", ["tanh", "relu", "gelu"])
@pytest.mark.parametrize("count", [7, 24, 65])
def test_a_network_in_pieces(small_pieces, hidden, count):
    mlp, loss, _, updates = network(float, hidden, (6, 17, 16, 3))
    feeds = batch(count)
    start = [p.value for p in mlp.parameters]
    expected = steps_by_hand(mlp, loss, feeds, 3, 0.1)
    end = [p.value for p in mlp.parameters]
    for p, value in zip(mlp.parameters, start, strict=True):
        p.value = value
    step = fg.compile([loss], updates=updates)
    found = [float(step(**feeds, rate=0.1)[0]) for _ in range(3)]
    assert "tiles of" in step.source
    assert "in_threads(" in step.source
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for p, value in zip(mlp.parameters, end, strict=True):
        assert_agree(p.value, value, p.name, 1.0)


def test_operands_of_every_kind(small_pieces):
    x, row = fg.Input("x", shape=("N", 5)), fg.Input("row", shape=(5,))
    column, number = fg.Input("column", shape=("N", 1)), fg.Input("number")
    w = fg.Parameter(np.arange(5.0), name="w")
    h = np.tanh(x * row + column) * number - w
    out = [h + x, fg.sum(h * h, axis=0), np.exp(-h).T]
    rng = np.random.default_rng(0)
    for count in (1, 2, 19, 20, 21, 40):
        feeds = {"x": rng.normal(size=(2 * count, 10))[::2, ::-2], "row": rng.normal(size=5),
                 "column": rng.normal(size=(count, 1)), "number": 0.7}  # fmt: skip
        whole, cut = fg.compile(out, without=["tiling"]), fg.compile(out)
        for one, other in zip(cut(feeds), whole(feeds), strict=True):
            assert_agree(one, other, cut.source, 10)


def test_without_pieces_there_are_none(small_pieces):
    x = fg.Input("x", shape=(40, 5))
    plan = fg.compile(np.tanh(x * 2), without=["tiling"])
    plan(x=np.ones((40, 5)))
    assert "tiles" not in plan.source


def test_an_error_in_a_thread_is_raised_when_all_have_ended(small_pieces):
    ended = []

    def work(tiles):
        if 5 in tiles:
            raise ValueError("tile 5")
        ended.append(threading.get_ident())

    with pytest.raises(ValueError, match="tile 5"):
        threads.in_threads(work, threads.shared(list(range(6))))
    assert len(ended) == 2


def test_threads_take_over_what_numpy_does_about_errors(small_pieces):
    x = fg.Input("x", shape=(60, 5))
    plan = fg.compile(np.log(x * 2) * 2)
    given = np.ones((60, 5))
    given[55] = -1
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="invalid value"):
        plan(x=given)
    with np.errstate(invalid="ignore"):
        assert np.isnan(plan(x=given)[55]).all()


def test_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("FLOWGRAPH_THREADS", "5")
    assert threads.count_threads() == 5
    monkeypatch.setenv("FLOWGRAPH_THREADS", "many")
    assert threads.count_threads() >= 1


STEPS = {
    "transposed": lambda a, b: a.T, "reversed": lambda a, b: a[::-1], "flipped": lambda a, b: np.flipud(a),
    "product": lambda a, b: a * b, "sum": lambda a, b: a + b, "sine": lambda a, b: np.sin(a),
    "matrix product": lambda a, b: a @ b,
}  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=9)
)
@settings(max_examples=60)
def test_lines_that_read_one_array_in_several_ways(steps):
    """A tile does not write over what another tile reads through a view: transposed, or from behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiling, "LARGE", 64)
        patch.setattr(tiling, "TILE", 96)
        patch.setattr(tiling, "FOR_THREADS", 1 << 30)
        x = fg.Input("x", shape=(6, 6))
        made = [x]
        for name, one, other in steps:
            made.append(STEPS[name](made[one % len(made)], made[other % len(made)]))
        loss = fg.sum(np.tanh(made[-1]))
        outputs = [made[-1], *fg.gradients([loss], [x], [None], unused="zeros")]
        value = np.random.default_rng(0).normal(size=(6, 6))
        plan, graph = fg.compile(outputs), fg.Graph(*outputs)
        for found, needed in zip(plan(x=value), graph.fprop(x=value).outputs, strict=True):
            np.testing.assert_allclose(found, needed, rtol=1e-9, atol=1e-9 * np.max(np.abs(needed)))
