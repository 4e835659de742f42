"""A space as JSON holds it, and read again, inside the space that was given first."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flowgraph.errors import FlowgraphError, SavedFileError
from flowgraph.saving.json_values import MALFORMED
from flowgraph.saving.limits import excerpt
from flowgraph.search.space import Choice, LogUniform, Space, Uniform, Whole

_KINDS = {kind.__name__: kind for kind in (Choice, Uniform, LogUniform, Whole)}


def space_record(space: Space) -> dict[str, Any]:
    """A space as JSON has it."""
    record = {name: {"kind": type(part).__name__, **asdict(part)} for name, part in space.items()}
    return dict(json.loads(json.dumps(record)))


def space_of_record(record: Any, first: Space) -> dict[str, Any]:
    """The space that `space_record` wrote, in a round after the first; one that is no part of that is refused."""
    try:
        space = {name: _part_of_record(part) for name, part in record.items()}
        inside = space.keys() == first.keys() and all(_is_inside(space[name], first[name]) for name in first)
    except (*MALFORMED, FlowgraphError) as error:
        raise SavedFileError(
            f"study: its stored search space cannot be read ({excerpt(error)}); begin another study"
        ) from None
    if not inside:
        raise SavedFileError(
            "study: its stored search space is not inside that of its first round; begin another study"
        )
    return space


def _part_of_record(part: Any) -> Any:
    values = {key: value for key, value in part.items() if key != "kind"}
    if part["kind"] == "Choice":
        values["values"] = tuple(tuple(v) if isinstance(v, list) else v for v in values["values"])
    return _KINDS[part["kind"]](**values)


def _is_inside(part: Any, first: Any) -> bool:
    """Whether a range is inside another of its kind with as many points; whether two sets are equal."""
    if type(part) is not type(first) or isinstance(part, Choice):
        return bool(part == first)
    alike = (part.points, part.log) == (first.points, first.log)
    return bool(alike and first.low <= part.low <= part.high <= first.high)
