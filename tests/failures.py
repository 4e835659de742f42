"""The failed tests of a run: written down by a plugin, and read by what runs pytest in a process of its own."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PASSED, FAILED, ENDED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED
DRAWING = ("FLOWGRAPH_SEED", "FLOWGRAPH_THOROUGH", "HYPOTHESIS_PROFILE")
"""Variables of the environment that say which inputs a test draws."""


class Failures:
    """A plugin of pytest that writes down which tests failed, with what was told of each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.texts: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A report has come in, of this process or of a worker."""
        if report.failed:
            self.texts[report.nodeid] = report.longreprtext
            self.path.write_text(json.dumps(self.texts), encoding="utf-8")


class Ran(NamedTuple):
    """What a run of pytest came to: its exit code, what was told of each failed test, and what it printed."""

    code: int
    failed: dict[str, str]
    output: str


def repeating(test: str, *options: str, **environment: str) -> str:
    """The line of a shell that runs a test again, with the inputs that it draws here or in another environment."""
    around = {name: value for name in DRAWING if (value := (os.environ | environment).get(name))}
    variables = [f"{name}={value}" for name, value in around.items()]
    return shlex.join([*variables, "python", "-m", "pytest", *options, test])


def run_tests(
    *arguments: str, quiet: bool = False, root: Path = ROOT, most: float | None = None, **environment: str
) -> Ran:
    """Run pytest in a process of its own; its output is passed on, or with `quiet` kept.

    A run that takes more than `most` seconds is ended; what failed until then counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "failures.json"
        command = [sys.executable, "-m", "pytest", "--failures", str(path), *arguments]
        to = subprocess.PIPE if quiet else None
        around = os.environ | environment
        with subprocess.Popen(command, cwd=root, env=around, text=True, stdout=to, stderr=to) as process:
            try:
                output, errors = process.communicate(timeout=most)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)  # on which pytest ends its workers
                output, errors = process.communicate()
        failed = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return Ran(process.returncode, failed, (output or "") + (errors or ""))
