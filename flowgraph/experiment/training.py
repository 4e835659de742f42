"""Train by settings into a run folder, resumable at every instant, and test the best network once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from flowgraph.data import Examples
from flowgraph.errors import TestSetError, UsageError
from flowgraph.experiment.experiment import Experiment, error_of, predict
from flowgraph.experiment.folder import RunFolder
from flowgraph.experiment.report import Tested, write_report
from flowgraph.experiment.settings import TrainSettings
from flowgraph.graph import Graph
from flowgraph.markup import text
from flowgraph.saving.graph_file import save
from flowgraph.training.checkpoint import Checkpoint, resume
from flowgraph.training.history import History
from flowgraph.training.preflight import examine


@dataclass(frozen=True, repr=False)
class Outcome:
    """What came out: `test_error` is None after an interruption, and where the test set was opened for another model.

    Errors are shares of wrong classes, or for numbers the root of the mean squared error in their own unit.

    Parameters
    ----------
    history : History
        What was measured after each epoch.
    valid_error, test_error : float
        Errors of the best network on the validation and test examples.
    classes : tuple of str
        Names of the classes; none for targets that are numbers.
    interrupted : bool
        Whether training was interrupted.
    note : str, optional
        What should be known beside.
    files : tuple of Path, default ()
        Files that were written.

    Examples
    --------
    >>> import tempfile
    >>> from flowgraph.experiment import TrainSettings, train
    >>> train(TrainSettings("moons", epochs=2), tempfile.mkdtemp() + "/run").interrupted
    False
    """

    history: History
    valid_error: float
    test_error: float | None
    classes: tuple[str, ...]
    interrupted: bool
    note: str | None = None
    files: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        errors = f"validation error {self.words(self.valid_error)}, test error {self.words(self.test_error)}"
        return f"<Outcome of {len(self.history)} epochs: {errors}>"

    def _repr_html_(self) -> str:
        return f"<div><p><b>{text(repr(self).strip('<>'))}</b></p>{self.history._repr_html_()}</div>"

    def words(self, error: float | None) -> str:
        """An error rate or a squared error as text.

        Parameters
        ----------
        error : float or None
            The error.

        Returns
        -------
        str
            A percentage for classes, else four digits; "none" for None.
        """
        return "none" if error is None else f"{error:.2%}" if self.classes else f"{error:.4g}"


def train(
    settings: TrainSettings,
    folder: str | PathLike[str],
    *,
    checks: bool = True,
    callbacks: Sequence[Any] = (),
    seconds: float = 5.0,
) -> Outcome:
    """Train into a new folder, alone. A checkpoint is written at most every so many `seconds`, and at the end.

    Parameters
    ----------
    settings : TrainSettings
        What fixes the training.
    folder : str or path
        The run folder, which must be new.
    checks : bool, default True
        Whether data and model are checked first.
    callbacks : sequence, default ()
        Callbacks, as in `fg.fit`.
    seconds : float, default 5.0
        Least time between two checkpoints, in seconds.

    Returns
    -------
    Outcome
        Errors, history, and the files that were written.

    Examples
    --------
    >>> import tempfile
    >>> from flowgraph.experiment import TrainSettings, train
    >>> outcome = train(TrainSettings("moons", epochs=2), tempfile.mkdtemp() + "/run")
    >>> len(outcome.history)
    2
    """
    experiment = Experiment(settings)
    run = folder if isinstance(folder, RunFolder) else RunFolder(folder)
    with run.held():
        return begin(experiment, run, checks=checks, callbacks=callbacks, seconds=seconds)


def resume_training(
    folder: str | PathLike[str], *, epochs: int | None = None, callbacks: Sequence[Any] = (), seconds: float = 5.0
) -> Outcome:
    """Continue the run in a folder, optionally to more epochs, with bitwise the results of an uninterrupted run.

    Parameters
    ----------
    folder : str or path
        The run folder.
    epochs : int, optional
        Another largest number of epochs.
    callbacks : sequence, default ()
        Callbacks, as in `fg.fit`.
    seconds : float, default 5.0
        Least time between two checkpoints, in seconds.

    Returns
    -------
    Outcome
        Errors, history, and the files that were written.

    Examples
    --------
    >>> import tempfile
    >>> from flowgraph.experiment import TrainSettings, resume_training, train
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> _ = train(TrainSettings("moons", epochs=2), folder)
    >>> len(resume_training(folder, epochs=3).history)
    3
    """
    run = folder if isinstance(folder, RunFolder) else RunFolder(folder)
    run.read()  # what is no run stays as it is
    with run.held():
        return go_on(run, epochs=epochs, callbacks=callbacks, seconds=seconds)


def begin(
    experiment: Experiment, run: RunFolder, *, checks: bool = True, callbacks: Sequence[Any] = (), seconds: float = 5.0
) -> Outcome:
    """Train in a folder that is held."""
    run.start(experiment.settings, experiment.examples.fingerprint)
    return _run(experiment, run, checks, callbacks, seconds)


def go_on(run: RunFolder, *, epochs: int | None = None, callbacks: Sequence[Any] = (), seconds: float = 5.0) -> Outcome:
    """Continue the run in a folder whose lock is held."""
    settings, fingerprint = run.read()
    run.remove_leftovers()
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    experiment = Experiment(settings)
    if experiment.examples.fingerprint != fingerprint:
        raise UsageError(
            f"{settings.source}: its examples are not those that the run in {run.path} began with; bring them back, "
            f"or train anew into another folder"
        )
    run.write_config(settings, fingerprint)
    return _run(experiment, run, False, callbacks, seconds)


def _run(experiment: Experiment, run: RunFolder, checks: bool, callbacks: Sequence[Any], seconds: float) -> Outcome:
    trainer = experiment.trainer()
    if run.checkpoint.exists():
        resume(run.checkpoint, trainer)
    elif checks:
        examine(experiment.problem, trainer.examples(), trainer.seed).tell()
    history = trainer.run(
        experiment.settings.epochs, [*callbacks, Checkpoint(run.checkpoint, seconds=seconds, lock=False)]
    )
    predictor = experiment.predictor
    save(run.model, predictor)
    valid_error = error_of(predict(predictor, experiment.raw.valid.x), experiment.raw.valid)
    outcome = Outcome(history, valid_error, None, experiment.classes, trainer.stopped == "interrupted")
    tested = None
    if not outcome.interrupted:
        tested, note = _tested(experiment, run, predictor)
        outcome = replace(outcome, test_error=error_of(*tested) if tested else None, note=note)
    return replace(outcome, files=_write(experiment, run, outcome, tested))


def _tested(experiment: Experiment, run: RunFolder, predictor: Graph) -> tuple[tuple[Any, Examples] | None, str | None]:
    """The output for the test examples, and these; or why they stay closed."""
    try:
        test = experiment.raw.recorded(run.test_record).test.open(run.model_checksum())
    except TestSetError:
        return None, (
            f"the test examples were opened for an earlier model of this run ({run.test_record}); a second look would "
            f"choose by them, so this model has no test error"
        )
    return (predict(predictor, test.x), test), None


def _write(experiment: Experiment, run: RunFolder, outcome: Outcome, tested: Tested | None) -> tuple[Path, ...]:
    """The files that a person looks at; where no epoch is complete there is nothing to show."""
    files = [run.config, run.checkpoint, run.model]
    history = outcome.history
    if len(history):
        record: dict[str, Any] = {
            "ended": history.ended, "epochs": len(history), "best_epoch": history.best.number,
            "updates": history.epochs[-1].updates, "valid_error": outcome.valid_error,
            "test_error": outcome.test_error, "classes": list(outcome.classes),
            "columns": list(experiment.examples.columns),
        }  # fmt: skip
        if experiment.preparation is not None:
            record["preparation"] = experiment.preparation.as_dict()
        raw = experiment.raw
        tiles = [
            ("test error", outcome.words(outcome.test_error)),
            (f"validation error, epoch {history.best.number}", outcome.words(outcome.valid_error)),
            ("examples to train, validate, test", f"{len(raw.train):,} / {len(raw.valid):,} / {len(raw.test):,}"),
            ("epochs", str(len(history))),
            ("training", f"{sum(history['seconds']):.1f} s"),
        ]
        files += [history.to_csv(run.history), run.write_json(run.result, record)]
        files += write_report(experiment, run, history, tiles, tested)
    return tuple(files)
