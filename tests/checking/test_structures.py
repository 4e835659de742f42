"""What the arrays of an example have in common is seen, can be given to any array, and is kept by moves along it."""

import numpy as np
import pytest

from flowgraph.checking.properties import STRUCTURES, structure_of

A = np.random.default_rng(0).normal(size=(4, 4))
B = np.random.default_rng(1).normal(size=(2, 3, 3))
P = np.abs(A) / np.abs(A).sum(axis=-1, keepdims=True)
EXAMPLES = {
    "sums to 1 along its last axis": [P, P[0], np.full((2, 3, 2), 0.5), np.eye(3)],
    "sums to 1": [np.abs(A) / np.abs(A).sum(), np.abs(B) / np.abs(B).sum()],
    "is symmetric positive definite": [A @ A.T, B @ np.swapaxes(B, -1, -2), 3 * np.eye(2)],
    "is symmetric": [A + A.T, B + np.swapaxes(B, -1, -2), -np.eye(2), np.zeros((2, 2))],
    "is sorted": [np.array([1.0, 2.0, 4.0, 9.0]), np.sort(A, axis=-1)],
    "has rows of length 1": [A / np.linalg.norm(A, axis=-1, keepdims=True), np.array([0.6, -0.8])],
}
NONE = [
    A, A[0], B, P.T, np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0, 3.0]), A[:, :3] + A[:, :3], np.ones((1, 1)),
    P - 2 * P[:, ::-1] + P[:, ::-1] * 2 + 1e-3, np.array([0.5, 0.6]), np.array([np.nan, 1.0]), np.array([2, 3]), 1.0,
    np.zeros(0), np.array([1.5, -0.5]), [0.5, 0.5],
]  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_is_seen(name):
    assert [structure_of(x).name for x in EXAMPLES[name]] == [name] * len(EXAMPLES[name])


@pytest.mark.parametrize("k", range(len(NONE)))
def test_none_is_seen_where_there_is_none(k):
    assert structure_of(NONE[k]) is None


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: structure.name)
def test_any_array_is_given_it_and_moves_along_it(structure):
    rng = np.random.default_rng(3)
    for shape in ((4, 4), (2, 5, 5), (6, 6)):
        x = structure.impose_on(rng.normal(size=shape))
        assert x.shape == shape
        assert structure.holds(x)
        assert not structure.holds(rng.normal(size=shape))
        if structure.tangent is not None:
            d = rng.normal(size=shape)
            kept = structure.tangent(x, d)
            assert kept.shape == shape
            assert 0.2 < np.linalg.norm(kept) / np.linalg.norm(d) <= 1
            np.testing.assert_allclose(structure.tangent(x, kept), kept, atol=1e-12)
            assert structure.holds(x + 1e-6 * kept)
            assert not structure.holds(x + 1e-2 * (d - kept))
    for x in (np.float64(2.0), np.zeros((0, 3))):
        assert structure.impose_on(np.asarray(x)) is not None
        assert np.shape(structure.impose_on(np.asarray(x))) == np.shape(x)
    oblong = structure.impose_on(rng.normal(size=(2, 5)))
    assert oblong.shape == (2, 5)
