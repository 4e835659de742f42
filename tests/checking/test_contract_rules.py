"""What a bprop must keep beside its numbers: each way to break it is told by its name, and right code breaks none."""

import itertools

import numpy as np
import pytest

from flowgraph.checking import check
from flowgraph.checking.contract import contract
from flowgraph.checking.examination import Examination
from flowgraph.checking.target import Target

X, Y = np.random.default_rng(0).normal(size=(2, 3, 2))
Z = np.array([0.5, -1.5, 2.0])


def kinds(fprop, bprop, *inputs, **declared):
    """The kinds of failures and warnings that the rules find at one set of inputs."""
    target = Target(**vars(Target.of_functions(fprop, bprop, inputs)) | declared)
    examination = Examination.begin(target, 0, 20_000, 20.0)
    contract(examination, "the example", examination.inputs)
    return {kind for kind, _ in examination.wrong} | set(examination.warnings)


def times(x, y):
    return x * y


def times_back(g, h, x, y):
    return g * y, g * x


def cube_back(g, h, x):
    return (3 * g * x**2,)


def kept_latest():
    """A pair whose bprop reads what the latest fprop kept."""
    memory = {}

    def fprop(x):
        memory["x"] = np.array(x)
        return x**3

    return fprop, lambda g, h, x: (3 * g * memory["x"] ** 2,)


def one_buffer():
    buffer = np.zeros(3)

    def bprop(g, h, x):
        buffer[:] = 3 * g * x**2
        return (buffer,)

    return lambda x: x**3, bprop


def one_output():
    buffer = np.zeros(3)

    def fprop(x):
        buffer[:] = x**3
        return buffer

    return fprop, lambda g, h, x: (3 * g * x**2,)


def by_identity():
    slopes = {}
    return lambda x: x**3, lambda g, h, x: (g * slopes.setdefault(id(x), (3 * x**2, x))[0],)


COUNT = itertools.count()
RIGHT = {
    "cube": (lambda x: x**3, cube_back, Z),
    "product": (times, times_back, X, Y),
    "a sum": (lambda x: x.sum(), lambda g, h, x: (g * np.ones(x.shape),), X),
    "no gradient of one": (lambda x, y: x * np.sign(y), lambda g, h, x, y: (g * np.sign(y), None), X, Y),
    "a setting": (lambda x, n: x**n, lambda g, h, x, n: (g * n * x ** (n - 1), None), Z, 3),
}
BROKEN = {
    "fprop counts": ("determinism", lambda x: x + next(COUNT), lambda g, h, x: (g,), Z),
    "bprop draws": ("determinism", lambda x: x + 0, lambda g, h, x: (g * np.random.rand(),), Z),  # noqa: NPY002
    "squared": ("linearity", lambda x: x + 0, lambda g, h, x: (g * np.abs(g),), Z),
    "absolute": ("linearity", lambda x: x + 0, lambda g, h, x: (np.abs(g),), Z),
    "clipped": ("linearity", lambda x: x + 0, lambda g, h, x: (np.clip(g, -3, 3),), Z),
    "constant": ("linearity", lambda x: x + 0, lambda g, h, x: (g + 1,), Z),
    "largest alone": ("linearity", lambda x: x + 0, lambda g, h, x: (g * (np.abs(g) == np.abs(g).max()),), Z),
    "positive alone": ("linearity", lambda x: x + 0, lambda g, h, x: (g * (g.sum() > 0),), Z),
    "None of zeros": ("linearity", lambda x: x + 0, lambda g, h, x: (g if np.any(g) else None,), Z),
    "a buffer": ("buffer", *one_buffer(), Z),
    "an output": ("buffer", *one_output(), Z),
    "the latest": ("stale", *kept_latest(), Z),
    "by identity": ("stale", *by_identity(), Z),
    "one of a pair": ("shared", times, lambda g, h, x, y: (g * y * (1 + (x is y)), g * x), X, Y),
    "raises for a pair": ("shared", times, lambda g, h, x, y: (g * y, g * x) if x is not y else 1 / 0, X, Y),
    "a constant": ("constant", times, times_back, X, Y),
    "of another shape": ("constant", lambda x, n: x * n, lambda g, h, x, n: (g * n, g), X, 2),
    "of a setting": ("setting", lambda x, n: x * n, lambda g, h, x, n: (g * n, (g * x).sum()), X, 2),
    "given back": ("aliasing", lambda x: x + 0, lambda g, h, x: (g,), Z),
    "twice the same": ("aliasing", lambda x, y: x + y, lambda g, h, x, y: (k := g * 1, k), X, Y),
}
DECLARED = {"a constant": {"constant": frozenset({1})}}


@pytest.mark.parametrize("name", RIGHT)
def test_right_code_breaks_no_rule(name):
    assert kinds(*RIGHT[name]) == set()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_told(name):
    kind, *pair = BROKEN[name]
    assert kind in kinds(*pair, **DECLARED.get(name, {}))


def test_who_may_share_memory_is_not_told_of_it():
    assert kinds(lambda x: x + 0, lambda g, h, x: (g,), Z, may_share=True) == set()


def test_a_bprop_that_raises_for_equal_arrays_is_told_of_and_does_not_end_the_check():
    """Either of the two that are compared may have no answer: the same array twice, and two that are equal."""

    def for_equal_copies(g, h, x, y):
        if x is not y and np.array_equal(x, y):
            raise ZeroDivisionError
        return g * y, g * x

    def for_the_same(g, h, x, y):
        if x is y:
            raise ZeroDivisionError
        return g * y, g * x

    noted = check(times, X, Y, bprop=for_equal_copies)
    assert noted.passed
    assert any("bprop does not (ZeroDivisionError)" in note for note in noted.notes)
    assert check(times, X, Y, bprop=for_the_same).verdict == "fail"
    assert check(times, X, Y, bprop=for_equal_copies, strict=True).verdict == "fail"
    assert kinds(times, for_the_same, X, Y) == {"shared"}
