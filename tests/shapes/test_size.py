"""Sizes of axes: arithmetic, division, fitting to trials, reading as text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.shapes.size import Size, add, divide, evaluate, fit, multiply, product, unknown
from flowgraph.shapes.spec import broadcast, same, shape_text

N, M = Size("N"), Size("M")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (N + 1, "N+1"), (N - 1, "N-1"), (2 * N, "2*N"), (N * M + 3, "M*N+3"), (3 - N, "-N+3"), (N - N, "0"),
        (N * 0, "0"), (N + M, "M+N"), (N - 2 * M, "-2*M+N"), (N * N, "N*N"), (Size("?1") + 1, "?1+1"),
    ],
)  # fmt: skip
def test_a_size_reads_as_one_writes_it(size, text):
    assert str(size) == text


numbers = st.integers(0, 9)
sizes = st.recursive(
    st.sampled_from([N, M]) | st.integers(-5, 5),
    lambda inner: st.tuples(st.sampled_from([add, multiply]), inner, inner).map(lambda t: t[0](t[1], t[2])),
    max_leaves=5,
)


@given(sizes, sizes, numbers, numbers)
def test_arithmetic_is_that_of_the_numbers(left, right, n, m):
    at = {"N": n, "M": m}

    def number(size):
        terms = size.terms if isinstance(size, Size) else {(): size}
        return sum(factor * int(np.prod([at[name] for name in names])) for names, factor in terms.items())

    assert number(add(left, right)) == number(left) + number(right)
    assert number(multiply(left, right)) == number(left) * number(right)
    assert divide(multiply(left, right), right) == (None if right == 0 else left)


def test_division():
    assert divide(784 * N, 784) == N
    assert divide(784 * N, N) == 784
    assert divide(12, 4) == 3
    assert divide(12, 5) is None
    assert divide(12, 0) is None
    assert divide(3 * N, 2) is None
    assert divide(N + 1, N) is None
    assert divide(N + 1, N + 1) == 1
    assert divide(4 * N - 4, N - 1) == 4
    assert divide(N * M - M, N - 1) == M
    assert divide(N * N - 1, N - 1) == N + 1
    assert divide(N * N, N - 1) is None
    assert divide(N, N + 1) is None


def test_evaluation_is_never_below_zero():
    assert evaluate(N - 1, {"N": 0}) == 0
    assert evaluate(2 * N + 1, {"N": 3}) == 7
    assert evaluate(4, {}) == 4


PAIRS = [(2, 5), (3, 2), (4, 8), (5, 3), (6, 9), (7, 4), (8, 7)]


@pytest.mark.parametrize("size", [5, N, N - 1, 3 * N + 2, N * M, N + 2 * M, N * M + N + 1])
def test_fit_finds_the_size_behind_samples(size):
    samples = [({"N": n, "M": m}, evaluate(size, {"N": n, "M": m})) for n, m in PAIRS]
    assert fit(samples) == size


def test_fit_says_unknown_where_no_polynomial_fits():
    found = fit([({"N": n}, min(n, 10)) for n in (5, 8, 12, 20, 40)])
    assert isinstance(found, Size)
    assert found.unknown
    few = fit([({"N": 3, "M": 4}, 12), ({"N": 4, "M": 3}, 13)])
    assert few.unknown


def test_product_and_broadcast():
    assert product(()) == 1
    assert product((2, N, 3)) == 6 * N
    assert broadcast([(N, 3), (3,), ()]) == (N, 3)
    assert broadcast([(N, 1), (1, M)]) == (N, M)
    assert broadcast([(N,), (3,)]) is None
    hidden = unknown()
    assert broadcast([(hidden,), (3,)]) == (3,)
    assert broadcast([(3,), (hidden,)]) == (3,)
    assert same(hidden, 4)
    assert not same(N, 4)
    assert shape_text((N, 3)) == "(N, 3)"
    assert shape_text((N,)) == "(N,)"
