"""What a box is made of has the bits of its fprop, for every class that says so, also at the edges of every dtype."""

import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.opening import inside_of
from tests.cases import cases
from tests.registry import boxes_with_examples
from tests.releases import is_older

EDGES = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -2.5, 1e-30, -1e-30, 3e38, -3e38, 1e-45)
"""Numbers that are exact in float32, or become zero, or an infinity, there."""

EDGES_OF_WHOLE = (0, 1, -1, 2, 3, 7, 12, 31)


ENDLESS = {"SVD"} if is_older("numpy", "2.4") else set()
"""Of which LAPACK in that release of NumPy does not end for some matrices with infinities."""


def made_of_others(cls):
    """The examples of a class whose boxes are made of others."""
    try:
        return [case for case in cases(cls) if inside_of(case.box) is not None]
    except fg.FlowgraphError:
        return []


OPENED = {name: listed for name, cls in boxes_with_examples().items() if (listed := made_of_others(cls))}


def with_edges(case, seed):
    """The same case with numbers of all kinds in the place of those drawn, but for children that are constant."""
    rng = np.random.default_rng(seed)
    constant = case.box.constant
    children = []
    for child, fixed in zip(case.children, constant, strict=True):
        values = {"f": EDGES, "i": EDGES_OF_WHOLE}.get(child.dtype.kind)
        with np.errstate(all="ignore"):
            other = child if values is None or fixed else rng.choice(values, child.shape).astype(child.dtype)
        children.append(other)
    return case.replace(*children)


def bits(value, any_zero):
    """Dtype, shape and bits, those of NaN left out, and where it is said the sign of zero."""
    array = np.asarray(value)
    numbers = np.where(np.isnan(array), np.nan, array).astype(array.dtype) if array.dtype.kind in "fc" else array
    numbers = np.where(numbers == 0, 0, numbers).astype(array.dtype) if any_zero else numbers
    return array.dtype.str, array.shape, np.ascontiguousarray(numbers).tobytes()


def compare(case):
    """Both values of a case, where fprop takes it."""
    box = case.box
    inside = inside_of(box)
    if inside is None:
        return
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = case.value
        except (fg.FlowgraphError, np.linalg.LinAlgError):
            return
        run = fg.Graph(*inside).fprop()
    parts = value if isinstance(value, tuple) else (value,)
    any_zero = case.cls is fg.boxes.TensorDot  # BLAS may add the only term of a sum to 0, or return it as it is
    assert [bits(run[output], any_zero) for output in inside] == [bits(part, any_zero) for part in parts], str(case)


@pytest.mark.parametrize("name", OPENED)
def test_what_a_box_is_made_of_has_its_bits(name):
    for case in OPENED[name]:
        compare(case)
        for dtype in (np.float32, np.float64):
            compare(case.cast(dtype))
            for seed in range(5 if name not in ENDLESS else 0):
                compare(with_edges(case.cast(dtype), seed))


def test_a_class_with_a_fprop_of_its_own_does_not_inherit_what_it_is_made_of():
    class Turned(fg.boxes.Degrees):
        """A subclass that computes something else."""

        def fprop(self, a):
            return a * 2

    try:
        (inside,) = inside_of(Turned(fg.Constant(3.0)))
        assert fg.Graph(inside).fprop()[inside] == 6.0
        assert fg.compile(Turned(fg.Parameter(3.0, name="w")))() == 6.0
    finally:
        del fg.registry[next(name for name, cls in fg.registry.items() if cls is Turned)]
