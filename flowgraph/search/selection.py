"""Model selection for an experiment: search by the validation examples, then train the best, test it once, report."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from multiprocessing import resource_tracker
from os import PathLike
from pathlib import Path
from typing import Any

from flowgraph.data import Examples
from flowgraph.errors import UsageError
from flowgraph.experiment.experiment import Experiment, load
from flowgraph.experiment.folder import RunFolder
from flowgraph.experiment.settings import COMPARED, TrainSettings
from flowgraph.experiment.training import Outcome, begin, go_on, settings_section
from flowgraph.markup import text
from flowgraph.saving.replacing import made_folder, replace_text
from flowgraph.search.database import check_storage
from flowgraph.search.result import SearchResult, search_picture
from flowgraph.search.search import Attempt, search
from flowgraph.search.space import Space
from flowgraph.training.display import value_text
from flowgraph.training.history import advice_html, findings_html
from flowgraph.training.report_page import figure, report_page, scrolling_table
from flowgraph.training.settings import read_count


def write_search_report(
    result: SearchResult, outcome: Outcome, base: TrainSettings, path: str | os.PathLike[str]
) -> Path:
    """Write the page into the folder of the search, beside trials.csv, search.svg and best/."""
    states = [trial.state for trial in result.trials]
    tiles = [
        (f"best {result.measure}, trial {result.best.number}", f"{result.best.value:.4g}"),
        ("validation error", outcome.words(outcome.valid_error)),
        ("test error", outcome.words(outcome.test_error)),
        ("complete, pruned, failed", " / ".join(map(str, map(states.count, ("complete", "pruned", "failed"))))),
        ("all trials", f"{sum(trial.seconds or 0 for trial in result.trials):.1f} s"),
    ]
    diagnosis = result.diagnosis
    links = [("best/report.html", "The report of the best network"), ("trials.csv", "Every trial as a table"),
             ("search.svg", "The picture of the search")]  # fmt: skip
    sections = [
        ("What the trials say",
         findings_html(diagnosis.findings) + advice_html([escape(advice.text) for advice in diagnosis.advice])),
        ("Trials", figure(search_picture(result, ".svg").decode(), "search", "values of the trials", _LEGEND)),
        ("Every trial", trials_table(result)),
        ("Settings of all trials", settings_section(base, without=result.spaces[0])),
    ]  # fmt: skip
    title = f"Search for {Path(base.source).name}: {len(result.trials)} trials"
    lead = "Trials are compared by the validation examples; the test examples were opened once, for the best network."
    return replace_text(path, report_page(title, lead, tiles, links, sections))


_LEGEND = """Each point is a trial: filled where it came to its end, hollow where it was pruned, then at the best value
that it had reached; the ring is the best one. In the first panel the line is the best value so far."""


def trials_table(result: SearchResult) -> str:
    """A row per trial, the best first; columns in which nothing stands are left out."""
    rows = [{**row, "round": row["round"] + 1} for row in result.rows()]
    names = ["trial", "round", result.measure, *result.spaces[0], "state", "seconds", "reason"]
    left_out = {"round"} if len(result.spaces) == 1 else set()
    left_out |= {name for name in names if all(row[name] in (None, "") for row in rows)}
    names = [name for name in names if name not in left_out]
    cells = [["" if row[name] is None else value_text(row[name], 3) for name in names] for row in rows]
    return scrolling_table([name.replace("_", " ") for name in names], cells)


PATIENCE = 5.0
"""Seconds that a helper has to end by itself."""


@dataclass(frozen=True, repr=False)
class Selection:
    """The trials, and the result of training with the best settings and testing once."""

    result: SearchResult
    outcome: Outcome
    files: tuple[Path, ...]

    def __repr__(self) -> str:
        outcome = self.outcome
        return f"<Selection from {self.result!r}: test error {outcome.words(outcome.test_error)}>"

    def _repr_html_(self) -> str:
        return f"<div><p><b>{text(repr(self).strip('<>'))}</b></p>{self.result._repr_html_()}</div>"


def select(
    base: TrainSettings,
    space: Space,
    folder: str | PathLike[str],
    *,
    storage: Any = None,
    jobs: int = 1,
    callbacks: Sequence[Any] = (),
    on_trial: Callable[[SearchResult], Any] | None = None,
    on_wait: Callable[[str], Any] = lambda text: None,
    **settings: Any,
) -> Selection:
    """Search the settings of an experiment by its validation examples; settings as in `search`.

    The folder gets study.db unless `storage` names another database, trials.csv, search.svg, report.html, and best/,
    the run folder of the best network. Trials are compared by the validation loss, the objective without its
    regularizers, or by the error if `base` watches it. `jobs` processes share the trials; a script that asks for
    several guards its main part by `if __name__ == "__main__":`, as they import it. No trial sees the test examples:
    they are opened once, for the best network, and the folder keeps that they were.

    Parameters
    ----------
    base : TrainSettings
        The settings of the experiment that are not searched.
    space : dict
        A range or choice by setting, as in `search`.
    folder : str or path
        Where study, trials, picture and best network are written.
    storage : str, optional
        A database in place of study.db.
    jobs : int, default 1
        Number of processes.
    callbacks : sequence, default ()
        Callbacks of every training.
    on_trial : function, optional
        It is called with the result after each trial.
    on_wait : function, optional
        It is called with a text while other processes are waited for.
    **settings
        Further settings of `search`: trials, sampler, pruner, refine, zoom, seed.

    Returns
    -------
    Selection
        The trials, and the measures of the best network on the test examples.

    Raises
    ------
    UsageError
        If a setting does not fit, or the folder is that of another search.

    Examples
    --------
    >>> import tempfile
    >>> from flowgraph.experiment.settings import TrainSettings
    >>> from flowgraph.search import Uniform, select
    >>> base = TrainSettings(source="moons", epochs=2)
    >>> found = select(base, {"l2": Uniform(0.0, 0.1)}, tempfile.mkdtemp(), trials=2)
    >>> len(found.result.trials)
    2
    """
    for name in space:
        if name in COMPARED:
            raise UsageError(f"search: found {name!r} in the space, but trials that differ in it cannot be compared")
        base.with_values({name: getattr(base, name, None)})
    jobs = read_count("search", "jobs", jobs)
    folder = Path(folder)
    if storage is not None:
        check_storage(storage)
    examples = load(base).examples  # what cannot be read leaves no empty folder
    settings = {**settings, "storage": str(storage or folder / "study.db")}
    with made_folder(folder), _helpers(jobs - 1, base, space, settings):
        _search(base, examples, space, settings, on_trial)
    result = _search(base, examples, space, settings)  # what the helpers ended meanwhile is in the database
    outcome = _train_best(base.with_values(result.best.settings), folder, callbacks, on_wait)
    report = write_search_report(result, outcome, base, folder / "report.html")
    files = [result.to_csv(folder / "trials.csv"), result.plot(folder / "search.svg"), report, *outcome.files]
    return Selection(result, outcome, tuple(files))


def _search(
    base: TrainSettings,
    examples: Examples,
    space: Space,
    settings: dict[str, Any],
    on_trial: Callable[[SearchResult], Any] | None = None,
) -> SearchResult:
    record = {"settings": base.as_dict(), "data": examples.fingerprint}
    train = trainer_of(base, examples)
    return search(train, space, seed=base.seed, watch=compared_by(base), record=record, on_trial=on_trial, **settings)


@contextmanager
def _helpers(count: int, base: TrainSettings, space: Space, settings: dict[str, Any]) -> Iterator[None]:
    """Other processes that search in the same database, until they find nothing left to try."""
    context = multiprocessing.get_context("spawn")
    helpers = [context.Process(target=_help, args=(base, space, settings)) for _ in range(count)]
    with _interrupts_later():
        for helper in helpers:
            helper.start()
    try:
        yield
    except BaseException:
        for helper in helpers:
            helper.join(PATIENCE)  # Ctrl-C has reached them too, and each hands its trial back
            helper.terminate()
        raise
    finally:
        for helper in helpers:
            helper.join()


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Ctrl-C waits, here and in processes that are started, until they are ready for it; Windows has no such way."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # the first process would start it, and it lets interrupts through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _help(base: TrainSettings, space: Space, settings: dict[str, Any]) -> None:
    """A helper's whole life; Ctrl-C reaches it as it reaches the first process, which says so."""
    with contextlib.suppress(KeyboardInterrupt), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        _search(base, load(base).examples, space, settings)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def compared_by(base: TrainSettings) -> str:
    """By what trials are compared: the error where it is watched, else the loss, in which no regularizer has a part.

    The objectives of trials that differ in the strength of a regularizer say nothing of which network is better.
    """
    return "error" if base.watch == "error" else "loss"


def trainer_of(base: TrainSettings, examples: Examples) -> Callable[[dict[str, Any], Attempt], float]:
    """The function that a search minimises: the validation loss or error in the best epoch of a training."""

    def train(values: dict[str, Any], attempt: Attempt) -> float:
        experiment = Experiment(base.with_values(values), examples)
        trainer = experiment.trainer()
        history = trainer.run(experiment.settings.epochs, [attempt])
        if trainer.interrupted:
            raise KeyboardInterrupt
        value = history.best.valid(compared_by(base))
        if value is None:
            raise UsageError(f"search: found no validation {compared_by(base)}; watch the loss")
        return value

    return train


def _train_best(best: TrainSettings, folder: Path, callbacks: Sequence[Any], on_wait: Callable[[str], Any]) -> Outcome:
    """The run of the best settings: taken up if it is there, begun anew if it is that of other settings.

    A process that shares the search trains the same network, so that it is waited for, and `on_wait` told.
    """
    run = RunFolder(folder / "best", test_record=folder / "test_opened.json")
    with run.lock_for_writing(on_wait):
        if run.config.exists():
            if run.read_config()[0] == best:
                return go_on(run, callbacks=callbacks)
            run.clear()
        return begin(Experiment(best), run, checks=False, callbacks=callbacks)
