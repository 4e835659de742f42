"""Kinds: a number is taken where it is within the bounds that the words say; what a setting may be is said once."""

import math
import operator
import re
from fractions import Fraction
from math import inf
from typing import Annotated

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.box.kinds import TEXT, UNFIT, Flag, Kind, Number, OneOf, kind_of
from flowgraph.box.vocabulary import Interval
from flowgraph.errors import UsageError
from flowgraph.experiment.settings import ClassWeights, Layers, Names, Share

ENDS = st.integers(-4, 4).map(lambda number: number / 2)
VALUES = st.one_of(
    st.integers(-5, 5), st.integers(-10, 10).map(lambda number: number / 4), st.sampled_from([math.nan, inf, -inf])
)


@st.composite
def numbers(draw):
    """A number with one bound or none at each end."""
    bounds = {}
    for ends in (("low", "above"), ("high", "below")):
        name = draw(st.sampled_from([*ends, None]))
        if name is not None:
            bounds[name] = draw(ENDS)
    return Number(**bounds, whole=draw(st.booleans()), finite=draw(st.booleans()))


def said_of(words, value):
    """Whether a value fits what the words of a kind say, read off these."""
    if "whole" in words and not isinstance(value, int):
        return False
    if "finite" in words and not math.isfinite(value):
        return False
    bounds = re.findall(r"\b(from|above|to|below) (\S+)", words)
    return all(COMPARED[word](value, float(end)) for word, end in bounds)


COMPARED = {"from": operator.ge, "above": operator.gt, "to": operator.le, "below": operator.lt}


@given(numbers(), VALUES)
def test_a_number_is_taken_where_its_words_say_so(kind, value):
    kept = kind.read_value(value)
    assert (kept is not UNFIT) == (said_of(kind.needed, value) and (not kind.finite or math.isfinite(value)))
    if kept is not UNFIT:
        assert type(kept) is (int if kind.whole else float)
        assert kept == value or math.isnan(value)


@given(st.tuples(ENDS, ENDS).filter(lambda ends: ends[0] < ends[1]), st.booleans(), VALUES)
def test_an_interval_beside_an_annotation_bounds_each_number_of_it(ends, is_open, value):
    interval = Interval(*ends, open=is_open)
    for annotation in (float, float | None, int, int | None):
        kind = kind_of(Annotated[annotation, interval])
        is_whole = annotation in (int, int | None)
        fits = value in interval and (isinstance(value, int) or not is_whole)
        assert (kind.read_value(value) is not UNFIT) == fits
        assert (kind.read_value(None) is None) == (annotation in (float | None, int | None))


def test_words_of_numbers():
    assert Number().needed == "a finite number"
    assert Number(finite=False).needed == "a number"
    assert Number(0, below=1).needed == "a number from 0 and below 1"
    assert Number(above=0, none="for no limit").needed == "a number above 0, or None for no limit"
    assert Number(1, whole=True).needed == "a whole number from 1 on"
    assert kind_of(Annotated[int, Interval(0, 8)]).needed == "a whole number from 0 to 8"
    assert kind_of(Annotated[float, Interval(0, 1, open=True)]).needed == "a number above 0 and below 1"
    assert kind_of(Annotated[float, Interval(open=True)]).needed == "a finite number"


@pytest.mark.parametrize("number", [Fraction(1, 3), np.float32(0.5), np.array(0.25), np.int8(1), 10**17])
def test_numbers_of_other_types_become_those_of_python(number):
    kept = Number().read_value(number)
    assert type(kept) is float
    assert kept == pytest.approx(float(number), rel=1e-15)


@pytest.mark.parametrize("number", [True, 2**53 + 1, 10**400, 1j, "1", None, [1.0]])
def test_what_is_no_number_or_would_become_another_whole_one_is_none(number):
    assert Number(finite=False).read_value(number) is UNFIT


@pytest.mark.parametrize(
    ("kind", "fitting", "wrong"),
    [
        (OneOf(("a", "b")), "b", "c"),
        (Flag(), np.True_, 1),
        (TEXT, "text", 3),
        (Share(), 0.5, 1.0),
        (Share(), 30, 0),
        (Layers(), 8, [8, 0]),
        (Names(), ["a"], "a"),
        (ClassWeights(), ["yes=5"], ["yes"]),
        (kind_of(Annotated[bool, OneOf(("a",))]), "a", True),
    ],
)
def test_what_is_refused_says_who_was_given_it_and_what_is_needed(kind, fitting, wrong):
    kind.read_setting("who", "name", fitting)
    with pytest.raises(UsageError, match=r"^who: found \w+=.*, needs .*"):
        kind.read_setting("who", "name", wrong)


def test_texts_of_the_command_line():
    assert (Share().read_text("0.25"), Share().read_text("30")) == (0.25, 30)
    assert (Layers().read_text("64,32"), Layers().read_text("0")) == ((64, 32), ())
    for kind in (Kind(), Flag()):
        with pytest.raises(NotImplementedError):
            kind.read_text("text")
    with pytest.raises(NotImplementedError):
        Kind().read_value(1)
