"""What a method reads that is called without being named, by an operator or a built-in function, is watched."""

import math
import operator

import numpy as np
import pytest

from flowgraph.functional import grad
from flowgraph.functional.steady import OPERATORS

RATE = 1


def number(*args):
    return RATE


def items(*args):
    return iter([RATE])


def array(*args, **settings):
    return np.array(float(RATE))


def truth(*args):
    return RATE > 1


def text(*args):
    return str(RATE)


def entered(one):
    with one as value:
        return value


def left(one):
    with one:
        raise KeyError
    return 2


def caught(one):
    try:
        return left(one)
    except KeyError:
        return 1


def noted(one, *args):
    one.__dict__["state"] = RATE


def set_item(one):
    one[0] = 3
    return one.state


def delete_item(one):
    del one[0]
    return one.state


def set_attribute(one):
    one.anything = 3
    return one.state


def delete_attribute(one):
    del one.anything
    return one.state


def set_through(one):
    one.held = 3
    return one.held.state


def delete_through(one):
    del one.held
    return one.held.state


BINARY = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "divmod": divmod, "pow": operator.pow,
    "matmul": operator.matmul, "and": operator.and_, "or": operator.or_, "xor": operator.xor,
    "lshift": operator.lshift, "rshift": operator.rshift,
}  # fmt: skip
IN_PLACE = {f"i{name}": getattr(operator, f"i{name}") for name in BINARY if name != "divmod"}
USES = {
    "call": (lambda one: one(), number),
    "getitem": (lambda one: one[0], number),
    "len": (lambda one: len(one), number),
    "iter": (lambda one: next(iter(one)), items),
    "next": (lambda one: next(one), number),
    "reversed": (lambda one: next(reversed(one)), items),
    "contains": (lambda one: 1 + (3 in one), truth),
    "getattr": (lambda one: one.anything, number),
    "getattribute": (lambda one: one.anything, number),
    "get": (lambda one: one.held, number),
    "enter": (entered, number),
    "exit": (caught, truth),
    "bool": (lambda one: 2 if one else 1, truth),
    "float": (lambda one: float(one), lambda one: float(RATE)),
    "int": (lambda one: int(one), number),
    "index": (lambda one: len(range(one)), number),
    "complex": (lambda one: complex(one).real, lambda one: complex(RATE)),
    "round": (lambda one: round(one), number),
    "floor": (lambda one: math.floor(one), number),
    "ceil": (lambda one: math.ceil(one), number),
    "trunc": (lambda one: math.trunc(one), number),
    "str": (lambda one: float(str(one)), text),
    "repr": (lambda one: float(repr(one)), text),
    "format": (lambda one: float(f"{one}"), text),
    "bytes": (lambda one: float(bytes(one)), lambda one: text().encode()),
    "array": (lambda one: float(np.asarray(one)), array),
    "array_ufunc": (lambda one: float(np.sin(one)), array),
    "array_function": (lambda one: float(np.sum(one)), array),
    "hash": (lambda one: hash(one), number),
    "neg": (lambda one: -one, number),
    "pos": (lambda one: +one, number),
    "abs": (lambda one: abs(one), number),
    "invert": (lambda one: ~one, number),
    "setitem": (set_item, noted),
    "delitem": (delete_item, noted),
    "setattr": (set_attribute, noted),
    "delattr": (delete_attribute, noted),
    "set": (set_through, noted),
    "delete": (delete_through, noted),
    "missing": (lambda one: one["anything"], number),
    "eq": (lambda one: one == 3, number),
    "ne": (lambda one: one != 3, number),
    "lt": (lambda one: one < 3, number),
    "le": (lambda one: one <= 3, number),
    "gt": (lambda one: one > 3, number),
    "ge": (lambda one: one >= 3, number),
    **{name: (lambda one, of=of: of(one, 3), number) for name, of in BINARY.items()},
    **{f"r{name}": (lambda one, of=of: of(3, one), number) for name, of in BINARY.items()},
    **{name: (lambda one, of=of: of(one, 3), number) for name, of in IN_PLACE.items()},
}


def holder(name):
    """An object with that method alone, which reads the global rate."""
    made = {f"__{name}__": USES[name][1]}
    if name in ("enter", "exit"):
        made = {"__enter__": lambda one: one, "__exit__": lambda one, *error: None} | made
    one = type("One", (dict,) if name == "missing" else (), made | {"__module__": __name__})()
    return type("Holder", (), {"held": one, "__module__": __name__})() if name in ("get", "set", "delete") else one


@pytest.mark.parametrize("name", USES)
def test_what_it_reads_may_change(name, monkeypatch):
    use, one = USES[name][0], holder(name)
    slope = grad(lambda x: x * use(one))
    for rate in (1, 2, 1):
        monkeypatch.setitem(globals(), "RATE", rate)
        assert [float(slope(1.0)) for _ in range(5)] == [rate] * 5


def test_these_are_the_methods():
    assert {f"__{name}__" for name in USES} | {"__idivmod__"} == OPERATORS
