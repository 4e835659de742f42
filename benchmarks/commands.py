"""Ctrl-C at random moments of commands, and pipes whose reader leaves: one line, the right exit code, nothing lost.

    python -m benchmarks commands                     2,000 moments of check, search, render and train; an hour
    python -m benchmarks commands --count 700 --only search --seed 3
    python -m benchmarks commands --count 0           closed pipes alone, of every command

The process that is interrupted is forked from one that has imported all: the moments lie in the work of the command.
It must end with 130 and at most one line that says so, no traceback, and no file half written. Of each tenth the same
command is run once more, and ends as one that was not interrupted. After the work is done an interrupt may come too
late.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MODULE = """
import numpy as np
import flowgraph as fg
x = fg.Input("x", shape=("N", 20))
h = x
for _ in range(12):
    h = np.tanh(h @ fg.Parameter(np.eye(20) * 0.9))
graph = fg.Graph(fg.mean(h ** 2))
class Twice(fg.Elementwise):
    def fprop(self, a):
        return 2.0 * a
    def bprop(self, grad, h, a):
        return (2.0 * grad,)
check = (lambda x: np.tanh(np.sin(x) * np.exp(-x * x)) + np.log(1 + x * x), np.linspace(-1, 1, 12))
"""

COMMANDS = {
    "search": [
        "search", "moons", "-s", "l2=log:1e-4..1e-1", "-s", "hidden=4|8", "--trials", "5", "--epochs", "12",
        "-o", "out",
    ],
    "train": ["train", "moons", "--hidden", "8", "--epochs", "40", "-o", "run"],
    "check": ["check", "own.py:check", "--effort", "thorough"],
    "render": ["render", "own.py:graph", "-o", "net.svg"],
}  # fmt: skip
"""What is interrupted."""

PIPED = {
    **COMMANDS,
    "explain": ["explain", "own.py:graph"],
    "animate": ["animate", "own.py:graph", "-o", "net.html"],
    "gallery": ["gallery", "gallery.html"],
    "play": ["play", "-o", "play.html"],
    "predict": ["predict", "trained", "new.csv"],
    "mutate": ["mutate", "own.py", "--", sys.executable, "-c", "pass"],
    "bias-variance": ["bias-variance", "moons", "--vary", "hidden=1|2", "--epochs", "2", "--training-sets", "4"],
    "demo": ["demo", "--epochs", "2", "--out", "demo"],
}
"""Commands whose reader leaves after the first line."""


class End(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    error: str
    seconds: float


def begin(command: Sequence[str], folder: Path) -> tuple[int, int, int]:
    """A forked process that runs a command in a folder: its number, and what it writes."""
    read_out, write_out = os.pipe()
    read_error, write_error = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(write_out)
        os.close(write_error)
        return pid, read_out, read_error
    try:
        os.dup2(write_out, 1)
        os.dup2(write_error, 2)
        os.close(read_out)
        os.close(read_error)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
        os.chdir(folder)
        sys.argv = ["flowgraph", *command]
        from flowgraph.cli import main

        main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        os._exit(99)
    os._exit(98)


def end_of(pid: int, out: int, error: int, interrupt_at: Sequence[float] = ()) -> End:
    """Wait for a process, which gets Ctrl-C at these moments."""
    start = time.perf_counter()
    moments, parts = [*interrupt_at], {out: b"", error: b""}
    open_ = {out, error}
    while open_:
        waiting = 60.0 if not moments else max(0.0, start + moments[0] - time.perf_counter())
        for stream in select.select(list(open_), [], [], waiting)[0]:
            part = os.read(stream, 1 << 16)
            parts[stream] += part
            if not part:
                open_.discard(stream)
                os.close(stream)
        if moments and time.perf_counter() >= start + moments[0]:
            moments.pop(0)
            os.kill(pid, signal.SIGINT)
    _, status = os.waitpid(pid, 0)
    text = [part.decode(errors="replace") for part in parts.values()]
    return End(os.waitstatus_to_exitcode(status), text[0], text[1], time.perf_counter() - start)


def fresh_folder(root: Path, name: str) -> Path:
    """A folder with what the commands read."""
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "own.py").write_text(MODULE)
    (folder / "new.csv").write_text("x1,x2\n" + "0.5,1\n" * 2000)
    if (root / "trained").exists():
        shutil.copytree(root / "trained", folder / "trained")
    return folder


def trials_in(folder: Path) -> list[str]:
    """The trials of a search, without their times."""
    rows = csv.DictReader((folder / "out" / "trials.csv").read_text().splitlines())
    return [str({name: cell for name, cell in row.items() if name != "seconds"}) for row in rows]


def verdict(end: End, whole: End, moment: float) -> str:
    """What is wrong with the end of an interrupted process; "" for nothing."""
    lines = [line for line in end.error.splitlines() if line.strip() and not line.startswith(("note: ", "epoch"))]
    if "Traceback" in end.error + end.out:
        return "a traceback"
    if end.code == whole.code:
        return "" if end.seconds - moment < 0.1 * whole.seconds + 0.2 else "the interrupt was lost"
    if end.code != 130:
        return f"exit code {end.code}"
    said = [line for line in lines if "interrupted" in line]
    if not said and "go on with: flowgraph train --resume" not in end.out:
        return "nothing is said"
    return "more than one line" if len(said) > 1 else ""


def interrupt_command(name: str, count: int, rng: random.Random, root: Path) -> int:
    """Interrupt a command at so many moments; how many ended wrongly."""
    command = COMMANDS[name]
    folder = fresh_folder(root, f"{name}-whole")
    whole = end_of(*begin(command, folder))
    if whole.code not in (0, 1, 2):
        sys.exit(f"{name} ends with {whole.code} when it is not interrupted\n{whole.error[-2000:]}")
    expected = trials_in(folder) if name == "search" else []
    wrong: Counter[str] = Counter()
    late = 0
    for number in range(count):
        folder = fresh_folder(root, name)
        moments = [rng.uniform(0.0, whole.seconds)]
        if rng.random() < 0.2:
            moments.append(moments[0] + rng.choice([0.001, 0.01, 0.1]))
        end = end_of(*begin(command, folder), moments)
        problem = verdict(end, whole, moments[0])
        late += end.code == whole.code and not problem
        left = [str(path) for path in folder.rglob("*") if path.suffix == ".part" or path.name.endswith(".lock")]
        problem = problem or ("files are left" if left else "")
        if not problem and name == "search" and number % 10 == 0:
            again = end_of(*begin(command, folder))
            problem = "" if again.code == 0 and trials_in(folder) == expected else "it goes on with other trials"
        if problem:
            wrong[problem] += 1
            print(f"{name} at {moments}: {problem}, {left}\n{end.error[-1500:]}", file=sys.stderr, flush=True)
    told = ", ".join(f"{n} {what}" for what, n in wrong.items())
    ended = count - late - wrong.total()
    print(f"{name:<16}{count:>6} moments: {ended} ended with 130 and one line, {late} came after the work"
          f"{f', {told}' if told else ', 0 otherwise'}", flush=True)  # fmt: skip
    return wrong.total()


def close_pipes(root: Path) -> int:
    """Run every command with a reader that leaves after a line; how many end otherwise than with one that stays."""
    wrong = 0
    trained = end_of(*begin(["train", "moons", "--epochs", "2", "-o", "trained"], fresh_folder(root, "first")))
    assert trained.code == 0, trained.error
    shutil.copytree(root / "first" / "trained", root / "trained")
    for name, command in PIPED.items():
        whole = end_of(*begin(command, fresh_folder(root, "whole")))
        folder = fresh_folder(root, "piped")
        pid, out, error = begin(command, folder)
        first = b""
        while not first.endswith(b"\n") and (sign := os.read(out, 1)):
            first += sign
        os.close(out)
        end = end_of(pid, os.open(os.devnull, os.O_RDONLY), error)
        files = [sorted(str(path.relative_to(root / where)) for path in (root / where).rglob("*"))
                 for where in ("whole", "piped")]  # fmt: skip
        right = end.code == whole.code and "Traceback" not in end.error and "Error" not in end.error
        right = right and files[0] == files[1]
        wrong += not right
        print(f"{name:<16}{f'code {end.code}, files as with a reader that stays' if right else 'WRONG'}", flush=True)
        if not right:
            print(whole.code, end.code, end.error[-1500:], set(files[0]) ^ set(files[1]), file=sys.stderr, flush=True)
    return wrong


def main() -> None:
    """Read the options; interrupt commands, close pipes, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks commands", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="moments in all")
    parser.add_argument("--only", help=f"some of: {', '.join(COMMANDS)}")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    given = parser.parse_args([one for one in sys.argv[1:] if one != "commands"])
    print(f"seed {given.seed}", flush=True)
    sys.argv = ["flowgraph"]  # the package sees that it is the command when it is imported
    import flowgraph.cli
    import flowgraph.starting

    assert flowgraph.starting.COMMAND
    __import__("optuna.samplers"), __import__("sqlalchemy.orm"), __import__("matplotlib.figure")
    names = given.only.split(",") if given.only else list(COMMANDS)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names if given.count else ():
            wrong += interrupt_command(
                name, given.count // len(names), random.Random(f"{name} {given.seed}"), Path(folder)
            )
        if not given.only:
            wrong += close_pipes(Path(folder))
    sys.exit(wrong > 0)
