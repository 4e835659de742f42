"""Shapes and dtypes of boxes that declare no rule: found by trial, exact for every batch size."""

import copy
import dataclasses

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import inference


def box_of(function, *children, **body):
    """A box class of one function, without any declaration, on these children."""
    cls = type("Tried", (fg.Box,), {"__module__": __name__, "fprop": function, **body})
    return cls(*children)


x = fg.Input("x", shape=("N", 3))
y = fg.Input("y", shape=("M",))
TRIALS = [
    (lambda self, a: a[1:], (x,), "(N-1, 3)"),
    (lambda self, a: np.concatenate([a, a]), (x,), "(2*N, 3)"),
    (lambda self, a: a.ravel(), (x,), "(3*N,)"),
    (lambda self, a: np.ones((2, 2)) * a.sum(), (x,), "(2, 2)"),
    (lambda self, a, b: np.multiply.outer(a, b), (x, y), "(N, 3, M)"),
    (lambda self, a, b: np.outer(a, b).ravel(), (x, y), "(3*M*N,)"),
    (lambda self, a, b: np.concatenate([b, a[:, 0]]), (x, y), "(M+N,)"),
    (lambda self, a: a.reshape(-1, 6), (fg.Input("z", shape=("K", 12)),), "(2*K, 6)"),
    (lambda self, a: float(np.sum(a)), (x,), "()"),
]


@pytest.mark.parametrize(("fprop", "children", "shape"), TRIALS, ids=[t[2] for t in TRIALS])
def test_a_shape_found_by_trial(fprop, children, shape):
    box = box_of(fprop, *children)
    assert f" {shape} " in f" {box.spec} "
    for batch in (2, 5):
        feeds = {leaf: np.ones([batch if isinstance(n, str) else n for n in leaf.shape]) for leaf in children}
        with fg.debug():
            fg.Graph(box).fprop(feeds)


def test_a_size_that_no_polynomial_gives_is_unknown():
    box = box_of(lambda self, a: a[:10], x)
    assert box.shape[0].unknown
    assert box.shape[1] == 3
    assert fg.Graph(box + 1.0).fprop(x=np.ones((12, 3))).outputs[0].shape == (10, 3)


def test_sizes_at_which_the_box_fails_are_left_out():
    assert str(box_of(lambda self, a: np.stack(np.split(a, 2)), x).shape[1]) != ""
    halves = box_of(lambda self, a: a.reshape(2, -1), y)
    assert halves.shape[0] == 2


def test_several_outputs():
    box = box_of(lambda self, a: (a, a.sum(axis=1)), x)
    assert [str(spec) for spec in box.outputs] == ["(N, 3) float64", "(N,) float64"]
    known = box_of(lambda self, a: (a, a > 0), fg.Constant(np.ones(2, np.float32)))
    assert [str(spec) for spec in known.outputs] == ["(2,) float32", "(2,) bool"]


def test_a_number_of_axes_that_changes_is_refused():
    with pytest.raises(fg.ShapeError, match="the number of axes of the value changes"):
        box_of(lambda self, a: a if len(a) > 5 else a[0], x)


def test_a_box_that_fits_at_no_size_says_why():
    with pytest.raises(fg.ShapeError, match=r"Tried: fprop does not take these children \(ValueError: mine\)"):
        box_of(lambda self, a: (_ for _ in ()).throw(ValueError("mine")), x)


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(inference, "_LARGEST_CACHE", 3)
    inference._cache.clear()
    for width in range(2, 9):
        box_of(lambda self, a: a * 1.0, fg.Input("w", shape=(width,)))
    assert len(inference._cache) <= 3


def test_a_setting_that_cannot_be_hashed_is_tried_anew():
    cls = type(
        "Weighted", (fg.Box,),
        {"__module__": __name__, "__annotations__": {"weights": "Any"}, "fprop": lambda self, a: a @ self.weights},
    )  # fmt: skip
    box = cls(x, weights=np.ones((3, 2)))
    assert str(box.spec) == "(N, 2) float64"
    assert "weights=array([[1.0, 1.0]," in repr(box)
    assert "weights=array of (10, 10)" in repr(cls(fg.Input("v", shape=(10,)), weights=np.ones((10, 10))))


def test_domain_and_small_declarations():
    assert 0.0 in fg.Interval(0, 1)
    assert 0.0 not in fg.Interval(0, 1, open=True)
    assert 2.0 not in fg.Interval(0, 1)
    with pytest.raises(ValueError, match="Interval: found 1 to 0, needs low < high"):
        fg.Interval(1, 0)


def test_numpy_forms_that_bind():
    assert np.sum(x, 1, keepdims=True).shape[1] == 1
    assert (x.mean(axis=0)).shape == (3,)
    for method in ("sum", "mean", "prod", "max", "min", "var", "std", "cumsum", "argmax", "argmin"):
        assert isinstance(getattr(x, method)(axis=1), fg.Box)
    assert x.T.shape == (3, x.shape[0])
    assert x.mT.shape == (3, x.shape[0])
    assert x.transpose(1, 0).shape == x.transpose((1, 0)).shape == x.transpose().shape
    assert x.swapaxes(0, 1).shape[0] == 3
    assert str(x.reshape(-1).shape[0]) == str(x.ravel().shape[0]) == str(x.flatten().shape[0]) == "3*N"
    assert x.reshape(-1, 3).shape == x.reshape((-1, 3)).shape
    assert x[:, :1].squeeze(axis=1).shape == x[:, 0].shape
    assert x.clip(0, 1).shape == x.shape
    assert x.dot(np.ones(3)).shape == (x.shape[0],)
    assert x.astype(np.float32).dtype == np.float32
    assert str(x.size) == "3*N"
    assert x.ndim == 2
    total = x
    total += 1.0
    total -= 1.0
    total *= 2.0
    total /= 2.0
    total **= 2
    total @= np.ones((3, 3))
    assert total.shape == x.shape
    assert total is not x


def test_functions_of_boxes_and_arrays():
    assert fg.sum(np.ones((2, 3))) == 6.0
    assert isinstance(fg.sum(x), fg.Box)
    assert fg.logsumexp([1000.0, 1000.0]) == pytest.approx(1000 + np.log(2))


def test_a_setting_may_have_a_fresh_default_and_a_copy_is_the_box():
    default = dataclasses.field(default_factory=lambda: (1, 2))
    cls = type(
        "WithList",
        (fg.Box,),
        {
            "__module__": __name__,
            "__annotations__": {"weights": "Any"},
            "weights": default,
            "fprop": lambda self, a: a * self.weights[1],
        },
    )
    box = cls(x)
    assert box.weights == (1, 2)
    assert copy.copy(box) is box
