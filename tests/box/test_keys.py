"""Equal keys of settings, equal results: whatever is done with two values of one key gives the same bits."""

import enum
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.box.keys import key_of

NUMBERS = (0, 1, -1, 2, 0.0, -0.0, 0.5, float("nan"), float("inf"), 1e-320)
DTYPES = ("bool", "i1", "<i4", ">i4", "i8", "u1", "<f2", "<f4", ">f4", "<f8", ">f8", "g", "<c8", "<c16", ">c16")
Pair = namedtuple("Pair", "left right")


class Colour(enum.Enum):
    """An enumeration whose members are numbers."""

    RED = 1
    GREEN = 2


def number_of(number, dtype):
    """A number of NumPy, what does not fit taken as it comes."""
    with np.errstate(all="ignore"):
        return np.array(number).astype(dtype)[()]


def scalars():
    """Numbers of Python and of NumPy that are easily taken for each other."""
    plain = st.sampled_from([*NUMBERS, True, False, complex(0, -0.0), complex(-0.0, 0), 1j, "1", b"1", None, ...])
    return plain | st.builds(number_of, st.sampled_from(NUMBERS), st.sampled_from(DTYPES))


def values():
    """Values that settings have."""
    others = st.sampled_from([*map(np.dtype, DTYPES), float, int, np.float64, range(2), range(0, 2, 1), *Colour])
    return st.recursive(
        scalars() | others,
        lambda parts: (
            st.lists(parts, max_size=2)
            | st.lists(parts, max_size=2).map(tuple)
            | st.builds(Pair, parts, parts)
            | st.builds(slice, parts, parts)
            | st.dictionaries(st.sampled_from(["a", "b"]), parts)
        ),
        max_leaves=4,
    )


def bits(value):
    """What code can find out about a value: its type, and the types and bits of all numbers in it."""
    if isinstance(value, list | tuple):
        return type(value), *map(bits, value)
    if isinstance(value, dict):
        return type(value), *((name, bits(part)) for name, part in value.items())
    if isinstance(value, slice):
        return slice, bits(value.start), bits(value.stop), bits(value.step)
    if isinstance(value, np.dtype | type | enum.Enum | range | str | bytes) or value is None or value is ...:
        return type(value), repr(value)
    array = np.asarray(value)
    wide = array.dtype.char in "gG"
    return type(value), array.dtype.str, repr(value) if wide else array.tobytes()


@given(values(), values())
def test_equal_keys_have_equal_bits(one, other):
    first, second = key_of(one), key_of(other)
    assert first is None or hash(first) is not None
    assert (first == second) == (bits(one) == bits(other))


@given(values())
def test_a_copy_has_the_same_key(value):
    copy = np.array(value)[()] if isinstance(value, np.generic) else value
    assert key_of(value) is not None
    assert key_of(value) == key_of(copy)


class Longer(tuple):
    """A tuple that holds more than its parts."""


@pytest.mark.parametrize(
    "value",
    [abs, np.zeros(2), Longer((1, 2)), [abs], {"a": abs}, slice(abs), object(), np.dtype(object), {1, 2}],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_told_apart_has_no_key(value):
    assert key_of(value) is None
