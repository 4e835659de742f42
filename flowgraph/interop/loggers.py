"""Callbacks that write what is measured after each epoch where other tools show it; each is imported when it starts."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.errors import optional
from flowgraph.training.callbacks import Callback
from flowgraph.training.history import Epoch
from flowgraph.training.settings import strict_settings

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer

__all__ = ["MLflow", "TensorBoard", "WandB"]

_STRANGE = re.compile(r"[^\w.\-/ ]", re.ASCII)
"""What the name of a metric may not hold."""


@strict_settings
class TensorBoard(Callback):
    """Writes event files into a folder, which `tensorboard --logdir` shows.

    Parameters
    ----------
    folder : str or path
        Where the event files are written.
    watch : Watch, optional
        What `fg.watch` gave; its numbers of each layer are written too, at their steps.

    Examples
    --------
    >>> from flowgraph.interop.loggers import TensorBoard
    >>> board = TensorBoard("runs/first")            # fg.fit(..., callbacks=[board])
    """

    def __init__(self, folder: Any, watch: Any = None) -> None:
        self.folder, self.watch = Path(folder), watch
        self._writer: Any = None

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Open an event file in the folder."""
        writers = _module("tensorboard.summary.writer.event_file_writer", "TensorBoard", "tensorboard")
        self._writer = writers.EventFileWriter(str(self.folder))

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Write the measures of the epoch, and what was seen of the layers, and flush them."""
        seen = () if self.watch is None else self.watch.scalars()
        for name, step, value in (
            *((name, epoch.number, value) for name, value in numbers_of_epoch(epoch).items()),
            *seen,
        ):
            self._add(name, step, value)
        self._writer.flush()

    def _add(self, name: str, step: int, value: float) -> None:
        records = _module("tensorboard.compat.proto.summary_pb2", "TensorBoard", "tensorboard")
        events = _module("tensorboard.compat.proto.event_pb2", "TensorBoard", "tensorboard")
        tag = _STRANGE.sub("_", name)  # which TensorBoard shows in its pages
        written = records.Summary(value=[records.Summary.Value(tag=tag, simple_value=value)])
        self._writer.add_event(events.Event(wall_time=time.time(), step=step, summary=written))

    def on_end(self, trainer: Trainer) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class MLflow(Callback):
    """Logs metrics into the MLflow run that is active, or into one of its own, which it ends.

    `settings` is given to `mlflow.start_run` for a run of its own: `MLflow(run_name="first", tags={"data": "iris"})`.
    The settings of the training are logged as parameters.

    Parameters
    ----------
    **settings
        What `mlflow.start_run` takes.

    Examples
    --------
    >>> from flowgraph.interop.loggers import MLflow
    >>> logger = MLflow(run_name="first")            # fg.fit(..., callbacks=[logger])
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self._own = False

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Start a run unless one is active, and log the settings of the training."""
        mlflow = _module("mlflow", "MLflow", "mlflow")
        self._own = mlflow.active_run() is None
        if self._own:
            mlflow.start_run(**self.settings)
        mlflow.log_params(settings_of_trainer(trainer))

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Log the measures of the epoch."""
        _module("mlflow", "MLflow", "mlflow").log_metrics(numbers_of_epoch(epoch), step=epoch.number)

    def on_end(self, trainer: Trainer) -> None:
        """End the run, if it is this logger's own."""
        if self._own:
            self._own = False
            _module("mlflow", "MLflow", "mlflow").end_run()


class WandB(Callback):
    """Logs into the run of Weights & Biases that is open, or into one of its own, which it finishes.

    `settings` is given to `wandb.init` for a run of its own: `WandB(project="iris", mode="offline")`.

    Parameters
    ----------
    **settings
        What `wandb.init` takes.

    Examples
    --------
    >>> from flowgraph.interop.loggers import WandB
    >>> logger = WandB(project="iris")               # fg.fit(..., callbacks=[logger])
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self._run: Any = None
        self._own = False

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Open a run unless one is open, and log the settings of the training."""
        wandb = _module("wandb", "WandB", "wandb")
        self._own = wandb.run is None
        self._run = wandb.init(**self.settings) if self._own else wandb.run
        self._run.config.update(settings_of_trainer(trainer), allow_val_change=True)

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Log the measures of the epoch."""
        self._run.log(numbers_of_epoch(epoch), step=epoch.number)

    def on_end(self, trainer: Trainer) -> None:
        """Finish the run, if it is this logger's own."""
        if self._own and self._run is not None:
            self._run.finish()
        self._run, self._own = None, False


def numbers_of_epoch(epoch: Epoch) -> dict[str, float]:
    """The finite numbers of an epoch under names that every tool takes."""
    row = {name: value for name, value in epoch.row().items() if name != "number" and value is not None}
    return {_STRANGE.sub("_", name): float(value) for name, value in row.items() if math.isfinite(value)}


def settings_of_trainer(trainer: Trainer) -> dict[str, str]:
    """The settings of a training, as text."""
    return {
        "rule": str(trainer.rule), "schedule": str(trainer.schedule), "batch_size": str(trainer.batch_size),
        "seed": str(trainer.seed), "problem": repr(trainer.problem),
    }  # fmt: skip


def _module(name: str, who: str, extra: str) -> Any:
    return optional(name, f"{who}: needs {extra}", extra)
