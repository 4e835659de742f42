"""Hypothesis strategies: what they draw is legal and varied, what they find is small."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

import flowgraph as fg
from flowgraph.checking import strategies
from flowgraph.checking.cases import Case, cases, examples_of
from flowgraph.errors import install_hint
from tests.checking.broken_boxes import AtZero, OneSetting, WidensFloat32
from tests.registry import boxes_with_examples, unregistered

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

NAMES = sorted(boxes_with_examples())


@pytest.mark.no_cover  # each box has tests of its own, and measuring takes as long again
@given(st.sampled_from(NAMES).flatmap(lambda name: strategies.cases(fg.registry[name])))
def test_any_box_is_right_on_any_case(case):
    assert isinstance(case, Case)
    fg.check(case).raise_for_failure(allow="undecided")


@pytest.mark.parametrize(
    ("cls", "shapes", "settings"),
    [
        (fg.Sum, [(3, 0)], {"axis": -1}),
        (fg.Concatenate, [(0, 2), (2, 2)], {"axis": 0}),
        (fg.Add, [(0, 3), (3,)], {}),
        (fg.MatMul, [(2, 0), (0, 3)], {}),
        (fg.boxes.Irfft, [(3, 0)], {"axes": (-1,), "s": (3,)}),
        (fg.boxes.Fft, [(3, 0)], {"axes": (-1,), "s": (3,)}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_case_without_elements_that_may_not_be_written_to(cls, shapes, settings):
    """As they come from a strategy; a value may have elements though no child has."""
    children = tuple(np.ones(shape) for shape in shapes)
    for child in children:
        child.setflags(write=False)
    fg.check(Case(cls, children, settings)).raise_for_failure(allow="undecided")


def test_what_is_made_of_an_example_fits_its_box():
    """An elementwise box is tried with numbers, and of several children that have axes with each of them broadcast."""
    for name in NAMES:
        cls, broadcast = fg.registry[name], set()
        for case in cases(cls):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert case.value is not None
            axes = [child.ndim for child in case.children]
            broadcast |= {i for i, count in enumerate(axes) if count < max(axes)} if any(axes) else {"numbers"}
        if issubclass(cls, fg.Elementwise) and not cls.variadic:
            first, count = examples_of(cls)[0].children, len(cls.child_names)
            alike = count > 1 and all(isinstance(child, tuple) and child == first[0] for child in first)
            assert broadcast >= {"numbers", *(range(count) if alike else ())}, name


@given(strategies.arrays((3, 2), np.float32, fg.Interval(0, 1, open=True)))
def test_arrays_are_in_the_domain(array):
    assert array.dtype == np.float32
    assert array.shape == (3, 2)
    assert np.all((array > 0) & (array < 1))


@given(strategies.floats(kinks=(0.0, 2.0)))
def test_floats_are_near_kinks_but_not_on_them(value):
    assert abs(value) >= 1e-3
    assert abs(value - 2.0) >= 1e-3


@pytest.mark.parametrize(
    "wanted",
    [
        lambda a: a.ndim == 2 and a.size > 2 and len(np.unique(a)) == 1,
        lambda a: a.ndim == 2 and not a.flags.c_contiguous,
        lambda a: a.size == 0,
        lambda a: a.size > 1 and np.all(np.abs(a) > 100),
        lambda a: np.any(np.abs(a - 2.0) < 0.01),
    ],
    ids=["ties", "layout", "empty", "large", "near a kink"],
)
def test_what_is_rare_is_drawn(wanted):
    shapes = st.sampled_from([(3, 4), (2, 2), (0, 3)])
    found = find(strategies.arrays(shapes, kinks=(2.0,)), wanted, settings=settings(max_examples=2000, database=None))
    assert wanted(found)


def test_shapes_and_settings_of_a_box():
    seen = {}

    @settings(max_examples=200, database=None, derandomize=True)
    @given(st.sampled_from(["MatMul", "Add", "Sum", "Concatenate"]).flatmap(lambda n: strategies.cases(fg.registry[n])))
    def draw(case):
        seen.setdefault(case.cls.__name__, []).append(case)

    draw()
    assert len({tuple(a.ndim for a in case.children) for case in seen["MatMul"]}) > 2
    assert any(a.shape != b.shape for a, b in (case.children for case in seen["Add"]))
    assert len({str(case.settings) for case in seen["Sum"]}) > 3
    assert any(case.children[0].shape != (2, 3) for case in seen["Concatenate"])


QUICK = {"database": None, "derandomize": True, "phases": [Phase.generate, Phase.shrink], "print_blob": False}


@pytest.mark.parametrize(
    ("cls", "children"),
    [(AtZero, "(array(0.),)"), (OneSetting, "(array("), (WidensFloat32, "dtype=float32")],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_broken_box_shrinks_to_one_number(cls, children):
    @settings(max_examples=60, **QUICK)
    @fg.property_test(cls)
    def test(case):
        """Nothing more."""

    with pytest.raises(AssertionError) as caught:
        test()
    assert f"{cls.__name__}: FAIL" in str(caught.value)
    assert children in "".join(caught.value.__notes__)


@settings(max_examples=20)
@fg.property_test(fg.Sigmoid, order=2)
def test_the_decorator_with_more_to_hold(case):
    assert np.all(case.value >= 0)


@settings(max_examples=20)
@fg.property_test(fg.LogSumExp)
def test_the_decorator_alone():
    """LogSumExp, by its gradient."""


def test_the_decorator_keeps_the_name():
    assert test_the_decorator_alone.__name__ == "test_the_decorator_alone"
    with pytest.raises(fg.FlowgraphError, match="needs one"):
        fg.property_test(fg.Softmax)(lambda case, other: None)


def test_a_failing_graph_shrinks_to_the_broken_box():
    class Doubled(fg.Elementwise):
        def fprop(self, a):
            return np.sin(a)

        def bprop(self, grad, h, a):
            return (2.0 * grad * np.cos(a),)

    def wrong(graph):
        (parameter, *_), step = graph.parameters, 1e-5
        grad = graph.fprop().bprop()[parameter].sum()
        up, down = (float(graph.fprop({parameter: parameter.value + s * step})) for s in (1, -1))
        return abs((up - down) / (2 * step) - grad) > 1e-4

    graph = find(strategies.graphs([Doubled]), wrong, settings=settings(max_examples=200, **QUICK))
    made = [box for box in graph if box.children and type(box).__name__ not in ("Sum", "Tanh")]
    assert [type(box) for box in made] == [Doubled]
    assert len(graph.parameters) == 1


@settings(max_examples=15)
@given(strategies.graphs(longest=6))
def test_every_drawn_graph_passes(graph):
    fg.check(graph).raise_for_failure(allow="undecided")


def test_without_hypothesis_one_clear_message(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "hypothesis.strategies", None)
    with pytest.raises(ImportError, match=re.escape(f"needs hypothesis; run: {install_hint('hypothesis')}")):
        strategies.floats()


def test_only_boxes_have_cases():
    with pytest.raises(TypeError, match="needs a box class"):
        strategies.cases(int)
    with pytest.raises(ValueError, match="needs one box class"):
        strategies.graphs(only=True)


def test_a_failure_is_kept_in_the_example_database_and_comes_first():
    database, seen = InMemoryExampleDatabase(), []

    def run():
        @settings(max_examples=60, database=database, phases=[Phase.reuse, Phase.generate, Phase.shrink])
        @fg.property_test(AtZero)
        def test_it(case):
            """Nothing more."""

        with pytest.raises(AssertionError) as caught:
            test_it()
        seen.append("".join(caught.value.__notes__))

    run()
    assert any(database.data.values())
    run()
    assert seen[0].partition("Explanation")[0] == seen[1].partition("Explanation")[0]


AXES = st.sampled_from(["a", "b", "c", "d", "2", "3", "a?", "c?"])
SIGNATURES = st.lists(st.lists(AXES, max_size=3), min_size=1, max_size=3).map(
    lambda cores: ",".join(f"({','.join(core)})" for core in cores) + "->()"
)


def of_signature(text):
    """A box of this signature that sums all that it is given, along its core axes."""
    count = text.count("(") - 1

    def fprop(self, *values):
        sums = []
        for core, v in zip(self.signature.children, values, strict=True):
            sums.append(np.sum(v, axis=tuple(range(-min(len(core), v.ndim), 0))))
        return sum(sums, start=np.zeros(()))

    names = ", ".join(f"v{i}" for i in range(count))
    space = {"fprop": fprop}
    exec(f"def one_by_one(self, {names}): return fprop(self, {names})", space)
    return type("OfSignature", (fg.Box,), {"__module__": __name__, "signature": text, "fprop": space["one_by_one"]})


@given(text=SIGNATURES, data=st.data())
def test_the_shapes_that_are_drawn_fit_the_signature(text, data):
    """Equal names have equal sizes, within a child and between children, and a number is its size."""
    cls = of_signature(text)
    names = cls.child_names
    for shapes in (examples_of(cls)[0].children, data.draw(strategies.shapes(cls))):
        cls.signature.result(shapes, names)
    longest = max(len(core) for core in cls.signature.children)
    assert max(map(len, examples_of(cls)[0].children)) == max(2, longest), "no more axes in front than make a matrix"
    (case,) = cases(cls)
    assert case.box.shape == np.shape(case.value)


REFUSALS = {
    "nothing": lambda *shapes: False,
    "to broadcast": lambda *shapes: len({shape for shape in shapes if shape}) > 1,
    "numbers": lambda *shapes: () in shapes,
    "everything": lambda *shapes: True,
}


def product_that_refuses(count, refuses, examples):
    """An elementwise box of some children that raises for shapes that `refuses` is true of."""
    names = ", ".join("abc"[:count])

    def fprop(self, *values):
        if refuses(*map(np.shape, values)):
            raise ValueError("not these shapes")
        return np.prod(np.stack(np.broadcast_arrays(*values)), axis=0)

    space = {"fprop": fprop}
    exec(f"def one_by_one(self, {names}): return fprop(self, {names})", space)
    members = {"__module__": __name__, "fprop": space["one_by_one"], "examples": examples}
    return type("ProductThatRefuses", (fg.Elementwise,), members)


SMALL = st.lists(st.sampled_from([1, 3, 4]), max_size=3).map(tuple)


@settings(max_examples=20, deadline=None)
@given(st.lists(SMALL, min_size=1, max_size=3), st.sampled_from(sorted(REFUSALS)))
def test_an_elementwise_class_gets_a_verdict_whatever_its_example(shapes, refused):
    """The checker's own shapes come from the example, and those that the class refuses are left out."""
    with unregistered():
        cls = product_that_refuses(len(shapes), REFUSALS[refused], [fg.example(*shapes)])
        own, *others = cases(cls)
        assert [child.shape for child in own.children] == shapes
        assert all(np.shape(case.value) == case.box.shape for case in others)
        report = fg.check(cls, budget=40)
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        assert "its own example is refused" in str(report)
        return
    assert report.verdict == "fail" or refused in ("nothing", "to broadcast")
    if refused == "nothing":
        assert report.verdict != "fail", str(report)
        assert len(others) == 1 + (len(shapes) > 1) * len(shapes), "no variant is lost"


W3 = np.array([1.0, 2.0, 3.0])


def core(g, count):
    """A gradient with axes of size 1 for the core axes of a child."""
    return np.reshape(g, (*np.shape(g), *(1,) * count))


@pytest.mark.parametrize(
    ("text", "fprop", "bprop"),
    [
        ("(d,d)->()", lambda W: np.trace(W @ W, axis1=-2, axis2=-1), lambda g, h, W: (2 * core(g, 2) * W.mT,)),
        (
            "(d,d),(d)->()",
            lambda W, v: np.einsum("...i,...ij,...j->...", v, W, v),
            lambda g, h, W, v: (
                core(g, 2) * v[..., None] * v[..., None, :],
                core(g, 1) * ((W + W.mT) @ v[..., None])[..., 0],
            ),
        ),
        ("(n,d),(m,d)->(n,m)", lambda a, b: a @ b.mT, lambda g, h, a, b: (g @ b, g.mT @ a)),
        (
            "(3),(3)->()",
            lambda a, b: np.sum(a * W3.astype(a.dtype) * b, -1),
            lambda g, h, a, b: (core(g, 1) * W3.astype(a.dtype) * b, core(g, 1) * W3.astype(a.dtype) * a),
        ),
    ],
)
@pytest.mark.parametrize("right", [True, False])
def test_a_box_class_is_checked_in_shapes_of_its_signature(text, fprop, bprop, right):
    report = fg.check(declared(text, fprop, bprop, 1.0 if right else 1.5), budget=3000)
    assert report.passed == right, str(report)


def test_a_signature_promises_axes_in_front():
    """A box that takes its core axes alone says so of shapes that its signature takes."""
    cls = declared("(d,d)->()", lambda W: np.trace(W @ W), lambda g, h, W: (2 * g * W.T,), 1.0)
    assert examples_of(cls)[0].children == ((3, 3),)
    report = fg.check(cls, budget=3000)
    assert not report.passed
    assert "the signature (d,d)->() promises" in str(report)


@pytest.mark.parametrize("keepdims", [False, True], ids=["too few axes", "too many axes"])
def test_a_value_with_another_number_of_axes_than_the_signature_says_fails(keepdims):
    def total(a):
        return np.sum(a, -1, keepdims=True) if keepdims else np.sum(a)

    cls = declared("(n)->()", total, lambda g, h, a: (g * np.ones_like(a),), 1.0)
    report = fg.check(cls, budget=3000)
    assert not report.passed, str(report)
    assert "the signature (n)->() promises" in str(report)


def declared(text, fprop, bprop, factor):
    """A box class of these functions, whose gradients are `factor` times theirs."""
    space = {"f": fprop, "b": bprop, "factor": factor}
    names = ", ".join(f"v{i}" for i in range(text.partition("->")[0].count("(")))
    exec(f"def fprop(self, {names}): return f({names})", space)
    exec(f"def bprop(self, g, h, {names}): return tuple(factor * part for part in b(g, h, {names}))", space)
    body = {"__module__": __name__, "signature": text, "fprop": space["fprop"], "bprop": space["bprop"]}
    return type("Declared", (fg.Box,), body)
