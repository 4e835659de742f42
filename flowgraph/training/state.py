"""Where a training stands, as arrays and a record of plain values; a trainer that it does not fit refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flowgraph.box import Array
from flowgraph.box.leaves import Parameter
from flowgraph.errors import FeedError, UsageError


class State(NamedTuple):
    """Where a training stands: arrays by name, and a record of what JSON holds."""

    arrays: dict[str, Array]
    record: dict[str, Any]


def read_state(found: Any) -> State:
    """The state, refused where it is none."""
    if not isinstance(found, State):
        what = type(found).__name__
        raise UsageError(f"restore: found {what} as the state, needs trainer.state() or load_checkpoint(path)")
    return found


def check_identity(record: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse a record of a training that differs in what a trainer is known by, or of one that measured otherwise."""
    for what, needed in identity.items():
        if record.get(what) != needed:
            raise UsageError(
                f"restore: found a state with {what} {record.get(what)!r}, but this trainer has {needed!r}; "
                f"give the trainer what it had when the state was taken"
            )
    if "sums" not in record:
        raise UsageError(
            "restore: found a state of an older flowgraph, which measured something else; begin the training anew"
        )


def check_arrays(arrays: Mapping[str, Array], owned: Mapping[str, Parameter]) -> None:
    """Refuse arrays that are not those of the parameters of a trainer."""
    for name, parameter in owned.items():
        found = arrays.get(name)
        if found is None or found.shape != parameter.shape or found.dtype != parameter.dtype:
            what = "no array" if found is None else f"{found.dtype} of shape {found.shape}"
            raise FeedError(
                f"restore: found {what} for {name!r}, needs {parameter.dtype} of shape {parameter.shape}; "
                f"the state belongs to another model or rule"
            )
