"""Settings are of the kind that their annotation says: wrong ones are refused, NumPy's numbers kept as Python's."""

import collections.abc
import functools
import inspect
import math
import pydoc
import types
import typing
from math import inf
from typing import Annotated, Any, Literal

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.settings import annotation_of, kinds_of
from flowgraph.errors import UsageError
from tests.cases import cases
from tests.registry import unregister, unregistered

BOXES = {
    name: cls
    for name, cls in fg.registry.items()
    if cls.__module__.startswith("flowgraph.") and not issubclass(cls, fg.Leaf) and cls.settings
}
TOLD = [(name, setting) for name, cls in BOXES.items() for setting in cls.settings if kinds_of(cls)[setting]]

VALUES = (
    0, -1, 10**6, True, 0.5, 1.0, math.nan, inf, -inf, 1j, "text", "", None, (), (0,), (0, 1), (0.5,), ("a",),
    ((0, 1),), {}, {0}, object(), print, slice(2), ..., np.zeros(2), np.float64(0.5), np.int8(1), np.True_, int,
    fg.Constant(1.0),
)  # fmt: skip


def is_of(value, annotation):
    """Whether a value is of an annotation, read another way than the package does: None where nobody can tell."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any or annotation is object:
        return None
    if origin is Annotated:
        inside = is_of(value, arguments[0])
        return inside and value in arguments[1]
    if origin is Literal:
        return any(value is one or (type(value) is type(one) and value == one) for one in arguments)
    if origin in (types.UnionType, typing.Union):
        return any(is_of(value, one) for one in arguments)
    if origin is tuple:
        return is_tuple_of(value, arguments)
    if origin is collections.abc.Callable:
        return callable(value)
    return is_of_class(value, annotation)


def is_tuple_of(value, arguments):
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = tuple(value)
    if not isinstance(value, tuple | list):
        return False
    each = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
    return len(each) == len(value) and all(is_of(v, a) is not False for v, a in zip(value, each, strict=True))


def is_of_class(value, annotation):
    truth = isinstance(value, bool | np.bool_)
    if annotation is bool:
        return truth
    if annotation is int:
        return isinstance(value, int | np.integer) and not truth
    if annotation is float:
        return isinstance(value, int | float | np.integer | np.floating) and not truth
    return value is None if annotation is types.NoneType else isinstance(value, annotation)


@pytest.mark.parametrize(("name", "setting"), TOLD, ids=lambda one: one)
def test_what_is_of_another_kind_is_refused_where_the_box_is_built(name, setting):
    cls = BOXES[name]
    annotation = annotation_of(cls, setting)
    example = next(iter(cases(cls)), None)
    given = example.settings if example else {}
    wrong = [value for value in VALUES if not is_of(value, annotation)]
    assert len(wrong) > len(VALUES) // 3
    for value in wrong:
        with pytest.raises(UsageError, match=rf"(?s)^{cls.__name__}: found {setting}=.*, needs "):
            cls(*(example.children if example else ()), **{**given, setting: value})


@pytest.mark.parametrize(("name", "setting"), TOLD, ids=lambda one: one)
def test_what_is_of_its_kind_is_kept_as_it_is(name, setting):
    """NumPy's numbers and lists become Python's numbers and tuples: boxes never change, nor widen float32."""
    cls = BOXES[name]
    kind, annotation = kinds_of(cls)[setting], annotation_of(cls, setting)
    for value in (*VALUES, *(case.settings[setting] for case in cases(cls) if setting in case.settings)):
        if is_of(value, annotation):
            kept = kind.read_value(value)
            assert same(kept, value), (value, kept)
            assert not isinstance(kept, np.generic | list), (value, kept)


def same(kept, value):
    """Whether what is kept is equal to what was given, part by part."""
    if isinstance(kept, tuple):
        return len(kept) == len(value) and all(map(same, kept, value))
    return kept is value or kept == value or (kept != kept and value != value)


def in_numpy(value):
    """A setting of NumPy's numbers."""
    if isinstance(value, tuple):
        return [in_numpy(one) for one in value]
    return np.asarray(value)[()] if isinstance(value, bool | int | float | str) else value


@pytest.mark.parametrize("name", [name for name, cls in BOXES.items() if cls.examples])
def test_settings_of_numpy_make_the_same_box(name):
    cls = BOXES[name]
    for case in cases(cls):
        for setting, value in case.settings.items():
            if kinds_of(cls)[setting] and annotation_of(cls, setting) != tuple[Any, ...]:
                box = cls(*case.children, **{**case.settings, setting: in_numpy(value)})
                assert repr(box) == repr(case.box)


NOBODY_TELLS = {
    "BpropOf.box", "SlopeOfBprop.bprop_box", "TransposedBprop.bprop_box", "PerRow.box", "Cast.to", "Pad.mode",
    "Pad.constant_values", "OfParts.given", "OfFunctions.rule",
    "OfFunctions.structure", "RecomputedCall.call", "TorchOperation.operation", "TorchOperation.arguments",
    "TorchOperation.known", "JaxOperation.jaxpr", "JaxOperation.specs",
}  # fmt: skip


def test_only_these_settings_are_of_any_kind():
    told = {f"{name}.{setting}" for name, setting in TOLD}
    found = {f"{name}.{setting}" for name, cls in BOXES.items() for setting in cls.settings} - told
    assert found <= NOBODY_TELLS


@pytest.mark.parametrize("name", fg.registry)
def test_the_signature_of_a_class_is_what_it_takes(name):
    cls = fg.registry[name]
    found = inspect.signature(cls)
    if issubclass(cls, fg.Leaf):
        return
    assert found.return_annotation is inspect.Signature.empty
    assert list(found.parameters) == [*cls.child_names, *cls.settings, "name"]
    for setting, field in cls.settings.items():
        assert found.parameters[setting].default in (field.default, inspect.Parameter.empty)
    for case in cases(cls) if cls.examples else ():
        found.bind(*case.children, **case.settings)


def test_the_signature_shows_types_defaults_and_ranges():
    assert str(inspect.signature(fg.LeakyReLU)) == "(a, /, *, slope: float = 0.01, name=None)"
    assert "Annotated[float, Interval(low=0.0, open=True)] = 1.0" in str(inspect.signature(fg.Huber))
    assert "approximate: Literal['none', 'tanh'] = 'none'" in str(inspect.signature(fg.GELU))
    assert str(inspect.signature(fg.Concatenate)) == "(*arrays, axis: int = 0, name=None)"


def test_only_the_last_child_is_variadic():
    class Weighted(fg.Box):
        examples = None

        def fprop(self, weight, *terms):
            return weight * sum(terms)

    assert str(inspect.signature(Weighted)) == "(weight, /, *terms, name=None)"


def test_the_page_of_help_shows_the_signature():
    page = pydoc.render_doc(fg.LeakyReLU, renderer=pydoc.plaintext)
    assert "LeakyReLU(a, /, *, slope: float = 0.01, name=None)" in page
    assert "shape" in inspect.signature(fg.Input).parameters


@unregister
class Declared(fg.Box):
    table: np.ndarray
    rate: Annotated[float, fg.Interval(0.0, 1.0)] = 0.5
    mode: Literal["a", "b", 3] = "a"
    pairs: tuple[tuple[int, float], ...] = ()
    function: collections.abc.Callable[[float], float] = math.sin
    later: "Later | None" = None
    unknown: "NotDefined" = None  # noqa: F821

    def fprop(self, a):
        return a * self.rate


class Later:
    """A class that is defined after the box whose setting it is."""


class TestUsersBoxes:
    def build(self, **settings):
        return Declared(fg.Constant(1.0), **{"table": np.eye(2), **settings})

    def test_what_fits_is_kept(self):
        table, later = np.eye(2), Later()
        box = self.build(
            table=table, rate=np.float32(0.25), mode=np.int64(3), pairs=[[1, np.int8(2)]], later=later, unknown={}
        )
        assert np.array_equal(box.table, table)
        assert box.later is later
        assert (box.rate, box.pairs, box.unknown) == (0.25, ((1, 2.0),), {})
        assert type(box.rate) is float

    @pytest.mark.parametrize(
        ("settings", "text"),
        [
            ({"table": [[1.0]]}, r"found table=\[\[1.0\]\], needs an array \(np.asarray makes one\)"),
            ({"rate": 1.5}, r"found rate=1.5, needs a number from 0 to 1, such as rate=0.5"),
            ({"rate": 2**53 + 1}, "found rate=9007199254740993, needs a number from 0 to 1"),
            ({"rate": math.nan}, "found rate=nan, needs a number from 0 to 1"),
            ({"mode": "c"}, "found mode='c', needs 'a', 'b' or 3, such as mode='a'"),
            (
                {"pairs": ((1, 2, 3),)},
                "found pairs=.*, needs a tuple, each part a tuple of 2 .a whole number; a number.",
            ),
            ({"function": 3}, "found function=3, needs something to call"),
            ({"later": Declared}, "found later=<class .*, needs a Later or None, such as later=None"),
            ({"slope": 1.0}, "found slope=, but its settings are table, rate, mode, pairs"),
        ],
    )
    def test_what_does_not_is_refused(self, settings, text):
        with pytest.raises(UsageError, match=f"Declared: {text}"):
            self.build(**settings)

    def test_a_number_that_a_float_does_not_hold_is_refused(self):
        class Scaled(fg.Elementwise):
            factor: float = 1.0

            def fprop(self, a):
                return a * self.factor

        for inexact in (2**53 + 1, np.int64(2**53 + 1), 10**400):
            with pytest.raises(UsageError, match="Scaled: found factor="):
                Scaled(fg.Constant(1.0), factor=inexact)
        assert Scaled(fg.Constant(1.0), factor=np.array(3)).factor == 3.0


def test_an_array_that_is_a_setting_is_copied():
    """A box never changes: not when the caller writes to the array, to its base, or to one in a tuple."""

    @unregister
    class Weighted(fg.Elementwise):
        weights: np.ndarray
        others: tuple[Any, ...] = ()
        free: Any = None

        def fprop(self, a):
            return a * self.weights * self.others[0] * self.free

    given = [np.ones(2) for _ in range(3)]
    views = [one[:] for one in given]
    for one in views:
        one.setflags(write=False)
    for weights, other, free in (given, views):
        box = Weighted(fg.Constant([1.0, 2.0]), weights=weights, others=(other,), free=free)
        for one in given:
            one[...] = 5.0
        assert fg.Graph(box).fprop().outputs[0].tolist() == [1.0, 2.0]
        for one in given:
            one[...] = 1.0
        for one in (box.weights, *box.others, box.free):
            with pytest.raises(ValueError, match="read-only"):
                one[0] = 5.0


def test_what_was_read_once_is_no_answer_for_equal_values_of_other_types():
    """1 == True == 1.0: settings that were read are remembered by type, also within tuples."""
    a = fg.Constant(np.ones((2, 3)))
    assert fg.Index(a, index=(1,)).shape == (3,)
    for other in (True, 1.0):
        with pytest.raises(fg.FlowgraphError):
            fg.Index(a, index=(other,))


def test_methods_behind_a_decorator_are_read_as_they_are_written():
    @unregister
    class Plain(fg.Box):
        def fprop(self, a, *others):
            return a + sum(others)

        def bprop(self, grad, h, a, *others, needs):
            return tuple(grad if need else None for need in needs)

    def counted(method):
        @functools.wraps(method)
        def call(*args, **named):
            return method(*args, **named)

        return call

    @unregister
    class Decorated(fg.Box):
        fprop, bprop = counted(Plain.fprop), counted(Plain.bprop)

    a, b = fg.Parameter([1.0, 2.0], name="a"), fg.Input("b", shape=(2,))
    grads = [fg.Graph(fg.sum(cls(a, b))).fprop(b=[1.0, 1.0]).bprop()[a].tolist() for cls in (Plain, Decorated)]
    assert grads == [[1.0, 1.0]] * 2
    assert Plain.child_names == Decorated.child_names
    assert Decorated.symbol == "decorated"  # the name in small letters, where a class declares none


def test_a_class_of_two_bases_has_the_settings_of_both():
    with unregistered():

        class Scaled(fg.Elementwise, abstract=True):
            factor: float = 2.0

        class Shifted(fg.Elementwise, abstract=True):
            by: float = 1.0

        class Both(Scaled, Shifted):
            def fprop(self, a):
                return self.factor * a + self.by

        assert dict(Both(fg.Input("a"), by=3.0).setting_values()) == {"by": 3.0, "factor": 2.0}
