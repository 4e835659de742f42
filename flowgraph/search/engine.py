"""Optuna's part: samplers, pruners, the database; imported where a search runs."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.errors import UsageError, install_hint
from flowgraph.search.database import check_storage, settings_of_engine

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial as OptunaTrial

SAMPLERS = ("tpe", "random", "grid", "quasi-random", "gp")
PRUNERS = ("median", "halving", "hyperband", "none")
HEARTBEAT = 10
"""Seconds between two signs of life of a process in the database; Optuna's documentation has 60."""

GRACE = 60
"""Seconds without a sign, six of them, after which a process is taken for dead."""


def optuna() -> Any:
    """The package, quiet."""
    try:
        import optuna as package
    except ImportError as missing:
        raise ImportError(f"a search needs optuna; run: {install_hint('search')}") from missing
    package.logging.set_verbosity(package.logging.ERROR)
    return package


def sampler_of(given: Any, seed: int) -> Any:
    """The sampler; its draws depend on the seed and the number of the trial, not on the process."""
    samplers = optuna().samplers
    if isinstance(given, samplers.BaseSampler):
        return given
    if given == "quasi-random":
        with _quiet():
            return samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
    kinds = {"tpe": samplers.TPESampler, "random": samplers.RandomSampler, "gp": samplers.GPSampler}
    kinds["grid"] = samplers.RandomSampler  # it draws nothing: each trial is handed a point of the grid
    if given not in kinds:
        raise UsageError(
            f"search: found sampler={given!r}, needs a sampler of Optuna's or one of {', '.join(SAMPLERS)}"
        )

    class Numbered(samplers.BaseSampler):  # type: ignore[misc, name-defined]
        """A sampler of its own for each trial: two processes that begin one at the same time draw differently."""

        def before_trial(self, study: Any, trial: Any) -> None:
            own = int(np.random.SeedSequence([seed, trial.number]).generate_state(1)[0])
            with _quiet():
                self.own = kinds[given](seed=own)
            self.own.before_trial(study, trial)

        def infer_relative_search_space(self, study: Study, trial: OptunaTrial) -> Any:
            return self.own.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Study, trial: OptunaTrial, search_space: Any) -> Any:
            return self.own.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Study, trial: OptunaTrial, param_name: str, param_distribution: Any) -> Any:
            return self.own.sample_independent(study, trial, param_name, param_distribution)

        def after_trial(self, study: Study, trial: OptunaTrial, state: Any, values: Any) -> None:
            self.own.after_trial(study, trial, state, values)

    return Numbered()


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna().exceptions.ExperimentalWarning)
        yield


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


def study_of(storage: Any, name: str, pruner: Any) -> Any:
    """The study in a database, made if it is not there; None keeps it in memory, a path is a file of SQLite.

    A database that cannot be used is a `StorageError`, which names no password.

    A trial whose process died is taken up again: processes show that they live, and one that has not for a minute
    has died.
    """
    package = optuna()
    if storage is not None:
        url = check_storage(storage)
        with _quiet():
            retry = package.storages.RetryHeartbeatStaleTrialCallback(max_retry=3)
            storage = package.storages.RDBStorage(
                url.render_as_string(hide_password=False), engine_kwargs=settings_of_engine(url),
                heartbeat_interval=HEARTBEAT, grace_period=GRACE,
                heartbeat_stale_trial_callback=retry,
            )  # fmt: skip
    study = package.create_study(
        storage=storage, study_name=name, direction="minimize", pruner=pruner_of(pruner), load_if_exists=True
    )
    if storage is not None:  # whose connections would else be closed with a warning, some time later
        weakref.finalize(study, storage.engine.dispose)
    return study


def fail_stale(study: Study) -> None:
    """Let trials whose process shows no life any more be taken up again; in memory there are none."""
    with _quiet():
        optuna().storages.fail_stale_trials(study)


def agree(study: Study, record: Mapping[str, Any]) -> None:
    """What all processes of a study share; a study that was begun with something else is refused."""
    for key, value in record.items():
        found = study.user_attrs.get(key, value)
        if found != value:
            raise UsageError(
                f"search: the study {study.study_name!r} was begun with {key} = {found!r}, and now it is {value!r}; "
                f"go on with the same, or begin another study"
            )
        if key not in study.user_attrs:
            study.set_user_attr(key, value)


def finite(value: Any) -> float:
    """A value that Optuna keeps: one that is no number counts as the worst."""
    return math.inf if math.isnan(float(value)) else float(value)
