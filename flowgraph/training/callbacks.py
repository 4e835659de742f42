"""Callbacks, which are called during a training and may stop it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError
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
        """Called at the very end, also after an error: the place to close files.

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


class Listeners(Callback):
    """Several callbacks as one, called in order."""

    def __init__(self, given: Sequence[object]) -> None:
        self.callbacks = [as_callback(one) for one in given]

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Tell all that training begins."""
        for one in self.callbacks:
            one.on_start(trainer, epochs)

    def on_step(self, trainer: Trainer) -> None:
        """Tell all of a step."""
        for one in self.callbacks:
            one.on_step(trainer)

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Tell all of an epoch."""
        for one in self.callbacks:
            one.on_epoch(trainer, epoch)

    def on_stop(self, trainer: Trainer) -> None:
        """Tell all that the last step was made."""
        for one in self.callbacks:
            one.on_stop(trainer)

    def on_end(self, trainer: Trainer) -> None:
        """Tell all that it is over."""
        for one in self.callbacks:
            one.on_end(trainer)
