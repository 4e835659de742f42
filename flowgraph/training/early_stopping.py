"""Early stopping with look-ahead: when to stop, and which parameters were the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import UsageError
from flowgraph.training.history import Epoch
from flowgraph.training.settings import keep, read_count, read_number


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the validation loss or error has not improved for `patience` epochs.

    An improvement must be above `minimum_improvement` to renew the patience. Without patience training never stops
    early, and the best parameters are kept all the same. Where there is no validation data, nothing is kept.

    Source: Larochelle, Training neural networks, "early stopping", with look-ahead.
    """

    patience: int | None = 10
    watch: str = "loss"
    minimum_improvement: float = 0.0

    def __post_init__(self) -> None:
        if self.watch not in ("loss", "error"):
            raise UsageError(f"EarlyStopping: found watch={self.watch!r}, needs 'loss' or 'error'")
        if self.patience is not None:
            patience = read_count("EarlyStopping", "patience", self.patience, otherwise=", or None to go on to the end")
            keep(self, "patience", patience)
        least = read_number("EarlyStopping", "minimum_improvement", self.minimum_improvement, low=0)
        keep(self, "minimum_improvement", least)


def find_stopping(given: EarlyStopping | int | None) -> EarlyStopping:
    """The object itself; a number is a patience; None never stops."""
    return given if isinstance(given, EarlyStopping) else EarlyStopping(given)


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
        found = epoch.valid_loss if self.settings.watch == "loss" else epoch.valid_error
        if found is None:
            return
        if found < self.best:
            self.best, self.best_epoch = found, epoch.number
            self.parameters = {name: np.array(value) for name, value in read().items()}
        if found < self.reference - self.settings.minimum_improvement:
            self.reference, self.waited = found, 0
        else:
            self.waited += 1

    def verdict(self) -> str | None:
        """Why to stop, None to go on."""
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
        """Go on where a record was taken."""
        self.best_epoch, self.waited = record["best_epoch"], record["waited"]
        self.best = math.inf if record["best"] is None else record["best"]
        self.reference = math.inf if record["reference"] is None else record["reference"]
        self.parameters = {name: np.array(value) for name, value in parameters.items()}
