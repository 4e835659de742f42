"""Keys of settings and sizes: equal where no box could tell the values apart, else not."""

import dataclasses

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.functional.record import Sizes, setting_key
from flowgraph.shapes.size import Size


@dataclasses.dataclass
class Pair:
    one: object
    other: object


MAKE = [
    lambda: 1, lambda: True, lambda: int("1" * 9), lambda: complex(1, 2), lambda: " ".join("ab"),
    lambda: 1.0, lambda: -0.0, lambda: 0.0, lambda: "a", lambda: None, lambda: ...,
    lambda: (1, 2.0), lambda: [1, 2.0], lambda: (1, 2), lambda: slice(1, None, 2), lambda: slice(1, 2),
    lambda: slice(None, 1, 2), lambda: np.arange(3), lambda: np.arange(3.0), lambda: np.arange(3).astype(np.int32),
    lambda: np.zeros((2, 0)), lambda: np.zeros((0, 2)), lambda: np.array([0.0]), lambda: np.array([-0.0]),
    lambda: np.float32(1), lambda: np.dtype("M8[s]"), lambda: np.dtype("M8[ms]"), lambda: np.dtype(float),
    lambda: np.dtype([("a", int)]), lambda: {"a": 1}, lambda: {"a": 2}, lambda: {"b": 1}, dict,
    lambda: Pair(1, [2.0]), lambda: Pair(1, [3.0]), lambda: Pair([2.0], 1), lambda: Size("N"), lambda: Size("M"),
    lambda: Size("N") * 2, lambda: Size("N") + 1, lambda: fg.relu(fg.Input("x", shape=(3,))),
    lambda: fg.relu(fg.Input("x", shape=(4,))), lambda: fg.Sum(fg.Input("x", shape=(3, 3)), axis=0),
    lambda: fg.Sum(fg.Input("x", shape=(3, 3)), axis=1), object,
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(MAKE)))
def test_a_key_tells_values_apart_and_nothing_else(k):
    key = setting_key(MAKE[k](), Sizes())
    hash(key)
    if MAKE[k] is not object:
        assert setting_key(MAKE[k](), Sizes()) == key
    for other in (*MAKE[:k], *MAKE[k + 1 :]):
        assert setting_key(other(), Sizes()) != key


def test_an_object_of_which_nothing_is_known_is_equal_to_itself_alone():
    one = object()
    assert setting_key(one, Sizes()) == setting_key(one, Sizes()) != setting_key(object(), Sizes())


def test_sizes_that_depend_on_values_are_numbered_as_they_come():
    """The names that a call invents are other ones in each call; those of a user stay."""
    first, second = Sizes(), Sizes()
    for one, other in ((("?7", 2), ("?9", 2)), (("?8", "?7"), ("?1", "?9")), (("N", "?8"), ("N", "?1"))):
        keys = [sizes.plain(tuple(Size(n) if isinstance(n, str) else n for n in shape)) for sizes, shape in
                ((first, one), (second, other))]  # fmt: skip
        assert keys[0] == keys[1]
    assert first.plain((Size("N"),)) != first.plain((Size("M"),))
    assert first.plain((Size("?7"),)) != first.plain((Size("?8"),))
    assert Sizes().plain((Size("?7"), Size("?7"))) != Sizes().plain((Size("?7"), Size("?8")))
    assert first.plain((3, 4)) == (3, 4)
