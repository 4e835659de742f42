"""flowgraph.numpy: NumPy itself, and what makes arrays of boxes, held against NumPy on the numbers behind them."""

import importlib
import pickle

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
import flowgraph.numpy as np
from flowgraph.errors import ShapeError, UsageError
from flowgraph.functional import grad

A, B, C = numpy.arange(3.0), numpy.arange(3.0) + 10, numpy.arange(6.0).reshape(2, 3)

SAME = [
    name
    for name in numpy.__all__
    if name not in {"array", "asanyarray", "asarray", "ascontiguousarray", "c_", "full", "full_like", "r_"}
]


def is_of_numpy(ours, theirs):
    """Whether a function is NumPy's own, or NumPy's own for lists of boxes too."""
    return ours is theirs or vars(ours).get("__wrapped__") is theirs


def run(make):
    """What boxes of these arrays give, and what the arrays give."""
    boxes = [fg.Input(name, shape=a.shape) for name, a in (("a", A), ("b", B), ("c", C))]
    box = make(np, *boxes)
    assert isinstance(box, fg.Box)
    graph = fg.Graph(box)
    given = {one.name: a for one, a in zip(boxes, (A, B, C), strict=True) if one in graph}
    return graph.fprop(given)[box], make(numpy, A, B, C)


def test_everything_else_is_numpys_own():
    for name in SAME:
        ours = getattr(np, name)
        if name not in ("fft", "linalg", "random"):
            assert is_of_numpy(ours, getattr(numpy, name)), name
    assert set(numpy.__all__) <= set(np.__all__)
    assert set(dir(numpy)) <= set(dir(np))
    with pytest.raises(AttributeError, match="nothing"):
        np.nothing  # noqa: B018


@pytest.mark.parametrize("part", ["random", "linalg", "fft"])
def test_the_parts_are_numpys_own(part):
    ours, theirs = importlib.import_module(f"flowgraph.numpy.{part}"), getattr(numpy, part)
    assert getattr(np, part) is ours
    names = [name for name in dir(theirs) if not name.startswith("__")]
    assert [name for name in names if not is_of_numpy(getattr(ours, name), getattr(theirs, name))] == []


def test_a_function_is_numpys_with_its_attributes_and_is_pickled_by_its_name():
    for ours, theirs in ((np.add, numpy.add), (np.sum, numpy.sum), (np.linalg.norm, numpy.linalg.norm)):
        assert (ours.__name__, ours.__doc__, repr(ours)) == (theirs.__name__, theirs.__doc__, repr(theirs))
        assert pickle.loads(pickle.dumps(ours)) is ours
    assert np.add.reduce is not None
    assert np.add.reduce([1, 2]) == 3
    assert np.add.nin == 2


MADE = {
    "a list": lambda np, a, b, c: np.array([a[0], a[1], 2.0]),
    "nested lists": lambda np, a, b, c: np.array([[a[0], 1], [2.5, b[2]]]),
    "rows": lambda np, a, b, c: np.array([a, b, [1, 2, 3]]),
    "a tuple of tuples": lambda np, a, b, c: np.array(((a, b), (b, a))),
    "a box": lambda np, a, b, c: np.array(c),
    "more axes": lambda np, a, b, c: np.array(a, ndmin=3),
    "of a dtype": lambda np, a, b, c: np.array([a[0], a[1]], dtype=numpy.float32),
    "asarray": lambda np, a, b, c: np.asarray([a, b]),
    "asarray of a dtype": lambda np, a, b, c: np.asarray(a, numpy.float32),
    "asanyarray": lambda np, a, b, c: np.asanyarray([a, b]),
    "ascontiguousarray": lambda np, a, b, c: np.ascontiguousarray(a[1]),
    "full": lambda np, a, b, c: np.full((2, 3), a),
    "full like an array": lambda np, a, b, c: np.full_like(numpy.ones((2, 3)), a),
    "full like an array, of a shape": lambda np, a, b, c: np.full_like(numpy.ones(2), [a[0], 1.0], shape=(3, 2)),
    "full like a box": lambda np, a, b, c: np.full_like([a, a], [a[0], 1.0, a[1]]),
    "full of a number": lambda np, a, b, c: np.full((2, 3), a[1]),
    "full of a list": lambda np, a, b, c: np.full((2, 2), [a[0], 1.0]),
    "full of a dtype": lambda np, a, b, c: np.full(2, a[1], numpy.float32),
    "r_": lambda np, a, b, c: np.r_[a, 1.0, b, 5:8, a[0]],
    "r_ of one": lambda np, a, b, c: np.r_[a],
    "r_ with a complex step": lambda np, a, b, c: np.r_[a, 0:1:3j],
    "r_ along another axis": lambda np, a, b, c: np.r_["1", c, c],
    "r_ with more axes": lambda np, a, b, c: np.r_["0,2", a, b],
    "r_ with old axes in front": lambda np, a, b, c: np.r_["0,2,0", a, b],
    "r_ by columns": lambda np, a, b, c: np.r_["1,2,0", a, b],
    "r_ of three axes": lambda np, a, b, c: np.r_["0,3,1", a, b],
    "r_ of three axes from behind": lambda np, a, b, c: np.r_["-1,3,-1", a, b],
    "c_": lambda np, a, b, c: np.c_[a, b],
    "c_ of a matrix and a column": lambda np, a, b, c: np.c_[c.T, a, b],
}  # fmt: skip


@pytest.mark.parametrize("what", MADE)
def test_arrays_of_boxes_are_those_of_the_numbers(what):
    found, wanted = run(MADE[what])
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    numpy.testing.assert_array_equal(found, wanted)


@given(
    st.recursive(
        st.sampled_from(["box", 2.0, 3]), lambda deeper: st.lists(deeper, min_size=1, max_size=3), max_leaves=8
    )
)
def test_any_nesting_is_as_numpy_has_it(nested):
    def filled(value, box):
        return [filled(one, box) for one in value] if isinstance(value, list) else box if value == "box" else value

    x = fg.Input("x", shape=())
    try:
        wanted = numpy.array(filled(nested, 0.5))
    except ValueError:
        with pytest.raises((ShapeError, ValueError)):
            np.array(filled(nested, x))
        return
    made = np.array(filled(nested, x))
    if isinstance(made, fg.Box):
        made = fg.Graph(made).fprop(x=0.5)[made]
    assert made.shape == wanted.shape
    numpy.testing.assert_array_equal(made, wanted)


def test_the_numbers_of_lists_without_boxes_are_numpys():
    assert np.array([[1, 2], [3, 4]], dtype="f4").dtype == numpy.float32
    assert numpy.array_equal(np.r_[1:4, 0], numpy.r_[1:4, 0])
    assert numpy.array_equal(np.c_[A, B], numpy.c_[A, B])
    assert np.full((2,), 7).dtype == numpy.full((2,), 7).dtype
    assert np.asarray(A) is A
    assert len(np.r_) == 0
    assert repr(np.r_) == repr(numpy.r_)


def test_gradients_pass_through():
    def f(x):
        return np.sum(np.array([[x[1], 2.0], [x[0] ** 2, 1]]) * np.r_[x[0], x[1]])  # x1 x0 + 2 x1 + x0³ + x1

    numpy.testing.assert_allclose(grad(f)(numpy.array([3.0, 4.0])), [4 + 3 * 3**2, 3 + 2 + 1])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda x: np.array([x, x[0]]), ShapeError, r"array: found elements of the shapes \(3,\) and \(\) in one list"),
        (lambda x: np.array([np.linalg.qr(np.outer(x, x))[0].children[0]]), UsageError, "outputs; give one of them"),
        (lambda x: np.r_["one", x], UsageError, "found the directive 'one' with boxes, needs one to three integers"),
    ],
)
def test_what_makes_no_array_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make(fg.Input("x", shape=(3,)))
