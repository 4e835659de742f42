"""The progress of a training: a bar in terminals and notebooks, lines of the `logging` library everywhere else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flowgraph.training.callbacks import Callback
from flowgraph.training.history import Epoch

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer

logger = logging.getLogger("flowgraph.training")


def progress_callback(wanted: bool | None, console: Any = None) -> Callback:
    """A bar, or lines; None decides by where the output goes, and without rich there are only lines."""
    if wanted is False:
        return Callback()
    try:
        from rich.console import Console
    except ImportError:
        return Lines(wanted is True)
    console = Console() if console is None else console
    if console.is_terminal or console.is_jupyter:
        return Bar(console)
    return Lines(wanted is True, console.print)


class Bar(Callback):
    """One bar, renewed at most ten times a second, which says where training stands."""

    def __init__(self, console: Any) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        )

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Show the bar."""
        self.task = self.progress.add_task("training", total=epochs, completed=trainer.epoch)
        self.progress.start()

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Move the bar on, with the measures of the epoch beside it."""
        self.progress.update(self.task, completed=epoch.number, description=describe(epoch))

    def on_end(self, trainer: Trainer) -> None:
        """Leave the bar as it is."""
        self.progress.stop()


class Lines(Callback):
    """A line about every tenth of the epochs: printed where it was asked for, else logged."""

    def __init__(self, printed: bool, write: Any = print) -> None:
        self.tell = write if printed else logger.info

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Note how many epochs there are."""
        self.epochs = epochs

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Write the measures of every tenth epoch and of the last."""
        if epoch.number % max(self.epochs // 10, 1) == 0 or epoch.number == self.epochs:
            self.tell(f"epoch {epoch.number}/{self.epochs}: {describe(epoch)}")


def describe(epoch: Epoch) -> str:
    """The measures of an epoch in a line."""
    parts = [f"objective {epoch.train_objective:.4g}"]
    if epoch.valid_objective is not None:
        parts.append(f"valid {epoch.valid_objective:.4g}")
    error = epoch.train_error if epoch.valid_objective is None else epoch.valid_error
    return ", ".join(parts + ([] if error is None else [f"error {error:.1%}"]))
