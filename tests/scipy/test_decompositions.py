"""What scipy.linalg and numpy.linalg both have, called on boxes as SciPy is: values and gradients."""

import inspect

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import ShapeError, UsageError
from flowgraph.functional import grad, jit
from flowgraph.interop.autograd import check_grads
from flowgraph.scipy import decompositions, linalg
from tests.scipy.test_linalg import drawn

BOOLEANS = st.booleans()
HALVES = st.fixed_dictionaries({"lower": BOOLEANS})
STRUCTURED = st.fixed_dictionaries(
    {"lower": BOOLEANS, "assume_a": st.sampled_from([*decompositions.STRUCTURES])}, optional={"transposed": BOOLEANS}
)
OF_INV = ("general", "pos", "her", "sym", "upper triangular", "lower triangular")
SHAPES = {"square": lambda n, m: (n, n), "any": lambda n, m: (n, m)}

CASES = {
    "cholesky": ("square", HALVES),
    "solve": ("square", STRUCTURED),
    "inv": ("square", st.fixed_dictionaries({"lower": BOOLEANS, "assume_a": st.sampled_from([None, *OF_INV])})),
    "det": ("square", st.just({})),
    "eigh": ("square", st.fixed_dictionaries({"lower": BOOLEANS}, optional={"subset_by_index": st.just([0, 0])})),
    "eigvalsh": ("square", HALVES),
    "svd": ("any", st.fixed_dictionaries({"full_matrices": BOOLEANS})),
    "svdvals": ("any", st.just({})),
    "qr": ("any", st.fixed_dictionaries({"mode": st.sampled_from(["full", "economic", "r"])})),
    "norm": ("any", st.fixed_dictionaries({"ord": st.sampled_from([None, "fro", "nuc", 2]), "keepdims": BOOLEANS})),
    "pinv": ("any", st.fixed_dictionaries({}, optional={"rtol": st.just(1e-8)})),
    "block_diag": ("any", st.just({})),
}


def without_phases(result):
    """Vectors that are free in their phase by their absolute values."""
    return tuple(abs(part) for part in result) if isinstance(result, tuple) else result


def arguments(name, kind, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    dtype = data.draw(st.sampled_from([float, complex]))
    shape = SHAPES[kind](*data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4))))
    a = drawn(rng, dtype, *shape)
    if kind == "square":
        a = a / 4 + 2 * np.diag(1 + np.arange(shape[0], dtype=float))  # regular, and definite by either triangle
        np.fill_diagonal(a, a.diagonal().real)
    if name == "solve":
        return a, drawn(rng, dtype, *shape[:1], *data.draw(st.sampled_from([(), (1,), (3,)])))
    if name == "block_diag":
        return a, drawn(rng, dtype, 2, 1), drawn(rng, float, 3)
    if name in ("eigh", "eigvalsh") and data.draw(BOOLEANS):
        b = drawn(rng, dtype, *shape) / 4 + 2 * np.diag(3 + np.arange(shape[0], dtype=float))
        np.fill_diagonal(b, b.diagonal().real)
        return a, b
    return (a,)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_functions_of_scipy(name, data):
    kind, chosen = CASES[name]
    args, words = arguments(name, kind, data), data.draw(chosen)
    if name == "solve" and np.iscomplexobj(args[0]):
        words.pop("transposed", None)  # SciPy refuses it for some structures of complex numbers
    if args[0].shape == (1, 1) and np.iscomplexobj(args[0]):
        words.pop("assume_a", None)  # of one element SciPy does not take the real part
    theirs, ours = getattr(scipy.linalg, name), getattr(linalg, name)
    known = inspect.signature(theirs).parameters  # inv of SciPy 1.16 has no lower and assume_a
    words = {word: value for word, value in words.items() if word in known}
    wanted = theirs(*args, **words)
    inputs = [fg.Input(f"p{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(args)]
    result = ours(*inputs, **words, check_finite=False) if name != "block_diag" else ours(*inputs)
    assert isinstance(result, tuple) == isinstance(wanted, tuple)
    boxes = result if isinstance(result, tuple) else (result,)
    found = fg.Graph(*boxes).fprop(dict(zip(inputs, args, strict=True))).outputs
    free = [*map(without_phases, (tuple(found), tuple(wanted) if isinstance(wanted, tuple) else (wanted,)))]
    is_free = isinstance(wanted, tuple)
    for one, other in zip(*(free if is_free else (found, (wanted,))), strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)
    first = [value[0] if isinstance(value, tuple) else value for value in (ours(*args, **words), wanted)]
    np.testing.assert_array_equal(*first)  # arrays are handed to SciPy
    if name == "qr" and (words["mode"] != "economic" or args[0].shape[0] < args[0].shape[1]):
        return  # what fills up the orthogonal matrix is not differentiable
    if name == "svd" and words["full_matrices"] and args[0].shape[0] != args[0].shape[1]:
        return
    check_grads(lambda *args: without_phases(ours(*args, **words)), tuple(range(len(args))))(*args)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(0, 4), BOOLEANS)
def test_constant_diagonals(rows, columns, is_complex):
    rng = np.random.default_rng(rows + 10 * columns)
    c = drawn(rng, complex if is_complex else float, rows)
    args = (c, drawn(rng, float, columns)) if columns else (c,)
    function = jit(linalg.toeplitz)
    np.testing.assert_allclose(function(*args), scipy.linalg.toeplitz(*args))
    check_grads(linalg.toeplitz, tuple(range(len(args))))(*args)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda a: linalg.eigh(a, type=2), UsageError, "type=1"),
        (lambda a: linalg.qr(a, pivoting=True), UsageError, "without pivoting"),
        (lambda a: linalg.pinv(a, atol=1e-3), UsageError, "rtol="),
        (lambda a: linalg.inv(a, assume_a="banded"), UsageError, "'upper triangular'"),
        (lambda a: linalg.toeplitz(a), ShapeError, "vmap"),
    ],
)
def test_what_boxes_do_not_have_is_refused_with_the_way_out(call, error, text):
    with pytest.raises(error, match=text):
        grad(lambda a: np.sum(call(a)))(np.eye(2))
