"""The state of a training as arrays and a record of plain values; one that is damaged or does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, NamedTuple

from flowgraph.box import Array
from flowgraph.box.leaves import Parameter
from flowgraph.errors import FeedError, UsageError
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


class State(NamedTuple):
    """Where a training stands: arrays by name, and a record of what JSON holds.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Parameters, and what the rule remembers, by name.
    record : dict
        Counts, sums of the epoch, early stopping and history, as JSON holds them; "fingerprints" of objective and data
        where it comes from a file.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> trainer = fg.Trainer(fg.MLP([3, 3], rng=0), (np.eye(3), np.arange(3)))
    >>> trainer.run(1).ended, trainer.state().record["epoch"]
    ('ended after 1 epoch', 1)
    """

    arrays: dict[str, Array]
    record: dict[str, Any]


def read_state(found: object) -> State:
    """The state, refused where it is none."""
    if not isinstance(found, State):
        what = type(found).__name__
        raise UsageError(f"restore: found {what} as the state, needs trainer.state() or load_checkpoint(path)")
    return found


def check_identity(record: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse a record of a training with other settings or other measures."""
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


def check_progress(record: Mapping[str, Any], sums: Mapping[str, Mapping[str, Any]], train: Sized | None) -> None:
    """Refuse a record of other measures or layers, or of a place in an epoch that is longer than this one."""
    for what, own in sums.items():
        if record[what].keys() != own.keys():
            raise UsageError(
                f"restore: found a state with {what} of {', '.join(record[what])}, this trainer has those of "
                f"{', '.join(own)}"
            )
    if train is not None and record["position"] > len(train):
        raise UsageError(
            f"restore: found a state after {record['position']} examples of an epoch; this trainer has {len(train)}"
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
