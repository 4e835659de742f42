"""The tests that reach a line, and what becomes of them in a copy of the repository with a mutant in it."""

from __future__ import annotations

import compileall
import doctest
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tools.mutant_sources import ROOT, Mutant

COPIED: tuple[str, ...] = ("flowgraph", "tests", "tools", "docs", "benchmarks", "notebooks", "README.md")
COPIED += ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml")
MOST_FAILED = 0.02
"""The part of the tests that may fail without a mutant: checks that have little time while their lines are traced."""
PROGRAMS = "programs"
"""What random programs are called among the tests that run a line."""
OTHERS = 3
"""So many cases that the sample leaves out are tried of each test whose cases in the sample a mutant survives."""
NO_TESTS = 5
"""What pytest returns where it has no test to run, as of tests with a single case."""
FIRST = 4
"""So many files of tests are read before all others: most mutants are killed there, and reading takes longest."""


class Room(NamedTuple):
    """Files of the package, the tests that are to notice mistakes in them, and so many random programs of tests/fuzz.

    The strings of a room that `emits` are code; elsewhere those with a space in them are texts for people.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    programs: int = 0
    emits: bool = False

    def own_folders(self) -> list[str]:
        """The folders of tests of its files, which .ci/run takes whole after they have changed."""
        return sorted({f"tests/{pattern.split('/')[1]}" for pattern in self.files})


@dataclass
class Reach:
    """Which tests run which lines of the package, and how long each test takes."""

    tests: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def files(self, tests: list[str], mutant: Mutant) -> list[str]:
        """The files of these tests: those of the mutant's own folder first, and of all, those that take least."""
        seconds: dict[str, float] = defaultdict(float)
        for test in tests:
            seconds[test.partition("::")[0]] += self.seconds.get(test, 0.0)
        folder = mutant.path.split("/")[1]
        return sorted(seconds, key=lambda file: (f"tests/{folder}/" not in file, seconds[file], file))

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that run a line of the mutant, quick ones first.

        Of a line that runs as the package is imported, all that enter the file; all of the room where none does, as in
        a file of constants. Such lines have the name "" among their tests.
        """
        by_line = self.tests.get(mutant.path, {})
        found = set().union(*(by_line.get(line, ()) for line in mutant.lines))
        if found == {""} or (not found and mutant.imported):
            found = set().union(*by_line.values()) - {""} or set(self.seconds)
        found.discard("")
        return sorted(found, key=lambda test: (self.seconds.get(test, 0.0), test))


class _Measure:
    """A plugin of pytest that notes, for each test, its time, the lines that it runs and whether it fails."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)


class _Listed:
    """A plugin of pytest that keeps the listed tests, in the order of the list."""

    def __init__(self, tests: list[str]) -> None:
        self.place = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self.place), key=lambda item: self.place[item.nodeid]
        )


class _Others:
    """A plugin of pytest that keeps a few of the cases that are not listed, of the tests of which some are."""

    def __init__(self, tests: list[str]) -> None:
        self.listed = set(tests)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        cases: dict[str, list[Any]] = {test.partition("[")[0]: [] for test in self.listed}
        for item in items:
            if item.nodeid not in self.listed:
                cases.get(item.nodeid.partition("[")[0], []).append(item)
        items[:] = [item for others in cases.values() for item in others[:: max(1, -(-len(others) // OTHERS))]]


def _wrong_examples(mutant: Mutant) -> int:
    """How many examples of the docstrings of the changed file are wrong, which a commit that changes it runs."""
    module = mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return min(1, doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS).failed)


class Copy:
    """A copy of the repository in a temporary folder, in which files are changed and tests run."""

    def __init__(self, room: Room, seed: int, without: Iterable[str] = (), share: float = 0.6) -> None:
        self.room = room
        self.share = share
        self.seed = seed
        self.without = [f"--ignore={test}" for test in without]
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        self.home = self.folder / "copy"
        self.home.mkdir()
        for name in COPIED:
            source, target = ROOT / name, self.home / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            elif source.exists():
                shutil.copy(source, target)
        compileall.compile_dir(self.home / "flowgraph", quiet=1)
        self.tests = [test for test in room.tests if (self.home / test).exists()]

    def reach(self) -> Reach:
        """Run all tests of the room once, without a mutant; those that fail, while they are measured, are left out."""
        out = self.folder / "reach.json"
        status = self.forked(lambda: self._measure(out), 3600)
        if status != 0:
            tail = "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-40:])
            raise SystemExit(f"the tests of the room do not pass without a mutant:\n{tail}")
        found = json.loads(out.read_text())
        tests = {
            path: {int(line): set(names) for line, names in by_line.items()} for path, by_line in found["tests"].items()
        }
        if found["failed"]:
            print(f"left out, since they fail without a mutant: {', '.join(found['failed'])}")
        return Reach(tests, found["seconds"])

    def _measure(self, out: Path) -> int:
        import coverage

        measured = coverage.Coverage(data_file=None, source=["flowgraph"], config_file=False)
        plugin = _Measure(measured)
        measured.start()
        status = self._pytest(self.tests, [plugin])
        measured.switch_context(PROGRAMS)
        wrong = self._programs()
        measured.stop()
        data = measured.get_data()
        tests = {}
        for name in data.measured_files():
            tests[os.path.relpath(name, self.home)] = data.contexts_by_lineno(name)
        for names in (names for by_line in tests.values() for names in by_line.values()):
            names[:] = [name for name in names if name not in plugin.failed]
        seconds = {name: taken for name, taken in plugin.seconds.items() if name not in plugin.failed}
        out.write_text(json.dumps({"tests": tests, "seconds": seconds, "failed": sorted(plugin.failed)}))
        return (status if len(plugin.failed) > MOST_FAILED * len(plugin.seconds) else 0) or wrong

    def try_one(self, mutant: Mutant, reach: Reach) -> str:
        """'killed' by the sample, 'killed at night' by other cases of its tests, 'timed out' or 'survived'."""
        path, tests = self.home / mutant.path, reach.of(mutant)
        text = path.read_text(encoding="utf-8")
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()
        path.write_text(mutant.code, encoding="utf-8")
        try:
            if self.forked(lambda: _wrong_examples(mutant), 60) != 0:
                return "killed"
            for outcome in ("killed", "killed at night") if tests else ():
                status = self._status(tests, mutant, reach, outcome != "killed")
                if status != 0:
                    return "timed out" if status in (None, -signal.SIGXCPU) else outcome
        finally:
            path.write_text(text, encoding="utf-8")
        return "survived"

    def _status(self, tests: list[str], mutant: Mutant, reach: Reach, others: bool) -> int | None:
        """How a process ends that runs these tests, or other cases of them: 0 where none fails, None if it hangs."""
        named = [test for test in tests if test != PROGRAMS]
        files = reach.files(named, mutant)
        limit = 60 + 5 * sum(reach.seconds.get(test, 0.0) for test in tests) * (OTHERS if others else 1)

        def run() -> int:
            sys.dont_write_bytecode = True
            os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "FLOWGRAPH_THOROUGH": str(int(others))}
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
            parts = [part for part in (files[:FIRST], files[FIRST:]) if part]
            kept = _Others(named) if others else _Listed(named)
            found = (self._pytest(["-x", *part], [kept]) for part in parts)
            failed = next((status for status in found if status not in (0, NO_TESTS)), 0)
            return failed or (self._programs() if PROGRAMS in tests and not others else 0)

        return self.forked(run, 10 * limit)

    def _pytest(self, arguments: list[str], plugins: list[Any]) -> int:
        import pytest

        options = [
            "-q",
            "-p",
            "no:cacheprovider",
            "--sampled",
            f"--share={self.share}",
            *(f"--whole={folder}" for folder in self.room.own_folders()),
            f"--hypothesis-seed={self.seed}",
            f"--basetemp={self.folder / 'tmp'}",
            *self.without,
        ]
        return int(pytest.main([*options, *arguments], plugins=plugins))

    def _programs(self) -> int:
        """A short session of random programs, on the paths of the package itself."""
        if not self.room.programs:
            return 0
        from tests.fuzz import session

        session.PATHS = {name: path for name, path in session.PATHS.items() if name not in session.OUTSIDE}
        found = session.Session(self.seed).run(self.room.programs, stop=lambda failure: True)
        print(found.table())
        return int(bool(found.failures))

    def forked(self, call: Any, limit: float) -> int | None:
        """What `call` returns in a process of its own; None where it prints nothing for so many seconds."""
        log = self.folder / "log"
        log.write_text("")
        child = os.fork()
        if child == 0:
            self._child(call)
        while time.time() - log.stat().st_mtime < limit:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                _end_group(child)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        _end_group(child)
        os.waitpid(child, 0)
        return None

    def _child(self, call: Any) -> None:
        status = 70
        try:
            os.setsid()
            log = os.open(self.folder / "log", os.O_WRONLY | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(log, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(self.home)
            sys.path[:0] = [str(self.home)]
            os.environ |= {"PYTHONPATH": str(self.home), "HYPOTHESIS_PROFILE": "ci"}
            os.environ |= {"FLOWGRAPH_SEED": str(self.seed)}  # of the sample, outside of git
            status = call()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            sys.stdout.flush()
            os._exit(status)

    def remove(self) -> None:
        """Remove the folder of copies."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _end_group(leader: int) -> None:
    """End what a test has left running."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
