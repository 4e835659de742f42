"""Many mutants in one process: where it imports the mutated file, it is forked once for each of them.

This file is copied beside `hook.py`, and runs in the process that the command starts, so it imports nothing of
flowgraph. What was imported before is imported once for all mutants. First comes a child without a mutant: a command
that does not pass when it goes on in a fork is not tried in this way, and what it imports afterwards of installed
packages is imported before the next fork.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import importlib
import os
import signal
import stat
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

ANSWERS = "FLOWGRAPH_ANSWERS"
WITHOUT = -1  # the number of the child without a mutant
FIRST_LIMIT = 600.0  # seconds for that child, where none are given
PAUSE = 0.003


class Host:
    """The process that imports; `choose` is asked for each mutated file when its code is needed.

    The plan has `parent`, `jobs`, `limit` (or None), `shortest` and `patience`, which make one of the seconds without a
    mutant, `directory`, and `files`: for each the numbers of its mutants, whose sources are `NUMBER.py` there. What
    happens goes into `journal` there, a line each: `started NUMBER PID`, `ended NUMBER CODE SECONDS`, `refused REASON`.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.directory = Path(plan["directory"])
        self.left: dict[str, list[int]] = dict(plan["files"])
        self.limit: float | None = plan["limit"]
        self.running: dict[int, tuple[int, float]] = {}
        self.own: set[str] = set()  # the packages of mutated files
        self.is_child = False
        self.tried_without = False

    def choose(self, fullname: str, path: str) -> str | None:
        """In a child the source of its mutant; here None, after all mutants of the file were tried.

        After those of the last file the process ends: nobody needs its own run of the tests.
        """
        self.own |= {fullname.partition(".")[0]}
        numbers = self.left.pop(os.path.realpath(path), [])
        if self.is_child or not numbers:
            return None
        reason = unsafe()
        if reason:
            self.refuse(reason)
            return None
        self.import_all(imported_by(path))
        if self.is_child:  # one of a file that was imported just now
            return None
        before = signal.signal(signal.SIGTERM, self.stop)
        source = self.try_all(numbers)
        signal.signal(signal.SIGTERM, before)
        if not self.left and not self.is_child:
            os._exit(0)
        return source

    def try_all(self, numbers: list[int]) -> str | None:
        """A child for each number; in a child the source of its mutant."""
        if not self.tried_without:
            self.tried_without = True
            if self.start(WITHOUT):
                atexit.register(write_imported, set(sys.modules), self.directory / "imported")
                return None
            if not self.passes_without():
                return None
            with contextlib.suppress(OSError):
                self.import_all((self.directory / "imported").read_text(encoding="utf-8").splitlines())
        gc.collect()
        gc.freeze()  # the garbage collector of a child then does not visit, and so copy, what there is now
        for number in numbers:
            while len(self.running) >= self.plan["jobs"]:
                self.wait()
            if self.start(number):
                return str(self.directory / f"{number}.py")
        while self.running:
            self.wait()
        return None

    def import_all(self, names: list[str]) -> None:
        """Import modules once for all children; what cannot be imported is left to them."""
        for name in names:
            if name.partition(".")[0] not in self.own:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)

    def stop(self, *_: Any) -> None:
        """End all children and this process: the parent has stopped waiting."""
        for child in self.running:
            end_group(child)
        for child in self.running:
            os.waitpid(child, 0)
        os._exit(1)

    def passes_without(self) -> bool:
        """Whether the child without a mutant passes; its seconds bound those of the others."""
        started = time.perf_counter()
        code: int | None = 0
        while self.running:
            code = self.wait()
        if code != 0:
            self.refuse(f"the command does not pass when it goes on in a fork (exit code {code})")
            os._exit(1)
        seconds = time.perf_counter() - started
        self.limit = self.limit or max(self.plan["shortest"], self.plan["patience"] * seconds)
        return True

    def start(self, number: int) -> bool:
        """Fork, and return whether this is the child, which waits until its number is in the journal."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads, as those of a BLAS, which wait for work
            child = os.fork()
        if child == 0:
            self.is_child, self.running = True, {}
            os.setpgid(0, 0)
            os.close(writing)
            if not os.read(reading, 1):
                os._exit(1)
            os.close(reading)
            own_temporary_files()
            os.environ[ANSWERS] = str(self.directory / f"{number}.answers")
            return True
        os.close(reading)
        self.note(f"started {number} {child}")
        os.write(writing, b"1")
        os.close(writing)
        self.running[child] = (number, time.perf_counter())
        return False

    def wait(self) -> int | None:
        """Until a child has ended, or was ended since its time is over; its exit code, or None."""
        while True:
            for child, (number, start) in list(self.running.items()):
                ended, status = os.waitpid(child, os.WNOHANG)
                seconds = time.perf_counter() - start
                late = seconds > (self.limit or FIRST_LIMIT)
                if ended or late:
                    end_group(child)
                    if not ended:
                        os.waitpid(child, 0)
                    code = os.waitstatus_to_exitcode(status) if ended else None
                    del self.running[child]
                    self.note(f"ended {number} {'late' if code is None else code} {seconds:.3f}")
                    return code
            time.sleep(PAUSE)

    def refuse(self, reason: str) -> None:
        """Nothing more is tried here."""
        self.left.clear()
        self.note(f"refused {reason}")

    def note(self, text: str) -> None:
        """A line of the journal."""
        with (self.directory / "journal").open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def unsafe() -> str:
    """Why this process must not be forked; "" if it may be."""
    if threading.current_thread() is not threading.main_thread() or threading.active_count() > 1:
        return "the file is imported where several threads run"
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is not None and getattr(bridge, "_backends", None):
        return "JAX computes before the file is imported, and does not bear a fork then"
    return ""


def imported_by(path: str) -> list[str]:
    """The modules that a file imports at its top."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError):
        return []
    names = [alias.name for part in tree.body if isinstance(part, ast.Import) for alias in part.names]
    sources = [part for part in tree.body if isinstance(part, ast.ImportFrom) and not part.level]
    return names + [part.module for part in sources if part.module]


def write_imported(before: set[str], place: Path) -> None:
    """The modules that were imported since, of Python and of installed packages: not the tests themselves."""
    here = os.getcwd() + os.sep
    names = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name not in before and ("site-packages" in file or not file.startswith(here)):
            names.append(name)
    place.write_text("\n".join(names), encoding="utf-8")


def own_temporary_files() -> None:
    """Copies of the open files that have no name, as those in which pytest keeps the output of a test.

    Otherwise all children would write to one place in them.
    """
    copies: dict[tuple[int, int], int] = {}
    try:
        numbers = sorted(int(name) for name in os.listdir("/dev/fd"))
    except (OSError, ValueError):
        return
    for number in numbers:
        try:
            status = os.fstat(number)
        except OSError:  # that of the listing itself
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_nlink:
            continue
        key = (status.st_dev, status.st_ino)
        if key not in copies:
            copies[key] = copy_of(number)
        os.dup2(copies[key], number, inheritable=os.get_inheritable(number))
    for copy in copies.values():
        os.close(copy)


def copy_of(number: int) -> int:
    """The number of a new nameless file with the same bytes, at the same place."""
    place = os.lseek(number, 0, os.SEEK_CUR)
    made, name = tempfile.mkstemp()
    os.unlink(name)
    with contextlib.suppress(OSError):  # one that can only be written
        os.write(made, os.pread(number, os.fstat(number).st_size, 0))
    os.lseek(made, place, os.SEEK_SET)
    return made


def end_group(leader: int) -> None:
    """Kill a child process and its descendants."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
