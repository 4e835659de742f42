"""Products with sparse matrices of SciPy, which are constant operands, are those with the dense matrices."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import FlowgraphError, ShapeError

FORMATS = [
    kind(form)
    for form in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
    for kind in (
        lambda form: getattr(scipy.sparse, f"{form}_array"),
        lambda form: getattr(scipy.sparse, f"{form}_matrix"),
    )
]
PRODUCTS = {
    "np.matmul(matrix, x)": (np.matmul, True),
    "np.dot(matrix, x)": (np.dot, True),
    "np.matmul(x, matrix)": (np.matmul, False),
    "x @ matrix": (lambda a, b: a @ b, False),
    "x.dot(matrix)": (lambda a, b: a.dot(b), False),
}


@pytest.mark.parametrize("product", PRODUCTS)
@given(
    form=st.sampled_from(FORMATS), shape=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    rest=st.lists(st.integers(0, 3), max_size=2), is_vector=st.booleans(), seed=st.integers(0, 99),
    dtype=st.sampled_from([np.float64, np.float32, np.complex128, np.int64]),
)  # fmt: skip
def test_a_product_with_a_sparse_matrix_is_that_with_the_dense_one(product, form, shape, rest, is_vector, seed, dtype):
    call, matrix_first = PRODUCTS[product]
    rng = np.random.default_rng(seed)
    dense = (rng.integers(-4, 5, shape) * (rng.random(shape) < 0.5)).astype(dtype)
    if form in (scipy.sparse.bsr_array, scipy.sparse.bsr_matrix) and 0 in shape:
        return
    matrix = form(dense)
    inner = shape[1] if matrix_first else shape[0]
    rest = rest[:1] if ".dot" in product or "dot(" in product else rest  # np.dot of stacks is another product
    outer = (*rest, 2, inner) if not matrix_first else (*rest, inner, 2)
    if "dot" in product:
        outer = outer[1:] if len(outer) > 2 else outer
    a = rng.normal(size=(inner,) if is_vector else outer)
    x = fg.Parameter(a, name="x")
    sides = (dense, x) if matrix_first else (x, dense)
    found, needed = call(*((matrix, x) if matrix_first else (x, matrix))), call(*sides)
    assert (found.shape, found.dtype) == (needed.shape, needed.dtype)
    grads = []
    for box in (found, needed):
        run = fg.Graph(np.sum(np.real(box) * 2.0 ** np.arange(box.shape[-1])) if box.shape else np.real(box)).fprop()
        grads.append((run[box], run.bprop()[x]))
    for one, other in zip(*grads, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_a_product_of_a_named_batch_and_one_of_other_sizes():
    matrix = scipy.sparse.csr_array(np.eye(4, 3))
    h = np.matmul(matrix, fg.Input("x", shape=(3, "N")))
    assert h.shape == (4, "N")
    with pytest.raises(ShapeError, match=r"found a sparse matrix of shape \(4, 3\) in a product, needs one of as many"):
        np.matmul(matrix, fg.Parameter(np.zeros(4), name="x"))


def test_where_scipy_asks_for_numbers_the_error_names_the_product():
    matrix = scipy.sparse.csr_array(np.eye(4, 3))
    for call in (lambda x: matrix @ x, lambda x: matrix.multiply(x), lambda x: x * matrix):
        with pytest.raises(FlowgraphError, match=r"np.matmul\(matrix, box\)"):
            call(fg.Parameter(np.ones(3), name="x"))
