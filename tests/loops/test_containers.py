"""Carries, inputs and what is stacked, in dicts, nested tuples and dataclasses: as the same loop over a flat tuple."""

import dataclasses
from collections import namedtuple

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad, value_and_grad

Pair = namedtuple("Pair", ["first", "second"])


@dataclasses.dataclass
class State:
    mean: object
    rest: object


PACKED = {
    "a tuple": (lambda a, b: (a, b), lambda s: s),
    "a dict": (lambda a, b: {"mean": a, "n": b}, lambda s: (s["mean"], s["n"])),
    "a dict inside": (lambda a, b: (a, {"n": (b,)}), lambda s: (s[0], s[1]["n"][0])),
    "nested tuples": (lambda a, b: ((a,), ((b,),)), lambda s: (s[0][0], s[1][0][0])),
    "a dataclass": (lambda a, b: State(a, {"b": b}), lambda s: (s.mean, s.rest["b"])),
    "a named tuple": (lambda a, b: Pair(a, None if b is None else [b]), lambda s: (s.first, s.second[0])),
    "nothing beside": (lambda a, b: {"x": None, "a": a, "b": b}, lambda s: (s["a"], s["b"])),
}
X = np.array([0.5, -1.0, 2.0, 0.3])


@pytest.mark.parametrize("name", PACKED)
def test_a_scan_over_containers_is_that_over_a_flat_tuple(name):
    pack, unpack = PACKED[name]

    def step(carry, element):
        (a, b), (x, y) = unpack(carry), unpack(element)
        return pack(a * x + b, b + np.sin(y)), pack(a * b, x)

    def by_hand(x):
        a, b, found = x[0] + np.zeros(2), np.zeros(2), 0.0
        for i in range(4):
            found = found + np.sum(a * b * np.arange(8.0).reshape(4, 2)[i]) + x[i]
            a, b = a * x[i] + b, b + np.sin(x[i] ** 2)
        return found + np.sum(a) + np.sum(b**2)

    def in_containers(x):
        first = pack(x[0] + np.zeros(2), np.zeros(2))
        last, kept = fg.scan(step, first, pack(x, x**2))
        (a, b), (c, d) = unpack(last), unpack(kept)
        return np.sum(a) + np.sum(b**2) + np.sum(c * np.arange(8.0).reshape(4, 2)) + np.sum(d)

    found, slope = value_and_grad(in_containers)(X)
    needed, needed_slope = value_and_grad(by_hand)(X)
    assert found == pytest.approx(needed, rel=1e-13)
    np.testing.assert_allclose(slope, needed_slope, rtol=1e-12)


@pytest.mark.parametrize("name", PACKED)
def test_a_while_loop_over_containers_is_that_of_python(name):
    pack, unpack = PACKED[name]

    def root(a):
        last = fg.while_loop(
            lambda s: unpack(s)[1] < 6,
            lambda s: pack((unpack(s)[0] + a / unpack(s)[0]) / 2, unpack(s)[1] + 1),
            pack(a, 0),
        )
        return unpack(last)[0]

    assert value_and_grad(root)(9.0) == (pytest.approx(3.0), pytest.approx(1 / 6))


def test_a_dict_comes_back_in_any_order_of_its_keys():
    def step(carry, _):
        return {"b": carry["b"] * carry["a"], "a": carry["a"] + 1.0}, None

    def product(x):
        last, nothing = fg.scan(step, {"a": x, "b": 1.0}, length=3)
        assert nothing is None
        assert list(last) == ["a", "b"]
        return last["b"]

    assert value_and_grad(product)(2.0) == (24.0, 26.0)


def test_other_keys_and_what_is_no_array_are_refused():
    with pytest.raises(UsageError, match=r"returned a dict with other keys than the carry has, needs 'a', 'b'"):
        grad(lambda x: fg.scan(lambda c, _: ({"a": c["a"]}, None), {"a": x, "b": x}, length=2)[0]["a"])(1.0)
    with pytest.raises(UsageError, match=r"found an array of dtype <U1 in carry, needs .* dicts or dataclasses"):
        fg.scan(lambda c, _: (c, None), {"a": "b"}, length=2)
