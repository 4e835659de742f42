"""Early stopping with look-ahead: when to stop, and which parameters were the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from flowgraph.box import Array
from flowgraph.box.kinds import Number
from flowgraph.errors import UsageError
from flowgraph.training.history import Epoch
from flowgraph.training.problem import Problem
from flowgraph.training.settings import SETTINGS, read_fields, strict_settings

Watched: TypeAlias = Literal["objective", "loss", "error"]


@strict_settings
@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the watched measure of the validation data has not improved for `patience` epochs.

    `watch` is "objective", the number that is minimised, regularizers included; "loss", without them; or "error", the
    share of examples whose class is wrong, as in the lecture. The parameters of the epoch in which it was smallest are
    kept. The objective is the default: every problem has one, and it still tells epochs apart between which no
    example changes sides.

    An improvement must be above `minimum_improvement` to renew the patience. Without patience training never stops
    early, and the best parameters are kept all the same.

    Source: Larochelle, Training neural networks, "early stopping", with look-ahead.

    Parameters
    ----------
    patience : int or None, default 10
        Epochs without improvement after which training stops; None never stops it.
    watch : {'objective', 'loss', 'error'}, default 'objective'
        What is watched on the validation data.
    minimum_improvement : float, default 0.0
        What an improvement must exceed, in the unit of what is watched.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.EarlyStopping(patience=5, watch="error")
    EarlyStopping(patience=5, watch='error', minimum_improvement=0.0)
    """

    patience: Annotated[int | None, SETTINGS["patience"]] = 10
    watch: Annotated[Watched, SETTINGS["watch"]] = "objective"
    minimum_improvement: Annotated[float, Number(0)] = 0.0

    def __post_init__(self) -> None:
        read_fields(self)


def find_stopping(given: EarlyStopping | int | None, problem: Problem, validated: bool) -> EarlyStopping:
    """The object itself; a number is a patience; None never stops. What could watch nothing is refused."""
    if given is not None and not validated:
        raise UsageError(
            f"fit: found early_stopping={given!r} without validation data, by which it would stop; needs valid=, "
            f"examples or the share of the data to hold out, 0.1"
        )
    chosen = given
    if not isinstance(chosen, EarlyStopping):
        chosen = EarlyStopping(SETTINGS["patience"].read_setting("fit", "early_stopping", given))
    if chosen.watch not in problem.evaluated.by_name():
        raise UsageError(
            f"fit: found {chosen} for an objective without one loss of classes, which has no error; watch 'objective' "
            f"or 'loss', or say what the error is, fg.Problem(objective, error=...)"
        )
    return chosen


class Lookout:
    """The memory of early stopping: the best epoch so far, its parameters, and how long it has been waited."""

    def __init__(self, settings: EarlyStopping) -> None:
        self.settings = settings
        self.best = math.inf
        self.best_epoch = 0
        self.reference = math.inf
        self.waited = 0
        self.parameters: dict[str, Array] = {}

    def see(self, epoch: Epoch, read: Callable[[], Mapping[str, Array]]) -> None:
        """Take note of an epoch; the parameters are read if it is the best."""
        measured = epoch.valid(self.settings.watch)
        if measured is None:
            return
        if measured < self.best:
            self.best, self.best_epoch = measured, epoch.number
            self.parameters = {name: np.array(value) for name, value in read().items()}
        if measured < self.reference - self.settings.minimum_improvement:
            self.reference, self.waited = measured, 0
        else:
            self.waited += 1

    def verdict(self) -> str | None:
        """The reason to stop, None to continue."""
        if self.settings.patience is None or self.waited < self.settings.patience:
            return None
        return f"no better validation {self.settings.watch} for {self.waited} epoch{'s' * (self.waited > 1)}"

    def record(self) -> dict[str, Any]:
        """The memory but for the parameters, in what JSON holds."""
        return {
            "best": self.best if self.best_epoch else None,
            "best_epoch": self.best_epoch,
            "reference": self.reference if self.best_epoch else None,
            "waited": self.waited,
        }

    def restore(self, record: Mapping[str, Any], parameters: Mapping[str, Array]) -> None:
        """Continue from a record."""
        self.best_epoch, self.waited = record["best_epoch"], record["waited"]
        self.best = math.inf if record["best"] is None else record["best"]
        self.reference = math.inf if record["reference"] is None else record["reference"]
        self.parameters = {name: np.array(value) for name, value in parameters.items()}
