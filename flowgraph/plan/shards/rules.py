"""How a box is computed on a piece of the batch: rules by class, which say where the batch lies in its value."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from flowgraph.box import Box
from flowgraph.boxes.indexing.index import Index, IndexAdd
from flowgraph.boxes.neural.label import PlacesOf


class Shard(NamedTuple):
    """Where the examples of the batch lie in a value: along an axis, each in `inner` neighbouring places of it."""

    axis: int
    inner: int = 1


class Whole(enum.Enum):
    """What is no part of a value along an axis.

    PARTIAL: the value is the sum over the pieces of what each of them gives. NUMBERS: a child that numbers the examples
    of the batch, 0, 1, ..., and so those of a piece from 0 again.
    """

    PARTIAL = "partial"
    NUMBERS = "numbers"


PARTIAL, NUMBERS = Whole.PARTIAL, Whole.NUMBERS


class Way(NamedTuple):
    """How a box is computed in pieces.

    `needs` says of each child where it has to be cut, None for one that is read whole; `settings` gives the settings
    that differ in a piece of so many examples.
    """

    result: Shard | Whole
    needs: tuple[Shard | Whole | None, ...]
    settings: Callable[[int], Mapping[str, Any]] | None = None


Cuts = Sequence[Shard | None]
"""Of each child where the batch lies in it, None for one that is the same for all examples."""

Rule = Callable[[Any, Cuts, int], Way | None]
AnyRule = TypeVar("AnyRule", bound=Rule)

_rules: dict[type[Box], Rule] = {}


def piece_rule(*classes: type[Box]) -> Callable[[AnyRule], AnyRule]:
    """Register the rule of classes and of their subclasses in flowgraph: a function of (box, cuts, examples).

    It returns None where a piece of the value is not computed from pieces of the children. It is asked only where one
    of the cuts is not None.
    """

    def register(rule: AnyRule) -> AnyRule:
        _rules.update(dict.fromkeys(classes, rule))
        return rule

    return register


def way_of(box: Box, cuts: Cuts, examples: int) -> Way | None:
    """How a box is computed in pieces; None where it cannot.

    Boxes from outside of flowgraph are computed whole: what they call may not be fit for threads.
    """
    cls = type(box)
    if len(box.outputs) != 1 or not cls.__module__.startswith("flowgraph.boxes."):
        return None
    if not isinstance(box, Index | IndexAdd) and any(isinstance(child, PlacesOf) for child in box.children):
        return None  # these count from the first example of the piece
    rule = next((_rules[base] for base in cls.__mro__ if base in _rules), None)
    if rule is None or not _is_numeric(box):
        return None
    return rule(box, cuts, examples)


def _is_numeric(box: Box) -> bool:
    """Whether all sizes are numbers, and none of them 0."""
    return all(isinstance(n, int) and n for one in (box, *box.children) for spec in one.outputs for n in spec.shape)


def agreed(found: Sequence[Shard]) -> Shard | None:
    """What all say, None where they differ."""
    first = found[0]
    return first if all(one == first for one in found) else None
