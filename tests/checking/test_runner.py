"""The code under test is called on what it may keep or change, with the same draws each time, and its calls count."""

import random
import sys

import numpy as np
import pytest

from flowgraph.checking import check
from flowgraph.checking.code_contents import reachable_values
from flowgraph.checking.examination import Examination
from flowgraph.checking.point import Exited, Illegal, Runner, flatten, parts, unflatten
from flowgraph.checking.target import Target

X = np.array([[0.5, -1.0, 2.0], [0.25, 3.0, -0.5]])
HELD = {"rate": 2.5, "list": [1.5]}
LEGACY = np.random.RandomState(3)


def runner_of(fprop, bprop=lambda g, y, *given: given, *, inputs=(X,), **declared):
    target = Target(**vars(Target.of_functions(fprop, bprop, inputs)) | declared)
    return Runner(target, 100, 1e6)


def test_calls_are_counted_against_the_budget():
    runner = runner_of(np.sin)
    for k in range(1, 11):
        runner.fprop((X,))
        runner.bprop(X, X, (X,))
        assert (runner.evaluations, runner.bprop_calls) == (k, k)
    assert runner.share_used() == pytest.approx(0.1, abs=1e-3)
    runner.seconds, runner.elapsed_seconds = 2.0, lambda: 1.0
    assert runner.share_used() == 0.5


class Holder:
    def __init__(self, source):
        self.source = source

    def __call__(self, x):
        return x + self.source.normal()


def drawing(source):
    return {
        "of a closure": lambda x: x + source.normal(),
        "of a default": (lambda x, held=source: x + held.normal()),
        "of a keyword": (lambda x, *, held=source: x + held.normal()),
        "in a dict": (lambda held: lambda x: x + held["deep"].normal())({"deep": source}),
        "in a list": (lambda held: lambda x: x + held[0].normal())([source]),
        "of an object": Holder(source),
        "of a method": Holder(source).__call__,
    }


@pytest.mark.parametrize("name", drawing(None))
def test_draws_of_a_generator_are_repeated(name):
    runner = runner_of(drawing(np.random.default_rng(1))[name])
    values = [runner.fprop((X,)) for _ in range(3)]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])
    assert runner.draws


DRAWS = {
    "NumPy": lambda x: x + np.random.normal(),  # noqa: NPY002
    "Python": lambda x: x + random.gauss(0, 1),
    "a global": lambda x: x + LEGACY.normal(),
    "a generator of Python": (lambda held: lambda x: x + held.gauss(0, 1))(random.Random(3)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_of_global_state_are_repeated(name):
    runner = runner_of(DRAWS[name])
    one, other = runner.fprop((X,)), runner.fprop((X,))
    np.testing.assert_array_equal(one, other)
    assert runner.draws
    moved = DRAWS[name](X)
    runner.restore_random_state()
    np.testing.assert_array_equal(DRAWS[name](X), one)
    assert np.any(moved != one)


@pytest.mark.parametrize(
    ("name", "whose"), [("NumPy", "np.random"), ("Python", "random"), ("a generator of Python", "")]
)
def test_that_a_global_generator_was_put_back_is_said(name, whose):
    """Whoever takes draws of their own from it has seeded nothing: what holds for one draw was checked, and no more."""
    report = check(DRAWS[name], X, bprop=lambda grad, y, x: (grad,))
    assert report.passed, str(report)
    said = [one for one in report.warnings if "vary from call to call" in one]
    assert [f"from {whose}'s global generator" in one for one in said] == [True] * bool(whose)


def test_what_does_not_draw_leaves_the_global_state_alone():
    runner = runner_of(np.sin)
    assert not runner.draws
    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    random.random()
    np.random.rand()  # noqa: NPY002
    moved = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    runner.fprop((X,))
    runner.restore_random_state()
    assert (random.getstate(), repr(np.random.get_state())) == moved != before  # noqa: NPY002


def test_a_generator_that_is_an_input_is_given_as_it_was():
    runner = runner_of(lambda x, rng: x + rng.normal(), inputs=(X, np.random.default_rng(2)))
    given = runner.target.inputs
    np.testing.assert_array_equal(runner.fprop(given), runner.fprop(given))


def test_shields_give_copies():
    def write(x):
        x[0, 0] = 7.0
        return x * 1.0

    def write_back(g, y, x):
        g[0, 0] = y[0, 0] = x[0, 0] = 9.0
        return (g,)

    runner = runner_of(write, write_back)
    runner.shields = True
    x, g, y = X.copy(order="F"), X + 1, X + 2
    runner.fprop((x,))
    runner.bprop(g, y, (x,))
    for kept, needed in ((x, X), (g, X + 1), (y, X + 2)):
        np.testing.assert_array_equal(kept, needed)
    seen = []
    watching = runner_of(lambda x: seen.append(x.flags.f_contiguous) or x)
    watching.shields = True
    watching.fprop((x,))
    assert seen[-1]


@pytest.mark.parametrize(
    ("fprop", "text"),
    [
        (lambda x: 1 / 0, "fprop raised ZeroDivisionError"),
        (lambda x: sys.exit(3), "fprop raised Exited: SystemExit"),
        (lambda x: "a", "fprop returned str"),
        (lambda x: None, "fprop returned NoneType"),
        (lambda x: (x, [1]), "fprop returned list"),
        (lambda x: x * np.nan, "not finite"),
        (lambda x: (x, np.where(x > 2.5, np.inf, x)), "not finite"),
    ],
)
def test_what_gives_no_numbers_is_illegal(fprop, text):
    with pytest.raises(Illegal, match=text):
        runner_of(fprop).legal((X,))


def test_valid_inputs():
    runner = runner_of(np.sin, valid=lambda x: x > 0)
    assert runner.accepts((np.abs(X),))
    assert not runner.accepts((X,))
    with pytest.raises(Illegal, match="valid"):
        runner.legal((X,))
    np.testing.assert_array_equal(runner.legal((np.abs(X),)), np.sin(np.abs(X)))
    assert not runner_of(np.sin, valid=lambda x: 1 / 0).accepts((X,))
    assert runner_of(np.sin).accepts((X,))
    with pytest.raises(Exited):
        runner_of(np.sin, lambda g, y, x: sys.exit(1)).bprop(X, X, (X,))


OUTPUTS = [
    X, X.astype(np.float32), np.array(2.5), np.float64(2.5), 2.5, np.arange(3), X + 1j * X[::-1], X.T,
    (X, X[0] + 1j), [X[0], np.float32(1.5)], np.zeros((0, 2)), (X[0].astype(np.complex64), np.arange(2.0)),
]  # fmt: skip


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: type(output).__name__)
def test_a_vector_holds_all_parts_in_order_and_goes_back(output):
    vector = flatten(output)
    assert vector.ndim == 1
    assert vector.dtype.kind == "f"
    back = unflatten(vector, output)
    assert isinstance(back, tuple) is isinstance(output, tuple | list)
    for one, other in zip(parts(back), parts(output), strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.shape(one) == np.shape(other)
        assert np.asarray(other).dtype.kind not in "fc" or np.asarray(one).dtype == np.asarray(other).dtype
        assert isinstance(one, np.ndarray) is isinstance(other, np.ndarray)
        assert not np.shares_memory(one, vector)
    if isinstance(output, np.ndarray) and output.dtype.kind == "f":
        assert not np.shares_memory(vector, output)


def test_a_wider_vector_stays_wide():
    for output in (X, X + 1j):
        back = unflatten(flatten(output).astype(np.longdouble), output)
        assert back.real.dtype == np.longdouble
        np.testing.assert_array_equal(back, output)


def test_values_that_code_reaches():
    held = [np.ones(1)]
    found = list(reachable_values(lambda x, a=HELD, *, b=5: (x, held, HELD, np)))
    for one in (held, held[0], HELD, 2.5, HELD["list"], 5):
        assert any(value is one for value in found), one


def changed(fprop, bprop, *inputs):
    """What is said to be changed in place."""
    target = Target.of_functions(fprop, bprop, inputs, names="abc"[: len(inputs)])
    examination = Examination.begin(target, 0, 1000, 20.0)
    before = [np.copy(x) for x in examination.inputs]
    point = examination.point("here", examination.inputs)
    if point is not None:
        _, faults = examination.first_answer(point, np.ones(point.value.shape))
        examination.pursue([fault for fault in faults if fault.kind == "mutation"])
    for one, other in zip(before, examination.inputs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert examination.runner.shields is bool(examination.wrong)
    return {ruling.note for ruling in examination.wrong.values()}


def wrote(array):
    array += 1
    return array * 1


@pytest.mark.parametrize(
    ("fprop", "bprop", "words"),
    [
        (lambda a, b: wrote(b) * a, lambda g, y, a, b: (g, g), "fprop changes b in place"),
        (lambda a, b: wrote(a) * wrote(b), lambda g, y, a, b: (g, g), "fprop changes a, b in place"),
        (lambda a, b: a * b, lambda g, y, a, b: (wrote(a), g), "bprop changes a in place"),
        (lambda a, b: a * b, lambda g, y, a, b: (wrote(y), g), "bprop changes the output of fprop in place"),
        (lambda a, b: a * b, lambda g, y, a, b: (wrote(g), g), "bprop changes the incoming gradient in place"),
        (lambda a, b: (a, a * b), lambda g, y, a, b: (wrote(g[1]), b), "bprop changes the incoming gradient in place"),
    ],
)
def test_what_is_written_to_is_said(fprop, bprop, words):
    assert changed(fprop, bprop, X, X + 1) == {words}


def test_nothing_is_said_of_what_writes_to_nothing_or_gives_no_numbers():
    for fprop in (lambda a: a * 1, lambda a: 1 / 0, lambda a: a * np.nan, lambda a: a[:0]):
        assert changed(fprop, lambda g, y, a: (g * 1,), X) == set()
    assert changed(lambda a: a * 1, lambda g, y, a: 1 / 0, X) == set()
    assert changed(lambda a, b: a * 1, lambda g, y, a, b: (g, None), X, np.array([np.nan, 1.0])) == set()
