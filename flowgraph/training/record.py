"""The record of a training in a checkpoint, validated before a trainer uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

from flowgraph.training.history import Epoch

_LARGEST = 2**1000
"""A larger whole number is none that a float holds."""


def check_record(record: Any) -> None:
    """Refuse with a ValueError what `Trainer.state` does not write: another type, a number below 0, a name left out."""
    _check_fields("the record", record, _RECORD)
    _check_fields("early stopping", record["lookout"], _LOOKOUT)
    for number, epoch in enumerate(record["history"], 1):
        _check_fields(f"epoch {number} of the history", epoch, _EPOCH)
        if epoch["number"] != number:
            raise ValueError(f"found epoch {epoch['number']!r} where epoch {number} stands")
    if len(record["history"]) != record["epoch"] or record["lookout"]["best_epoch"] > record["epoch"]:
        raise ValueError(f"found {record['epoch']} epochs, but a history of {len(record['history'])}")


def _check_fields(what: str, found: object, needed: Mapping[str, Callable[[Any], bool]]) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"found {what} as {type(found).__name__}")
    strange = found.keys() - needed.keys() if needed is _EPOCH else ()
    if strange:
        raise ValueError(f"found {next(iter(strange))!r} in {what}")
    for name, fits in needed.items():
        if name == "metrics" and name not in found:
            continue
        if name not in found or not fits(found[name]):
            raise ValueError(f"found {name}={found.get(name)!r} in {what}")


def _count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return not isinstance(value, int) or abs(value) <= _LARGEST


def _number_or_none(value: Any) -> bool:
    return value is None or _number(value)


def _numbers_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) and _number(number) for name, number in value.items())


_RECORD = {
    "updates": _count, "epoch": _count, "position": _count, "sums": _numbers_by_name, "seconds": _number,
    "norms": _numbers_by_name, "lookout": lambda value: True, "history": lambda value: isinstance(value, list),
}  # fmt: skip
_LOOKOUT = {"best": _number_or_none, "best_epoch": _count, "reference": _number_or_none, "waited": _count}
_EPOCH: dict[str, Callable[[Any], bool]] = {field.name: _number_or_none for field in fields(Epoch)} | {
    "number": _count, "updates": _count, "learning_rate": _number, "seconds": _number, "train_loss": _number,
    "train_objective": _number,
    "gradient_norms": _numbers_by_name, "metrics": _numbers_by_name,
}  # fmt: skip
