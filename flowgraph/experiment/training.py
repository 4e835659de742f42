"""Train by settings into a run folder, resumable at every instant; test the best network once, and write the report."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

from flowgraph.errors import TestSetError, UsageError
from flowgraph.experiment.experiment import Experiment, error_of
from flowgraph.experiment.folder import RunFolder
from flowgraph.experiment.scores import Scores, scores_of
from flowgraph.experiment.settings import TrainSettings
from flowgraph.graph import Graph
from flowgraph.graph.table import HEADINGS, graph_rows
from flowgraph.markup import fold_text, text
from flowgraph.remedies import Remedy, words_of
from flowgraph.saving.graph_file import save
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.training.checkpoint import Checkpoint, load_checkpoint
from flowgraph.training.display import history_picture
from flowgraph.training.evaluation import predict
from flowgraph.training.history import Advice, History, advice_html, findings_html
from flowgraph.training.preflight import examine
from flowgraph.training.report_page import figure, report_page, scrolling_table, settings_table

MOST_DROPOUT = 0.5
"""The largest rate that is advised: the one at which as many units are dropped as are kept."""


def write_report(
    experiment: Experiment, run: RunFolder, history: History, tiles: list[tuple[str, str]], scores: Scores | None
) -> list[Path]:
    """Write both pictures and the page that shows them."""
    graph, curve = experiment.predictor.to_svg(), history_picture(history, ".svg")
    mlp, settings = experiment.mlp, experiment.settings
    count = sum(parameter.value.size for parameter in mlp.parameters)
    title = f"{Path(settings.source).name}: {' → '.join(map(str, mlp.sizes))}, {count:,} parameters"
    lead = (
        f"{text(history.ended)}; the network is that of epoch {history.best.number}, the best by the\n"
        f"{text(history.watch)} of the validation examples."
    )
    sections = [
        ("What the curves say", findings_html(history.diagnosis.findings) + advice_of_run(history, settings, run)),
        ("Learning curve", figure(curve.decode(), "curve", "learning curve")),
        ("Test examples", scores.section() if scores else ""),
        ("Columns", scrolling_table(("column", "read as"), _account_rows(experiment)) if experiment.account else ""),
        ("Flow graph", figure(graph, "graph", "flow graph")
         + fold_text("all boxes as a table", scrolling_table(HEADINGS, graph_rows(experiment.predictor), 4))),
        ("Settings", settings_section(settings)),
    ]  # fmt: skip
    links = [(path.name, what) for path, what in (
        (run.history, "Every epoch as a table"), (run.curve_picture, "Learning curve"),
        (run.graph_picture, "Flow graph"), (run.config, "Settings as JSON"), (run.result, "Result as JSON"),
    )]  # fmt: skip
    return [
        replace_text(run.graph_picture, graph),
        replace_file(run.curve_picture, curve),
        replace_text(run.report, report_page(title, lead, tiles, links, sections)),
    ]


def _account_rows(experiment: Experiment) -> list[tuple[str, str]]:
    """What became of the columns of a table, with the options of the command line that change it."""
    return [(name, words_of(words, Remedy.as_options)) for name, words in experiment.account]


def advice_of_run(history: History, settings: TrainSettings, run: RunFolder) -> str:
    """What to try next, with the options of the command line that do it."""
    return advice_html([_line(advice, settings, run) for advice in history.diagnosis.advice])


def _line(advice: Advice, settings: TrainSettings, run: RunFolder) -> str:
    options = _options(advice, settings)
    if not options:
        return text(advice.text)
    command = (
        f"flowgraph train --resume {options} -o {shlex.quote(str(run.path))}" if advice.setting == "epochs" else options
    )
    return f"{text(advice.text)}: <code>{text(command)}</code>"


def _options(advice: Advice, settings: TrainSettings) -> str:
    """The option that changes a setting by the factor; empty where the advice names none or it would change nothing."""
    if advice.setting is None:
        return ""
    now = settings.update_rule.default_rate if settings.learning_rate is None else settings.learning_rate
    current = now if advice.setting == "learning_rate" else getattr(settings, advice.setting)
    if isinstance(current, tuple):
        value = ",".join(f"{round(size * advice.factor)}" for size in current)
    elif isinstance(current, int):
        value = f"{round(current * advice.factor)}"
    else:
        value = f"{current * advice.factor if current else advice.start:.3g}"
    if advice.setting == "dropout":
        value = f"{min(float(value), MOST_DROPOUT):.3g}"
    unchanged = not value or value == f"{current}"
    return "" if unchanged else Remedy({advice.setting: value}).as_options()


def settings_section(settings: TrainSettings, without: Collection[str] = ()) -> str:
    """The settings that were chosen, and folded away all others; those in `without` are left out."""
    shown: dict[str, Any] = settings.as_dict()
    usual = {field.name: field.default for field in fields(settings)}
    if settings.learning_rate is None:
        shown["learning_rate"] = f"{settings.update_rule.default_rate:g}, the usual one of {settings.rule}"
    names = [name for name in shown if name not in without]
    chosen = [(name, shown[name]) for name in names if getattr(settings, name) != usual[name]]
    others = [(name, shown[name]) for name in names if getattr(settings, name) == usual[name]]
    return settings_table(chosen) + fold_text("all others, at their defaults", settings_table(others))


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
    scores : Scores, optional
        Measures of the best network on the test examples, beside a baseline.

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
    scores: Scores | None = None

    def __repr__(self) -> str:
        errors = f"validation error {self.words(self.valid_error)}, test error {self.words(self.test_error)}"
        return f"<Outcome of {len(self.history)} epochs: {errors}>"

    def _repr_html_(self) -> str:
        return f"<div><p><b>{text(repr(self).strip('<>'))}</b></p>{self.history._repr_html_()}</div>"

    @property
    def measure(self) -> str:
        """What an error is: the share of wrong classes, or the root mean squared error of numbers."""
        return "share of wrong classes" if self.classes else "root mean squared error"

    def words(self, error: float | None) -> str:
        """An error rate or a squared error as text.

        Parameters
        ----------
        error : float or None
            The error.

        Returns
        -------
        str
            A percentage for classes, else six digits; "none" for None.
        """
        return "none" if error is None else f"{error:.2%}" if self.classes else f"{error:.6g}"


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
    with run.lock_for_writing():
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
    run.read_config()  # what is no run stays as it is
    with run.lock_for_writing():
        return go_on(run, epochs=epochs, callbacks=callbacks, seconds=seconds)


def begin(
    experiment: Experiment, run: RunFolder, *, checks: bool = True, callbacks: Sequence[Any] = (), seconds: float = 5.0
) -> Outcome:
    """Train in a folder that is held."""
    run.start(experiment.settings, experiment.examples.fingerprint)
    return _run(experiment, run, checks, callbacks, seconds)


def go_on(run: RunFolder, *, epochs: int | None = None, callbacks: Sequence[Any] = (), seconds: float = 5.0) -> Outcome:
    """Continue the run in a folder whose lock is held."""
    settings, fingerprint = run.read_config()
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
        trainer.restore(load_checkpoint(run.checkpoint))
    elif checks:
        examine(trainer.problem, trainer.examples(), trainer.seed).tell()
    history = trainer.run(
        experiment.settings.epochs, [*callbacks, Checkpoint(run.checkpoint, seconds=seconds, lock=False)]
    )
    predictor = experiment.predictor
    save(run.model, predictor)
    valid_error = error_of(predict(predictor, experiment.raw.valid.x), experiment.raw.valid)
    outcome = Outcome(history, valid_error, None, experiment.classes, trainer.interrupted)
    if not outcome.interrupted:
        outcome = _score_test(outcome, experiment, run, predictor)
    return replace(outcome, files=_write(experiment, run, outcome))


def _score_test(outcome: Outcome, experiment: Experiment, run: RunFolder, predictor: Graph) -> Outcome:
    """The outcome with the scores of the test examples, or with a note why they stay closed."""
    try:
        test = experiment.raw.recorded(run.test_record).test.open(run.model_checksum())
    except TestSetError:
        note = (
            f"the test examples were opened for an earlier model of this run ({run.test_record}); a second look would "
            f"choose by them, so this model has no test error"
        )
        return replace(outcome, note=note)
    output = predict(predictor, test.x)
    scores = scores_of(output, test, experiment.raw.train.y)
    return replace(outcome, test_error=error_of(output, test), scores=scores)


def _write(experiment: Experiment, run: RunFolder, outcome: Outcome) -> tuple[Path, ...]:
    """The files that a person looks at; where no epoch is complete there is nothing to show."""
    files = [run.config, run.checkpoint, run.model]
    history = outcome.history
    if len(history):
        record: dict[str, Any] = {
            "ended": history.ended, "epochs": len(history), "best_epoch": history.best.number,
            "updates": history.epochs[-1].updates, "valid_error": outcome.valid_error,
            "test_error": outcome.test_error, "classes": list(outcome.classes),
            "columns": list(experiment.examples.columns), "target": experiment.settings.target,
        }  # fmt: skip
        if outcome.scores is not None:
            record["test"] = outcome.scores.as_dict()
        if experiment.preparation is not None:
            record["preparation"] = experiment.preparation.as_dict()
        raw = experiment.raw
        tiles = [
            (f"test error, {outcome.measure}", outcome.words(outcome.test_error)),
            (f"validation error, epoch {history.best.number}", outcome.words(outcome.valid_error)),
            ("examples to train, validate, test", f"{len(raw.train):,} / {len(raw.valid):,} / {len(raw.test):,}"),
            ("epochs", str(len(history))),
            ("training", f"{sum(history['seconds']):.1f} s"),
        ]
        files += [history.to_csv(run.history), run.write_json(run.result, record)]
        files += write_report(experiment, run, history, tiles, outcome.scores)
    return tuple(files)
