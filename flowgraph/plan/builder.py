"""Boxes made during simplification: equal operations on equal children are one box (common subexpressions)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Constant, Leaf
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import same

Reduction = Callable[["Builder", Box], Box | None]

_LARGEST_SHARED = 64
"""Constants of so many numbers are compared by their values, larger ones by identity: a bound on the time of a plan."""


class _UnknownSizeError(Exception):
    """A rule asks for a shape whose sizes depend on values: no array can be given it, and the rule does not hold."""


class Builder:
    """Makes boxes for a simplified graph; `rules` say, by class, what simpler box stands for a new one."""

    def __init__(self, rules: dict[type[Box], list[Reduction]], share: bool) -> None:
        self.rules = rules
        self.share = share
        self.known: dict[Hashable, Box] = {}

    def make(self, cls: type[Box], *children: Any, **settings: Any) -> Box:
        """The simplest box that is known to compute this operation."""
        to = settings.get("to")
        if isinstance(to, tuple) and any(isinstance(size, Size) for size in to):
            raise _UnknownSizeError
        return self.reduced(cls(*children, **settings))

    def constant(self, value: object, dtype: DTypeLike) -> Box:
        """A number as a box."""
        return self.shared(Constant(np.asarray(value, dtype)))

    def reduced(self, box: Box) -> Box:
        """The box that stands for this one, whose children are reduced already."""
        for rule in self.rules.get(type(box), ()):
            try:
                found = rule(self, box)
            except _UnknownSizeError:
                continue
            if found is not None:
                assert _as_long(found, box), f"{rule.__name__} changes the shape of {box!r} to {found!r}"
                assert found.dtype == box.dtype, f"{rule.__name__} changes the dtype of {box!r} to {found!r}"
                return found
        return self.shared(box)

    def shared(self, box: Box) -> Box:
        """The box made first of all those that are the same operation on the same children."""
        if not self.share or (isinstance(box, Leaf) and not isinstance(box, Constant)):
            return box
        key = _key(box)
        return box if key is None else self.known.setdefault(key, box)


def _as_long(one: Box, other: Box) -> bool:
    """Whether two boxes have one shape, as far as it is known before a run.

    What a mask takes has another name each time.
    """
    return one.ndim == other.ndim and all(map(same, one.shape, other.shape))


def _key(box: Box) -> Hashable:
    if isinstance(box, Constant):
        return (box.dtype.str, box.shape, box.value.tobytes()) if box.value.size <= _LARGEST_SHARED else None
    cls = type(box)
    if not cls.settings:
        return cls, *map(id, box.children)
    settings = tuple([_frozen(value) for value in box.setting_values().values()])
    return None if None in settings else (cls, settings, tuple(map(id, box.children)))


def _frozen(value: object) -> Hashable:
    """A setting as a text that tells it apart, None for what has no such text."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        parts = [_frozen(part) for part in value]
        return None if None in parts else f"{type(value).__name__}{parts}"
    plain = isinstance(value, int | float | complex | str | slice | range | np.dtype | np.generic | type)
    return repr(value) if plain or value is None or value is Ellipsis else None
