"""fg.check of box classes, built boxes, graphs and functions: our own pass, broken ones are named."""

import inspect
import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.target import parameter_names
from tests.checking.broken_boxes import SABOTAGED, FarOut, HalfOfAPart, OneSetting
from tests.registry import boxes_with_examples, unregistered

BOXES = list(boxes_with_examples().values())


@pytest.mark.sampled(one_in=12)
@pytest.mark.no_cover  # each box has tests of its own, and measuring takes as long again
@pytest.mark.parametrize("name", [cls.__name__ for cls in BOXES])
def test_every_box_passes_at_first_and_second_order(name):
    cls = next(one for one in BOXES if one.__name__ == name)
    report = fg.check(cls, order=2)
    if any("used up" in text for text in report.warnings):  # at many ties, each looked at from all sides
        report = fg.check(cls, order=2, effort="thorough")
    report.raise_for_failure(allow=("undecided",))  # of which the reason is asked below
    if report.verdict == "undecided":
        told = ("no gradient", "was not checked", "used up")  # which a slow machine does sooner
        reasons = [text for text in report.warnings if any(words in text for words in told)]
        assert reasons, report
        pytest.skip(f"{cls.__name__}: {reasons[0]}")
    assert report.comparisons > 0


@pytest.mark.no_cover  # being measured, they see few test cases in their time
@pytest.mark.parametrize(
    "cls", [fg.Softmax, fg.MatMul, fg.SoftmaxCrossEntropy, fg.Max, fg.registry["Split"]], ids=lambda cls: cls.__name__
)
def test_second_order(cls):
    report = fg.check(cls, order=2)
    report.raise_for_failure(allow=("undecided",))
    if not report.passed:  # of the seconds, which a busy machine has fewer of
        assert any("used up" in text for text in report.warnings), report
        pytest.skip(f"{cls.__name__}: {report.warnings[0]}")
    assert report.resolution < 1e-6


@pytest.mark.parametrize("cls", SABOTAGED, ids=lambda cls: cls.__name__)
def test_a_broken_box_fails_and_is_named(cls):
    child, word, order = SABOTAGED[cls]
    report = fg.check(cls, order=order)
    assert report.verdict == "fail", report
    assert any(cls.__name__ in failure.box for failure in report.failures), report
    assert word in str(report)
    if child is not None:
        assert child in {failure.child for failure in report.failures}, report
    with pytest.raises(AssertionError, match=cls.__name__):
        report.raise_for_failure()


def test_a_mistake_at_the_second_example_is_shown_there_and_not_beyond_the_first():
    with unregistered():

        class Scaled(fg.Elementwise):
            factor: float = 2.0
            examples = (fg.example((3,)), fg.example((3,), factor=0.3))

            def fprop(self, a):
                return self.factor * a

            def bprop(self, grad, h, a):
                return (2.0 * grad,)

        failure = fg.check(Scaled).failures[0]
    assert failure.test_case == "the example"
    assert "factor = 0.3" in failure.code


def conjugated():
    """A class of the registry, in which alone complex children are looked at by their parts."""

    class Conjugated(fg.Box):
        examples = (fg.example(np.array([1.0 + 2.0j, 0.5 - 1.0j]), np.array([0.7 - 1.0j, 2.0 + 0.3j])),)

        def fprop(self, a, b):
            return a * b

        def bprop(self, grad, h, a, b):
            return grad * np.conj(b), grad * a

    return Conjugated


@pytest.mark.parametrize("cls", [FarOut, HalfOfAPart, conjugated])
def test_the_code_of_a_report_shows_the_mistake(cls, capsys):
    with unregistered():
        failure = fg.check(cls if isinstance(cls, type) else cls()).failures[0]
        exec(failure.code, {})
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert float(shown["bprop"]) == pytest.approx(failure.analytic, rel=1e-6)
    assert float(shown["numeric"]) == pytest.approx(failure.numeric, rel=1e-3)


def test_a_built_box_keeps_its_settings_and_its_constants():
    x, y = fg.Input("x", shape=("N", 5)), fg.Input("y", shape=("N",), dtype=int)
    assert fg.check(fg.SoftmaxCrossEntropy(x, y)).passed
    assert fg.check(fg.LeakyReLU(x, slope=0.3, name="unit")).name == "LeakyReLU 'unit'"
    assert fg.check(fg.Max(x, axis=1), order=2, budget=6000).passed
    assert fg.check(x @ np.ones((5, 2)), budget=6000).passed
    assert fg.check(OneSetting(x)).passed
    assert fg.check(OneSetting(x, double=True)).verdict == "fail"


def test_what_has_no_gradient_says_so():
    report = fg.check(fg.registry["ArgMax"])
    assert report.verdict == "undecided"
    assert report.comparisons == 0
    assert "no gradient" in str(report)
    assert "nothing was compared" in str(fg.check(fg.Parameter(np.ones(2))))


@pytest.mark.parametrize(
    ("target", "inputs", "feeds", "text"),
    [
        (3, (), {}, "needs a box class, a box, a Graph, or a function"),
        (fg.Softmax, (np.ones(3),), {}, "draws its own"),
        (
            fg.Softmax,
            (),
            {"x": 1},
            "only the inputs of a graph and the arguments of a function are",
        ),
        (fg.Graph(fg.Input("x") * 2), (np.ones(3),), {}, "by name"),
    ],
)
def test_errors_say_the_way_out(target, inputs, feeds, text):
    with pytest.raises(fg.FlowgraphError, match=text):
        fg.check(target, *inputs, **feeds)


UFUNCS = {one.__name__: one for one in vars(np).values() if isinstance(one, np.ufunc)}


@pytest.mark.parametrize("one", UFUNCS.values(), ids=UFUNCS)
def test_the_inputs_of_a_ufunc_are_called_as_numpy_documents_them(one):
    first = re.match(r"\w+\(([\w, ]+)", one.__doc__.lstrip())
    told = first[1].split(", ") if first else list(inspect.signature(one).parameters)
    assert parameter_names(one, one.nin) == tuple(told[: one.nin])
