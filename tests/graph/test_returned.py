"""What a bprop may return for a child: its shape and dtype, or a dtype that NumPy itself has made of the children."""

import itertools

import numpy as np
import pytest

import flowgraph as fg
from tests.registry import unregistered

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
