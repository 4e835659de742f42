"""Callbacks: what is told of a training while it runs, and may stop it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flowgraph.errors import UsageError
from flowgraph.training.history import Epoch

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer


class Callback:
    """What is told of a training; a subclass overrides what it wants to hear.

    A plain function is a callback too: it is called with the trainer and the epoch, after each epoch. Either may call
    `trainer.stop("why")`, and read `trainer.state()`.
    """

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Before the first step; training goes on until `epochs` epochs are complete."""

    def on_step(self, trainer: Trainer) -> None:
        """After each step."""

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """After each epoch, when it has been measured."""

    def on_stop(self, trainer: Trainer) -> None:
        """After the last step, before the best parameters are put back: the state is that to go on from."""

    def on_end(self, trainer: Trainer) -> None:
        """At the very end, after an error too: the place to close what is open."""


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
