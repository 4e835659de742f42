"""Ctrl-C at any moment of any command, once or several times in a row: exit code 130, one plain line, no traceback."""

import os
import random
import subprocess
import sys

import pytest
from click.testing import CliRunner

from flowgraph import starting
from flowgraph.cli import main
from tests.seed import seed_of_tree

INTERRUPTED = """
import os, signal, sys, threading, time
moments = [float(moment) for moment in sys.argv[1].split(",")]
sys.argv = ["/usr/bin/flowgraph", *sys.argv[2:]]
def interrupt():
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        time.sleep(0)
    for moment in moments:
        time.sleep(moment)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
from flowgraph.cli import main
main()
"""
"""A process like that of the command; it interrupts itself at moments counted from its first import of the package."""


def interrupted(moments, *command, cwd):
    arguments = [sys.executable, "-c", INTERRUPTED, ",".join(map(str, moments)), *map(str, command)]
    return subprocess.run(arguments, check=False, capture_output=True, text=True, cwd=cwd, timeout=120)


def assert_ended(done, moments):
    told = f"interrupted at {moments}: code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert done.returncode == 130, told
    assert "Traceback" not in done.stderr + done.stdout, told
    assert "Aborted" not in done.stderr + done.stdout, told
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("note: ")]
    assert len(lines) <= 1, told
    assert all("interrupted" in line for line in lines), told
    assert lines or "go on with: flowgraph train --resume" in done.stdout, told  # after a step the training says so


LONG = ["--epochs", "100000", "--patience", "0"]
COMMANDS = {
    "train": ["train", "moons", *LONG, "-o", "run"],
    "search": ["search", "moons", *LONG, "-s", "l2=0.0|0.1", "--pruner", "none", "--sampler", "grid", "-o", "search"],
    "bias-variance": ["bias-variance", "moons", *LONG, "--vary", "hidden=1|2", "-o", "out"],
    "demo": ["demo", "--epochs", "100000", "--out", "demo"],
    "check": ["check", "slow.py"],
    "predict": ["predict", "run", "slow.csv"],
    "mutate": ["mutate", "slow.py", "--", sys.executable, "-c", "import time; time.sleep(60)"],
    "render": ["render", "slow.py:graph"],
}

SLOW = """
import time
import numpy as np
import flowgraph as fg
class Slow(fg.Elementwise):
    def fprop(self, a):
        time.sleep(0.05)
        return np.tanh(a)
    def bprop(self, grad, h, a):
        return (grad * (1 - h * h),)
def graph():
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    os.mkfifo(tmp_path / "slow.csv")  # a file that nobody writes: reading it takes for ever
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text('{"columns": ["a"], "classes": []}')
    os.mkfifo(tmp_path / "run" / "model.safetensors")
    return tmp_path


def moments():
    """As the seed of the tree draws, from the first import to the middle of the work; some several times in a row."""
    rng = random.Random(seed_of_tree())
    first = rng.choice([rng.uniform(0.0, 0.6), rng.uniform(0.6, 2.5), rng.uniform(2.5, 5.0)])
    again = [rng.choice([0.0, 0.001, 0.01, 0.1, 0.5]) for _ in range(rng.choice([0, 1, 1, 3]))]
    return [round(first, 4), *again]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_interrupted(name, folder):
    when = moments()
    command = COMMANDS[name] if name != "train" else [*COMMANDS[name][:-1], "new"]
    if name in ("train", "search", "bias-variance", "demo"):
        when = [*when, 0.7, 0.7]  # the first one after a step is noted, and the work goes on to its end
    assert_ended(interrupted(when, *command, cwd=folder), when)
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("when", [[0.0], [0.0005, 0.0], [0.005], [0.05, 0.0, 0.0], [0.1]])
def test_while_it_is_imported(when, folder):
    done = interrupted(when, *COMMANDS["train"], cwd=folder)
    assert_ended(done, when)
    assert done.stderr == "interrupted\n"


def test_python_m_flowgraph_is_the_command_and_other_programs_are_not():
    for arguments, original, command in [
        (["-m", "train"], ["python", "-W", "ignore", "-m", "flowgraph", "train"], True),
        (["-m", "train"], ["python", "-mflowgraph", "train"], True),
        (["-m", "-m", "flowgraph"], ["python", "-m", "pytest", "-m", "flowgraph"], False),
        (["-m"], ["python", "-m"], False),
        (["/usr/local/bin/flowgraph"], [], True),
        (["C:\\flowgraph.exe".replace("C:\\", "")], [], True),
        (["train_flowgraph.py"], [], False),
        (["-c"], ["python", "-c", "import flowgraph"], False),
        ([""], ["python"], False),
        ([], [], False),
    ]:
        assert starting._is_command(arguments, original) is command
    assert not starting.COMMAND


def test_importing_the_package_changes_nothing_of_a_program():
    code = "import signal, sys; h = sys.excepthook, sys.unraisablehook, signal.getsignal(2); import flowgraph; "
    code += "assert h == (sys.excepthook, sys.unraisablehook, signal.getsignal(2))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


UNRAISABLE = """
import os, signal, sys, time
sys.argv = ["flowgraph"]
import flowgraph.starting as starting
starting.begin()
class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
try:
    Deleted()
    time.sleep(5)
except KeyboardInterrupt:
    print("once more")
Deleted()
raise KeyboardInterrupt
"""


def test_an_interrupt_in_a_destructor_is_not_lost_and_one_that_nobody_caught_shows_one_line():
    done = subprocess.run([sys.executable, "-c", UNRAISABLE], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "once more\n", "interrupted\n")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("mutate",)])
def test_a_keyboard_interrupt_inside_any_command(name, folder, monkeypatch):
    def interrupt(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.chdir(folder)
    command = main.commands[name]
    monkeypatch.setattr(command, "callback", interrupt)
    result = CliRunner().invoke(main, COMMANDS[name])
    assert (result.exit_code, result.output) == (130, "interrupted\n")


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device", "a\x1b.svg")])
def test_what_is_no_fault_of_the_code_is_one_line(error, folder, monkeypatch):
    def fails(*arguments, **settings):
        raise error

    monkeypatch.chdir(folder)
    monkeypatch.setattr(main.commands["render"], "callback", fails)
    result = CliRunner().invoke(main, COMMANDS["render"])
    assert result.exit_code == 3
    assert result.output in (
        "Error: the memory of this machine does not suffice; try less at a time\n",
        "Error: a\\x1b.svg: No space left on device\n",
    )


def test_an_error_that_a_library_makes_of_an_interrupt_is_one(folder, monkeypatch):
    def fails(*arguments, **settings):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("this session is closed")  # noqa: B904 (as it happens by accident)

    monkeypatch.chdir(folder)
    monkeypatch.setattr(main.commands["render"], "callback", fails)
    result = CliRunner().invoke(main, COMMANDS["render"])
    assert (result.exit_code, result.output) == (130, "interrupted\n")
