"""What a function may use and still be called once: modules, types and names, each by itself; and what it may not."""

import copy
import dataclasses
import datetime
import decimal
import fractions
import importlib
import inspect
import logging
import operator
import pathlib
import random
import re
import typing
import uuid
from copy import deepcopy

import numpy as np
import pytest

from flowgraph.functional import grad
from flowgraph.functional.arguments import unread_in
from flowgraph.functional.outside import Outside

STEADY = """
    math cmath operator _operator functools _functools itertools collections _collections typing dataclasses warnings
    logging copy types enum abc numbers fractions decimal statistics string re json contextlib inspect argparse datetime
    pathlib uuid random _thread threading __future__ numpy numpy.linalg scipy flowgraph builtins
"""
UNSTEADY = ("time", "os", "secrets", "socket", "subprocess", "sys", "urllib.request", "io", "tempfile")
IMPORTED = ("time", "os", "secrets", "socket", "subprocess", "urllib", "sys")
READERS = ("open", "input", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "now", "today", "uuid4",
           "getcontext", "localcontext", "geterr", "getEffectiveLevel", "isEnabledFor")  # fmt: skip
INSTANCES = (
    re.compile("a"), fractions.Fraction(1, 2), decimal.Decimal(1), pathlib.PurePosixPath("a"), datetime.timedelta(1),
    datetime.date(2000, 1, 1), uuid.UUID(int=1), operator.itemgetter(0), typing.Any, typing.List[int],  # noqa: UP006
    logging.getLogger("flowgraph.tests"), logging.getLogger(), range(3), slice,
)  # fmt: skip
FUNCTIONS = (
    np.linalg.norm, np.linalg.det, np.pad, np.sum, np.sin, np.polynomial.polynomial.polyval, dataclasses.fields,
    re.match, operator.add, len, max, inspect.signature, random.choice, logging.getLogger("flowgraph.tests").debug,
)  # fmt: skip


def blind(held):
    return Outside(lambda x: (held, x)).blind


@pytest.mark.parametrize("name", STEADY.split())
def test_modules_that_give_the_same_in_each_call(name):
    assert blind(importlib.import_module(name)) is None


@pytest.mark.parametrize("held", [*INSTANCES, *FUNCTIONS], ids=lambda one: getattr(one, "__name__", repr(type(one))))
def test_types_and_functions_that_give_the_same_in_each_call(held):
    assert blind(held) is None


@pytest.mark.parametrize("name", UNSTEADY)
def test_modules_that_may_give_anything(name):
    assert blind(importlib.import_module(name)) == f"the module {name}"


@pytest.mark.parametrize("name", IMPORTED)
def test_clocks_that_are_imported_inside(name):
    space = {"__name__": "somewhere"}
    exec(f"def f(x):\n    import {name}\n    return x", space)
    assert Outside(space["f"]).blind == f"the module {name}"


@pytest.mark.parametrize("name", READERS)
def test_names_of_what_reads_a_file_or_a_clock(name):
    space = {"__name__": "somewhere"}
    exec(f"def f(x, source):\n    return source.{name}() * x", space)
    assert Outside(space["f"]).blind == f"{name}()"


@dataclasses.dataclass(eq=False, repr=False)  # whose methods would name the field
class Held:
    rate: float

    def value(self):
        return self.rate


def vars_of(one):
    return one.__reduce_ex__(2)[2]


def by_exec(one):
    found = {}
    exec("found = one.rate", {"one": one}, found)
    return found["found"]


BY_TEXT = {
    "getattr": lambda one: getattr(one, "rate"),  # noqa: B009
    "vars": lambda one: vars(one)["rate"],
    "eval": lambda one: eval("one.rate", {"one": one}),
    "exec": by_exec,
    "__dict__": lambda one: one.__dict__["rate"],
    "__getattribute__": lambda one: one.__getattribute__("rate"),
    "asdict": lambda one: dataclasses.asdict(one)["rate"],
    "astuple": lambda one: dataclasses.astuple(one)[0],
    "attrgetter": lambda one: operator.attrgetter("rate")(one),
    "methodcaller": lambda one: operator.methodcaller("value")(one),
    "getmembers": lambda one: dict(inspect.getmembers(one))["rate"],
    "replace": lambda one: vars_of(dataclasses.replace(one))["rate"],
    "copy": lambda one: copy.copy(one).__reduce_ex__(2)[2]["rate"],
    "deepcopy": lambda one: deepcopy(one).__reduce_ex__(2)[2]["rate"],
}
OF_DATACLASSES = {"asdict", "astuple", "replace"}


class Plain:
    """Whose attributes no code names, not even its own."""

    def __init__(self, rate):
        vars(self)["rate"] = rate

    def value(self):
        return vars(self)["rate"]


@pytest.mark.parametrize("name", BY_TEXT)
def test_attributes_that_are_read_by_text(name):
    one, read = (Held if name in OF_DATACLASSES else Plain)(1.0), BY_TEXT[name]
    slope = grad(lambda x: x * read(one))
    assert [float(slope(3.0)) for _ in range(5)] == [1.0] * 5
    one.rate = 2.0
    assert [float(slope(3.0)) for _ in range(5)] == [2.0] * 5


def named(one):
    try:
        return one.more
    except AttributeError:
        return 1.0


WHETHER_IT_IS_THERE = {
    "named": named,
    "hasattr": lambda one: 2.0 if hasattr(one, "more") else 1.0,
    "getattr": lambda one: getattr(one, "more", 1.0),
    "dir": lambda one: 2.0 if "more" in dir(one) else 1.0,
    "vars": lambda one: vars(one).get("more", getattr(type(one), "more", 1.0)),
    "__dict__": lambda one: one.__dict__.get("more", type(one).__dict__.get("more", 1.0)),
    "getmembers": lambda one: dict(inspect.getmembers(one)).get("more", 1.0),
}


@pytest.mark.parametrize("of_class", [False, True])
@pytest.mark.parametrize("name", WHETHER_IT_IS_THERE)
def test_an_attribute_that_comes_and_goes(name, of_class):
    cls = type("Empty", (), {"__module__": "somewhere"})
    one, read = cls(), WHETHER_IT_IS_THERE[name]
    slope = grad(lambda x: x * read(one))
    for _ in range(2):
        assert [float(slope(3.0)) for _ in range(5)] == [1.0] * 5
        (cls if of_class else one).more = 2.0
        assert [float(slope(3.0)) for _ in range(5)] == [2.0] * 5
        delattr(cls if of_class else one, "more")


def test_an_attribute_that_is_none_goes():
    one = type("Empty", (), {"__module__": "somewhere"})()
    one.more = None
    slope = grad(lambda x: x * (2.0 if hasattr(one, "more") else 1.0))
    assert [float(slope(3.0)) for _ in range(5)] == [2.0] * 5
    del one.more
    assert [float(slope(3.0)) for _ in range(5)] == [1.0] * 5


def test_an_attribute_of_a_function_comes():
    def f(x):
        return x * getattr(f, "more", 1.0)

    slope = grad(f)
    assert [float(slope(3.0)) for _ in range(5)] == [1.0] * 5
    f.more = 2.0
    assert [float(slope(3.0)) for _ in range(5)] == [2.0] * 5


@pytest.mark.parametrize("text", ["MORE", "globals()['MORE']", "eval('MORE')"])
def test_a_global_that_comes_and_goes(text):
    space = {"__name__": "somewhere"}
    exec(f"def f(x):\n    try:\n        return x * {text}\n    except (NameError, KeyError):\n        return x", space)
    slope = grad(space["f"])
    for _ in range(2):
        assert [float(slope(3.0)) for _ in range(5)] == [1.0] * 5
        space["MORE"] = 2.0
        assert [float(slope(3.0)) for _ in range(5)] == [2.0] * 5
        del space["MORE"]


def test_a_name_that_is_not_looked_for_may_come():
    one = type("Empty", (), {"__module__": "somewhere"})()
    one.rate = 1.0
    outside = Outside(lambda x: x * one.rate)
    one.another = 2.0
    assert outside.is_same()
    one.rate = 3.0
    assert not outside.is_same()


GLOBALS = {
    "globals": "globals()['RATE']",
    "eval": "eval('RATE')",
    "exec": "(exec('found = RATE', None, found := {}), found['found'])[1]",
}


@pytest.mark.parametrize("name", GLOBALS)
def test_globals_that_are_read_by_text(name):
    space = {"__name__": "somewhere", "RATE": 1.0}
    exec(f"def f(x):\n    return x * {GLOBALS[name]}", space)
    slope = grad(space["f"])
    assert [float(slope(3.0)) for _ in range(5)] == [1.0] * 5
    space["RATE"] = 2.0
    assert [float(slope(3.0)) for _ in range(5)] == [2.0] * 5


def reading(count):
    """Functions that read so many names or elements, in different ways."""
    names = [f"n{i}" for i in range(count)]
    space = {"__name__": "somewhere"} | dict.fromkeys(names, 1.0)
    exec(f"def f(x):\n    return x * ({' + '.join(names)})", space)
    held = type("Held", (), {"__module__": "somewhere"})()
    vars(held).update(dict.fromkeys(names, 1.0))
    cells = {"__name__": "somewhere"}
    inside = "\n".join(f"    {name} = 1.0" for name in names)
    exec(f"def made():\n{inside}\n    def f(x):\n        return x * ({' + '.join(names)})\n    return f", cells)
    slots = type("Slots", (), {"__slots__": names, "__module__": "somewhere"})()
    return {
        "globals": space["f"],
        "attributes": lambda x: x * vars(held)["n0"],
        "cells": cells["made"](),
        "elements": (lambda held: lambda x: x * held[0])([1.0] * count),
        "values": (lambda held: lambda x: x * held["n0"])(dict.fromkeys(names, 1.0)),
        "arrays": (lambda held: lambda x: x * held[0])([np.ones(2) for _ in range(count // 2)]),
        "slots": lambda x: (x, slots),
    }


@pytest.mark.parametrize("name", reading(1))
def test_more_names_than_are_looked_at_in_each_call(name):
    assert Outside(reading(300)[name]).blind == "more than 256 names and elements"
    assert Outside(reading(100)[name]).blind is None


@pytest.mark.parametrize("name", ["locals", "vars", "dir", "eval", "exec", "_getframe", "currentframe", "stack"])
def test_arguments_may_be_read_by_text(name):
    """A function that never names an argument reads it all the same where it looks at its own frame."""
    space = {"__name__": "somewhere"}
    exec(f"def f(x, count, source=None):\n    return x, source.{name}()\ndef g(x, count):\n    return x", space)
    assert unread_in(space["f"].__code__) == frozenset()
    assert unread_in(space["g"].__code__) == {1}


def test_the_level_of_a_logger_is_watched_through_those_above_it():
    """Loggers are steady for all that is logged, but a function may take a branch by their levels."""
    above = logging.getLogger("flowgraph.tests.above")
    logger = logging.getLogger("flowgraph.tests.above.below")
    readers = (
        lambda x: np.sum(x if logger.level > 20 else x * x),
        lambda x: np.sum(x if logger.isEnabledFor(logging.INFO) else x * x),
        lambda x: np.sum(x if logger.parent.level > 20 else x * x),
        lambda x: np.sum(x if logger.disabled else x * x),
    )
    cached = [grad(f) for f in readers]
    try:
        for step in (0, 0, 0, 1, 1, 2, 0, 3, 3, 0):
            logger.setLevel(30 if step == 1 else logging.NOTSET)
            above.setLevel(30 if step == 2 else 10)
            logger.disabled = step == 3
            for f, call in zip(readers, cached, strict=True):
                x = np.array([3.0, 4.0])
                assert call(x).tolist() == grad(f, cache=False)(x).tolist()
    finally:
        logger.disabled = False
