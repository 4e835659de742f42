"""What Optuna does in a search, and its database: samplers, pruners, URLs, errors with a remedy, turns."""

from __future__ import annotations

import hashlib
import re
import warnings
import weakref
from _thread import get_ident, start_new_thread
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.errors import FlowgraphError, UsageError, install_hint, optional
from flowgraph.plan.numpy.threads import Task, serve
from flowgraph.printable import why_not_a_name
from flowgraph.saving.limits import excerpt
from flowgraph.saving.lock import Lock

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial as OptunaTrial

DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""The driver of each kind of database where the URL names none."""

CONNECT_SECONDS = 10
"""Seconds after which a server that does not answer is given up."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""What a URL begins with; a single letter is a drive of Windows."""


class StorageError(UsageError):
    """The database of a search cannot be used; the message has the remedy, and never the password."""


def url_of(storage: Any) -> Any:
    """The URL of a database: that of a SQLite file for a path, with a driver where a server needs one.

    Parameters
    ----------
    storage : str or path
        A file, or a URL such as postgresql://user:password@host:5432/name.

    Raises
    ------
    StorageError
        If it is no URL that can be read.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    text = str(storage)
    if "://" not in text:
        if _SCHEME.match(text):
            raise StorageError(
                f"search: found the storage {_without_password(text)!r}, which is neither a file nor a URL; needs a "
                f"path such as study.db, or postgresql://user:password@host:5432/name"
            )
        return make_url(f"sqlite:///{Path(storage).absolute()}")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StorageError(
            f"search: found the storage {_without_password(text)!r}, which cannot be read as a URL; needs "
            f"postgresql://user:password@host:5432/name, with special characters of the password written as %40 and "
            f"the like, or a path such as study.db"
        ) from None
    kind = url.get_backend_name()
    return url.set(drivername=f"{kind}+{DRIVERS[kind]}") if url.drivername in DRIVERS else url


def settings_of_engine(url: Any) -> dict[str, Any]:
    """What SQLAlchemy's engine for the URL is made with: how long to wait for the file, or for the server."""
    kind = url.get_backend_name()
    if kind == "sqlite":
        return {"connect_args": {"timeout": 60}}
    seconds = {"connect_args": {"connect_timeout": CONNECT_SECONDS}} if kind in DRIVERS else {}
    return {"pool_pre_ping": True, **seconds}


def check_storage(storage: Any) -> Any:
    """The URL of a database that answers; one error says why it does not, before anything else is done.

    Raises
    ------
    StorageError
        If the URL is broken, its kind unknown, the driver missing, or the connection refused.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    if (problem := why_not_a_name(str(storage))) is not None:  # the text may hold a password
        raise StorageError(f"search: found another text as storage=, {problem}")
    url = url_of(storage)
    shown = url.render_as_string(hide_password=True)
    try:
        engine = create_engine(url, poolclass=NullPool, **_of_one_connection(url))
    except NoSuchModuleError:
        raise StorageError(
            f"search: found the storage {shown!r}, whose kind {url.drivername!r} SQLAlchemy does not know; needs "
            f"postgresql://, mysql:// or the path of a SQLite file"
        ) from None
    except ImportError as missing:
        raise StorageError(
            f"search: the storage {shown!r} needs the driver {missing.name!r}, which is not installed; {_driver(url)}"
        ) from None
    except (SQLAlchemyError, ValueError, TypeError) as error:
        raise StorageError(f"search: the storage {shown!r} is refused: {_said(error, url)}") from None
    try:
        with engine.connect():
            pass
    except Exception as error:  # each driver has errors of its own
        raise StorageError(
            f"search: the storage {shown!r} cannot be reached: {_said(error, url)}\n"
            f"  see that the server runs and accepts connections, that the database exists (createdb), and that user "
            f"and password are right; without a server, leave the storage out: a SQLite file is used"
        ) from None
    finally:
        engine.dispose()
    return url


class Turns:
    """One process at a time looks how many trials there are and begins one, so that no trial is one too many."""

    def __init__(self, url: Any, name: str) -> None:
        self._url, self._name = url, name
        self._engine: Any = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn; it ends with the process, too."""
        kind = self._url.get_backend_name() if self._url is not None else None
        if kind == "sqlite" and self._url.database and self._url.database != ":memory:":
            lock = Lock(f"{self._url.database}.lock", str(self._url.database))
            lock.acquire(lambda _: None)
            try:
                yield
            finally:
                lock.release()
        elif kind in _LOCKS:
            with self._of_server(*_LOCKS[kind]):
                yield
        else:
            yield

    @contextmanager
    def _of_server(self, take: str, give: str) -> Iterator[None]:
        """The turn as a lock of the server by a number or name, which a connection that ends gives back."""
        from sqlalchemy import create_engine, text
        from sqlalchemy.pool import NullPool

        if self._engine is None:
            self._engine = create_engine(self._url, poolclass=NullPool, **_of_one_connection(self._url))
        digest = hashlib.blake2b(f"flowgraph {self._name}".encode(), digest_size=8)
        key = {"number": int.from_bytes(digest.digest(), "big", signed=True), "name": digest.hexdigest()}
        with self._engine.connect() as connection:
            connection.execute(text(take), key)
            try:
                yield
            finally:
                connection.execute(text(give), key)


_LOCKS = {
    "postgresql": ("SELECT pg_advisory_lock(:number)", "SELECT pg_advisory_unlock(:number)"),
    "mysql": ("SELECT GET_LOCK(:name, -1)", "SELECT RELEASE_LOCK(:name)"),
    "mariadb": ("SELECT GET_LOCK(:name, 1000000)", "SELECT RELEASE_LOCK(:name)"),
}
"""How a server takes and gives back a lock of its own."""


def _of_one_connection(url: Any) -> dict[str, Any]:
    return {name: value for name, value in settings_of_engine(url).items() if name != "pool_pre_ping"}


def _driver(url: Any) -> str:
    """How the driver of a URL is installed."""
    if url.get_backend_name() == "postgresql" and url.get_driver_name() == "psycopg":
        return install_hint("postgresql")
    return f"its package is {url.get_driver_name()} on PyPI"


def _said(error: BaseException, url: Any) -> str:
    """The first lines of a driver's error, without the password."""
    cause = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    said = excerpt("; ".join(lines[:2]) or type(cause).__name__)
    password = str(url.password) if url.password else ""
    return _without_password(said.replace(password, "***") if password else said)


def _without_password(text: str) -> str:
    """A text that may hold a URL, with *** for what stands between its first colon and its last @."""
    return re.sub(r"(://?[^:/@\s]*:)[^\s]*@", r"\1***@", text)


SAMPLERS = ("tpe", "random", "grid", "quasi-random", "gp")
PRUNERS = ("median", "halving", "hyperband", "none")
HEARTBEAT = 10
"""Seconds between two signs of life of a process in the database; Optuna's documentation has 60."""

PATIENCE = 5.0
"""Seconds for which an interrupt waits for the database; a second one does not."""

GRACE = 60
"""Seconds without a sign, six of them, after which a process is taken for dead."""


def optuna() -> Any:
    """The package, quiet."""
    package = optional("optuna", "a search needs optuna", "search")
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
    chosen = pruner_of(pruner)
    url = None if storage is None else check_storage(storage)
    if url is None:
        return package.create_study(study_name=name, direction="minimize", pruner=chosen)

    def made() -> tuple[Any, Any]:
        with _quiet():
            kept = package.storages.RDBStorage(
                url.render_as_string(hide_password=False), engine_kwargs=settings_of_engine(url),
                heartbeat_interval=HEARTBEAT, grace_period=GRACE,
                heartbeat_stale_trial_callback=package.storages.RetryHeartbeatStaleTrialCallback(max_retry=3),
            )  # fmt: skip
        study = package.create_study(
            storage=kept, study_name=name, direction="minimize", pruner=chosen, load_if_exists=True
        )
        return study, kept.engine.dispose

    apart = Apart(url)
    try:
        study, dispose = apart.do(made)
    except BaseException:
        apart.end()
        raise
    apart.does_all_of(study._storage)
    weakref.finalize(study, apart.end, dispose)  # its connections would else be closed with a warning, some time later
    return study


class Apart:
    """A thread that does all that is done in a database.

    Python raises an interrupt in the main thread alone, which waits here until what it asked for has come to its end:
    no transaction is cut off, and none keeps the database locked. What the database holds may be anything: whatever is
    raised over it, but for an interrupt and what is no fault of it, is a `StorageError`.
    """

    def __init__(self, url: Any) -> None:
        self._url = url
        self._passing = (KeyboardInterrupt, ImportError, FlowgraphError, optuna().exceptions.UpdateFinishedTrialError)
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._thread = start_new_thread(serve, (self._tasks,))

    def do(self, work: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        """What the work returns; what it asks for itself is done at once."""
        if get_ident() == self._thread:
            return work(*arguments, **settings)
        answer: list[Any] = []
        task = Task(lambda _: answer.append(work(*arguments, **settings)), ())
        self._tasks.put(task)
        try:
            task.wait()
        except BaseException:
            last = monotonic() + PATIENCE
            while not task.ended and monotonic() < last:
                sleep(0.001)
            raise
        if task.error is None:
            return answer[0]
        if isinstance(task.error, self._passing):
            raise task.error
        shown = self._url.render_as_string(hide_password=True)
        raise StorageError(
            f"search: the storage {shown!r} holds no study that can be read: {_said(task.error, self._url)}"
        ) from None

    def does_all_of(self, storage: Any) -> None:
        """Whatever is asked of a storage is done here."""
        for name in dir(storage):
            if not name.startswith("_") and callable(getattr(storage, name)):
                setattr(storage, name, partial(self.do, getattr(storage, name)))

    def end(self, last: Callable[[], Any] = lambda: None) -> None:
        """End the thread, after what is to be done last."""
        self._tasks.put(Task(lambda _: last(), ()))
        self._tasks.put(None)


def fail_stale(study: Study) -> None:
    """Let trials whose process shows no life any more be taken up again; in memory there are none."""
    with _quiet():
        optuna().storages.fail_stale_trials(study)


def agree(study: Study, record: Mapping[str, Any]) -> None:
    """What all processes of a study share; a study that was begun with something else is refused."""
    for key, value in record.items():
        stored = study.user_attrs.get(key, value)
        if stored != value:
            raise UsageError(
                f"search: the study {study.study_name!r} was begun with {key} = {stored!r}, and now it is {value!r}; "
                f"go on with the same, or begin another study"
            )
        if key not in study.user_attrs:
            study.set_user_attr(key, value)
