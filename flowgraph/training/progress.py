"""The progress of a training: a bar in terminals and notebooks, lines of the `logging` library everywhere else."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from flowgraph.markup import text
from flowgraph.training.callbacks import Callback
from flowgraph.training.history import Epoch

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer

RENEWED = 0.1
"""Seconds between two states of a bar in a notebook: more are not seen, and each is a message to the browser."""

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
    if console.is_jupyter:
        return Cell()
    if console.is_terminal:
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
        """Advance the bar, with the measures of the epoch."""
        self.progress.update(self.task, completed=epoch.number, description=describe(epoch))

    def on_end(self, trainer: Trainer) -> None:
        """Leave the bar as it is."""
        self.progress.stop()


class Cell(Callback):
    """A bar in a cell of a notebook, as HTML that is renewed in its place: nothing but IPython is needed."""

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Show the bar."""
        from IPython.display import display

        self.epochs, self.done, self.said, self.shown = epochs, trainer.epoch, "training", time.monotonic()
        self.handle: Any = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Move the bar on, with the measures of the epoch beside it, unless it has just been renewed."""
        self.done, self.said = epoch.number, describe(epoch)
        if time.monotonic() - self.shown > RENEWED:
            self._renew()

    def on_end(self, trainer: Trainer) -> None:
        """Leave the bar at the last epoch."""
        self._renew()

    def _renew(self) -> None:
        self.shown = time.monotonic()
        if self.handle is not None:  # None where IPython runs outside of a notebook
            self.handle.update(self)

    def __repr__(self) -> str:
        return f"epoch {self.done}/{self.epochs}: {self.said}"

    def _repr_html_(self) -> str:
        bar = f'<progress value="{self.done}" max="{self.epochs}"></progress>'
        return f"<div>{bar} {text(repr(self))}</div>"


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
