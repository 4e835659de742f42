"""The processes in which the command runs: one that is forked for many mutants, or one for each."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowgraph.box.leaves import new_lock
from flowgraph.errors import UsageError
from flowgraph.mutation import forking, hook
from flowgraph.mutation.mutants import Mutant

TAIL = 1500
SHORTEST = 10.0  # seconds that a mutant may take at least
PATIENCE = 5.0  # times the seconds without a mutant that it may take
PAUSE = 0.02
MERCY = 2.0  # seconds in which a process may end its children


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
        self.refused = ""
        self.hook = directory / "hook"
        self.hook.mkdir()
        shutil.copy(hook.__file__, self.hook / "sitecustomize.py")
        shutil.copy(forking.__file__, self.hook / "forking.py")

    def run_without_mutant(self) -> tuple[float, Path]:
        """The seconds that the command takes, which must pass, and the file of its answers."""
        place = self._place()
        code, seconds = self._run({**os.environ, forking.ANSWERS: str(place / "answers")}, place, None)
        self._demand_pass(code, place)
        return seconds, place / "answers"

    def fork(
        self, mutants: Sequence[Mutant], limit: float | None, jobs: int, hear: Callable[[int, Outcome], None]
    ) -> None:
        """Try the mutants in children forked from one process; `hear` receives the number and outcome of each.

        The first, of place -1, is without a mutant. Left out are those of files that this process did not import
        itself, and all where it must not be forked, which `refused` says.
        """
        place = self._place()
        environment = self._hooked({hook.PLAN: str(self._plan(mutants, place, limit, jobs))})
        start = time.perf_counter()
        journal = _Journal(place, mutants, hear)
        with (place / "output").open("wb") as output:
            process = self._start(environment, output.fileno())
            try:
                while process.poll() is None:
                    journal.follow()
                    time.sleep(PAUSE)
            finally:
                _ask_to_end(process)
                _end(process)
                process.wait()
                journal.end_all()
                with self.lock:
                    self.running.discard(process)
        self.refused = journal.refused
        if not journal.began:
            self._demand_pass(process.returncode, place)
            hear(forking.WITHOUT, Outcome(mutants[0], "lived", time.perf_counter() - start))

    def judge(self, mutant: Mutant, limit: float) -> Outcome:
        """Run the command with the mutant in the place of its file, in a process of its own."""
        if mutant.file in self.unseen:
            return Outcome(mutant, "never imported", 0.0)
        place = self._place()
        (place / "mutant.py").write_text(mutant.source, encoding="utf-8")
        environment = self._hooked(
            {
                hook.FILE: os.path.realpath(mutant.file), hook.MUTANT: str(place / "mutant.py"),
                hook.SEEN: str(place / "seen"), forking.ANSWERS: str(place / "answers"),
            }
        )  # fmt: skip
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

    def _plan(self, mutants: Sequence[Mutant], place: Path, limit: float | None, jobs: int) -> Path:
        """The file with the orders of the forking process, beside the sources of all mutants."""
        files: dict[str, list[int]] = {}
        for number, mutant in enumerate(mutants):
            (place / f"{number}.py").write_text(mutant.source, encoding="utf-8")
            files.setdefault(os.path.realpath(mutant.file), []).append(number)
        plan = {
            "parent": os.getpid(), "jobs": jobs, "limit": limit, "shortest": SHORTEST, "patience": PATIENCE,
            "directory": str(place), "files": files,
        }  # fmt: skip
        (place / "plan").write_text(json.dumps(plan), encoding="utf-8")
        return place / "plan"

    def _hooked(self, more: dict[str, str]) -> dict[str, str]:
        """The environment in which Python runs the hook at its start."""
        path = [str(self.hook), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}

    def _demand_pass(self, code: int | None, place: Path) -> None:
        if code != 0:
            output = (place / "output").read_text(errors="replace")[-TAIL:].strip()
            raise UsageError(
                f"mutate: without any mutant the command {' '.join(self.command)!r} fails (exit code {code}); "
                f"a mutant can only be judged by tests that pass\n{output}"
            )

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


class _Journal:
    """The messages of a forked process about its children, read as they arrive."""

    def __init__(self, place: Path, mutants: Sequence[Mutant], hear: Callable[[int, Outcome], None]) -> None:
        self.place = place
        self.mutants = mutants
        self.hear = hear
        self.read = 0
        self.children: dict[int, int] = {}
        self.ended: list[tuple[int, Outcome]] = []
        self.refused = ""
        self.began = False

    def follow(self) -> None:
        """Tell the outcomes since the last call; all lines are taken before, so that an interrupt loses none."""
        for line in self._lines():
            self.began = True
            word, _, rest = line.partition(" ")
            number, *values = rest.split(" ")
            if word == "refused":
                self.refused = rest
            elif word == "started":
                self.children[int(number)] = int(values[0])
            else:
                self._take(int(number), None if values[0] == "late" else int(values[0]), float(values[1]))
        while self.ended:
            self.hear(*self.ended.pop(0))

    def _take(self, number: int, code: int | None, seconds: float) -> None:
        self.children.pop(number, None)
        mutant, answers = self.mutants[max(number, 0)], self.place / f"{number}.answers"
        self.ended.append((number, Outcome(mutant, _outcome(code), seconds, answers)))

    def end_all(self) -> None:
        """Kill the children of a process that was killed itself, and report the remaining outcomes."""
        self.follow()
        for child in self.children.values():
            for end in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    end(child, signal.SIGKILL)

    def _lines(self) -> list[str]:
        """The whole lines that are new."""
        try:
            with (self.place / "journal").open(encoding="utf-8") as file:
                file.seek(self.read)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind("\n") + 1]
        self.read += len(whole.encode())
        return whole.splitlines()


def _outcome(code: int | None) -> str:
    return "timeout" if code is None else "killed" if code else "lived"


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """A forked process ends its children and waits for them, which no other can."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        process.terminate()
        process.wait(MERCY)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and, where there are sessions, all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
