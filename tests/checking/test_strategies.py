"""Hypothesis strategies: what they draw is legal and varied, what they find is small."""

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

import flowgraph as fg
from flowgraph.checking import strategies
from flowgraph.checking.cases import Case
from tests.checking.broken_boxes import AtZero, OneSetting, WidensFloat32

NAMES = sorted(
    name
    for name, cls in fg.registry.items()
    if cls.__module__.startswith("flowgraph.") and not issubclass(cls, fg.Leaf) and cls.examples is not None
)


@given(st.sampled_from(NAMES).flatmap(lambda name: strategies.cases(fg.registry[name])))
def test_any_box_is_right_on_any_case(case):
    assert isinstance(case, Case)
    fg.check(case).raise_for_failure()


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

    @settings(max_examples=60, database=None, derandomize=True)
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

    fg.registry.pop(f"{__name__}.{Doubled.__qualname__}")

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
    fg.check(graph).raise_for_failure()


def test_without_hypothesis_one_clear_message(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "hypothesis.strategies", None)
    with pytest.raises(ImportError, match=r"needs hypothesis, which is not installed; pip install 'flowgraph\[test\]'"):
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
