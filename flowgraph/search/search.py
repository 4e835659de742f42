"""Search: trials of settings, each with a value to minimise; stopped early where hopeless, refined around the best."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.printable import why_not_a_name
from flowgraph.saving.lock import has_ended, this_process
from flowgraph.search.database import StorageError, Turns, agree, check_storage, fail_stale, show_life, study_of
from flowgraph.search.result import SearchResult, Trial
from flowgraph.search.sampling import (
    NOTES,
    NUMBER,
    PLACE,
    ROUND,
    Adviser,
    grid_points,
    has_come_to_an_end,
    make_waiting,
    number_of,
    optuna,
    place_of,
    pruner_of,
    quasi_random_point,
    quiet,
    round_of,
    sampler_of,
)
from flowgraph.search.space import Space, check_space, space_of_record, space_record
from flowgraph.training.callbacks import Callback
from flowgraph.training.history import Epoch
from flowgraph.training.settings import read_count, read_number, read_result, read_setting, strict_keywords
from flowgraph.training.trainer import Trainer

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial as OptunaTrial

FAILURES = (FlowgraphError, ArithmeticError, np.linalg.LinAlgError, MemoryError)
"""What ends a trial, where a training raises it, and not the search."""


PROCESS = "process"
"""The attribute of a trial that says which process runs it, and in which of its calls of `search`."""

_calls = itertools.count()
_running: set[int] = set()
"""The numbers of the calls of `search` that have not returned."""

WAIT = 0.25
"""Seconds between two looks at trials that other processes run."""


def finite(who: str, value: Any) -> float:
    """A value that Optuna keeps, of what a function of the user's gave: NaN counts as the worst."""
    number = read_result(who, value)
    return math.inf if math.isnan(number) else number


class Attempt(Callback):
    """One trial as the training function sees it: a callback that reports each epoch and stops pruned trials.

    Parameters
    ----------
    trial : optuna.trial.Trial
        The trial in the study.
    adviser : Adviser
        What says whether the trial goes on.
    number : int
        The number of the trial in the search, counted from 0.
    watch : {'loss', 'error', 'objective'}, default 'loss'
        The measure of the validation data that is reported after each epoch.

    Examples
    --------
    >>> from flowgraph.search import Uniform, search
    >>> def train(settings, attempt):                # attempt is given to fg.fit as a callback
    ...     return (settings["a"] - 0.5) ** 2
    >>> len(search(train, {"a": Uniform(0.0, 1.0)}, trials=3).trials)
    3
    """

    def __init__(self, trial: OptunaTrial, adviser: Adviser, number: int, watch: str = "loss") -> None:
        self.number = number
        self.watch = watch
        self.pruned = False
        self._trial, self._adviser = trial, adviser

    def on_epoch(self, trainer: Trainer, epoch: Epoch) -> None:
        """Report the watched measure on the validation examples, and stop the trial if the pruner says so."""
        value = epoch.valid(self.watch)
        if value is not None and self.report(epoch.number, value):
            trainer.stop("pruned: other trials were better at this epoch")

    def report(self, step: int, value: float) -> bool:
        """Report an intermediate value to the study.

        Parameters
        ----------
        step : int
            The epoch.
        value : float
            The measure, smaller is better.

        Returns
        -------
        bool
            Whether the trial should stop.
        """
        value = finite("report", value)
        self._trial.report(value, step)
        self.pruned = self.pruned or self._adviser.stops(step, value)
        return self.pruned


@strict_keywords
def search(  # noqa: PLR0913  a keyword for each setting of a search
    train: Callable[[dict[str, Any], Attempt], float],
    space: Space,
    *,
    trials: int | None = 30,
    sampler: Any = "tpe",
    pruner: Any = "median",
    refine: int = 0,
    zoom: float = 0.3,
    storage: Any = None,
    name: str = "search",
    seed: int = 0,
    watch: str = "loss",
    record: Mapping[str, Any] | None = None,
    on_trial: Callable[[SearchResult], Any] | None = None,
) -> SearchResult:
    """Minimise `train(settings, attempt)` over a space, and return the trials.

    `sampler` is "tpe", "random", "grid", "quasi-random", "gp" or one of Optuna's; a grid tries all its points. `refine`
    times the ranges are narrowed by `zoom` around the best, and as many trials follow. `attempt`, given to a training
    as a callback, lets `pruner` stop what is worse than the other trials. What raises an error of flowgraph's, or of
    arithmetic, is a failed trial, and the search goes on.

    `watch` says what the value is, and by what of the validation examples a training is compared with others: "loss",
    the objective without its regularizers, "error", or "objective". The objectives of trials that differ in the
    strength of a regularizer do not tell which is better: the smallest would be that without one.

    `storage` is the path of a SQLite file or the URL of any database of Optuna's: the same call goes on after a crash,
    and in several processes or machines at the same time shares the work: together they do as many trials as are asked
    for. `record` is what they must have in common. No password of a URL is written anywhere.

    Parameters
    ----------
    train : function
        `train(settings, attempt)` returns the number that is minimised.
    space : dict
        A range or choice by setting.
    trials : int or None, default 30
        Number of trials of each round; None for all points of a grid.
    sampler : str or optuna sampler, default 'tpe'
        'tpe', 'random', 'grid', 'quasi-random', 'gp', or one of Optuna's.
    pruner : str or optuna pruner, default 'median'
        What stops trials that are worse than the others.
    refine : int, default 0
        Number of further rounds, in ranges narrowed around the best.
    zoom : float, default 0.3
        The factor by which a round narrows the ranges.
    storage : str, optional
        Path of a SQLite file, or URL of a database.
    name : str, default 'search'
        Name of the study in the storage.
    seed : int, default 0
        What fixes the draws of the sampler.
    watch : {'loss', 'error', 'objective'}, default 'loss'
        The measure by which a training is compared with others.
    record : mapping, optional
        What the processes that share a storage must have in common.
    on_trial : function, optional
        It is called with the result after each trial.

    Returns
    -------
    SearchResult
        The trials; `best` is the complete one with the smallest value.

    Raises
    ------
    UsageError
        If the space or a setting does not fit, or `train` returns what is no number.

    Examples
    --------
    >>> from flowgraph.search import LogUniform, search
    >>> result = search(lambda settings, attempt: (settings["a"] - 0.1) ** 2, {"a": LogUniform(1e-3, 1.0, points=4)},
    ...                 sampler="grid", refine=1, zoom=0.5)
    >>> len(result.trials), round(result.best.settings["a"], 3)
    (8, 0.1)

    Source: Larochelle, Training neural networks, "model selection": grid search, random search.
    """
    check_space(space)
    if (problem := why_not_a_name(name)) is not None:
        raise UsageError(f"search: found another text as name=, {problem}")
    read_setting("search", "watch", watch)
    seed = read_count("search", "seed", seed, low=0)
    rounds = read_count("search", "refine", refine, low=0) + 1
    zoom = read_number("search", "zoom", zoom, above=0, below=1)
    kind = sampler if isinstance(sampler, str) else type(sampler).__name__
    sampler_of(sampler, [seed]), pruner_of(pruner)  # which refuse what is none, before a study is begun
    turns = Turns(None if storage is None else check_storage(storage), name)
    with turns.turn():  # two processes that make the tables at the same time would be in each other's way
        study = study_of(storage, name)
        study.sampler = optuna().samplers.RandomSampler()  # which is asked nothing: each trial has its settings
        agree(study, {"space": space_record(space), "sampler": kind, "seed": seed, "zoom": zoom, **(record or {})})
        _fail_abandoned(study)
    spaces: list[Space] = []
    with _a_call() as call:
        for number in range(rounds):
            spaces.append(_space_of_round(study, space, number, zoom))
            grid = grid_points(spaces[-1], seed) if sampler == "grid" else None
            length = len(grid) if grid is not None else read_count("search", "trials", trials)
            one_round = Round(study, spaces[-1], number, length, (sampler, pruner, seed), grid)
            begin = partial(one_round.begin, turns, partial(_run_trial, train, spaces[-1], call, watch))
            for _ in _trials_to_the_end(study, number, length, begin):
                if on_trial is not None:
                    on_trial(_result(study, spaces, watch))
    return _result(study, spaces, watch)


class Round(NamedTuple):
    """One round of a search: its number of trials, and what they try; `settings` are sampler, pruner and seed."""

    study: Any
    space: Space
    number: int
    length: int
    settings: tuple[Any, Any, int]
    grid: list[dict[str, Any]] | None

    def begin(self, turns: Turns, run: Callable[..., None]) -> bool:
        """Run a trial, unless as many as are wanted have come to an end or are running.

        Processes that share the study begin trials one after the other: each sees those of all others.
        """
        with ExitStack() as turn:
            turn.enter_context(turns.turn())
            fail_stale(self.study)
            _fail_abandoned(self.study)
            trials = self.study.get_trials(deepcopy=False)
            taken = _places_taken(trials, self.number)
            if len(taken) >= self.length:
                return False
            place = next(place for place in itertools.count() if place not in taken)
            before = [t for t in trials if (round_of(t), place_of(t)) == (self.number, place) and self._is_whole(t)]
            number = number_of(before[-1]) if before else 1 + max(map(number_of, trials), default=-1)
            adviser = Adviser(
                partial(self.study.get_trials, deepcopy=False), self.study.study_name, number, self.settings
            )
            distributions = {name: part.distribution for name, part in self.space.items()}
            point = adviser.begin(distributions, before[-1].params if before else self._point(place))
            attributes = {ROUND: self.number, PLACE: place, NUMBER: number}
            self.study.add_trial(make_waiting(distributions, point, attributes))
            run(self.study, adviser, number, turn.close)
        return True

    def _point(self, place: int) -> dict[str, Any] | None:
        """What the trial at a place tries, None where it is drawn."""
        sampler, _, seed = self.settings
        if self.grid is not None:
            return self.grid[place]
        return quasi_random_point(self.space, seed, place) if sampler == "quasi-random" else None

    def _is_whole(self, trial: Any) -> bool:
        """Whether a trial that was killed says all that it tried."""
        return all(name in trial.params for name in self.space)


def _trials_to_the_end(study: Any, number: int, count: int, begin: Callable[[], bool]) -> Iterator[None]:
    """Run trials of a round until so many have ended; after each of this process it is told."""
    ended = _places_finished(study.get_trials(deepcopy=False), number)
    while len(ended) < count:
        begun = begin()
        if begun:
            yield
        else:
            sleep(WAIT)  # other processes have the last trials; what they leave behind is taken up here
        before, ended = len(ended), _places_finished(study.get_trials(deepcopy=False), number)
        if begun and len(ended) <= before:  # as would the next one, for ever
            raise _not_kept()


def _not_kept() -> StorageError:
    return StorageError(
        "search: found a storage that does not keep what a trial notes of itself, as if its tables were changed by "
        "hand; needs one that is whole: give another storage="
    )


@contextmanager
def _a_call() -> Iterator[int]:
    """The number of this call of `search`; a trial of one that has ended, such as by Ctrl-C, is run by nobody."""
    number = next(_calls)
    try:
        _running.add(number)
        yield number
    finally:
        _running.discard(number)


def _run_trial(
    train: Any, space: Space, call: int, watch: str, study: Any, adviser: Adviser, number: int, begun: Callable[[], Any]
) -> None:
    """Run the trial that waits, and tell the study how it ended; what is no failure of a training is raised again."""
    states = optuna().trial.TrialState
    with quiet():
        trial = study.ask()
    value, state = None, states.COMPLETE
    try:
        with show_life(study, trial):
            trial.set_user_attr(PROCESS, {**this_process(), "call": call})
            begun()
            settings = {name: part.value_of(trial.params[name]) for name, part in space.items()}
            attempt = Attempt(trial, adviser, number, watch)
            try:
                value = train(settings, attempt)
            except FAILURES as error:
                trial.set_user_attr("reason", f"{type(error).__name__}: {error}")
                state = states.FAIL
            else:
                if adviser.notes:
                    trial.set_user_attr(NOTES, adviser.notes)
                state = states.PRUNED if attempt.pruned else states.COMPLETE
                value = None if attempt.pruned else finite("search: train", value)
    except (Exception, KeyboardInterrupt):
        study.tell(trial, state=states.FAIL)
        raise
    try:
        study.tell(trial, value, state)
    except ValueError as error:  # the study has no direction, or the trial was ended
        raise _not_kept() from error


def _places_finished(trials: Iterable[Any], number: int) -> set[int]:
    """The places of a round whose trials ended, also in failure; not those whose process was killed."""
    return {place_of(trial) for trial in trials if round_of(trial) == number and has_come_to_an_end(trial)}


def _places_taken(trials: Sequence[Any], number: int) -> set[int]:
    """The places of a round whose trials ended or are running, as far as this process knows.

    Who has the turn sees no trial between its beginning and the note of its process, unless that was interrupted.
    """
    running = [trial for trial in trials if trial.state.name == "RUNNING" and _is_run(trial.user_attrs.get(PROCESS))]
    return _places_finished(trials, number) | {place_of(trial) for trial in running if round_of(trial) == number}


def _fail_abandoned(study: Any) -> None:
    """Mark as failed what nobody runs, as after a kill; who has the turn calls it, as `_places_taken`."""
    for trial in study.get_trials(deepcopy=False):
        waits = trial.state.name == "WAITING"  # as its process was killed before it took it up
        if waits or (trial.state.name == "RUNNING" and not _is_run(trial.user_attrs.get(PROCESS))):
            study._storage.set_trial_state_values(trial._trial_id, optuna().trial.TrialState.FAIL)  # no draw is told


def _is_run(process: Any) -> bool:
    """Whether a process runs a trial, of which it said so much; no process noted itself where it was interrupted."""
    if not isinstance(process, Mapping) or has_ended(process):
        return False
    others = {name: value for name, value in process.items() if name != "call"}
    return others != this_process() or process.get("call") in _running


def _space_of_round(study: Study, space: Space, number: int, zoom: float) -> Space:
    """The first space, or the one that the first process in a round found around the best so far."""
    if number == 0:
        return space
    key = f"space {number}"
    if key not in study.user_attrs:
        best = _result(study, [space], "value").best
        factor = zoom**number
        narrowed = {n: part.zoom_in(best.settings[n], factor, part) for n, part in space.items()}
        study.set_user_attr(key, space_record(narrowed))
    return space_of_record(study.user_attrs[key], space)


def _result(study: Study, spaces: list[Space], measure: str) -> SearchResult:
    """The trials by their numbers; of those that were killed, what took them up."""
    trials: dict[int, Trial] = {}
    for trial in sorted(study.get_trials(deepcopy=False), key=has_come_to_an_end):
        state = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}.get(trial.state.name, "running")
        if not set(spaces[0]) <= set(trial.params):
            continue  # it died before it began
        settings = {name: part.value_of(trial.params[name]) for name, part in spaces[0].items()}
        duration = trial.duration.total_seconds() if trial.duration else None
        number, reason = number_of(trial), str(trial.user_attrs.get("reason", ""))
        value = trial.value if state in ("complete", "pruned") else None
        trials[number] = Trial(number, settings, state, value, round_of(trial), duration, reason)
    return SearchResult([trials[number] for number in sorted(trials)], spaces, measure)
