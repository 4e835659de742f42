"""The same operation on other children: all that is known of it is what a box built anew would know."""

import functools
import itertools
import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.boxes.indexing.index import Index
from flowgraph.errors import IndexingError, ShapeError, UsageError
from tests.cases import cases
from tests.registry import unregister

BOXES = {name: cls for name, cls in fg.registry.items() if not issubclass(cls, fg.Leaf) and cls.examples}


def leaves(case, dtype=None):
    """Inputs of the shapes and dtypes of a case."""
    arrays = [np.asarray(array) for array in case.children]
    kinds = [dtype if dtype is not None and array.dtype.kind == "f" else array.dtype for array in arrays]
    named = enumerate(zip(arrays, kinds, strict=True))
    return [fg.Input(f"x{i}", shape=array.shape, dtype=kind) for i, (array, kind) in named]


def known(box):
    """What is inferred, and what a box holds beside its children; a size of a run has another name each time."""
    rest = box.__dict__.keys() - {"children", "built_at", "differentiable_wrt", "outputs", "shape"}
    outputs = [re.sub(r"\?\d+", "?", str(spec)) for spec in box.outputs]
    return {name: box.__dict__[name] for name in rest} | {"outputs": outputs, "wrt": box.differentiable_wrt}


@pytest.mark.parametrize("cls", BOXES.values(), ids=BOXES)
def test_a_twin_knows_what_a_box_built_anew_does(cls):
    for case in itertools.islice(cases(cls), 4):
        box = cls(*leaves(case), **case.settings, name="h")
        for children in (leaves(case), leaves(case, np.float32)):
            twin, anew = box.with_children(*children), cls(*children, **box.setting_values(), name="h")
            assert twin.children == tuple(children)
            assert twin.built_at == box.built_at
            np.testing.assert_equal(known(twin), known(anew))


def test_what_was_found_out_of_one_box_is_not_kept_for_another():
    @unregister
    class Named(fg.Box):
        def fprop(self, a):
            return a

        @functools.cached_property
        def first(self):
            return self.children[0].name

    one, other = fg.Input("one"), fg.Input("other")
    box = Named(one)
    assert (box.first, box.with_children(other).first) == ("one", "other")


def test_a_twin_is_no_derivative_because_the_box_is_one():
    w = fg.Parameter(1.0, name="w")
    (dw,) = fg.gradient(w * w * w, [w])
    assert not any(box.with_children(*box.children).is_derivative for box in fg.Graph(dw) if box.children)


def test_numbers_of_a_constant_are_held_against_the_axis():
    a, places = fg.Input("a", shape=(3,)), fg.Input("places", shape=(1,), dtype=int)
    box = Index(a, places, index=("array",))
    with pytest.raises(IndexingError, match="lies outside an axis of 3"):
        box.with_children(a, fg.Constant([7]))
    fixed = Index(a, fg.Constant([0]), index=("array",))
    with pytest.raises(IndexingError, match="lies outside an axis of 3"):
        fixed.with_children(a, fg.Constant([7]))


def test_what_another_mask_takes_has_a_size_of_its_own():
    a = fg.Input("a", shape=(3,))
    one, other = (fg.Input(name, shape=(3,), dtype=bool) for name in ("one", "other"))
    taken = a[one]
    assert taken.with_children(a, other).shape != taken.shape


def test_children_that_do_not_fit_are_refused_as_in_a_new_box():
    x, w = fg.Input("x", shape=(2, 3)), fg.Input("w", shape=(3, 4))
    box = fg.MatMul(x, w, name="h")
    for children in ((x, x), (x,), (x, w, w)):
        with pytest.raises((ShapeError, UsageError)) as of_twin:
            box.with_children(*children)
        with pytest.raises((ShapeError, UsageError)) as of_new:
            fg.MatMul(*children)
        assert str(of_twin.value) == str(of_new.value)


def test_a_box_with_a_constructor_of_its_own_is_made_by_it():
    @unregister
    class Counted(fg.Box):
        made = 0

        def __init__(self, *children, **keywords):
            super().__init__(*children, **keywords)
            self.__dict__["made"] = 1

        def fprop(self, a):
            return a

    x, y = fg.Input("x"), fg.Input("y")
    twin = Counted(x).with_children(y)
    assert twin.made == 1
    assert twin.children == (y,)
