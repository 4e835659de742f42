"""The database of a search: its URL, errors with a remedy, whose turn it is, and a thread that an interrupt spares."""

from __future__ import annotations

import hashlib
import re
import weakref
from _thread import get_ident, start_new_thread
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from flowgraph.errors import FlowgraphError, UsageError, install_hint
from flowgraph.plan.numpy.threads import Task
from flowgraph.printable import why_not_a_name
from flowgraph.saving.limits import excerpt
from flowgraph.saving.lock import Lock
from flowgraph.search.sampling import optuna, quiet

if TYPE_CHECKING:
    from optuna.study import Study

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
        raise StorageError(f"search: the storage {shown!r} is refused: {_text_of_error(error, url)}") from None
    try:
        with engine.connect():
            pass
    except Exception as error:  # each driver has errors of its own
        raise StorageError(
            f"search: the storage {shown!r} cannot be reached: {_text_of_error(error, url)}\n"
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


def _text_of_error(error: BaseException, url: Any) -> str:
    """The first lines of a driver's error, without the password."""
    cause = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    said = excerpt("; ".join(lines[:2]) or type(cause).__name__)
    password = str(url.password) if url.password else ""
    return _without_password(said.replace(password, "***") if password else said)


def _without_password(text: str) -> str:
    """A text that may hold a URL, with *** for what stands between its first colon and its last @."""
    return re.sub(r"(://?[^:/@\s]*:)[^\s]*@", r"\1***@", text)


HEARTBEAT = 10
"""Seconds between two signs of life of a process in the database; Optuna's documentation has 60."""

PATIENCE = 5.0
"""Seconds for which an interrupt waits for the database; a second one does not."""

GRACE = 60
"""Seconds without a sign, six of them, after which a process is taken for dead."""


def study_of(storage: Any, name: str) -> Any:
    """The study in a database, made if it is not there; None keeps it in memory, a path is a file of SQLite.

    A database that cannot be used is a `StorageError`, which names no password.

    Processes show that they live: the trials of one that has not for a minute have failed.
    """
    package = optuna()
    url = None if storage is None else check_storage(storage)
    if url is None:
        return package.create_study(study_name=name, direction="minimize")
    from sqlalchemy import event

    def make_storage() -> tuple[Any, Any]:
        opened: list[Any] = []  # by an engine that nobody can dispose of where the storage is refused

        def note(connection: Any, _: Any) -> None:
            opened.append(connection)

        engine = {**settings_of_engine(url), "pool_events": [(note, "connect")]}
        try:
            with quiet():
                kept = package.storages.RDBStorage(
                    url.render_as_string(hide_password=False), engine_kwargs=engine,
                    heartbeat_interval=HEARTBEAT, grace_period=GRACE,
                )  # fmt: skip
        except BaseException:
            for connection in opened:
                connection.close()
            raise
        event.remove(kept.engine.pool, "connect", note)
        study = package.create_study(storage=kept, study_name=name, direction="minimize", load_if_exists=True)
        return study, kept.engine.dispose

    apart = Apart(url)
    try:
        study, dispose = apart.do(make_storage)
    except BaseException:
        apart.end()
        raise
    apart.does_all_of(study._storage)
    weakref.finalize(study, apart.end, dispose)  # its connections would else be closed with a warning, some time later
    return study


class Apart:
    """A thread that does all that is done in a database, and shows there that this process lives.

    Python raises an interrupt in the main thread alone, which waits here until what it asked for has come to its end:
    no transaction is cut off, and none keeps the database locked. What the database holds may be anything: whatever is
    raised over it, but for an interrupt and what is no fault of it, is a `StorageError`.

    Optuna's own thread for signs of life is not used: Python waits for it at its end, and an interrupt while it starts
    lets it run for ever.
    """

    def __init__(self, url: Any) -> None:
        self._url = url
        self._passing = (KeyboardInterrupt, ImportError, FlowgraphError, optuna().exceptions.UpdateFinishedTrialError)
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self.show_life: Callable[[], Any] | None = None
        """Called every `HEARTBEAT` seconds, while there is a trial of this process."""
        self._thread = start_new_thread(self._serve, ())

    def _serve(self) -> None:
        """Do one task after the other, until there is None."""
        last = monotonic()
        while True:
            task: Task | None
            with suppress(Empty):
                if (task := self._tasks.get(timeout=HEARTBEAT)) is None:
                    return
                task.run()
                del task  # what it holds must not wait for the next one
            if self.show_life is not None and monotonic() - last >= HEARTBEAT:
                with suppress(Exception):  # what is wrong with the database is told to who waits for an answer
                    self.show_life()
                last = monotonic()

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
            f"search: the storage {shown!r} holds no study that can be read: {_text_of_error(task.error, self._url)}"
        ) from None

    def does_all_of(self, storage: Any) -> None:
        """Whatever is asked of a storage is done here."""
        for name in dir(storage):
            if not name.startswith("_") and callable(getattr(storage, name)):
                setattr(storage, name, partial(self.do, getattr(storage, name)))
        storage.apart = self

    def end(self, last: Callable[[], Any] = lambda: None) -> None:
        """End the thread, after what is to be done last."""
        self._tasks.put(Task(lambda _: last(), ()))
        self._tasks.put(None)


@contextmanager
def show_life(study: Study, trial: Any) -> Iterator[None]:
    """Show in the database that this process runs the trial; in memory nobody else looks."""
    apart: Apart | None = getattr(study._storage, "apart", None)
    if apart is None:
        yield
        return
    storage: Any = study._storage
    show = partial(storage.record_heartbeat, trial._trial_id)
    show()
    apart.show_life = show
    try:
        yield
    finally:
        apart.show_life = None


def fail_stale(study: Study) -> None:
    """Let trials fail whose process shows no life any more; in memory there are none."""
    with quiet():
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
