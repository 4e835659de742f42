"""Why a bprop is not believed on boxes, each reason said in the error at second order; and what is believed."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.derivatives.bprop_on_boxes import _agree
from flowgraph.errors import BpropError, NotDifferentiableError
from tests.registry import unregistered

X = np.array([0.5, 1.5, 2.0])
_memory: dict[str, object] = {}


with unregistered():

    class OfPositive(fg.Elementwise):
        """h = a³, whose fprop takes positive numbers alone, which it does not declare."""

        def fprop(self, a):
            if np.any(a < 0):
                raise ValueError("negative")
            return a**3

        def bprop(self, grad, h, a):
            return (grad * 3 * a**2,)

    class BpropOfPositive(OfPositive):
        """h = a³, whose bprop takes positive numbers alone."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            if isinstance(a, np.ndarray) and np.any(a < 0):
                raise ValueError
            return (grad * 3 * a**2,)

    class KeepsBoxes(OfPositive):
        """h = a³, with the first box that came by."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            if isinstance(a, fg.Box):
                a = _memory.setdefault("box", a)
            return (grad * 3 * a**2,)

    class RefusesOthers(OfPositive):
        """h = a³, whose bprop raises where another fprop has come between."""

        def fprop(self, a):
            _memory["latest"] = a
            return a**3

        def bprop(self, grad, h, a):
            if isinstance(a, np.ndarray) and not np.array_equal(a, _memory["latest"]):
                raise ValueError("not the latest")
            return (grad * 3 * a**2,)

    class OtherShape(OfPositive):
        """h = a³, with another shape on boxes."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            slope = 3 * a**2
            return (grad * slope if isinstance(a, np.ndarray) else np.concatenate([grad * slope, slope]),)

    class Domain(fg.Elementwise):
        """h = √a, with the domain that it needs."""

        domain = {"a": fg.Interval(0, np.inf)}

        def fprop(self, a):
            return np.sqrt(a)

        def bprop(self, grad, h, a):
            return (grad / (2 * h),)

    class Below(fg.Elementwise):
        """h = √(1 − a), with a domain from above."""

        domain = {"a": fg.Interval(-np.inf, 1)}

        def fprop(self, a):
            return np.sqrt(1 - a)

        def bprop(self, grad, h, a):
            return (-grad / (2 * h),)

    class Taken(fg.Box):
        """h = a³ at places, with integers and a constant among its children."""

        constant_children = frozenset({"places", "scale"})

        def fprop(self, a, places, scale):
            return a[places] ** 3 * scale

        def bprop(self, grad, h, a, places, scale):
            return np.zeros_like(a) + np.sum(grad * 3 * a[places] ** 2 * scale) / len(X), None, None

    class Zeros(fg.Elementwise):
        """h = a³ + b, where the gradient of b is an array, whatever comes."""

        def fprop(self, a, b):
            return a**3 + 0 * b

        def bprop(self, grad, h, a, b):
            return grad * 3 * a**2, np.zeros(3)

    class Nothing(fg.Elementwise):
        """h = a³, without a gradient."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            return (None,)

    HIDDEN = (
        "class Hidden(fg.Elementwise):\n"
        "    def fprop(self, a):\n        return a**3\n"
        "    def bprop(self, grad, h, a):\n        return (grad * 3 * np.asarray(a) ** 2,)\n"
    )
    WITHOUT_SOURCE: dict[str, object] = {"fg": fg, "np": np, "__name__": "nowhere"}
    WITHOUT_MODULE: dict[str, object] = dict(WITHOUT_SOURCE)
    exec(HIDDEN, WITHOUT_SOURCE)
    exec(compile(HIDDEN, __file__, "exec"), WITHOUT_MODULE)  # as a program that runs the code of a page


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (OfPositive, "its fprop could not be tried: ValueError: negative"),
        (BpropOfPositive, "its bprop could not be tried: ValueError: no text"),
        (KeepsBoxes, "it keeps boxes of another call"),
        (RefusesOthers, "it keeps state between calls"),
        (OtherShape, "called on boxes it gives other numbers than on arrays"),
        (WITHOUT_SOURCE["Hidden"], "TypeError|NoArrayError"),
        (WITHOUT_MODULE["Hidden"], "TypeError|NoArrayError"),
    ],
)
def test_the_reason_is_said(cls, reason):
    x = fg.Input("x", shape=(3,))
    (dx,) = fg.gradient(fg.sum(cls(x)), [x])
    np.testing.assert_allclose(fg.Graph(dx).fprop(x=X)[dx], 3 * X**2)
    with pytest.raises(NotDifferentiableError, match=reason) as error:
        fg.gradient(fg.sum(dx), [x])
    assert "bprop at" in str(error.value)
    (Hv,) = fg.hvp(fg.sum(cls(x)), [x], [np.ones(3)], fallback="central differences")
    np.testing.assert_allclose(fg.Graph(Hv).fprop(x=X)[Hv], 6 * X, rtol=1e-7)


@pytest.mark.parametrize(
    ("build", "needed"),
    [
        (Domain, -0.25 * X**-1.5),
        (lambda x: Below(-x), -0.25 * (1 + X) ** -1.5),
        (lambda x: Zeros(x, np.sin(x)), 6 * X),
    ],
)
def test_what_is_believed(build, needed):
    x = fg.Input("x", shape=(3,))
    H = fg.hessian(fg.sum(build(x)), [x])
    np.testing.assert_allclose(fg.Graph(H).fprop(x=X)[H], np.diag(needed), atol=1e-12)


def test_labels_and_constants_are_tried_as_they_are():
    x, places = fg.Input("x", shape=(3,)), fg.Input("places", shape=("N",), dtype=int)
    (dx,) = fg.gradient(fg.sum(Taken(x, places, 2.0)), [x])
    assert all(type(box).__name__ != "BpropOf" for box in fg.Graph(dx))
    assert fg.Graph(dx).fprop(x=X, places=[1])[dx] == pytest.approx(np.full(3, 2 * X[1] ** 2))


def test_a_bprop_that_returns_nothing_is_named_in_the_run():
    x = fg.Input("x", shape=(3,))
    (dx,) = fg.gradient(fg.sum(Nothing(x)), [x])
    with pytest.raises(BpropError, match="Nothing: bprop returned None for child 'a'"):
        fg.Graph(dx).fprop(x=X)


def test_along_no_direction_the_slope_is_zero():
    x = fg.Input("x", shape=(3,))
    (Hv,) = fg.hvp(fg.sum(OtherShape(x)), [x], [np.zeros(3)], fallback="central differences")
    np.testing.assert_array_equal(fg.Graph(Hv).fprop(x=X)[Hv], np.zeros(3))


def test_the_gradient_by_what_arrives_on_arrays():
    x, sent = fg.Input("x", shape=(3,)), fg.Input("sent", shape=(3,))
    (dx,) = fg.gradient(OtherShape(x), [x], sent)
    grads = fg.Graph(dx).fprop(x=X, sent=np.ones(3)).bprop([1.0, 2.0, 0.0], wrt=[sent])
    np.testing.assert_allclose(grads[sent], 3 * X**2 * [1, 2, 0])


def test_forward_mode_has_no_derivative_of_its_own():
    x = fg.Input("x", shape=(3,))
    slope = fg.jvp(OtherShape(x), [x], [np.ones(3)])
    with pytest.raises(NotDifferentiableError, match="OtherShape"):
        fg.Graph(slope).fprop(x=X).bprop(np.ones(3), wrt=[x])


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (X, X * (1 + 1e-11), True),
        (X, X * (1 + 1e-7), False),
        (X.astype(np.float32), (X * (1 + 1e-5)).astype(np.float32), True),
        (X.astype(np.float32), (X * (1 + 1e-3)).astype(np.float32), False),
        (np.full(3, 2.0), np.array(2.0), True),
        (X, X[:2], False),
        (np.full(3, np.nan), np.full(3, np.nan), True),
        (X, np.full(3, np.nan), False),
    ],
)
def test_numbers_agree_up_to_rounding(one, other, agree):
    assert _agree((one, X), (other, X)) is agree
    assert _agree((X, other), (X, one)) is agree
    assert not _agree((one,), (one, one))
    assert not _agree((one,), "ValueError: no text")
