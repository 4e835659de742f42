"""The settings of the demo, and its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowgraph.checking import Report
from flowgraph.training import Epoch, History


@dataclass(frozen=True)
class Settings:
    """The settings of the demo; the seed fixes the split, the initial weights and the order of the examples."""

    seed: int = 0
    epochs: int = 40
    hidden: int = 128
    batch_size: int = 32
    learning_rate: float = 0.1
    momentum: float = 0.9
    regularization: float = 1e-3


@dataclass(frozen=True)
class Summary:
    """What came out: the error on the test examples at the epoch with the best validation error."""

    test_error: float
    history: History
    check: Report
    seconds: float
    files: tuple[Path, ...]

    @property
    def best(self) -> Epoch:
        """The epoch with the smallest validation error."""
        return self.history.best
