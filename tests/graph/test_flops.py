"""Floating-point operations: counted on numbers that count, 0 only where it is declared, "?" where nobody knows."""

import math
from collections import Counter

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.base import Box
from flowgraph.graph.table import Flops, flops_of, total_flops
from flowgraph.shapes.size import divide, product
from tests.cases import cases
from tests.registry import boxes_with_examples

BOXES = boxes_with_examples()
MOVING = {name: cls for name, cls in BOXES.items() if not cls.arithmetic}
ELEMENTWISE = {name: cls for name, cls in BOXES.items() if issubclass(cls, fg.Elementwise)}
RULED = {name: cls for name, cls in BOXES.items() if cls.flops is not Box.flops and name not in ELEMENTWISE}
UNKNOWN = BOXES.keys() - MOVING.keys() - ELEMENTWISE.keys() - RULED.keys()


def square(n=5):
    rng = np.random.default_rng(0)
    return fg.Parameter(rng.normal(size=(n, n)) + n * np.eye(n), name="a")


@pytest.mark.parametrize("name", MOVING)
def test_a_box_that_declares_no_arithmetic_does_none(name):
    for case in cases(MOVING[name]):
        done = counted(case.box, case.children)
        assert done is not None, f"{case}: does not run on objects, so nothing says that it only moves them"
        assert not done, f"{case}: {dict(done)}"
        assert flops_of(case.box) == 0


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_box_does_whole_operations_per_element(name):
    for case in cases(ELEMENTWISE[name]):
        elements = product(case.box.shape)
        count = flops_of(case.box)
        assert count >= elements
        assert elements == 0 or count % elements == 0


def test_elements_of_a_batch_are_counted_by_its_name():
    x = fg.Input("x", shape=("N", 4))
    for cls in (cls for cls in ELEMENTWISE.values() if not cls.settings and len(cls.child_names) == 1):
        try:
            box = cls(x)
        except fg.FlowgraphError:
            continue  # of whole numbers or truth values
        assert divide(flops_of(box), product(box.shape)) >= 1


NAIVE = {"Einsum"}
"""Its rule counts the sum of products as it is written; fprop may sum a factor alone before it multiplies."""

PADDED = {"ConvInput"}
"""Its fprop may multiply zeros of the padding too: held against the convolution below."""


@pytest.mark.parametrize("name", sorted(RULED.keys() - PADDED))
def test_a_rule_counts_what_fprop_does(name):
    for case in cases(RULED[name]):
        done, count = counted(case.box, case.children), flops_of(case.box)
        assert count > 0
        if done is None:
            continue
        elements = product(case.box.shape)
        given = sum(a.size for a in case.children)
        assert done.total() <= count + elements, f"{case}: {dict(done)}, and flops says {count}"
        assert count <= 2 * done.total() + given or name in NAIVE, f"{case}: {dict(done)}, and flops says {count}"


def test_most_rules_are_held_against_a_count():
    silent = {name for name, cls in RULED.items() if all(counted(c.box, c.children) is None for c in cases(cls))}
    assert silent <= {"Fft", "Ifft", "Rfft", "Irfft", "Det", "Inv", "Solve", "LogSumExp", "PNorm"}


PRODUCTS = ("MatMul", "TensorDot", "Conv1d", "Conv2d", "Conv3d", "ConvFilters", "Convolve", "Correlate")


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_sum_of_products_counts_two_per_product(name):
    for case in cases(BOXES[name]):
        assert flops_of(case.box) == 2 * counted(case.box, case.children)["product"]


@pytest.mark.parametrize("name", ["Affine", "AddMatMul"])
def test_what_is_added_to_products_counts_one_per_element(name):
    for case in cases(BOXES[name]):
        products = counted(case.box, case.children)["product"]
        assert flops_of(case.box) == 2 * products + product(case.box.shape)


def test_what_a_convolution_sends_back_counts_as_the_convolution():
    x, w = fg.Input("x", shape=("N", 3, 5, 6)), fg.Input("w", shape=(4, 3, 2, 3))
    h = fg.Conv2d(x, w)
    back = fg.gradient(fg.sum(h * h), [x, w])
    counts = {type(box).__name__: flops_of(box) for box in fg.Graph(*back)}
    assert counts["ConvInput"] == counts["ConvFilters"] == counts["Conv2d"] == "2304*N"


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_without_a_rule_the_count_is_unknown(name):
    case = cases(BOXES[name])[0]
    assert flops_of(case.box) is None
    parts = [case.box] if len(case.box.outputs) == 1 else list(case.box)
    assert str(fg.Graph(*parts)).splitlines()[-1].split()[-1] == "?"


def test_a_box_of_a_user_without_a_rule_is_unknown():
    class Twice(fg.Box):
        def fprop(self, a):
            return 2 * a

        def bprop(self, grad, h, a):
            return (2 * grad,)

    try:
        assert str(fg.Graph(Twice(square()))).splitlines()[-1].endswith("?")
    finally:
        del fg.registry[f"{Twice.__module__}.{Twice.__qualname__}"]


def test_the_total_keeps_what_is_known_beside_what_is_not():
    a = square(50)
    inverse, factors = np.linalg.inv(a), np.linalg.svd(a)
    assert str(fg.Graph(inverse)).splitlines()[-1].endswith("250,000")
    lines = str(fg.Graph(inverse, *factors)).splitlines()
    assert lines[-1].endswith("250,000 + ?")
    assert next(line for line in lines if "SVD" in line).endswith("?")


def test_a_batch_keeps_its_name_beside_what_is_unknown():
    x = fg.Input("x", shape=("N", 3, 3))
    assert str(fg.Graph(np.linalg.inv(x), np.linalg.cholesky(x))).splitlines()[-1].endswith("54*N + ?")


def test_a_size_that_depends_on_values_is_unknown():
    x = fg.Input("x", shape=("N",))
    box = np.exp(x[x > 0])
    assert flops_of(box) is None
    assert total_flops([(box, 1), (np.exp(x), 2)]) == Flops(2 * x.shape[0], complete=False)


def test_nothing_to_count_is_no_unknown():
    assert Flops().text == ""
    assert total_flops([]) == Flops(0, complete=True)
    x = fg.Input("x", shape=(3,))
    assert "?" not in str(fg.Graph(np.flip(x)))


class Counting:
    """A real number that counts, in `done`, the sums and products in which it takes part, and all else as "other"."""

    def __init__(self, value, done):
        self.value = value
        self.done = done

    def _with(self, other, kind, function):
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy goes through its elements
        self.done[kind] += 1
        return Counting(function(self.value, other.value if isinstance(other, Counting) else other), self.done)

    def __add__(self, other):
        return self._with(other, "sum", lambda a, b: a + b)

    def __sub__(self, other):
        return self._with(other, "sum", lambda a, b: a - b)

    def __rsub__(self, other):
        return self._with(other, "sum", lambda a, b: b - a)

    def __mul__(self, other):
        return self._with(other, "product", lambda a, b: a * b)

    def __truediv__(self, other):
        return self._with(other, "product", lambda a, b: a / b)

    def __rtruediv__(self, other):
        return self._with(other, "product", lambda a, b: b / a)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self._with(0, "other", lambda a, b: -a)

    def __abs__(self):
        return self._with(0, "other", lambda a, b: abs(a))

    def __lt__(self, other):
        self.done["other"] += 1
        return self.value < (other.value if isinstance(other, Counting) else other)

    def __gt__(self, other):
        self.done["other"] += 1
        return self.value > (other.value if isinstance(other, Counting) else other)

    def __le__(self, other):
        return not self > other

    def __ge__(self, other):
        return not self < other

    def __eq__(self, other):
        self.done["other"] += 1
        return self.value == (other.value if isinstance(other, Counting) else other)

    __hash__ = None

    def conjugate(self):
        """A real number is its own."""
        return self

    def exp(self):
        """As NumPy asks of an object."""
        return self._with(0, "other", lambda a, b: math.exp(a))

    def log(self):
        """As NumPy asks of an object."""
        return self._with(0, "other", lambda a, b: math.log(a))

    def sqrt(self):
        """As NumPy asks of an object."""
        return self._with(0, "other", lambda a, b: math.sqrt(a))


def counted(box, children):
    """What an fprop on these arrays does, by kind; None where the fprop takes no objects."""
    done = Counter()
    made = np.frompyfunc(lambda value: Counting(float(value), done), 1, 1)
    arrays = [np.asarray(made(a), dtype=object) if a.dtype.kind == "f" else a for a in children]
    try:
        with np.errstate(all="ignore"):
            box.fprop(*arrays)
    except Exception:  # whatever an fprop raises that takes numbers of the machine alone
        return None
    return done
