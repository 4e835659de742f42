"""`effort=` bounds the seconds of the processor, for every kind of target; arguments by name are settings."""

import contextlib
import importlib
import io
import random
import threading
import time

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.check_target import check_target
from flowgraph.checking.point import LATE, Runner
from flowgraph.checking.scope import EFFORTS, Scope
from flowgraph.checking.target import Target
from flowgraph.errors import UsageError
from tests.registry import unregister

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

X = np.array([[0.3, -1.2], [0.5, 0.9]])
SLACK = 0.25  # seconds: of a call that was at work at the end, and of a busy machine


def busy(seconds):
    """Works for so long, by the clock of the processor."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def slow(x):
    busy(0.004)
    return x * x


def spent(target, *inputs, **options):
    before = time.process_time()
    report = fg.check(target, *inputs, effort="fast", **options)
    assert report.verdict in ("pass", "pass (example only)", "undecided")
    return time.process_time() - before


def test_a_slow_function_keeps_to_the_seconds():
    assert spent(slow, X, bprop=lambda g, y, x: (2 * g * x,)) < 1.2 * EFFORTS["fast"].function + SLACK


def test_a_slow_function_of_a_framework_keeps_to_them():
    torch = pytest.importorskip("torch")
    x = torch.tensor([0.5, 1.5])
    spent(torch.sin, x)  # what torch imports at its first gradient takes most of a second
    assert spent(slow, x) < 1.2 * EFFORTS["fast"].function + SLACK


class Stream(io.StringIO):
    """A stream that says whether a terminal reads it, and when it has been written to."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal, self.written = is_terminal, threading.Event()

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        super().write(text)
        self.written.set()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_check_that_takes_long_says_so_on_a_terminal_and_nowhere_else(is_terminal, monkeypatch):
    stream = Stream(is_terminal)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(importlib.import_module("flowgraph.checking.check"), "TELLS", 0.01)

    def waits(x):
        stream.written.wait(30.0 if is_terminal else 0.0)
        return x * x

    assert fg.check(waits, X, bprop=lambda g, y, x: (2 * g * x,), effort="fast").passed
    lines = stream.getvalue().splitlines()
    assert lines == ["fg.check: waits is still being checked after 0.01 s (effort='fast')"] * is_terminal


def test_boxes_and_graphs_keep_to_them():
    @unregister
    class Slow(fg.Elementwise):
        """h = a²"""

        def fprop(self, a):
            return slow(a)

        def bprop(self, grad, h, a):
            return (2 * grad * a,)

    assert spent(Slow) < 1.2 * EFFORTS["fast"].box + SLACK
    w = fg.Parameter(X, name="w")
    graph = fg.Graph(fg.sum(Slow(Slow(Slow(Slow(w))))))
    assert spent(graph) < 1.2 * EFFORTS["fast"].graph + SLACK


def fprop(x, *, axis):
    return (x * x).sum(axis=axis)


def bprop(g, y, x, *, axis):
    return (2 * x * np.expand_dims(g, axis),)


def test_arguments_by_name_are_settings_that_are_varied():
    report = fg.check(fprop, X, bprop=bprop, axis=1)
    assert report.passed
    assert report.not_differentiated == ["axis"]
    wrong = fg.check(fprop, X, bprop=lambda g, y, x: (2 * x * np.expand_dims(g, 1),), axis=1)
    assert [failure.test_case for failure in wrong.failures] != []
    assert "axis" in str(wrong.failures[0])
    assert fg.check(lambda x, power: x**power, X, power=2).passed


def test_what_is_given_by_name_is_no_array_to_differentiate():
    with pytest.raises(UsageError, match="by its position"):
        fg.check(lambda x, w: x * w, X, bprop=lambda g, y, x, w: (g * w,), w=X)


def test_noise_that_no_seed_fixes_is_said():
    entropy = random.SystemRandom()
    report = fg.check(lambda x: x * x * (1 + 1e-12 * entropy.random()), X, bprop=lambda g, y, x: (2 * g * x,))
    assert report.verdict != "fail"
    assert "no seed fixes it" in " ".join(report.warnings)
    loud = fg.check(lambda x: x * x * (1 + entropy.random()), X, bprop=lambda g, y, x: (2 * g * x,))
    assert loud.verdict == "fail"


WRONG_EVERYWHERE = {
    "doubled": lambda g, y, x: (2 * g * np.cos(x),),
    "of another sign": lambda g, y, x: (-g * np.cos(x),),
    "not finite": lambda g, y, x: (g * np.cos(x) / np.zeros(x.shape),),
    "raises": lambda g, y, x: 1 / 0,
    "of a shape": lambda g, y, x: (np.sum(g * np.cos(x)),),
}


@pytest.mark.parametrize("name", WRONG_EVERYWHERE)
@pytest.mark.parametrize("explains", [True, False])
def test_whenever_the_time_is_used_up_a_wrong_bprop_does_not_pass(name, explains, monkeypatch):
    """The clock counts calls of the code under test; each tick of it is once the end."""
    monkeypatch.setattr(Runner, "elapsed_seconds", lambda self: float(self.evaluations + self.bprop_calls))
    verdicts = []
    scope = Scope(explaining=1e9 if explains else 0.0)
    for end in sorted({int(end) for end in np.geomspace(1, 3_000, 50)}):
        target = Target.of_functions(np.sin, WRONG_EVERYWHERE[name], (X,))
        with contextlib.suppress(ValueError):  # not even the example could be run
            verdicts.append(check_target(target, seconds=end / LATE, scope=scope).verdict)
    assert "pass" not in verdicts
    assert "fail" in verdicts
    assert explains or "undecided" in verdicts


def test_the_seconds_of_a_report_are_of_the_processor():
    began = time.process_time()
    report = fg.check(lambda x: time.sleep(0.002) or np.sin(x), X, bprop=lambda g, y, x: (g * np.cos(x),), budget=300)
    assert report.evaluations > 100
    assert report.seconds <= time.process_time() - began < 0.5 * report.evaluations * 0.002
    assert " s of the processor" in str(report)


def slow_tanh(x):
    busy(0.012)
    return np.tanh(x)


@pytest.mark.parametrize(("factor", "verdict"), [(1.005, "fail"), (1.0, "pass (example only)")])
def test_the_verdict_at_the_example_is_final_where_the_time_ends(factor, verdict):
    x = np.random.default_rng(0).normal(size=(3, 4))
    report = fg.check(slow_tanh, x, bprop=lambda g, h, x: (factor * g * (1 - h * h),), effort="fast")
    assert report.verdict == verdict, str(report)
    assert not report.passed


@pytest.mark.parametrize("budget", [1, 2, 17, 40, 150])
def test_a_budget_bounds_the_calls_and_a_check_that_it_cut_short_is_no_pass(budget):
    x = np.random.default_rng(0).normal(size=(3, 4))
    report = fg.check(np.tanh, x, bprop=lambda g, h, x: (g * (1 - h * h),), budget=budget)
    assert report.evaluations <= budget
    assert report.verdict == ("undecided" if not report.comparisons else "pass (example only)"), str(report)
