"""The state of a training as arrays and a record of plain values; one that is damaged or does not fit is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, NamedTuple

from flowgraph.box import Array, Box, Constant, Leaf, registry_name
from flowgraph.box.leaves import Parameter, Random
from flowgraph.box.random_draws import Draw
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import Graph
from flowgraph.saving.limits import excerpt
from flowgraph.training.examples import Fed
from flowgraph.training.history import Epoch
from flowgraph.training.problem import Problem

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


def _check_fields(what: str, record: object, needed: Mapping[str, Callable[[Any], bool]]) -> None:
    if not isinstance(record, dict):
        raise ValueError(f"found {what} as {type(record).__name__}")
    strange = record.keys() - needed.keys() if needed is _EPOCH else ()
    if strange:
        raise ValueError(f"found {next(iter(strange))!r} in {what}")
    for name, fits in needed.items():
        if name == "metrics" and name not in record:
            continue
        if name not in record or not fits(record[name]):
            raise ValueError(f"found {name}={record.get(name)!r} in {what}")


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


def read_state(state: object) -> State:
    """The state, refused where it is none."""
    if not isinstance(state, State):
        what = type(state).__name__
        raise UsageError(f"restore: found {what} as the state, needs trainer.state() or load_checkpoint(path)")
    return state


def check_identity(record: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse a record of a training with other settings or other measures."""
    for what, needed in identity.items():
        if record.get(what) != needed:
            raise UsageError(
                f"restore: found a state with {what} {excerpt(repr(record.get(what)))}, but this trainer has "
                f"{needed!r}; give the trainer what it had when the state was taken"
            )
    if "sums" not in record:
        raise UsageError(
            "restore: found a state of an older flowgraph, which measured something else; begin the training anew"
        )


def check_progress(record: Mapping[str, Any], sums: Mapping[str, Sequence[str]], train: Sized | None) -> None:
    """Refuse a record of other measures or layers, or of a place in an epoch that is longer than this one."""
    for what, own in sums.items():
        if record[what].keys() != set(own):
            raise UsageError(
                f"restore: found a state with {what} of {excerpt(', '.join(record[what]))}, this trainer has those of "
                f"{', '.join(own)}"
            )
    if train is not None and record["position"] > len(train):
        raise UsageError(
            f"restore: found a state after {record['position']} examples of an epoch; this trainer has {len(train)}"
        )


def check_arrays(arrays: Mapping[str, Array], owned: Mapping[str, Parameter]) -> None:
    """Refuse arrays that are not those of the parameters of a trainer."""
    for name, parameter in owned.items():
        array = arrays.get(name)
        if array is None or array.shape != parameter.shape or array.dtype != parameter.dtype:
            what = "no array" if array is None else f"{array.dtype} of shape {array.shape}"
            raise FeedError(
                f"restore: found {what} for {name!r}, needs {parameter.dtype} of shape {parameter.shape}; "
                f"the state belongs to another model or rule"
            )


FINGERPRINTS = "fingerprints"
"""Where in the record of a state that was read from a file the checksums of objective and data stand."""

PART = 4096
"""As many examples are read at once for a checksum."""


def fingerprints(problem: Problem, train: Fed | None, valid: Fed | None) -> dict[str, str | None]:
    """Checksums of the graphs and the data on which a state depends."""
    evaluated, names = problem.evaluate is not problem.objective, problem.graph.names
    return {
        "objective": structure_fingerprint(problem.graph),
        "evaluate=": structure_fingerprint(Graph(problem.evaluate)) if evaluated else None,
        "updates=": structure_fingerprint(Graph(*problem.updates.values())) if problem.updates else None,
        "training data": _digest(names, train),
        "validation data": _digest(names, valid),
    }


def check_fingerprints(written: object, own: Mapping[str, str | None]) -> None:
    """Refuse a state from a file that was written in a training of another objective or of other data."""
    if not isinstance(written, dict):
        raise UsageError(f"resume: found {FINGERPRINTS}={written!r} in the checkpoint, needs a dict of checksums")
    for what, fingerprint in own.items():
        if fingerprint != written.get(what):
            raise UsageError(
                f"resume: the checkpoint was written in a training with another {what}; give the trainer what it had "
                f"then, in the same order, or start anew without the checkpoint"
            )


def structure_fingerprint(graph: Graph) -> str:
    """A checksum of the boxes of a graph, their settings and constants, and not of the values of parameters."""
    total = hashlib.sha256()
    for box in graph:
        places = [graph.slots[child] for child in box.children]
        total.update(repr((registry_name(type(box)), graph.names[box], places, box.outputs)).encode())
        if isinstance(box, Constant):
            total.update(repr((box.shape, box.dtype.str)).encode() + box.value.tobytes())
        elif isinstance(box, Random):
            draw = box.draw
            named = isinstance(draw, Draw)
            total.update((repr(draw) if named else getattr(draw, "__qualname__", type(draw).__qualname__)).encode())
        elif not isinstance(box, Leaf):
            total.update(repr(sorted(box.setting_values().items())).encode())
    return total.hexdigest()


def _digest(names: Mapping[Box, str], examples: Fed | None) -> str | None:
    """A checksum of the arrays by the names of their inputs, read in parts; there is none of a stream."""
    if examples is None:
        return None
    by_name: dict[str, Array] = {names[box]: array for box, array in examples.arrays.items()}
    total = hashlib.sha256()
    for name, array in sorted(by_name.items()):
        total.update(repr((name, array.shape, array.dtype.str)).encode())
        for start in range(0, len(array), PART):
            total.update(array[start : start + PART].tobytes())
    if examples.rows is not None:
        total.update(examples.rows.tobytes())
    return total.hexdigest()
