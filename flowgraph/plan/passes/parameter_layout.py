"""Which parameters lie next to one another in a store: those whose new values are computed by the same expression."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from flowgraph.box import Box, Elementwise
from flowgraph.box.leaves import Parameter
from flowgraph.plan.arena import ALIGNMENT
from flowgraph.plan.rebuild import elements, number_of

_DEEPEST = 8
"""Boxes of an update that are compared: a bound on the time of a plan, not tuned."""


def layout_of(updates: Mapping[Parameter, Box]) -> dict[Parameter, int]:
    """The parameters in their order in memory, each with the byte where it begins.

    Between those that are updated by the same expression there is no gap. Arrays of more axes come first, so that
    weights are adjacent to weights.
    """
    groups: dict[Hashable, list[Parameter]] = {}
    for parameter, new in updates.items():
        groups.setdefault((parameter.dtype, _form(new, parameter)), []).append(parameter)
    places: dict[Parameter, int] = {}
    end = 0
    for group in groups.values():
        end = -(-end // ALIGNMENT) * ALIGNMENT
        for parameter in sorted(group, key=lambda one: -one.ndim):
            places[parameter] = end
            end += bytes_of(parameter)
    return places


def bytes_of(parameter: Box) -> int:
    """The bytes of its elements."""
    return elements(parameter) * parameter.dtype.itemsize


def _form(new: Box, parameter: Parameter) -> Hashable:
    """What the last step of an update does to the parameter itself, and to what comes from elsewhere."""
    if not isinstance(new, Elementwise):
        return "an array"
    return (type(new), *[_of_itself(child, parameter, 1) for child in new.children])


def _of_itself(box: Box, parameter: Parameter, depth: int) -> Hashable:
    """A value computed from the parameter and numbers alone; any other is an array."""
    if box is parameter:
        return "itself"
    if box.shape == ():
        number: Hashable = number_of(box)
        return number
    if not isinstance(box, Elementwise) or depth == _DEEPEST:
        return "an array"
    parts = [_of_itself(child, parameter, depth + 1) for child in box.children]
    return "an array" if "an array" in parts else (type(box), *parts)
