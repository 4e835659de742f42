"""A function of NumPy on boxes is what it is on arrays: value, dtype and shape, or both refuse."""

from __future__ import annotations

import contextlib
import functools
import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
import flowgraph.numpy as fnp
from flowgraph.box.numpy_dispatch import implemented
from flowgraph.errors import DtypeError, FlowgraphError, NotDifferentiableError, UnsupportedError
from tests.boxes.drawn_calls import CALLS, Draw, by_position, call_of, with_other_axes
from tests.boxes.numpy_calls import assert_derivatives
from tests.releases import is_older
from tools.coverage_page import MODULES


def _named():
    """Each function that boxes understand by a name of it, one that says how it is called if there is one."""
    found = {}
    for function in implemented():
        if isinstance(function, str):
            found[function] = getattr(scipy.special, function.rpartition(".")[2])
            continue
        names = [
            f"{module}.{name}".removeprefix("np.")
            for module, place in MODULES.items()
            for name in sorted(vars(place))
            if not name.startswith("_") and vars(place)[name] is function
        ]
        names = names or [f"operator.{function.__name__}"]
        found[next((name for name in names if name in CALLS), names[0])] = function
    return found


FUNCTIONS = _named()
TOLERANCE = {np.dtype(np.float16): 1e-2, np.dtype(np.float32): 1e-4, np.dtype(np.complex64): 1e-4}


# What differs from NumPy, as the documents say:
DTYPE_BY_VALUE = {"linalg.eig", "linalg.eigvals", "roots"}  # complex always, where NumPy looks whether all are real
SHAPE_BY_VALUE = {"polymul"}  # NumPy leaves out zeros in front
ANY_ORDER = {"partition", "argpartition", "argsort"}  # in full order, and ties in that of the array
REFUSED = {
    "astype": ("needs real numbers",), "insert": ("needs real numbers", "needs (0,) but for axis 0"),
    "asarray": ("run the graph",), "asanyarray": ("run the graph",),
    **dict.fromkeys(("max", "min", "amax", "amin", "nanmax", "nanmin"), ("found where= without initial=",)),
    "polyval": ("needs one",), "linalg.cond": ("Singular matrix",), "linalg.pinv": ("float16",),
    "full_like": ("does not hold it",), "result_type": ("fixed-type tuple",),
    **dict.fromkeys(("pow", "power", "operator.pow"), ("negative integer powers",)),
    "gradient": ("of dtype bool",), "roots": ("must not contain infs", "no number before a run"),
    **dict.fromkeys(("linspace", "concat", "stack", "hstack", "vstack", "trace"), ("needs real numbers",)),
    **{f"fft.{name}": ("repeated axis",) for name in dir(np.fft)},
}  # fmt: skip
"""What boxes say to calls that NumPy answers."""

QUIRKS = (
    "cannot reshape array of size 0",
    "division by zero",
    "Weights sum to zero",
    "list indices must be",
    "list assignment index",
    "ufunc 'positive'",
    "object has no attribute",
    "over a 0-d",
    "dtype from an array",
)
"""What NumPy says where it fails on its way to a result that there is: of no elements, or of truth values."""

CHANGED = ("pad", "size", "interp", "nanpercentile", "nanquantile", "linalg.matrix_rank", "linalg.cond")
CHANGED = CHANGED if is_older("numpy", "2.4") else ()
"""What NumPy computes or takes otherwise since that release, and boxes on any: it is compared with newer ones."""

NANS = ("nanpercentile", "nanquantile")


class Outcome:
    """What a call gave: its results as arrays, or its error."""

    def __init__(self, call):
        self.results, self.error = None, None
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.results = call()
        except Exception as error:
            self.error = error

    def __str__(self):
        return f"{type(self.error).__name__}: {self.error}" if self.error else str(self.results)


def flat(results):
    if isinstance(results, fg.Box) and len(results.outputs) > 1:
        return list(results)
    return [part for one in results for part in flat(one)] if isinstance(results, tuple | list) else [results]


def described(name, arguments, given):
    """The call, with arrays by dtype and shape."""

    def text(one):
        if isinstance(one, list):
            return f"[{', '.join(map(text, one))}]"
        return f"{one.dtype}{one.shape}" if isinstance(one, np.ndarray) else repr(one)

    return f"{name}({', '.join(map(text, arguments))}{''.join(f', {k}={text(v)}' for k, v in given.items())})"


class Boxed:
    """The same call with inputs in the place of arrays, and what they are fed with."""

    def __init__(self, function, arguments, given):
        self.feeds, self.function, self.given = {}, function, given
        self.arguments = [self._of(one) for one in arguments]

    def _of(self, one):
        if isinstance(one, list):
            return [self._of(part) for part in one]
        if not isinstance(one, np.ndarray):
            return one
        leaf = fg.Input(f"x{len(self.feeds)}", shape=one.shape, dtype=one.dtype)
        self.feeds[leaf] = one
        return leaf

    def values(self):
        """What the boxes that the function builds are in a run."""
        results = flat(self.function(*self.arguments, **self.given))
        boxes = [one for one in results if isinstance(one, fg.Box)]
        if not boxes:
            return results
        graph = fg.Graph(*boxes)
        run = graph.fprop({leaf: array for leaf, array in self.feeds.items() if leaf in graph})
        return [run[one] if isinstance(one, fg.Box) else one for one in results]

    def of(self, *leaves):
        """What the call gives of these in the places of the inputs."""
        others = dict(zip(self.feeds, leaves, strict=True))

        def filled(one):
            if isinstance(one, list):
                return [filled(part) for part in one]
            return others[one] if isinstance(one, fg.Box) else one

        return flat(self.function(*map(filled, self.arguments), **self.given))

    def assert_derivatives(self, results):
        """First and second derivatives are what central differences give, of moderate results in double precision."""
        numbers = [np.asarray(one) for one in (*self.feeds.values(), *results)]
        is_moderate = not any((np.abs(a) >= 1e3).any() for a in numbers if a.dtype.kind in "biufc")
        has_values = not any(np.isnan(one).any() for one in results if np.asarray(one).dtype.kind in "fc")
        if is_moderate and has_values and all(a.dtype in (float, complex, int, bool) for a in numbers):
            with contextlib.suppress(NotDifferentiableError), np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert_derivatives(self.of, *self.feeds.values(), anywhere=True)


def assert_same(name, arguments, given, call, boxed):
    """A call on arrays and the same on boxes give the same results, which are returned, or both refuse: none then."""
    needed = Outcome(lambda: flat(call(*arguments, **given)))
    found = Outcome(boxed.values)
    what = described(name, arguments, given)
    if (
        name in CHANGED
        or (name in NANS and given.get("axis") == ())  # the axes of q do not come first then, as they do elsewhere
        or isinstance(found.error, UnsupportedError)
        or any(text in str(found.error) for text in REFUSED.get(name, ()))
    ):
        return []
    if found.error is None and any(text in str(needed.error) for text in QUIRKS):
        return []
    assert (found.error is None) == (needed.error is None), f"{what}: {found}, NumPy gives {needed}"
    if found.error is not None:
        own = isinstance(found.error, FlowgraphError) or type(found.error) is type(needed.error)
        assert own, f"{what}: {found}, NumPy gives {needed}"
        return []
    assert len(found.results) == len(needed.results), what
    precision = max([TOLERANCE.get(a.dtype, 1e-9) for a in boxed.feeds.values()], default=1e-9)
    for one, other in zip(map(np.asarray, found.results), map(np.asarray, needed.results), strict=True):
        if name in SHAPE_BY_VALUE or (name in DTYPE_BY_VALUE and one.dtype.kind == "c"):
            continue
        assert (one.shape, one.dtype) == (other.shape, other.dtype), (
            f"{what}: {one.dtype}{one.shape}, {other.dtype}{other.shape}"
        )
        if one.dtype.kind in "biufc" and name not in ANY_ORDER:
            bound = max(precision, TOLERANCE.get(one.dtype, 1e-9))
            np.testing.assert_allclose(one, other, rtol=bound, atol=bound, err_msg=what)
    return found.results


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_call_on_boxes_is_the_call_on_arrays(name, seed):
    function = FUNCTIONS[name]
    arguments, given = call_of(name, function, Draw(seed))
    if seed % 4 == 0:
        arguments, given = by_position(function, arguments, given)
    boxed = Boxed(function, arguments, given)
    results = assert_same(name, arguments, given, function, boxed)
    if results:
        boxed.assert_derivatives(results)


ARGUMENTS_OF_ONE_KIND = {
    "cross": ("needs vectors of 3 elements",),
    "extract": ("a mask of shape",),
    "insert": ("needs",),
    "polyadd": ("needs one each",),
    "polysub": ("needs one each",),
    "piecewise": ("found a condition of shape",),
}
"""What boxes say to arrays of other numbers of axes that NumPy takes: mistakes, which it answers by chance, and vectors
of two elements, which `np.cross` took before NumPy 2.5."""

REFUSED_BY_CHANCE = dict.fromkeys(("nanquantile", "nanpercentile"), ("is out of bounds",))
"""What NumPy says where it fails on its way to a result that there is, of one weight for several places."""


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("scipy.")])
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1))
def test_arrays_of_other_numbers_of_axes_are_taken_as_numpy_takes_them(name, seed):
    """No axis is counted in one array and used in another."""
    r = Draw(seed)
    arguments, given = with_other_axes(call_of(name, FUNCTIONS[name], r), r)
    boxed = Boxed(FUNCTIONS[name], arguments, given)
    if len(boxed.feeds) < 2 and not any(isinstance(one, np.ndarray) for one in given.values()):
        return
    needed = Outcome(lambda: FUNCTIONS[name](*arguments, **given))
    refused = any(text in str(needed.error) for text in REFUSED_BY_CHANCE.get(name, ()))
    if not refused and not any(
        text in str(Outcome(boxed.values).error) for text in ARGUMENTS_OF_ONE_KIND.get(name, ())
    ):
        assert_same(name, arguments, given, FUNCTIONS[name], boxed)


class InLists(Boxed):
    """The call with boxes in lists, beside arrays of the same numbers, and no box for a number by itself."""

    def __init__(self, function, arguments, given, r):
        self.r = r
        super().__init__(function, arguments, given)

    def _of(self, one):
        if isinstance(one, list | tuple) and all(isinstance(part, np.ndarray | np.generic) for part in one):
            return type(one)(part if self.r.random() < 0.3 else Boxed._of(self, np.asarray(part)) for part in one)
        return one if isinstance(one, np.ndarray) and not one.ndim else super()._of(one)


def written_otherwise(argument, r):
    """What NumPy makes the same array of: a list or tuple of rows, a range, a number of NumPy, an array of one."""
    if type(argument) is int and r.random() < 0.5:
        return r.choice([np.int64, np.array])(argument)
    if not isinstance(argument, np.ndarray) or not argument.ndim or not argument.size or r.random() < 0.3:
        return argument
    counts = argument.dtype == int and argument.ndim == 1 and np.array_equal(argument, range(len(argument)))
    return range(len(argument)) if counts else r.choice([list, tuple])(argument)


def under(module, name):
    """A function of NumPy by its name under a module that has NumPy's names."""
    return functools.reduce(getattr, name.split("."), module)


OF_LISTS = ("split", "array_split", "vsplit", "hsplit", "dsplit", "trim_zeros", "nanmin", "nanmax")
"""NumPy splits as many rows as a list has, along whichever axis; of a list without zeros it gives a list; and whether
the least of NaN alone is initial= hangs on the type of the argument."""
NUMPYS = [name for name in FUNCTIONS if not name.startswith(("operator.", "scipy.")) and name not in OF_LISTS]


@pytest.mark.parametrize("name", NUMPYS)
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1))
def test_lists_with_boxes_in_them_are_arrays_wherever_numpy_takes_lists(name, seed):
    r = Draw(seed)
    arguments, given = call_of(name, FUNCTIONS[name], r)
    arguments = [written_otherwise(argument, r) for argument in arguments]
    boxed = InLists(under(fnp, name), arguments, given, r)
    if boxed.feeds:
        assert_same(name, arguments, given, under(np, name), boxed)


def value(box, **feeds):
    return fg.Graph(box).fprop(**feeds)[box]


@pytest.mark.parametrize("function", [np.divide, np.arctan2, np.hypot, np.less, np.equal, np.logical_and, np.copysign])
@pytest.mark.parametrize("number", [-1, 300, 10**30])
def test_a_number_beyond_the_integers_that_it_meets(function, number):
    """A division or a comparison knows what to do with it, whatever the dtype of the array."""
    a = np.array([3, 4], np.uint8)
    x = fg.Input("x", shape=(2,), dtype=np.uint8)
    for call in (lambda b: function(number, b), lambda b: function(b, number)):
        needed = Outcome(lambda call=call: call(a))
        if needed.error is None:
            with np.errstate(over="ignore"):  # of 10**30 in half precision
                found = value(call(x), x=a)
            assert found.dtype == needed.results.dtype
            np.testing.assert_array_equal(found, needed.results)


@pytest.mark.parametrize("dtype", "bBhHiIqQ")
def test_a_number_may_be_as_large_as_the_whole_numbers_it_meets_and_is_refused_beyond_with_the_way_out(dtype):
    x, ends = fg.Input("x", shape=(2,), dtype=dtype), np.iinfo(dtype)
    a = np.array([ends.min, ends.max], dtype)
    for number in (ends.min, ends.max):
        np.testing.assert_array_equal(value(np.maximum(x, number), x=a), np.maximum(a, number), strict=True)
    for number in (ends.min - 1, ends.max + 1):
        words = rf"(?s)Add: found {number}, which the dtype {ends.dtype}.*\.astype\("
        with pytest.raises(DtypeError, match=words):
            x + number


@pytest.mark.parametrize("function", [np.sum, np.prod, np.max, np.min, np.any, np.all, np.argmax, np.count_nonzero])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_has_the_axes_that_ufuncs_give_it(function, axis):
    x = fg.Input("x")
    box = function(x, axis=axis)
    assert box.shape == ()
    assert value(box, x=2.0) == function(np.float64(2.0), axis=axis)
    assert fg.compile(box)(x=2.0) == function(np.float64(2.0), axis=axis)
    if box.dtype.kind == "f":
        assert fg.Graph(box).fprop(x=2.0).bprop(wrt=[x])[x] == 1.0


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_medians_and_covariances_of_little(size):
    """What NumPy says: NaN, which it warns of; and no error from inside, also of the gradients."""
    a = np.arange(2.0 * size).reshape(size, 2)
    x = fg.Input("x", shape=("N", 2))
    for box, needed in ((np.median(x, 0), np.median(a, 0)), (np.cov(x.T), np.cov(a.T))):
        np.testing.assert_array_equal(value(box, x=a), needed)
        np.testing.assert_array_equal(fg.compile(box)(x=a), needed)
        (dx,) = fg.gradient(fg.sum(box), [x])
        grads = fg.Graph(fg.sum(box)).fprop(x=a).bprop(wrt=[x])
        np.testing.assert_array_equal(value(dx, x=a), grads[x])


def test_truth_values_in_an_einsum_are_numbers_where_they_meet_some():
    """An optimised order of NumPy sums them by themselves, to one truth value."""
    a, b = np.array([[True, True, False]]), np.array([[2.5]])
    box = np.einsum("ij,ij->", fg.Input("a", shape=(1, 3), dtype=bool), b)
    assert value(box, a=a) == 5.0
