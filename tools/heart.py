"""What one small graph runs through: files, functions and lines, `python -m tools.heart`.

A graph of four boxes, an input, a parameter, their product and its tanh, under a loss, is built, run and swept; then
the same program in autograd, if that is installed. Each is run in a process of its own, and only what is executed after
the import counts: caches are empty, as they are for the first graph of a user.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

PEERS = ("flowgraph", "autograd")


class Weight(NamedTuple):
    """The executed lines of each file, its functions that were called, and the lines that it has."""

    lines: dict[str, list[int]]
    functions: dict[str, list[str]]
    size: dict[str, int]

    @property
    def totals(self) -> tuple[int, int, int, int]:
        """Files, functions, executed lines, lines of the files in all."""
        executed = sum(map(len, self.lines.values()))
        return len(self.lines), sum(map(len, self.functions.values())), executed, sum(self.size.values())


def program_of_flowgraph() -> Callable[[], None]:
    """Build, fprop, bprop in flowgraph."""
    import flowgraph as fg

    values, start = np.ones((3, 2)), np.ones((2, 1))

    def program() -> None:
        x = fg.Input("x", shape=("N", 2))
        w = fg.Parameter(start, name="w")
        loss = fg.mean(np.tanh(x @ w))
        run = fg.Graph(loss).fprop(x=values)
        assert run.bprop()[w].shape == (2, 1)

    return program


def program_of_autograd() -> Callable[[], None]:
    """The same in autograd."""
    anp: Any = importlib.import_module("autograd.numpy")
    grad: Any = importlib.import_module("autograd").grad
    values, start = np.ones((3, 2)), np.ones((2, 1))

    def program() -> None:
        slope = grad(lambda w: anp.mean(anp.tanh(anp.dot(values, w))))
        assert slope(start).shape == (2, 1)

    return program


def executed(package: str) -> Weight:
    """What the program of a package executes of that package, in this process."""
    program = {"flowgraph": program_of_flowgraph, "autograd": program_of_autograd}[package]()
    home = Path(sys.modules[package].__file__ or "").parent
    lines: defaultdict[str, set[int]] = defaultdict(set)
    functions: defaultdict[str, set[str]] = defaultdict(set)

    def watch(frame: FrameType, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith(f"{home}/"):
            return None
        if event == "call":
            functions[path].add(f"{frame.f_code.co_qualname}:{frame.f_code.co_firstlineno}")
        elif event == "line":
            lines[path].add(frame.f_lineno)
        return watch

    sys.settrace(watch)
    try:
        program()
    finally:
        sys.settrace(None)
    names = {path: Path(path).relative_to(home).as_posix() for path in sorted(lines)}
    size = {name: len(Path(path).read_text(encoding="utf-8").splitlines()) for path, name in names.items()}
    return Weight(
        {name: sorted(lines[path]) for path, name in names.items()},
        {name: sorted(functions[path]) for path, name in names.items()},
        size,
    )


def measured(package: str) -> Weight | None:
    """The same in a fresh process; None where the package is not installed."""
    code = f"import json, tools.heart as h; print(json.dumps(h.executed({package!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        if f"No module named {package!r}" in done.stderr:
            return None
        raise RuntimeError(done.stderr)
    return Weight(*json.loads(done.stdout))


def main() -> None:
    """A line per file of flowgraph, the longest first, and the totals of both."""
    for package in PEERS:
        weight = measured(package)
        if weight is None:
            print(f"{package}: not installed")
            continue
        if package == PEERS[0]:
            for name in sorted(weight.lines, key=lambda name: -len(weight.lines[name])):
                print(f"{len(weight.lines[name]):5} of {weight.size[name]:4} lines  {name}")
        files, functions, lines, size = weight.totals
        print(f"{package}: {files} files, {functions} functions, {lines} of {size:,} lines")


if __name__ == "__main__":
    main()
