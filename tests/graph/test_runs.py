"""Runs: several outputs, updates, values that are dropped, batches, dtypes, what a bprop may return."""

import importlib
import itertools
from typing import NamedTuple

import numpy as np
import pytest

import flowgraph as fg
import flowgraph.numpy
from flowgraph.errors import DtypeError, NotDifferentiableError, UsageError
from tests.graph.test_graph import X, numeric
from tests.registry import unregister, unregistered


def test_several_outputs():
    w = fg.Parameter([1.0, 2.0], name="w")
    square, total = w * w, fg.sum(w)
    run = fg.Graph(square, total).fprop()
    np.testing.assert_array_equal(run.outputs[0], [1.0, 4.0])
    assert run.outputs[1] == 3.0
    np.testing.assert_array_equal(run.bprop(grad=([1.0, 10.0], 5.0))[w], [7.0, 45.0])
    scalars = fg.Graph(total, fg.sum(square), total).fprop()
    np.testing.assert_array_equal(scalars.bprop()[w], [4.0, 6.0])


def test_update_computes_descendants_only():
    calls = []

    class Counted(fg.Elementwise):
        tag: str

        def fprop(self, a):
            calls.append(self.tag)
            return a * 2.0

    a, b = fg.Parameter([1.0], name="a"), fg.Parameter([10.0], name="b")
    left, right = Counted(a, tag="left"), Counted(b, tag="right")
    graph = fg.Graph(fg.sum(left + right))
    calls.clear()
    run = graph.fprop()
    assert calls == ["left", "right"]
    second = run.update(b=[20.0])
    assert calls == ["left", "right", "right"]
    assert float(run) == 22.0
    assert float(second) == 42.0
    assert second[b] == [20.0]
    np.testing.assert_array_equal(b.value, [10.0])
    assert second.bprop()[b] == [2.0]
    assert float(run.update()) == 22.0


def test_values_are_dropped_when_no_later_box_reads_them(net):
    run = net.fprop(x=X, keep="outputs")
    assert float(run) == float(net.fprop(x=X))
    assert run._values.count(None) > len(net) // 2
    kept = net.fprop(x=X, keep=["tanh"])
    np.testing.assert_array_equal(kept["tanh"], net.fprop(x=X)["tanh"])


def test_a_python_list_of_integers_becomes_floats_where_floats_are_needed():
    x = fg.Input("x", shape=(2,))
    assert fg.Graph(x * 2).fprop(x=[1, 2]).outputs[0].tolist() == [2.0, 4.0]


def test_what_is_fed_is_copied_and_results_are_read_only(net):
    fed = X.copy()
    run = net.fprop(x=fed)
    before = run.bprop()["W"].copy()
    fed[...] = 99.0
    assert np.array_equal(run.bprop()["W"], before)
    assert not np.shares_memory(fed, run["x"])
    for array in (run["x"], run["tanh"], run.bprop()["W"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0
    x = fg.Input("x", shape=(2,))
    assert not np.shares_memory(fg.Graph(x).fprop(x=(given := np.ones(2)))[x], given)


def test_a_parameter_changed_between_fprop_and_bprop_changes_nothing():
    w = fg.Parameter([1.0, 2.0], name="w")
    run = fg.Graph(fg.sum(w * w)).fprop()
    w.value = [5.0, 5.0]
    np.testing.assert_array_equal(run.bprop()[w], [2.0, 4.0])
    np.testing.assert_array_equal(fg.Graph(fg.sum(w * w)).fprop().bprop()[w], [10.0, 10.0])


def test_a_box_of_several_outputs():
    class SumAndDifference(fg.Box):
        def fprop(self, a, b):
            return a + b, a - b

        def bprop(self, grad, h, a, b):
            plus, minus = (0 * a if g is None else g for g in grad)
            return plus + minus, plus - minus

    a, b = fg.Parameter([1.0, 2.0], name="a"), fg.Parameter([3.0, 5.0], name="b")
    both = SumAndDifference(a, b)
    plus, minus = both
    assert len(both) == 2
    assert [part.outputs for part in both[:2]] == [plus.outputs, minus.outputs]
    with pytest.raises(TypeError, match="a box of 2 outputs used as one"):
        both + 1.0
    with pytest.raises(TypeError, match="2 outputs"):
        both.shape  # noqa: B018
    run = fg.Graph(fg.sum(plus * minus)).fprop()
    with fg.debug():
        grads = run.bprop()
    np.testing.assert_array_equal(grads[a], [2.0, 4.0])
    np.testing.assert_array_equal(grads[b], [-6.0, -10.0])
    np.testing.assert_array_equal(fg.Graph(fg.sum(minus)).fprop().bprop()[b], [-1.0, -1.0])
    (da,) = fg.gradient(fg.sum(plus * minus), [a])
    np.testing.assert_array_equal(fg.Graph(da).fprop().outputs[0], [2.0, 4.0])
    often = fg.Graph(fg.sum(both[0] * both[1] + both[0] * 3.0 + both[1] * both[1]))  # each output, taken twice
    for leaf in (a, b):
        np.testing.assert_allclose(often.fprop().bprop()[leaf], numeric(often, leaf.name, {}), atol=1e-8)
        (grad,) = fg.gradient(often.outputs[0], [leaf])
        np.testing.assert_allclose(fg.Graph(grad).fprop().outputs[0], numeric(often, leaf.name, {}), atol=1e-8)
    whole = fg.Graph(both).fprop()
    np.testing.assert_array_equal(whole[both][1], [-2.0, -3.0])
    with pytest.raises(TypeError, match="has several parts"):
        whole.bprop()


class Parts(NamedTuple):
    low: object
    high: object


@pytest.mark.parametrize("returned", [tuple, Parts._make], ids=["tuple", "named tuple"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_the_value_of_several_outputs_is_a_plain_tuple_of_arrays(returned, shape):
    class Both(fg.Box):
        outputs_are = ("low", "high")

        def fprop(self, a):
            return returned([a - 1.0, a + 1.0])

        def infer(self, a):
            return a, a

    box = Both(fg.Parameter(np.ones(shape), name="w"))
    low, high = box
    run = fg.Graph(low, high).fprop()
    assert type(run[box]) is tuple
    for part, needed in zip((*run[box], run[low], run[high]), (0.0, 2.0, 0.0, 2.0), strict=True):
        np.testing.assert_array_equal(part, np.full(shape, needed))
        assert isinstance(part, np.ndarray if shape else np.float64)


REAL = (np.float16, np.float32, np.float64)
COMPLEX = (np.complex64, np.complex128)
OTHERS = (np.bool_, np.int32, np.int64, np.uint8)
PRECISION = {np.complex64: np.float32, np.complex128: np.float64}
with unregistered():

    class Returns(fg.Box):
        """The sum of its children in one dtype, whose bprop returns ones of other shapes and dtypes."""

        own: str
        dtypes: tuple
        added: tuple = (0, 0)

        def fprop(self, a, b):
            total = a + b
            return (total if np.dtype(self.own).kind == "c" else total.real).astype(self.own)

        def bprop(self, grad, h, a, b):
            return tuple(
                np.ones([size + more for size in one.shape], dtype)
                for one, dtype, more in zip((a, b), self.dtypes, self.added, strict=True)
            )


def swept(children, own, returned, added=(0, 0)):
    a, b = (fg.Parameter(np.ones(3, dtype), name=name) for name, dtype in zip("ab", children, strict=True))
    box = Returns(a, b, own=np.dtype(own).name, dtypes=tuple(np.dtype(one).name for one in returned), added=added)
    grads = fg.Graph(box).fprop().bprop(grad=np.ones(3, own))
    return grads[a], grads[b]


@pytest.mark.parametrize("child", [*REAL, *COMPLEX], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("returned", [*REAL, *COMPLEX, *OTHERS], ids=lambda dtype: dtype.__name__)
def test_another_dtype_is_refused_among_children_of_one_dtype(child, returned):
    """Except real for complex numbers of the same precision, and the reverse, if the value or a child is complex.

    There are no complex numbers of half precision; those of single precision stand for them.
    """
    needed = np.float32 if child is np.float16 else PRECISION.get(child, child)
    for own in dict.fromkeys((child, np.float32, np.float64, *COMPLEX)):
        other_kind = {child, own} & set(COMPLEX) and PRECISION.get(returned, returned) is needed
        allowed = returned is child or other_kind
        for place in (0, 1):
            dtypes = [child, child]
            dtypes[place] = returned
            if allowed:
                assert swept((child, child), own, dtypes)[place].dtype == child
                continue
            with pytest.raises(
                fg.FlowgraphError, match=f"returned dtype {np.dtype(returned)} for child '{'ab'[place]}'"
            ):
                swept((child, child), own, dtypes)


@pytest.mark.parametrize(("a", "b"), list(itertools.permutations(REAL, 2)), ids=lambda dtype: dtype.__name__)
def test_what_numpy_has_widened_is_cast_back(a, b):
    wide = np.result_type(a, b).type
    for returned in REAL:
        fitting = returned in (a, wide)
        if fitting:
            assert [one.dtype for one in swept((a, b), wide, (returned, b))] == [a, b]
        else:
            with pytest.raises(fg.FlowgraphError, match=f"returned dtype {np.dtype(returned)} for child 'a'"):
                swept((a, b), wide, (returned, b))


@pytest.mark.parametrize("added", [(1, 0), (0, 1), (-1, 0), (0, -2)])
def test_another_shape_is_refused(added):
    with pytest.raises(fg.FlowgraphError, match="returned the shape"):
        swept((np.float64, np.float64), np.float64, (np.float64, np.float64), added)


@pytest.mark.parametrize("written", [list, tuple, np.ndarray.tolist, np.asarray, lambda a: tuple(a.tolist())])
def test_a_gradient_is_an_array_however_its_numbers_are_written(written):
    class Tripled(fg.Elementwise):
        def fprop(self, a):
            return 3 * a

        def bprop(self, grad, h, a):
            return (written(3 * grad),)

    x = fg.Parameter(np.ones(3), name="x")
    grads = fg.Graph(Tripled(Tripled(x))).fprop().bprop(grad=np.arange(3.0))
    np.testing.assert_array_equal(grads[x], 9 * np.arange(3.0), strict=True)


@unregister
class Scaled(fg.Elementwise):
    """h = a b, whose derivative by b nobody wrote."""

    constant_children = frozenset({"b"})
    not_implemented_children = frozenset({"b"})

    def fprop(self, a, b):
        return a * b

    def bprop(self, grad, h, a, b):
        return grad * b, None


@pytest.mark.parametrize("between", [lambda b: b, np.positive, lambda b: np.positive(np.positive(b))])
def test_what_leads_there_is_named_past_copies_of_it(between):
    x, b = fg.Parameter([1.0, 2.0], name="x"), fg.Parameter([3.0, 4.0], name="b")
    run = fg.Graph(fg.sum(Scaled(x, between(b)) + b)).fprop()
    assert run.bprop(wrt=[x])[x].tolist() == [3, 4]
    with pytest.raises(NotDifferentiableError, match=r"by 'b' is not implemented.*by way of Parameter 'b'"):
        run.bprop(wrt=[x, b])


@unregister
class Nothing(fg.Box):
    """A box whose shape is not said."""

    def fprop(self, a):
        return a

    def infer(self, a):
        return None


def test_an_infer_that_returns_no_spec_is_refused_by_the_box():
    with pytest.raises(fg.FlowgraphError, match="Nothing"):
        Nothing(fg.Input("x"))


@unregister
class Decaying(fg.Elementwise):
    """h = a E_n(a), whose bprop follows from fprop; E_n has no derivative by n."""

    constant_children = frozenset({"n"})

    def fprop(self, a, n):
        return a * importlib.import_module("scipy.special").expn(n, a)


def test_a_bprop_that_follows_from_fprop_asks_for_no_derivative_of_a_child_that_gets_none():
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed")
    values, orders = np.array([0.3, 0.7]), np.array([2, 3])
    a = fg.Parameter(values)
    grads = fg.Graph(Decaying(a, orders)).fprop().bprop(np.ones(2))
    np.testing.assert_allclose(grads[a], special.expn(orders, values) - values * special.expn(orders - 1, values))


def test_a_random_leaf_that_is_fed_is_not_drawn():
    drawn, fed = (fg.Random(lambda g, s: g.normal(size=s), shape=(3,), name=name) for name in ("drawn", "fed"))
    run = fg.Graph(drawn + fed).fprop({fed: np.full(3, 100.0)}, seed=0, keep="all")
    assert run[fed].tolist() == [100.0] * 3
    assert (run[drawn] < 50.0).all()


def test_refusals_of_the_core_that_no_sample_may_leave_out():
    """Its branches need a test that always runs: those of other folders are drawn."""
    x, small, other = fg.Parameter([1.0, 2.0], name="x"), fg.Input("i", dtype=np.int8), fg.Parameter(1.0, name="other")
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        fg.Exp.apply(np.array([1e4]))
    for ask, error in (
        (lambda: flowgraph.numpy.array([x, [1.0, 2.0], 3.0]), fg.ShapeError),
        (lambda: flowgraph.numpy.array(np.linalg.slogdet(np.outer(x, x))[0].children[0]), UsageError),
        (lambda: x + np.array(["a"]), DtypeError),
        (lambda: small + 300, DtypeError),
        (lambda: fg.Graph(fg.sum(x)).fprop().bprop(wrt=other), fg.FlowgraphError),
    ):
        with pytest.raises(error):
            ask()
    assert (small < 300).dtype == bool
    assert flowgraph.numpy.array([x, x]).shape == (2, 2)


def test_what_the_core_does_for_others_and_no_sample_may_leave_out():
    x, other = fg.Parameter([1.0, -2.0], name="x"), fg.Parameter(1.0, name="o")
    with pytest.raises(fg.ShapeError, match="SquaredError"):
        fg.SquaredError.apply(np.ones((2, 3)), np.ones((1, 3)))
    assert fg.softmax(np.zeros(2)).tolist() == [0.5, 0.5]
    assert fg.Box.axis_labels(np.tanh(x)) is None
    with unregistered():

        class Finite(fg.Box):
            """The gradient has as many elements as a run finds."""

            def fprop(self, a):
                return a

            def bprop(self, grad, h, a):
                return (grad[np.isfinite(a)],)

        (slope,) = fg.gradient(fg.sum(Finite(x)), [x])
    assert fg.Graph(slope).fprop()[slope].tolist() == [1.0, 1.0]
    with pytest.raises(fg.FlowgraphError, match="'o'"):
        fg.gradient(fg.sum(x), [other])
    (ones,) = fg.gradient(fg.sum(x), [x])
    assert fg.Graph(fg.sum(ones)).fprop().bprop(wrt=x)[x].tolist() == [0.0, 0.0]
