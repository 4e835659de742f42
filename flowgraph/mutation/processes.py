"""The processes in which the command runs, one for each mutant."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from flowgraph.box.leaves import new_lock
from flowgraph.checking.point import ANSWERS
from flowgraph.errors import UsageError
from flowgraph.mutation import hook
from flowgraph.mutation.mutants import Mutant

TAIL = 1500
SHORTEST = 10.0  # seconds that a mutant may take at least
PATIENCE = 5.0  # times the seconds without a mutant that it may take


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: "killed" by a failing command, "timeout", "lived", "never imported", or "equivalent".

    `answers` is a file with what the mutated backward passes answered to fg.check, where it was called.

    Parameters
    ----------
    mutant : Mutant
        The mutant.
    outcome : {'killed', 'timeout', 'lived', 'never imported', 'equivalent'}
        What became of it.
    seconds : float
        How long the command ran.
    answers : Path, optional
        A file with the gradients that the mutant gave to `fg.check`.

    Examples
    --------
    >>> from flowgraph.mutation import Mutant, Outcome
    >>> Outcome(Mutant("boxes.py", "A", "sign", 3, "", "", "A.bprop"), "killed", 0.5).outcome
    'killed'
    """

    mutant: Mutant
    outcome: str
    seconds: float
    answers: Path | None = None


class Processes:
    """Starts the command with the hook on Python's path; `close` ends what still runs."""

    def __init__(self, directory: Path, command: list[str]) -> None:
        self.directory = directory
        self.command = command
        self.running: set[subprocess.Popen[bytes]] = set()
        self.closed = False
        self.lock = new_lock()
        self.unseen: set[Path] = set()
        self.hook = directory / "hook"
        self.hook.mkdir()
        shutil.copy(hook.__file__, self.hook / "sitecustomize.py")

    def run_without_mutant(self) -> tuple[float, Path]:
        """The seconds that the command takes, which must pass, and the file of its answers."""
        place = self._place()
        code, seconds = self._run({**os.environ, ANSWERS: str(place / "answers")}, place, None)
        if code != 0:
            output = (place / "output").read_text(errors="replace")[-TAIL:].strip()
            raise UsageError(
                f"mutate: without any mutant the command {' '.join(self.command)!r} fails (exit code {code}); "
                f"a mutant can only be judged by tests that pass\n{output}"
            )
        return seconds, place / "answers"

    def judge(self, mutant: Mutant, limit: float) -> Outcome:
        """Run the command with the mutant in the place of its file, in a process of its own."""
        if mutant.file in self.unseen:
            return Outcome(mutant, "never imported", 0.0)
        place = self._place()
        (place / "mutant.py").write_text(mutant.source, encoding="utf-8")
        path = [str(self.hook), *filter(None, [os.environ.get("PYTHONPATH")])]  # Python runs the hook at its start
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(path), hook.FILE: os.path.realpath(mutant.file),
            hook.MUTANT: str(place / "mutant.py"), hook.SEEN: str(place / "seen"), ANSWERS: str(place / "answers"),
        }  # fmt: skip
        code, seconds = self._run(environment, place, limit)
        if not (place / "seen").exists() and code is not None:
            self.unseen.add(mutant.file)
            return Outcome(mutant, "never imported", seconds)
        return Outcome(mutant, _outcome(code), seconds, place / "answers")

    def close(self) -> None:
        """End every process that was started and still runs."""
        with self.lock:
            self.closed = True
            for process in self.running:
                _end(process)

    def _place(self) -> Path:
        """A new directory of one run."""
        with self.lock:
            place = self.directory / str(len(list(self.directory.iterdir())))
            place.mkdir()
        return place

    def _run(self, environment: dict[str, str], place: Path, limit: float | None) -> tuple[int | None, float]:
        """The exit code of the command, None if it had to be ended, and its seconds."""
        start = time.perf_counter()
        with (place / "output").open("wb") as output:
            process = self._start(environment, output.fileno())
            try:
                code: int | None = process.wait(limit)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
                process.wait()
                with self.lock:
                    self.running.discard(process)
        return code, time.perf_counter() - start

    def _start(self, environment: dict[str, str], output: int) -> subprocess.Popen[bytes]:
        with self.lock:
            if self.closed:
                raise UsageError("mutate: was interrupted")
            try:
                process = subprocess.Popen(
                    self.command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise UsageError(f"mutate: cannot start {self.command[0]!r} ({error.strerror})") from error
            self.running.add(process)
        return process


def _outcome(code: int | None) -> str:
    return "timeout" if code is None else "killed" if code else "lived"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and, where there are sessions, all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
