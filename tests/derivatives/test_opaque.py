"""A bprop that does not run on boxes: right at first order, named at second, a difference quotient on request."""

import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError
from tests.derivatives.opaque_boxes import OPAQUE, Clean
from tests.derivatives.test_what_is_asked import value

X = np.array([0.5, -1.5, 2.0])


@pytest.fixture(params=OPAQUE, ids=lambda cls: cls.__name__)
def box(request):
    return request.param


def test_first_order_is_right_for_every_value_and_when_used_twice(box):
    x = fg.Input("x", shape=("N",))
    (dx,) = fg.gradient(fg.sum(box(x) + box(2 * x)), [x])
    for array in (X, X[:2] * 3):
        np.testing.assert_allclose(value(dx, x=array), 3 * array**2 + 24 * array**2, rtol=1e-12)


def test_second_order_names_the_box_the_line_and_the_way_out(box):
    x = fg.Input("x", shape=(3,))
    h = box(x, name="cube")
    (dx,) = fg.gradient(fg.sum(h), [x])
    with pytest.raises(NotDifferentiableError) as error:
        fg.gradient(fg.sum(dx), [x])
    text = str(error.value)
    assert f"{box.__name__} 'cube'" in text
    assert "test_opaque.py:" in text
    assert re.search(r"opaque_boxes\.py:\d+", text)
    assert "fallback='central differences'" in text
    with pytest.raises(NotDifferentiableError):
        fg.hessian(fg.sum(box(x)), [x])
    with pytest.raises(NotDifferentiableError):
        fg.Graph(fg.sum(dx)).fprop(x=X).bprop(wrt=[x])


def test_the_fallback_is_right_to_many_digits_and_labelled(box):
    x = fg.Input("x", shape=(3,))
    H = fg.hessian(fg.sum(box(np.sin(x))), [x], fallback="central differences")
    s, c = np.sin(X), np.cos(X)
    np.testing.assert_allclose(value(H, x=X), np.diag(6 * s * c**2 - 3 * s**3), rtol=1e-6, atol=1e-7)
    (Hv,) = fg.hvp(fg.sum(box(x)), [x], [np.ones(3)], fallback="central differences")
    np.testing.assert_allclose(value(Hv, x=X), 6 * X, rtol=1e-7)
    assert any(one.symbol == "central differences of bprop" for one in fg.Graph(Hv))


def test_forward_mode_is_exact(box):
    x = fg.Input("x", shape=(3,))
    slope = fg.jvp(box(x) * 2, [x], [np.array([1.0, 0.0, 2.0])])
    np.testing.assert_allclose(value(slope, x=X), 6 * X**2 * [1, 0, 2], rtol=1e-12)


def test_a_bprop_that_runs_on_boxes_is_used_as_it_is():
    x = fg.Input("x", shape=("N",))
    (dx,) = fg.gradient(fg.sum(Clean(x)), [x])
    assert all(type(one).__name__ != "BpropOf" for one in fg.Graph(dx))
    (ddx,) = fg.gradient(fg.sum(dx), [x])
    np.testing.assert_allclose(value(ddx, x=X), 6 * X)


def test_third_order_by_differences_is_refused(box):
    x = fg.Input("x", shape=(3,))
    (Hv,) = fg.hvp(fg.sum(box(x)), [x], [np.ones(3)], fallback="central differences")
    with pytest.raises(NotDifferentiableError):
        value(fg.gradient(fg.sum(Hv), [x], fallback="central differences")[0], x=X)
