"""Callbacks, which are called during a training and may stop it; those that show its progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError
from flowgraph.markup import text
from flowgraph.training.history import Epoch

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer


class Callback:
    """The base class of callbacks; a subclass overrides the events that it needs.

    A plain function is a callback too: it is called with the trainer and the epoch, after each epoch. Either may call
    `trainer.stop("why")`, and read `trainer.state()`.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> class Stop(fg.Callback):
    ...     def on_epoch(self, trainer, epoch):
    ...         if epoch.train_objective < 1.0:
    ...             trainer.stop("good enough")
    >>> mlp = fg.MLP([2, 2], rng=0)
    >>> fg.fit(mlp, (np.eye(2), [0, 1]), callbacks=[Stop()], checks=False, progress=False).ended
    'ended: good enough'
    """

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Called before the first step.

        Parameters
        ----------
        trainer : Trainer
            The trainer.
        epochs : int
            The number of epochs after which the training ends.
        """

    def on_step(self, trainer: Trainer) -> None:
        """Called after each step.

        Parameters
        ----------
        trainer : Trainer
            The trainer.
        """

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Called after each epoch, once it has been measured.

        Parameters
        ----------
        trainer : Trainer
            The trainer.
        epoch : Epoch
            The measures of the epoch.
        """

    def on_stop(self, trainer: Trainer) -> None:
        """Called after the last step, while the model still has its last parameters, not yet the best ones.

        Parameters
        ----------
        trainer : Trainer
            The trainer; `trainer.state()` is the state from which training can continue.
        """

    def on_end(self, trainer: Trainer) -> None:
        """Called at the very end, also after an error: the place to close files. An interrupt in it calls it again.

        Parameters
        ----------
        trainer : Trainer
            The trainer.
        """


class _OfFunction(Callback):
    def __init__(self, function: Callable[[Trainer, Epoch], Any]) -> None:
        self.function = function

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        self.function(trainer, epoch)


def as_callback(given: object) -> Callback:
    """A callback of an object or of a function."""
    if isinstance(given, Callback):
        return given
    if callable(given) and not isinstance(given, type):
        return _OfFunction(given)
    raise UsageError(
        f"callbacks: found {given!r}, needs a function of (trainer, epoch) or an object of a Callback class"
    )


def listed_callbacks(given: Any) -> list[Any]:
    """The callbacks of a training, which are given as a sequence."""
    if not isinstance(given, Iterable):
        raise UsageError(f"fit: found callbacks={given!r}, needs a list of them, [{given!r}]")
    return list(given)


def tell(callbacks: Sequence[Callback], event: str, *arguments: Any) -> None:
    """Call a method of all callbacks, in order."""
    for callback in callbacks:
        getattr(callback, event)(*arguments)


def hear_steps(callbacks: Sequence[Callback]) -> list[Callback]:
    """Those that do something after each step; where there are none, an epoch of steps is one loop."""
    return [callback for callback in callbacks if getattr(callback.on_step, "__func__", None) is not Callback.on_step]


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

        self.epochs, self.done, self.said, self.shown = epochs, trainer.epoch, "training", time.perf_counter()
        self.handle: Any = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Move the bar on, with the measures of the epoch beside it, unless it has just been renewed."""
        self.done, self.said = epoch.number, describe(epoch)
        if time.perf_counter() - self.shown > RENEWED:
            self._renew()

    def on_end(self, trainer: Trainer) -> None:
        """Leave the bar at the last epoch."""
        self._renew()

    def _renew(self) -> None:
        self.shown = time.perf_counter()
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
