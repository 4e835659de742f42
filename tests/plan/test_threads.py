"""Plans that share parameters, in several threads and in forked processes: no update is lost, nobody waits for ever."""

import gc
import itertools
import linecache
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan import store
from flowgraph.plan.programs import PROGRAMS
from tests.registry import unregistered

WAIT = 30.0  # seconds after which a thread is taken to hang

with unregistered():

    class Calls(fg.Elementwise):
        """The value itself; calls something first."""

        when: object = None

        def fprop(self, a):
            a = np.asarray(a)
            self.when()
            return a + 0

        def infer(self, a):
            return a


def together(*works):
    """Run functions at the same time, with threads that take turns as often as they can; all must end."""
    before, errors = sys.getswitchinterval(), []

    def run(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
    finally:
        sys.setswitchinterval(before)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]


def counters(names):
    """Parameters that plans count up, by name, and what makes a plan that adds 1 to those of some names."""
    known = {name: fg.Parameter(np.zeros(3), name=name) for name in names}
    return known, lambda some: fg.compile([], {known[name]: known[name] + 1 for name in some})


@pytest.mark.parametrize("shares", [("w", "w"), ("ab", "ba"), ("abc", "cbd", "da"), ("ab", "bc", "ca", "abc")])
def test_plans_that_share_parameters_lose_no_update(shares):
    known, plan_of = counters(sorted(set("".join(shares))))
    calls = 300

    def calling(plan):
        for _ in range(calls):
            plan()

    plans = [plan_of(share) for share in shares]
    together(*[lambda plan=plan: calling(plan) for plan in plans])
    for name, parameter in known.items():
        np.testing.assert_array_equal(parameter.value, calls * sum(name in share for share in shares))


class Lock:
    """A lock that does something, once, before it is taken."""

    def __init__(self):
        self.lock, self.before = threading.RLock(), None

    def acquire(self, blocking=True):
        if self.before is not None and blocking:
            before, self.before = self.before, None
            before()
        return self.lock.acquire(blocking)

    def release(self):
        self.lock.release()

    __enter__ = acquire

    def __exit__(self, *error):
        self.lock.release()


def test_a_parameter_that_is_taken_away_just_before_a_step_is_fetched_back(monkeypatch):
    monkeypatch.setattr(store, "new_lock", Lock)
    known, plan_of = counters("ab")
    one, other = plan_of("ab"), plan_of("ba")
    one()
    for _ in range(2):
        one.store.lock.before = other
        one()
    other.store.lock.before = lambda: setattr(known["b"], "value", np.full(3, 10.0))
    other()
    assert [known[name].value[0] for name in "ab"] == [6.0, 11.0]


@pytest.mark.parametrize("meanwhile", ["a step", "an assignment"])
def test_nothing_is_lost_while_a_parameter_is_moved(monkeypatch, meanwhile):
    known, plan_of = counters("w")
    w, one, other = known["w"], plan_of("w"), plan_of("w")
    one()
    works = {"a step": one, "an assignment": lambda: setattr(w, "value", np.full(3, 10.0))}
    thread, copyto = threading.Thread(target=works[meanwhile]), np.copyto

    def slowly(to, value):
        copyto(to, value)
        if thread.ident is None:
            thread.start()
            thread.join(0.1)  # it ends in this time only where nothing holds it up

    monkeypatch.setattr(np, "copyto", slowly)
    other()
    thread.join(WAIT)
    assert w.value[0] in ((3.0,) if meanwhile == "a step" else (10.0, 11.0))


@pytest.mark.parametrize("line", range(1, 5))
def test_a_value_is_read_while_a_plan_takes_it(line):
    known, plan_of = counters("w")
    w, step, seen = known["w"], plan_of("w"), []
    read = fg.Parameter.value.fget

    def trace(frame, event, _):
        if frame.f_code is read.__code__ and event == "line":
            seen.append(frame.f_lineno)
            if len(seen) == line:
                step()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        value = w.value
    finally:
        sys.settrace(before)
    assert value[0] in (0.0, 1.0)
    assert len(seen) < line or w.value[0] == 1.0


def test_a_value_assigned_before_a_step_that_fails_is_what_is_read():
    def fail():
        raise ValueError("no")

    does = [lambda: None]
    w = fg.Parameter(np.zeros(3), name="w")
    step = fg.compile([], {w: Calls(w, when=lambda: does[0]()) + 1})
    step()
    assert w.value[0] == 1.0
    w.value = np.full(3, 10.0)
    does[0] = fail
    with pytest.raises(ValueError, match="no"):
        step()
    assert w.value[0] == 10.0


def test_what_is_read_meanwhile_is_whole_and_never_goes_back():
    known, plan_of = counters("ab")
    plans, ended, read = [plan_of("ab"), plan_of("ba")], [], []

    def calling(plan):
        for _ in range(300):
            plan()
        ended.append(plan)

    def reading():
        while len(ended) < 2:
            read.append(known["a"].value)

    together(*[lambda plan=plan: calling(plan) for plan in plans], reading)
    assert all((value == value[0]).all() for value in read)
    assert all(one[0] <= other[0] for one, other in itertools.pairwise(read))


def test_an_assignment_is_not_lost_to_a_plan_that_takes_the_parameter():
    known, plan_of = counters("ab")
    plans, ended = [plan_of("ab"), plan_of("ba")], []

    def calling(plan):
        for _ in range(300):
            plan()
        ended.append(plan)

    def assigning():
        for number in range(1, 100):
            known["a"].value = np.full(3, 1000.0 * number)
            found = known["a"].value[0]
            assert 1000 * number <= found < 1000 * number + 601, "the value assigned is gone"

    together(*[lambda plan=plan: calling(plan) for plan in plans], assigning)
    np.testing.assert_array_equal(known["b"].value, 600.0)


def test_a_plan_waits_for_the_step_of_another_and_holds_up_no_third():
    known, plan_of = counters("abc")
    inside, go_on, taken = threading.Event(), threading.Event(), []

    def when():
        inside.set()
        assert go_on.wait(WAIT)

    a = known["a"]
    slow, both, third = fg.compile([], {a: Calls(a, when=when) + 1}), plan_of("ab"), plan_of("bc")

    def waits():
        assert inside.wait(WAIT)
        taken.append("asked")
        both()
        taken.append("had")

    def goes_on():
        assert inside.wait(WAIT)
        while not taken:
            time.sleep(0.001)
        for _ in range(20):
            third()
        assert taken == ["asked"], "it does not run while a step is under way that updates the same parameter"
        go_on.set()

    together(slow, waits, goes_on)
    assert [known[name].value[0] for name in "abc"] == [2.0, 21.0, 20.0]


def test_a_plan_that_a_fprop_calls_must_not_update_what_the_step_updates():
    known, plan_of = counters("ab")
    inner = [plan_of("b")]
    a, b = known["a"], known["b"]
    step = fg.compile([], {a: Calls(a, when=lambda: inner[0]()) + 1})
    step()
    assert (a.value[0], b.value[0]) == (1.0, 1.0)
    inner[0] = plan_of("ba")
    with pytest.raises(fg.FlowgraphError, match="plan: updates Parameter 'a', which the plan that is running"):
        step()
    assert (a.value[0], b.value[0]) == (1.0, 1.0)
    together(plan_of("ab"))  # no lock is left behind
    assert (a.value[0], b.value[0]) == (2.0, 2.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is of POSIX")
@pytest.mark.parametrize("what", ["one plan", "two plans", "compiling", "reading"])
def test_a_child_forked_while_threads_run_plans_has_whole_values_and_goes_on(what):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.plan.forked", what]
    ran = subprocess.run(command, env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "12 children went on"), ran.stdout + ran.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is of POSIX")
def test_a_step_whose_own_fprop_forks_goes_on_in_both_processes():
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.plan.forked", "in a step"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "child 2.0, parent 2.0"), ran.stdout + ran.stderr


def test_the_source_of_a_plan_leaves_linecache_with_the_plan():
    x, w = fg.Input("x", shape=("N",)), fg.Parameter([1.0, 2.0], name="w")

    def entries():
        PROGRAMS.forget()  # of equal graphs, which keep the program of a plan that is gone
        gc.collect()
        return {path for path in linecache.cache if path.startswith("<plan")}

    before = entries()
    plan = fg.compile(np.sum(x) * w, {w: w + 1})
    for size in range(1, 30):
        plan(x=np.ones(size))
    own = entries() - before
    assert len(own) == len(plan.known) < 29, "what made room for other shapes is gone"
    assert {"".join(linecache.getlines(path)) for path in own} == {one.program.call for one in plan.known.values()}
    for _ in range(100):
        fg.compile(np.sum(x) * w, {w: w + 1})(x=np.ones(2))
    del plan
    assert entries() == before
