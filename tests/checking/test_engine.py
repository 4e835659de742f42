"""What passes runs: a class or a graph that fg.check passes goes through the engine in each dtype that fprop takes."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.check import DTYPES
from tests.registry import unregister

SEVEN = np.log(np.array([7.0]))[0]  # a scalar of NumPy, which widens float32


@unregister
class Widened(fg.Elementwise):
    """h = a ln 7"""

    def fprop(self, a):
        return a * SEVEN

    def bprop(self, grad, h, a):
        return (grad * float(SEVEN),)


@unregister
class InDouble(fg.Box):
    """h = Σ a²"""

    def fprop(self, a):
        return np.sum(a.astype(np.float64) ** 2)

    def bprop(self, grad, h, a):
        return (2 * grad * a,)


@unregister
class WidenedBack(fg.Elementwise):
    """h = a ln 7"""

    def fprop(self, a):
        return a * float(SEVEN)

    def bprop(self, grad, h, a):
        return (grad * SEVEN,)


@unregister
class OwnGradient(fg.Elementwise):
    """h = a²"""

    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        if not grad.flags.writeable and not a.flags.writeable:  # as in a run, where what is read is kept
            raise ValueError("found an array that is read-only")
        return (2 * grad * a,)


@unregister
class Narrowed(fg.Elementwise):
    """h = a²"""

    def fprop(self, a):
        if a.dtype != np.float64:
            raise TypeError("needs float64")
        return a * a

    def bprop(self, grad, h, a):
        return (2 * grad * a,)


@unregister
class ByValues(fg.Elementwise):
    """h = a²"""

    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (np.array([2 * float(x) for x in np.ravel(a)], a.dtype).reshape(np.shape(a)) * grad,)


@unregister
class Kept(fg.Elementwise):
    """h = a ln 7"""

    def fprop(self, a):
        return a * float(SEVEN)

    def bprop(self, grad, h, a):
        return (grad * float(SEVEN),)


CLASSES = [Widened, InDouble, WidenedBack, OwnGradient, Narrowed, ByValues, Kept]


def runs(cls, dtype):
    leaf = fg.Parameter(np.array([0.5, -1.5, 2.0], dtype), name="a")
    try:
        run = fg.Graph(fg.sum(cls(leaf))).fprop()
    except Exception:  # a dtype that is not claimed
        return True
    try:
        run.bprop()
        slope, *_ = fg.gradient(fg.sum(cls(leaf)), [leaf])
        fg.compile([slope])()
    except Exception:
        return False
    return True


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_passes_runs_in_each_dtype_that_it_claims(cls):
    report = fg.check(cls)
    assert report.verdict == ("pass" if all(runs(cls, dtype) for dtype in DTYPES) else "fail"), str(report)


@pytest.mark.parametrize("cls", CLASSES[:2], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("built", [False, True], ids=["class", "graph"])
def test_where_fprop_widens_the_report_and_the_engine_name_it(cls, built):
    leaf = fg.Parameter(np.array([0.5, -1.5], np.float32), name="a")
    report = fg.check(fg.Graph(fg.sum(cls(leaf)))) if built else fg.check(cls)
    assert report.verdict == "fail"
    (failure,) = report.failures
    assert "fprop gives float64 for float32" in failure.message
    assert failure.test_case == "the example in float32"
    with pytest.raises(fg.FlowgraphError, match=r"child 'a', needs float32: fprop gives float64 for float32"):
        fg.Graph(fg.sum(cls(leaf))).fprop().bprop()


def test_a_bprop_that_widens_is_named_itself():
    leaf = fg.Parameter(np.array([0.5, -1.5], np.float32), name="a")
    with pytest.raises(fg.FlowgraphError, match="bprop returned dtype float64") as caught:
        fg.Graph(fg.sum(WidenedBack(leaf))).fprop().bprop()
    assert "fprop" not in str(caught.value)


def test_a_built_box_and_a_graph_of_several_outputs_are_run_too():
    assert fg.check(Widened(fg.Input("x", shape=(3,), dtype=np.float32))).verdict == "fail"
    x = fg.Parameter(np.array([0.5, -1.5, 2.0], np.float32), name="x")
    assert fg.check(fg.Graph(fg.sum(x * x), Kept(x))).passed
    noise = fg.Graph(fg.sum(Kept(x) * fg.Random(lambda rng, shape: rng.normal(size=shape), shape=(3,))))
    assert fg.check(noise).passed
