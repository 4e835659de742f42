"""The database of a search: its URL, errors with a remedy, and the order in which processes begin trials."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowgraph.errors import UsageError, install_hint
from flowgraph.saving.lock import Lock

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
    said = "; ".join(lines[:2]) or type(cause).__name__
    password = str(url.password) if url.password else ""
    return _without_password(said.replace(password, "***") if password else said)


def _without_password(text: str) -> str:
    """A text that may hold a URL, with *** for what stands between its first colon and its last @."""
    return re.sub(r"(://?[^:/@\s]*:)[^\s]*@", r"\1***@", text)
