"""A report begins with what was looked at; what was asked for and not looked at is no pass."""

from __future__ import annotations

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from tests.registry import unregister

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

x = np.array([[0.3, -1.2, 0.8], [1.5, 0.4, -0.7]])


def first_line(report):
    return str(report).splitlines()[1].strip()


def test_a_function_says_which_inputs_were_checked_and_which_not():
    def taken(x, w, index):
        return (x * w)[index]

    def backward(grad, out, x, w, index):
        full = np.zeros_like(x)
        np.add.at(full, index, grad)
        return full * w, full * x, None

    report = fg.check(taken, x, x + 2, np.array([1, 0, 1]), bprop=backward)
    assert report.passed, str(report)
    assert first_line(report) == "checked: x, w; not differentiated: index"
    assert report.as_dict()["checked"] == ["x", "w"]


def test_a_graph_says_that_its_inputs_were_not_differentiated():
    w = fg.Parameter(np.ones((3, 2)), name="w")
    data = fg.Input("data", shape=("N", 3))
    report = fg.check(fg.Graph(fg.sum(np.tanh(data @ w))), data=x)
    assert report.passed, str(report)
    assert first_line(report) == "checked: w (parameters); not differentiated: data"


def test_a_float_without_a_gradient_is_said_not_to_be_differentiated():
    report = fg.check(lambda x, n: x * n, x, 2.0, bprop=lambda g, y, x, n: (g * n, None))
    assert first_line(report) == "checked: x; not differentiated: n"


def test_an_input_without_elements_was_not_looked_at():
    def joined(x, y):
        return np.concatenate([x.ravel(), y.ravel()])

    def backward(grad, out, x, y):
        return grad[: x.size].reshape(x.shape), grad[x.size :].reshape(y.shape)

    assert fg.check(joined, x, x[:1] + 1, bprop=backward).passed
    report = fg.check(joined, x, np.zeros((0, 3)), bprop=backward, fixed="shapes")
    assert report.verdict == "undecided"
    assert "y" not in report.checked
    assert any(text.startswith("y:") for text in report.warnings)


def test_a_graph_too_large_for_its_time_is_undecided():
    h = fg.Parameter(np.linspace(0.1, 0.9, 3), name="w")
    for k in range(40):
        h = np.tanh(h) * (1.0 + 0.01 * k)
    report = fg.check(fg.Graph(fg.sum(h)), budget=60)
    assert report.verdict == "undecided"
    assert any("boxes were looked at in place" in text for text in report.warnings)


def test_no_resolution_is_claimed_where_every_slope_is_zero():
    report = fg.check(np.sign, x, bprop=lambda g, y, x: (0.0 * g,))
    assert report.passed
    assert "above 0e+00" not in str(report)
    assert "every slope that was compared is 0" in str(report)


class Root(fg.Elementwise):
    """h = sqrt(|a|), with a gradient for positive numbers alone"""

    def fprop(self, a):
        return np.sqrt(np.abs(a))

    def bprop(self, grad, h, a):
        return (grad / (2 * h),)


class Power(fg.Elementwise):
    """h = a^n, with a gradient that is wrong for n = 3"""

    n: int = 2

    def fprop(self, a):
        return a**self.n

    def bprop(self, grad, h, a):
        return (grad * (self.n * a ** (self.n - 1) if self.n != 3 else a),)


def test_valid_holds_for_box_classes_and_built_boxes():
    assert fg.check(Root).verdict == "fail"
    assert fg.check(Root, valid=lambda a: np.all(a > 0)).passed
    assert fg.check(Root(fg.Input("a", shape=("N", 3))), valid=lambda a: np.all(a > 0)).passed


def test_valid_of_a_box_is_given_the_settings_that_it_names():
    assert fg.check(Power).verdict == "fail"
    report = fg.check(Power, valid=lambda a, n: n != 3 and n > 0)
    assert report.passed, str(report)


def test_valid_holds_for_the_second_derivative_too():
    assert fg.check(Root, valid=lambda a: np.all(a > 0.1), order=2).passed


def test_valid_of_complex_children_is_given_complex_numbers():
    seen = []

    def valid(a):
        seen.append(a.dtype.kind)
        return True

    complex_example = fg.Parameter(np.array([1.0 + 2.0j, 0.5 - 1.0j]))
    assert fg.check(np.exp(complex_example), valid=valid).passed
    assert set(seen) == {"c"}


def test_options_that_mean_nothing_for_a_target_are_refused():
    graph = fg.Graph(fg.sum(fg.Parameter(x, name="w") ** 2))
    for option in ({"valid": lambda *_: True}, {"vary": "values"}, {"fixed": "w"}, {"names": ["w"]}):
        with pytest.raises(UsageError, match=f"found {next(iter(option))}="):
            fg.check(graph, **option)
    with pytest.raises(UsageError, match="found names="):
        fg.check(fg.Tanh, names=["x"])
    with pytest.raises(UsageError, match="refuses every example"):
        fg.check(fg.Tanh, valid=lambda a: False)


class LogDeterminant(fg.Box):
    """h = log |det a|"""

    signature = "(d,d)->()"

    def fprop(self, a):
        return np.linalg.slogdet(a)[1]

    def bprop(self, grad, h, a):
        return (np.asarray(grad)[..., None, None] * np.swapaxes(np.linalg.inv(a), -1, -2),)


def test_a_class_of_square_matrices_is_drawn_by_its_signature():
    assert fg.check(LogDeterminant).passed


@pytest.mark.parametrize(
    "checked",
    [
        lambda: fg.check(np.exp, x, bprop=lambda g, y, x: (g * y,)),
        lambda: fg.check(np.exp, x, bprop=lambda g, y, x: (2 * g * y,)),
        lambda: fg.check(np.exp, x),
        lambda: fg.check(fg.Softmax),
        lambda: fg.check(fg.Graph(fg.sum(fg.Parameter(x) ** 3))),
    ],
)
def test_warnings_that_a_user_makes_errors_do_not_reach_the_check(checked):
    with np.errstate(all="raise"):
        strict = checked().verdict
    assert strict == checked().verdict


class Cubed(fg.Elementwise):
    """h = a^3, with a gradient that is right for real numbers alone"""

    def fprop(self, a):
        return a**3

    def bprop(self, grad, h, a):
        return (3 * grad * np.abs(a) ** 2,)


class OfReal(fg.Elementwise):
    def fprop(self, a):
        if np.iscomplexobj(a):
            raise TypeError("takes real numbers")
        return a * a

    def bprop(self, grad, h, a):
        return (2 * grad * a,)


def test_a_box_says_that_complex_values_were_not_checked():
    report = fg.check(Cubed, budget=2000)
    assert report.passed
    assert first_line(report) == "checked: a; not checked: complex a"
    assert report.as_dict()["not_checked"] == ["complex a"]
    assert first_line(fg.check(Cubed(fg.Input("a", shape=(3,))), budget=500)) == "checked: a"  # built of real numbers


def test_nothing_is_said_of_complex_values_that_fprop_refuses():
    assert first_line(fg.check(OfReal, budget=2000)) == "checked: a"


def test_what_an_example_has_complex_is_checked():
    class Declared(Cubed):
        examples = (fg.example((3,)), fg.example(np.array([1 + 2j, 0.5 - 1j])))

    report = fg.check(Declared, budget=2000)
    assert report.verdict == "fail"
    assert "not checked" not in first_line(report)


@unregister
class Beside(fg.Elementwise):
    """h = z a, not in the registry, by which a complex child is taken apart"""

    examples = (fg.example(np.array([1 + 2j, 0.5 - 1j]), (2,)),)

    def fprop(self, z, a):
        return np.real(z) * a

    def bprop(self, grad, h, z, a):
        return (7 * grad * a + 0j, grad * np.real(z))


def test_a_complex_child_that_cannot_be_compared_is_no_pass():
    report = fg.check(Beside, budget=2000)
    assert report.verdict == "undecided"
    assert first_line(report) == "checked: a; not differentiated: z; not checked: complex z, complex a"
