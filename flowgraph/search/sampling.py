"""What a trial tries, and whether it goes on: points by their place, and Optuna in memory, told of what has ended."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.errors import SavedFileError, UsageError, optional
from flowgraph.saving.limits import reading_foreign
from flowgraph.search.space import Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial

SAMPLERS = ("tpe", "random", "grid", "quasi-random", "gp")
PRUNERS = ("median", "halving", "hyperband", "none")


def optuna() -> Any:
    """The package, quiet."""
    package = optional("optuna", "a search needs optuna", "search")
    package.logging.set_verbosity(package.logging.ERROR)
    return package


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of Optuna that something is experimental, or that a sign of life is not left to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Heartbeat of storage")
        warnings.simplefilter("ignore", optuna().exceptions.ExperimentalWarning)
        yield


def grid_points(space: Space, seed: int) -> list[dict[str, Any]]:
    """All points of a space's grid, as a database keeps them, in an order that the seed fixes."""
    names = sorted(space)
    points = list(itertools.product(*(space[name].grid() for name in names)))
    np.random.RandomState(seed).shuffle(points)
    return [dict(zip(names, point, strict=True)) for point in points]


def quasi_random_point(space: Space, seed: int, place: int) -> dict[str, Any]:
    """The point at a place of a Halton sequence with random digits, which fills a space more evenly than draws.

    Source: Owen 2017, A randomized Halton algorithm in R.
    """
    primes = (n for n in itertools.count(2) if all(n % divisor for divisor in range(2, n)))
    rng = np.random.default_rng(seed)
    return {name: space[name].at(_radical_inverse(place, next(primes), rng)) for name in sorted(space)}


def _radical_inverse(place: int, base: int, rng: np.random.Generator) -> float:
    """The digits of a number in a base, each permuted, as those behind the point, the last one first."""
    share, unit = 0.0, 1.0
    while unit > EPSILON:
        unit /= base
        place, digit = divmod(place, base)
        share += unit * float(rng.permutation(base)[digit])
    return min(share, 1 - EPSILON)


EPSILON = float(np.finfo(float).epsneg)


def sampler_of(given: Any, seed: Sequence[int]) -> Any:
    """A sampler of Optuna's whose draws the seed fixes, or the one that is given."""
    samplers = optuna().samplers
    if isinstance(given, samplers.BaseSampler):
        return given
    kinds = {"tpe": samplers.TPESampler, "gp": samplers.GPSampler}
    kinds |= dict.fromkeys(("random", "grid", "quasi-random"), samplers.RandomSampler)  # asked by the first alone
    if given not in kinds:
        raise UsageError(
            f"search: found sampler={given!r}, needs a sampler of Optuna's or one of {', '.join(SAMPLERS)}"
        )
    with quiet():
        return kinds[given](seed=int(np.random.SeedSequence(seed).generate_state(1)[0]))


def pruner_of(given: object) -> Any:
    """The pruner; each waits some epochs before it stops a training."""
    pruners = optuna().pruners
    if given == "median":
        # five trials, and five epochs of each, before a median means anything; the first is Optuna's default
        return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=5)
    if given == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=3)
    if given == "hyperband":
        return pruners.HyperbandPruner(min_resource=3)
    if given == "none" or given is None:
        return pruners.NopPruner()
    if isinstance(given, pruners.BasePruner):
        return given
    raise UsageError(f"search: found pruner={given!r}, needs a pruner of Optuna's or one of {', '.join(PRUNERS)}")


ROUND, PLACE, NUMBER, NOTES = "round", "point", "number", "notes"
"""The attributes of a trial: its round, its place there, its number in the search, and what the pruner notes of it.

A trial that takes up what was killed has all but the last in common with it.
"""


def round_of(trial: FrozenTrial) -> int:
    """The round of a trial; 0 where a database says nothing of use."""
    return _whole_number(trial.user_attrs.get(ROUND), 0)


def place_of(trial: FrozenTrial) -> int:
    """The place of a trial in its round; where a database says nothing of use, its number there."""
    return _whole_number(trial.user_attrs.get(PLACE), trial.number)


def number_of(trial: FrozenTrial) -> int:
    """The number of a trial in its search; where a database says nothing of use, its number there."""
    return _whole_number(trial.user_attrs.get(NUMBER), trial.number)


def _whole_number(value: object, otherwise: int) -> int:
    return value if type(value) is int and value >= 0 else otherwise


def has_come_to_an_end(trial: FrozenTrial) -> bool:
    """Whether a trial ended by itself, also in failure; not one whose process was killed or interrupted."""
    return trial.state.name in ("COMPLETE", "PRUNED") or "reason" in trial.user_attrs


class Adviser:
    """Optuna in memory, which draws what one trial tries, and says at each of its steps whether it goes on.

    Both follow from the seed, the number of the trial, and what has ended, in the order of numbers. Processes that were
    killed have no part in it, so that a search that was killed and goes on has the trials of one that never was.
    """

    def __init__(self, trials: Callable[[], Sequence[FrozenTrial]], name: str, number: int, settings: Any) -> None:
        sampler, pruner, seed = settings
        self._trials, self._known = trials, set[int]()
        self._study = optuna().create_study(
            study_name=name, sampler=sampler_of(sampler, [seed, number]), pruner=pruner_of(pruner)
        )
        self._prunes = not isinstance(self._study.pruner, optuna().pruners.NopPruner)
        self._trial: OptunaTrial | None = None
        running = self._learn()
        for trial in running:  # which a Gaussian process takes into account
            self._study.add_trial(_in_memory(trial))

    def _learn(self) -> list[FrozenTrial]:
        """Take in what has ended since; the trials that other processes run."""
        others = [trial for trial in self._trials() if trial.number not in self._known]
        for trial in sorted(filter(has_come_to_an_end, others), key=number_of):
            self._known.add(trial.number)
            self._study.add_trial(_in_memory(trial))
        return [t for t in others if t.state.name == "RUNNING" and t.number not in self._known]

    def begin(self, distributions: Mapping[str, Any], point: Mapping[str, Any] | None) -> dict[str, Any]:
        """Begin the trial: what it tries, which is the point if there is one, else drawn."""
        if point is not None:
            self._study.sampler = optuna().samplers.RandomSampler()  # which is asked nothing
            self._study.add_trial(make_waiting(distributions, point))
        self._trial = self._study.ask(dict(distributions))
        return dict(self._trial.params)

    def stops(self, step: int, value: float) -> bool:
        """Whether the trial should stop, with this value at a step."""
        if self._trial is None or not self._prunes:
            return False
        self._learn()
        self._trial.report(value, step)
        return bool(self._trial.should_prune())

    @property
    def notes(self) -> dict[str, Any]:
        """What sampler and pruner have noted of the trial, which later trials are compared with."""
        trial = None if self._trial is None else self._study.get_trials(deepcopy=False)[self._trial.number]
        return {} if trial is None else dict(trial.system_attrs)


def make_waiting(distributions: Mapping[str, Any], point: Mapping[str, Any], attributes: Any = None) -> FrozenTrial:
    """A trial that waits to be run, with its settings."""
    trials = optuna().trial
    waiting: FrozenTrial = trials.create_trial(
        state=trials.TrialState.WAITING, params=dict(point), distributions=dict(distributions), user_attrs=attributes
    )
    return waiting


def _in_memory(trial: FrozenTrial) -> FrozenTrial:
    """A trial for a study in memory: all of it that decides about others."""
    trials, notes = optuna().trial, trial.user_attrs.get(NOTES)
    failed = "reason" in trial.user_attrs  # of which the state may not yet be told
    with reading_foreign("study: its stored trials cannot be read; begin another study", SavedFileError):
        copy: FrozenTrial = trials.create_trial(
            state=trials.TrialState.FAIL if failed else trial.state, value=None if failed else trial.value,
            params=trial.params, distributions=trial.distributions, intermediate_values=trial.intermediate_values,
            system_attrs=notes if isinstance(notes, dict) else {},
        )  # fmt: skip
    return copy
