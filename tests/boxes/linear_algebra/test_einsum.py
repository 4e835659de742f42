"""np.einsum in all its forms: values of NumPy, gradients by transposition, every batch, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.boxes.linear_algebra.einsum import explicit
from tests.boxes.numpy_calls import assert_every_batch, assert_multilinear_as_numpy

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(3, 4), (4, 2)]),
        ("ij,jk", [(3, 4), (4, 2)]),
        ("ij , jk -> ki", [(3, 4), (4, 2)]),
        ("ba", [(3, 4)]),
        ("ij->", [(3, 4)]),
        ("ij->i", [(3, 4)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iij->j", [(3, 3, 2)]),
        ("iii->i", [(2, 2, 2)]),
        ("iijj->ij", [(2, 2, 3, 3)]),
        ("ijij", [(2, 3, 2, 3)]),
        ("ii,ij->j", [(3, 3), (3, 2)]),
        ("ii,jj", [(3, 3), (2, 2)]),
        ("i,j->ij", [(3,), (4,)]),
        ("i,i->i", [(3,), (3,)]),
        ("i,i", [(3,), (3,)]),
        ("ij,k->k", [(3, 2), (4,)]),
        ("ij,kl->", [(3, 2), (4, 2)]),
        ("i,j,ij->", [(3,), (4,), (3, 4)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
        ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 2)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
        ("...ij,jk", [(5, 2, 3), (3, 2)]),
        ("i...,i...->...", [(3, 2, 4), (3, 4)]),
        ("...->...", [(3, 2)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("...,...", [(3,), (2, 3)]),
        ("ij,ij->ij", [(1, 3), (2, 1)]),
        ("ij,ij->", [(1, 3), (2, 3)]),
        (",i->i", [(), (3,)]),
        (",", [(), ()]),
        ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ],
)
def test_every_form_of_subscripts(subscripts, shapes):
    assert_multilinear_as_numpy(lambda *arrays: np.einsum(subscripts, *arrays), *(normal(*shape) for shape in shapes))


def test_lists_of_axes():
    a, b = normal(3, 4), normal(4, 2)
    assert_multilinear_as_numpy(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), a, b)
    assert_multilinear_as_numpy(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), a, b)
    assert_multilinear_as_numpy(lambda a: np.einsum(a, [..., 0], [...]), a)


@given(st.data())
def test_any_labels(data):
    sizes = dict(zip("abcd", (2, 3, 1, 2), strict=True))
    terms = data.draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    labels = sorted(set("".join(terms)))
    output = "".join(data.draw(st.permutations(labels)))[: data.draw(st.integers(0, len(labels)))]
    arrays = [normal(*(sizes[label] for label in term)) for term in terms]
    subscripts = ",".join(terms) + "->" + output
    optimize = data.draw(st.booleans())
    assert_multilinear_as_numpy(lambda *arrays: np.einsum(subscripts, *arrays, optimize=optimize), *arrays)


def test_one_operand_twice_receives_both_gradients():
    x = fg.Parameter(normal(3), name="x")
    box = np.einsum("i,i->", x, x)
    np.testing.assert_allclose(fg.Graph(box).fprop().bprop()[x], 2 * x.value)


def test_only_the_operands_that_need_a_gradient_get_one():
    a, b = normal(2, 3), normal(3, 2)
    box = fg.Einsum(a, b, subscripts="ij,jk->ik")
    assert box.bprop(np.ones((2, 2)), a @ b, a, b, needs=(False, True))[0] is None


def test_sizes_that_follow_the_batch():
    def call(subscripts):
        return lambda *arrays: np.einsum(subscripts, *arrays)

    assert assert_every_batch(call("ni,nj->ij"), ("N", 3), ("N", 2)) == [(3, 2)]
    assert assert_every_batch(call("...i,ij->...j"), ("N", "M", 2), (2, 4)) == [("N", "M", 4)]
    assert assert_every_batch(call("ni->n"), ("N", 3)) == [("N",)]
    assert assert_every_batch(call("nii->n"), ("N", 3, 3)) == [("N",)]
    assert assert_every_batch(call("nn->n"), ("N", "N")) == [("N",)]
    assert assert_every_batch(call("nn,m->"), ("N", "N"), ("M",)) == [()]


def test_a_box_with_explicit_subscripts_counts_its_work():
    box = fg.Einsum(np.ones((5, 4)), np.ones((4, 3)), subscripts="ij,jk->ik")
    assert box.flops(box.shape, (5, 4), (4, 3)) == 2 * 5 * 4 * 3


def test_subscripts_are_written_out():
    assert explicit("...ij,...jk", [3, 4]) == "bij,abjk->abik"
    assert explicit("ba", [2]) == "ba->ab"
