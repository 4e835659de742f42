"""Boxes that refuse some values of a child: the native function stops, and the box itself says what is wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box
from flowgraph.boxes.neural.elementwise_loss import BinaryCrossEntropy, Hinge
from flowgraph.boxes.neural.label import OneHot, PlacesOf, check_labels
from flowgraph.plan.rebuild import shape_of


class Check(NamedTuple):
    """The place of the child that is looked at, and when its value is wrong."""

    place: int
    wrong: str


_OF_LABELS = Check(0, "{value} < 0 or {value} >= {classes}")

CHECKS: dict[type[Box], Check] = {
    PlacesOf: _OF_LABELS,
    OneHot: _OF_LABELS,
    BinaryCrossEntropy: Check(1, "{value} < 0 or {value} > 1"),
    Hinge: Check(1, "{value} != 1 and {value} != -1"),
}


def checked_child(box: Box) -> Box:
    """The child whose values are looked at."""
    return box.children[CHECKS[type(box)].place]


def guard(box: Box, value: str, code: int) -> list[str]:
    """Lines that leave the function if a value is wrong."""
    shape = shape_of(box.children[1])
    classes = shape[-1] if shape else 0
    return [f"if {CHECKS[type(box)].wrong.format(value=value, classes=classes)}:", f"    return {code}"]


def refuse(box: Box, values: Any) -> None:
    """Raise what the box says of these values."""
    owner = box.__dict__.get("built_for", box)
    if isinstance(box, PlacesOf | OneHot):
        check_labels(owner, values, shape_of(box.children[1])[-1])
        return
    speaker = owner if type(owner) is type(box) else box
    speaker.fprop(np.zeros((), box.dtype), values)
