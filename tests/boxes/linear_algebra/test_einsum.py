"""np.einsum in all its forms: values of NumPy, gradients by transposition, every batch, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from tests.boxes.numpy_calls import assert_as_numpy, assert_every_batch

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


def test_lists_of_axes():
    a, b = normal(3, 4), normal(4, 2)
    assert_as_numpy(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), a, b)
    assert_as_numpy(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), a, b)
    assert_as_numpy(lambda a: np.einsum(a, [..., 0], [...]), a)


@st.composite
def calls(draw):
    """Subscripts and shapes: labels once or repeated, of size 1 in some operands, "..." anywhere, an output or none."""
    sizes = dict(zip("abcd", (2, 3, 1, 2), strict=True))
    terms, shapes = [], []
    for labels in draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3)):
        alone = draw(st.booleans())
        shape = [1 if alone and labels.count(label) == 1 else sizes[label] for label in labels]
        rest = draw(st.sampled_from([None, None, (), (1,), (2,), (3, 1), (3, 2)]))
        place = draw(st.integers(0, len(labels)))
        terms.append(labels if rest is None else f"{labels[:place]}...{labels[place:]}")
        shapes.append((*shape[:place], *(rest or ()), *shape[place:]))
    output = None
    if draw(st.booleans()):
        labels = sorted(set("".join(terms)) - {"."})
        kept = "".join(draw(st.permutations(labels)))[: draw(st.integers(0, len(labels)))]
        place = draw(st.integers(0, len(kept)))
        output = f"{kept[:place]}...{kept[place:]}" if any("." in term for term in terms) else kept
    blank = draw(st.sampled_from(["", " "]))
    return f"{blank},{blank}".join(terms) + (f"{blank}->{blank}{output}" if output is not None else ""), shapes


@given(calls(), st.booleans())
def test_any_labels(call, optimize):
    subscripts, shapes = call
    arrays = [normal(*shape) for shape in shapes]
    assert_as_numpy(lambda *arrays: np.einsum(subscripts, *arrays, optimize=optimize), *arrays)


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


@pytest.mark.parametrize("subscripts", ["box", "ij,jk", "i,i"])
def test_subscripts_without_an_output_are_refused_by_the_box_and_taken_by_numpy(subscripts):
    """np.einsum orders the labels of an output that is not given; the box was built as if there were none."""
    arrays = [normal(*(2 for _ in term)) for term in subscripts.split(",")]
    with pytest.raises(fg.FlowgraphError, match="needs letters as in 'ij,jk->ik'"):
        fg.Einsum(*arrays, subscripts=subscripts)
    assert_as_numpy(lambda *arrays: np.einsum(subscripts, *arrays), *arrays)
