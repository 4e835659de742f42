"""Boxes that refuse some values: the native function stops, and the box raises its error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.neural.label import OneHot, PlacesOf, check_labels
from flowgraph.boxes.neural.loss import BinaryCrossEntropy, Hinge
from flowgraph.plan.provenance import owner_of
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.rules import Condition, Rules, always


class Check(NamedTuple):
    """The place of the child that is looked at, when its value is wrong, and what raises then: (owner, box, values)."""

    place: int
    wrong: str
    refusal: Callable[[Box, Any, Any], None]
    when: Condition = always


CHECKS: Rules[Check] = Rules()

Refusal = TypeVar("Refusal", bound=Callable[[Box, Any, Any], None])


def refusal_for(*classes: type[Box], place: int, wrong: str) -> Callable[[Refusal], Refusal]:
    """Register what raises where the `value` of the child at `place` is `wrong`: a function of (owner, box, values).

    In `wrong` stands `{value}` for the number, `{classes}` for the last size of the second child.
    """

    def register(refusal: Refusal) -> Refusal:
        CHECKS.add(classes, Check(place, wrong, refusal))
        return refusal

    return register


@refusal_for(PlacesOf, OneHot, place=0, wrong="{value} < 0 or {value} >= {classes}")
def _labels(owner: Box, box: Box, values: Any) -> None:
    check_labels(owner, values, shape_of(box.children[1])[-1])


@refusal_for(BinaryCrossEntropy, place=1, wrong="{value} < 0 or {value} > 1")
@refusal_for(Hinge, place=1, wrong="{value} != 1 and {value} != -1")
def _targets(owner: Box, box: Box, values: Any) -> None:
    speaker = owner if type(owner) is type(box) else box
    speaker.fprop(np.zeros((), box.dtype), values)


def _check(box: Box) -> Check:
    check = CHECKS.of(box)
    assert check is not None
    return check


def checked_child(box: Box) -> Box:
    """The child whose values are looked at."""
    return box.children[_check(box).place]


def guard(box: Box, value: str, code: int) -> list[str]:
    """Lines that leave the function if a value is wrong."""
    shape = shape_of(box.children[1])
    classes = shape[-1] if shape else 0
    return [f"if {_check(box).wrong.format(value=value, classes=classes)}:", f"    return {code}"]


def refuse(box: Box, values: Any) -> None:
    """Raise what the box says of these values."""
    _check(box).refusal(owner_of(box), box, values)
