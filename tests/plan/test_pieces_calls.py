"""What a call of a plan in shards guarantees: errors, threads of BLAS, memory; small steps stay whole."""

import contextlib
import copy
import pickle
import threading
import warnings

import numpy as np
import pytest

import flowgraph as fg
from benchmarks.peers import networks
from flowgraph.errors import LabelError, UsageError
from flowgraph.plan import blas
from flowgraph.plan.numpy import threads
from tests.plan.in_pieces import split_into
from tests.registry import unregistered

functions = blas._thread_functions()
NEEDS_OPENBLAS = pytest.mark.skipif(functions is None, reason="NumPy is built on another BLAS")


@contextlib.contextmanager
def blas_threads(number):
    """So many threads of BLAS; afterwards as many as before."""
    before = functions[0]()
    functions[1](number)
    try:
        yield functions[0]()
    finally:
        functions[1](before)


class Model:
    """A step of descent in shards."""

    def __init__(self, **settings):
        self.w = fg.Parameter(np.linspace(-1, 1, 12).reshape(4, 3), name="w")
        x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
        loss = fg.mean(fg.SoftmaxCrossEntropy(np.exp(x) @ self.w, y))
        (grad,) = fg.gradient(loss, [self.w])
        self.step = fg.compile([loss], {self.w: self.w - 0.1 * grad}, **settings)


X, Y = np.linspace(-1, 1, 32).reshape(8, 4), np.arange(8) % 3


@NEEDS_OPENBLAS
def test_blas_has_its_threads_back_after_a_call_and_after_an_error():
    with blas_threads(2) as count, split_into(2):
        step = Model().step
        step(x=X, y=Y)
        assert functions[0]() == count
        for _ in range(2):
            with pytest.raises(LabelError):
                step(x=X, y=Y + 1)
            assert functions[0]() == count


@NEEDS_OPENBLAS
def test_blas_has_its_threads_back_after_the_last_of_several_calls_at_once():
    with blas_threads(2) as count, split_into(2):
        steps = [Model().step.prepare(x=X, y=Y) for _ in range(4)]
        works = [threading.Thread(target=lambda step=step: [step(x=X, y=Y) for _ in range(50)]) for step in steps]
        for work in works:
            work.start()
        for work in works:
            work.join()
        assert functions[0]() == count
        with blas.one_thread:
            with contextlib.suppress(ValueError), blas.one_thread:
                assert functions[0]() == 1
                raise ValueError
            assert functions[0]() == 1
        assert functions[0]() == count


def test_an_error_in_a_piece_is_that_of_the_whole_batch_and_changes_nothing():
    plain, errors = Model(threads=1), []
    with split_into(2):
        split = Model()
        for model in (plain, split):
            before = model.w.value
            with pytest.raises(LabelError) as caught:
                model.step(x=X, y=np.where(np.arange(8) == 6, 7, Y))
            errors.append(str(caught.value))
            np.testing.assert_array_equal(model.w.value, before)
        assert split.step(x=X, y=Y) == pytest.approx(plain.step(x=X, y=Y), rel=1e-14)
    assert errors[0] == errors[1]


def test_the_callers_errstate_holds_in_each_piece():
    x = np.where(np.arange(32).reshape(8, 4) == 31, 1e4, X)
    with split_into(2), np.errstate(all="ignore"):
        step = Model().step.prepare(x=X, y=Y)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
            step(x=x, y=Y)
        with np.errstate(over="warn"), pytest.warns(RuntimeWarning, match="overflow"):
            step(x=x, y=Y)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            step(x=x, y=Y)
        with np.errstate(under="raise"):
            assert np.isfinite(Model().step(x=X * 100, y=Y)[0])


def test_copies_and_pickles_are_split_too():
    with split_into(2):
        model = Model()
        model.step(x=X, y=Y)
        for step in (copy.deepcopy(model.step), pickle.loads(pickle.dumps(model.step)), copy.copy(model.step)):
            needed = Model.__new__(Model)
            needed.w, needed.step = copy.deepcopy((model.w, model.step))
            assert step(x=X, y=Y) == needed.step(x=X, y=Y)
            assert "sharded(" in step.source


def test_results_are_the_callers_and_lie_in_the_plan_where_borrowed():
    x = fg.Input("x", shape=("N", 3))
    with split_into(2):
        plan, borrowing = (fg.compile([np.sin(x), fg.sum(x, axis=0)], borrow=borrow) for borrow in (False, True))
        first = plan(x=np.ones((4, 3)))
        plan(x=np.zeros((4, 3)))
        np.testing.assert_array_equal(first[0], np.full((4, 3), np.sin(1.0)))
        one, other = borrowing(x=np.ones((4, 3))), borrowing(x=np.zeros((4, 3)))
        assert np.shares_memory(one[0], other[0])


def test_boxes_of_a_user_run_in_the_callers_thread_on_the_whole_batch():
    seen = []
    with unregistered():

        class Watched(fg.Elementwise):
            def fprop(self, a):
                seen.append((np.shape(a), threading.current_thread()))
                return np.asarray(a) + 0

            def infer(self, a):
                return a

    x = fg.Input("x", shape=("N", 3))
    with split_into(2):
        plan = fg.compile(fg.sum(Watched(np.sin(x)), axis=0)).prepare(x=np.ones((6, 3)))
        seen.clear()
        plan(x=np.ones((6, 3)))
    assert seen == [((6, 3), threading.current_thread())]
    assert "sharded(" in plan.source


def test_an_error_in_a_thread_is_raised_when_all_have_ended():
    ended = []

    def work(share):
        if share == 3:
            raise ValueError("share 3")
        ended.append(share)

    with pytest.raises(ValueError, match="share 3"):
        threads.in_threads(work, [1, 2, 3])
    assert sorted(ended) == [1, 2]


def test_work_inside_a_piece_does_not_wait_for_its_thread():
    done = []
    threads.in_threads(
        lambda share: threads.in_threads(lambda inner: done.extend(inner), [share, share]), [[1], [2], [3]]
    )
    assert sorted(done) == [1, 1, 2, 2, 3, 3]


def split(plan):
    return "sharded(" in plan.source


def test_a_batch_is_split_where_threads_are_asked_for(monkeypatch):
    def attention(**options):
        plan, call = networks.sgd(networks.attention("float32", 64, 32, 64), **options)
        call()
        return plan

    monkeypatch.delenv("FLOWGRAPH_THREADS", raising=False)
    whole, large = attention(), attention(threads=2)
    assert (split(whole), split(large)) == (False, True)
    assert large.bytes < 1.25 * whole.bytes
    assert not split(attention(threads=1))
    monkeypatch.setenv("FLOWGRAPH_THREADS", "2")
    assert split(attention())
    assert not split(attention(threads=1))


@pytest.mark.parametrize("threads", [0, -1, 65, 2.0, "2"])
def test_a_number_of_threads_that_is_none_is_refused(threads, monkeypatch):
    x = fg.Input("x", shape=("N",))
    with pytest.raises(UsageError, match=r"compile: found threads=.*, needs a number from 1 to 64"):
        fg.compile(np.tanh(x), threads=threads)
    monkeypatch.setenv("FLOWGRAPH_THREADS", "many")
    with pytest.raises(UsageError, match="FLOWGRAPH_THREADS: found 'many', needs a number of threads"):
        fg.compile(np.tanh(x))
    with pytest.raises(UsageError, match=r"threads=2 with backend='javascript', needs 'numpy' or 'numba'"):
        fg.compile(np.tanh(x), threads=2, backend="javascript")


def test_a_plan_in_pieces_is_drawn_and_counted():
    with split_into(2):
        step = Model().step.prepare(x=X, y=Y)
        assert "in shards" in step.graph.to_dot()
        assert str(step.graph)
        assert "# sharded, a thread for each shard: examples 0 to 3 and 4 to 7" in step.source
        assert step.source.count("def step(") == 2
