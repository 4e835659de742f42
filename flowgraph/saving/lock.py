"""A lock file: one process at a time writes a run, and a stale lock is removed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from flowgraph.errors import InUseError
from flowgraph.saving.replacing import create_file, made_folder

LOCK = "running.lock"
"""The name of the lock of a folder."""

WAIT = 0.5
"""Seconds between two looks at a lock that is waited for."""

_numbers = itertools.count()
"""What tells two locks of one process apart, which are written in the same second."""


class Lock:
    """A lock file that exists while a process writes the file or folder that `what` names.

    It is created whole, by one process of many, with the number of the process, the name of its machine and the time.
    A lock whose process on this machine has ended is removed, with a warning; that of another machine is respected.
    """

    def __init__(self, path: str | os.PathLike[str], what: str) -> None:
        self.path = Path(path)
        self.what = what
        self._own: bytes | None = None

    def acquire(self, on_wait: Callable[[str], Any] | None = None) -> None:
        """Take the lock, or raise an error that names its holder; with `on_wait`, call that and wait for the lock."""
        own = json.dumps({**this_process(), "since": _now(), "number": next(_numbers)}).encode()
        self._own = own  # before the file is there: an interrupt after that finds whose it is
        try:
            killed = self._take(own, on_wait)
        except BaseException:
            self.release()
            raise
        if killed is not None:
            text = f"process {killed['pid']}, which wrote it, was killed; its lock was removed"
            warnings.warn(f"{self.what}: {text}", UserWarning, stacklevel=3)

    def _take(self, own: bytes, on_wait: Callable[[str], Any] | None) -> dict[str, Any] | None:
        """Write the lock file; the last process that was killed while it held the lock, or None."""
        killed: dict[str, Any] | None = None
        told = False
        while not create_file(self.path, own):
            content, holder = self._read_record()
            if content is None:
                continue
            if has_ended(holder):
                killed = holder
                self._remove(content)
                continue
            if on_wait is None:
                raise InUseError(self._refusal(holder))
            if not told:
                on_wait(self._refusal(holder))
            told = True
            time.sleep(WAIT)
        return killed

    def release(self) -> None:
        """Remove the lock, if it is this one's; a process that was forked leaves it to the first one."""
        try:
            self._remove_own()
        except BaseException:  # an interrupt; nobody else would remove it as long as this process lives
            self._remove_own()
            raise

    def _remove_own(self) -> None:
        own = self._own
        if own is not None and json.loads(own)["pid"] == os.getpid():
            with contextlib.suppress(OSError):
                if self.path.read_bytes() == own:
                    self.path.unlink()
        self._own = None

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _read_record(self) -> tuple[bytes | None, dict[str, Any]]:
        """The content of the lock file, None if it no longer exists."""
        try:
            content = self.path.read_bytes()
            record = json.loads(content)
        except FileNotFoundError:
            return None, {}
        except (OSError, ValueError, RecursionError):
            return b"", {}
        return content, record if isinstance(record, dict) else {}

    def _remove(self, content: bytes) -> None:
        """Remove a lock with this content, if that is still its content when this process has the turn."""
        with self._turn() as own:
            if own and self._read_record()[0] == content:
                self.path.unlink(missing_ok=True)

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """One process at a time; False where another one has it, or had. The system ends the turn with the process."""
        claim = self.path.with_name(f"{self.path.name}.claim")
        if sys.platform == "win32":
            try:
                handle = os.open(claim, os.O_CREAT | os.O_EXCL | os.O_TEMPORARY)
            except OSError:
                yield False
                return
            try:
                yield True
            finally:
                os.close(handle)
            return
        import fcntl

        handle = os.open(claim, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                own = os.path.samestat(os.fstat(handle), os.stat(claim))
            except FileNotFoundError:
                own = False
            try:
                yield own
            finally:
                if own:
                    claim.unlink(missing_ok=True)
        finally:
            os.close(handle)

    def _refusal(self, holder: dict[str, Any]) -> str:
        pid, since = holder.get("pid"), str(holder.get("since", "an unknown time"))
        if not _is_here(holder):
            machine = str(holder.get("host") or "another machine")
            return (
                f"{self.what}: process {pid} on {machine} writes it since {since}; wait for it, or choose another "
                f"place; if that process has ended, which cannot be seen from here, delete {self.path}"
            )
        who = "this process" if pid == os.getpid() else f"process {pid}"
        return f"{self.what}: {who} writes it since {since}; wait for it, stop it, or choose another place"


@contextmanager
def held_folder(path: str | os.PathLike[str], on_wait: Callable[[str], Any] | None = None) -> Iterator[None]:
    """Write into a folder alone, by its lock; it is made, and removed again if nothing was written into it."""
    with made_folder(path) as folder:
        lock = Lock(folder / LOCK, str(path))
        lock.acquire(on_wait)
        try:
            yield
        finally:
            lock.release()


def _here() -> dict[str, str]:
    """What tells machines apart, and on one machine containers: numbers of processes mean something only there."""
    import socket  # rarely needed, and not quick to import

    machine = space = ""
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    with contextlib.suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return {"host": socket.gethostname(), "machine": machine, "processes": space}


def _is_here(process: Mapping[str, Any]) -> bool:
    return all(process.get(name) == value for name, value in _here().items())


def this_process() -> dict[str, Any]:
    """What tells this process apart from all others, here and elsewhere."""
    return {**_here(), "pid": os.getpid(), "born": _born(os.getpid())}


def has_ended(process: Mapping[str, Any]) -> bool:
    """Whether a process is known to have ended, of which `this_process` said so much; not known of other machines."""
    pid, born = process.get("pid"), process.get("born")
    if not _is_here(process) or type(pid) is not int or not 0 < pid < 1 << 31:
        return False
    return not _is_alive(pid) or (born is not None and _born(pid) not in (born, None))


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)  # sends nothing, and says whether it could be sent
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _state(pid) != "Z"


def _is_alive_on_windows(pid: int) -> bool:  # pragma: no cover (os.kill would end the process there)
    if sys.platform != "win32":
        return True
    import ctypes

    kernel, still_active, limited_information = ctypes.windll.kernel32, 259, 0x1000
    handle = kernel.OpenProcess(limited_information, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return not known or code.value == still_active


def _state(pid: int) -> str:
    """A letter for the state of a process, as Linux says; "Z" has ended. "" where it is not known."""
    return (_stat(pid) or [""])[0]


def _born(pid: int) -> str | None:
    """When a process began, in ticks of the machine: another one of the same number began at another time."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else None


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _now() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
