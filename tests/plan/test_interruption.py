"""Plans that are interrupted, called from several threads, or called by themselves."""

import contextlib
import dis
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import flowgraph as fg


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


@pytest.mark.parametrize(("backend", "sizes"), [("numpy", (50, 51, 52, 53)), ("numba", (50,) * 4)])
def test_one_plan_from_many_threads_runs_one_call_after_the_other(backend, sizes):
    if backend == "numba":
        pytest.importorskip("numba", reason="Numba is not installed")
    w, x = fg.Parameter(np.zeros(1000), name="w"), fg.Input("x", shape=("N",))
    step = fg.compile(fg.sum(np.tanh(x)), updates={w: w + 1}, backend=backend)
    step(x=np.zeros(50))
    wrong = []

    def work(number):
        given = np.full(sizes[number], 0.1 * number)
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
    np.testing.assert_array_equal(w.value, 801.0)


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


def test_a_signal_after_any_call_of_the_step_frees_the_lock():
    """The interpreter raises KeyboardInterrupt after an instruction that called something: at each of them."""
    w = fg.Parameter(np.ones(2), name="w")
    step = fg.compile([np.sum(w * w)], updates={w: w * 0.5})
    step()
    code = step.__call__.__code__
    calls = {one.offset for one in dis.get_instructions(code) if one.opname == "CALL"}
    after = [offset for offset in _offsets(code) if _before(code, offset) in calls]
    assert len(after) > 2

    def taken(lock):
        return lock.acquire(blocking=False) and not lock.release()

    others = ThreadPoolExecutor(1)
    for offset in after:

        def trace(frame, event, argument, offset=offset):
            if frame.f_code is not code:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode" and frame.f_lasti == offset:
                sys.settrace(None)
                raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                step()
        finally:
            sys.settrace(before)
        assert others.submit(taken, step.store.lock).result(), f"the lock stays taken after an interrupt at {offset}"
        assert not step.store.running
        assert w.value[0] in [2.0**-n for n in range(60)]


def _offsets(code):
    return [one.offset for one in dis.get_instructions(code)]


def _before(code, offset):
    places = _offsets(code)
    place = places.index(offset)
    return places[place - 1] if place else None
