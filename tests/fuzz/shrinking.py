"""The smallest program that still shows a difference: fewer outputs, lines and leaves, plainer arrays."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tests.fuzz.case import Case, Leaf

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails, seconds: float = 10.0) -> Case:
    """The smallest program found within this time for which `fails` still holds."""
    end = time.monotonic() + seconds
    smaller = True
    while smaller:
        smaller = False
        for candidate in _candidates(case):
            if time.monotonic() > end:
                return case
            if _still(candidate, fails):
                case, smaller = candidate, True
                break
    return case


def _still(candidate: Case, fails: Fails) -> bool:
    try:
        return fails(candidate)
    except Exception:
        return False


def _candidates(case: Case) -> Iterator[Case]:
    """Programs that are a little smaller, those that lose most first."""
    for output in case.outputs if len(case.outputs) > 1 else ():
        yield case.only((output,))
    yield from _without_a_line(case)
    yield from _with_a_line_as_leaf(case)
    for place, leaf in enumerate(case.leaves):
        for plainer in _plainer(leaf):
            yield replace(case, leaves=(*case.leaves[:place], plainer, *case.leaves[place + 1 :]))


def _without_a_line(case: Case) -> Iterator[Case]:
    """Programs in which what a line computes is one of the values that it reads."""
    for place, (name, expression) in enumerate(case.lines):
        for read in dict.fromkeys(re.findall(r"\b[a-z]\d*\b", expression)):
            if read == name or read not in {
                *(leaf.name for leaf in case.leaves),
                *(one for one, _ in case.lines[:place]),
            }:
                continue
            rest = tuple((n, re.sub(rf"\b{name}\b", read, text)) for n, text in case.lines[place + 1 :])
            outputs = tuple(read if one == name else one for one in case.outputs)
            yield replace(case, lines=(*case.lines[:place], *rest)).only(tuple(dict.fromkeys(outputs)))


def _with_a_line_as_leaf(case: Case) -> Iterator[Case]:
    """Programs in which a line is an input that holds its value."""
    for place, (name, _) in enumerate(case.lines[:-1]):
        try:
            with np.errstate(all="ignore"):
                (value,) = case.only((name,))(case.arrays)
        except Exception:  # the line is what raises
            continue
        leaf = Leaf(name, "input", np.array(value))
        rest = replace(case, leaves=(*case.leaves, leaf), lines=(*case.lines[:place], *case.lines[place + 1 :]))
        yield rest.only(case.outputs)


def _plainer(leaf: Leaf) -> Iterator[Leaf]:
    """Leaves with simpler numbers, the plain layout, no randomness."""
    array: Any = leaf.array
    if leaf.layout != "a":
        yield replace(leaf, layout="a")
    if leaf.kind in ("random", "constant"):
        yield replace(leaf, kind="input")
    if array.dtype.kind in "fc":
        counted = np.arange(1, array.size + 1).reshape(array.shape).astype(array.dtype)
        with np.errstate(all="ignore"):
            for other in (np.ones_like(array), counted, np.rint(array)):
                if _simplicity(other) < _simplicity(array):
                    yield replace(leaf, array=other)


def _simplicity(array: Any) -> int:
    """How long the numbers are to write."""
    return sum(len(repr(number)) for number in np.ravel(array).tolist())
