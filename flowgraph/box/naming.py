"""The origin and name of a box: the line of the user's code that built it, its scope, a unique name."""

from __future__ import annotations

import functools
import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType
from typing import NamedTuple

import numpy as np

from flowgraph.errors import UsageError
from flowgraph.printable import why_not_a_name

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(np.__file__) + os.sep
_places: dict[int, tuple[weakref.ref[CodeType], list[tuple[int | None, ...]]]] = {}
"""For code that built boxes, by its identity as long as it lives: hashing code takes longer than building a box."""

_scope: ContextVar[str] = ContextVar("flowgraph_scope", default="")


class Line(NamedTuple):
    """A line of the user's code, and the expression there: its first and last line, its first and last column."""

    path: str
    number: int
    expression: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{os.path.basename(self.path)}:{self.number}"


def users_line() -> Line:
    """The innermost line of the call stack that is neither flowgraph's nor NumPy's."""
    frame = sys._getframe(1)
    while _is_inside(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    return Line(frame.f_code.co_filename, frame.f_lineno, _expression(frame.f_code, frame.f_lasti))


def _expression(code: CodeType, instruction: int) -> tuple[int, ...]:
    """The place of the expression that an instruction belongs to; () where Python keeps none."""
    known = _places.get(id(code))
    if known is None or known[0]() is not code:
        forget = functools.partial(_forget, id(code))
        known = _places[id(code)] = weakref.ref(code, forget), list(code.co_positions())
    place = known[1][instruction // 2]
    return () if None in place else place  # type: ignore[return-value]


def _forget(place: int, code: weakref.ref[CodeType]) -> None:
    """Let go of the places of code that is gone, unless other code has come to stand there."""
    if place in _places and _places[place][0] is code:
        del _places[place]


def is_inside_flowgraph(path: str) -> bool:
    """Whether a file is one of flowgraph's own."""
    return path.startswith(_HERE)


@functools.cache
def _is_inside(path: str) -> bool:
    return path.startswith((_HERE, _NUMPY))


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Group the boxes built inside: their names begin with "name/", and a picture draws them in one frame.

    `name` is printable text without "/" and without spaces at its ends; scopes may stand inside each other.

    Parameters
    ----------
    name : str
        Printable text without "/" and without spaces at its ends.

    Yields
    ------
    None

    Raises
    ------
    UsageError
        If the name is no such text.

    Examples
    --------
    >>> import flowgraph as fg
    >>> with fg.scope("layer1"):
    ...     W = fg.Parameter([[1.0]], name="W")
    >>> W.name
    'layer1/W'
    """
    problem = why_not_a_name(name)
    if problem is None and "/" in name:
        problem = "needs a name without '/'; nest scopes for a path of names"
    if problem is not None:
        raise UsageError(f"scope: found {name!r}, {problem}")
    token = _scope.set(f"{_scope.get()}{name}/")
    try:
        yield
    finally:
        _scope.reset(token)


def current_scope() -> str:
    """The path of the scopes that are open, "" or "layer1/" or "net/layer1/"."""
    return _scope.get()


@contextmanager
def reopened(path: str) -> Iterator[None]:
    """Open again the scopes of a path that `current_scope` gave, in place of those that are open now."""
    token = _scope.set(path)
    try:
        yield
    finally:
        _scope.reset(token)
