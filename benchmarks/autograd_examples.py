"""autograd's own example scripts with flowgraph's modules in the place of autograd's: which run, and with its numbers?

The scripts are read from a clone of https://github.com/HIPS/autograd that the caller has. Each runs twice, as it is and
with nothing but the names of imported modules exchanged (SWAPS), without windows, with the same seeds, and with digits
drawn by chance in the place of the download of MNIST. What both print is compared line by line, number by number, up to
the line or the second at which they are cut; the values of what is plotted or minimised are printed along.

    git clone https://github.com/HIPS/autograd
    python -m benchmarks autograd_examples autograd/examples
    python -m benchmarks autograd_examples autograd/examples --seconds 200 --lines 15 hmm_em wing
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SWAPS = {
    "autograd.numpy": "flowgraph.numpy",
    "autograd.scipy.stats": "flowgraph.stats",
    "autograd.scipy": "flowgraph.scipy",
    "autograd.misc.optimizers": "flowgraph.interop.autograd",
    "autograd.misc.fixed_points": "flowgraph.interop.autograd",
    "autograd.extend": "flowgraph.interop.autograd",
    "autograd.test_util": "flowgraph.interop.autograd",
    "autograd.misc.flatten": "flowgraph.functional",
    "autograd.misc": "flowgraph.functional",
    "autograd.builtins": "builtins",
    "from autograd": "from flowgraph.functional",
    "import autograd": "import flowgraph",
}
"""What stands for which module of autograd; the first that fits a line is taken."""

MODULES = ("__init__", "data", "data_mnist")
"""What the scripts import, and are no scripts themselves."""

NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")

HERE = Path(__file__).parent.parent

CLOSE = 1e-6
"""The relative difference up to which two numbers count as the same; they are sums, in another order."""


def main() -> None:
    """Run the scripts of a folder with both libraries, and print a line about each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks autograd_examples")
    parser.add_argument("folder", nargs="?", type=Path, help="examples/ of a clone of HIPS/autograd")
    parser.add_argument("names", nargs="*", help="scripts, all if left out")
    parser.add_argument("--seconds", type=float, default=60.0, help="after which a script is cut")
    parser.add_argument("--lines", type=int, default=30, help="after which a script is cut")
    options = parser.parse_intermixed_args(sys.argv[2:])
    if options.folder is None:
        print("needs the folder examples/ of a clone of https://github.com/HIPS/autograd")
        return
    scripts = sorted(path for path in options.folder.rglob("*.py") if path.stem not in MODULES)
    if not scripts:
        raise SystemExit(f"{options.folder}: found no script")
    verdicts = []
    for script in scripts:
        if options.names and script.stem not in options.names:
            continue
        found = {library: output(script, library, options) for library in ("autograd", "flowgraph")}
        verdicts.append(compared(found["autograd"], found["flowgraph"]))
        print(f"{script.stem:34} {verdicts[-1]}", flush=True)
    print(f"{sum(one.startswith('runs') for one in verdicts)} of {len(verdicts)} run with the numbers of autograd")


def output(script: Path, library: str, options: Any) -> tuple[list[str], str]:
    """The lines that a script prints, and how it ended: "end", "cut", or an error."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, str(script.resolve()), library, str(options.seconds), str(options.lines)]
        environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore", "MPLCONFIGDIR": folder}
        environment["PYTHONPATH"] = os.pathsep.join([str(HERE), environment.get("PYTHONPATH", "")])
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    ending = (done.stderr.strip().splitlines() or [""])[-1]
    return done.stdout.splitlines(), ending


def compared(theirs: tuple[list[str], str], ours: tuple[list[str], str]) -> str:
    """In words: "runs ..." where what both print is the same as far as both go, and ours goes as far as theirs."""
    ends = ("end", "cut")
    if ours[1] not in ends and theirs[1] in ends:
        return f"fails after {len(ours[0])} lines: {ours[1][:90]}"
    lines, worst, text = same(theirs[0], ours[0])
    note = "" if ours[1] in ends else f", until both end in an error: {theirs[1][:60]}"
    if text:
        told = [[line for line in side[0] if line.startswith(("plotted", "evaluated"))] for side in (theirs, ours)]
        lines, worst, other = same(*told)
        if not lines or other:
            return f"differs: {text}"
        note += "; calls of its functions are left out, and what these print with them"
    if not lines:
        return "unknown: nothing was printed until it was cut; give it more --seconds"
    if worst > CLOSE:
        return f"differs by {worst:.0e}"
    return f"runs, {lines} lines compared, largest difference {worst:.0e}{note}"


def same(theirs: list[str], ours: list[str]) -> tuple[int, float, str]:
    """How many lines are the same, the largest difference of a number in them, and the first other line, in words."""
    lines, worst = 0, 0.0
    for one, other in zip(theirs, ours, strict=False):
        a, b = [[float(text) for text in NUMBER.findall(line)] for line in (one, other)]
        if NUMBER.sub("#", one) != NUMBER.sub("#", other):
            if lines and lines + 1 in (len(theirs), len(ours)):
                break  # a line that was cut
            return lines, worst, f"line {lines + 1} is {one[:40]!r} and {other[:40]!r}"
        worst = max([worst, *map(difference, a, b)])
        lines += 1
    return lines, worst, ""


def difference(x: float, y: float) -> float:
    """The relative difference of two numbers; of what is nearly zero, none."""
    largest = max(abs(x), abs(y))
    return abs(x - y) / largest if largest > 1e-9 else 0.0


def swapped(text: str) -> str:
    """The code with flowgraph's modules in the place of autograd's."""
    lines = []
    for line in text.splitlines():
        for old, new in SWAPS.items():
            if re.search(rf"\b{re.escape(old)}\b", line) and not line.lstrip().startswith("#"):
                line = re.sub(rf"\b{re.escape(old)}\b", new, line)
                break
        lines.append(line)
    return "\n".join(lines)


def run(script: str, library: str, seconds: str, lines: str) -> None:
    """Run one script in this process, made comparable, and say at last how it ended."""
    import importlib.abc
    import importlib.machinery
    import signal

    class Cut(BaseException):
        pass

    def code_of(path: str) -> Any:
        text = Path(path).read_text(encoding="utf-8").replace("npr.RandomState()", "npr.RandomState(0)")
        return compile(swapped(text) if library == "flowgraph" else text, path, "exec")

    class Beside(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        """The scripts import each other."""

        def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
            file = Path(script).parent / f"{name}.py"
            return importlib.machinery.ModuleSpec(name, self, origin=str(file)) if file.exists() else None

        def exec_module(self, module: Any) -> None:
            module.__file__ = module.__spec__.origin
            exec(code_of(module.__file__), module.__dict__)

    class Lines:
        """Standard output, cut after some lines."""

        def __init__(self, real: Any) -> None:
            self.real, self.left = real, int(lines)

        def write(self, text: str) -> None:
            self.real.write(text)
            self.left -= text.count("\n")
            if self.left <= 0:
                raise Cut

        def flush(self) -> None:
            self.real.flush()

    def late(*_: Any) -> None:
        raise Cut

    sys.meta_path.insert(0, Beside())
    real, sys.argv = sys.stdout, [script]
    make_comparable()
    sys.stdout = Lines(real)
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    ending = "end"
    try:
        exec(code_of(script), {"__name__": "__main__", "__file__": script})
    except Cut:
        ending = "cut"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout = real
        real.flush()
    print(ending, file=sys.stderr)


def make_comparable() -> None:
    """Seeds, no windows, no programs from elsewhere, digits drawn by chance; tell what is plotted or minimised."""
    import types

    import matplotlib.pyplot as plt
    import numpy as np
    import scipy.optimize

    np.random.seed(0)  # noqa: NPY002 (the generator that the scripts draw from)
    plt.pause = lambda *_: None
    os.system = lambda *_: 0
    digits = types.ModuleType("data_mnist")
    digits.mnist = drawn_digits  # type: ignore[attr-defined]
    sys.modules["data_mnist"] = digits
    plot, minimize = plt.plot, scipy.optimize.minimize

    def told_plot(*values: Any, **settings: Any) -> Any:
        for value in values:
            if not isinstance(value, str) and np.size(value) > 50:
                print("plotted", f"{np.sum(np.asarray(value, float)):.10g}", f"{np.sum(np.square(value)):.10g}")
        return plot(*values, **settings)

    def told_minimize(f: Any, x0: Any, *rest: Any, **settings: Any) -> Any:
        def told(x: Any) -> Any:
            value, slope = f(x)
            print("evaluated", f"{float(np.ravel(value)[0]):.10g}", f"{np.sum(np.abs(slope)):.10g}")
            return value, slope

        return minimize(told if settings.get("jac") is True and not rest else f, x0, *rest, **settings)

    plt.plot, scipy.optimize.minimize = told_plot, told_minimize


def drawn_digits() -> Any:
    """Images of ten classes and their labels, as the download gives them, few and by chance."""
    import numpy as np

    rng = np.random.RandomState(1)
    labels = rng.randint(0, 10, 800).astype(np.uint8)
    images = 0.7 * rng.rand(10, 28, 28)[labels] + 0.3 * rng.rand(800, 28, 28)
    images = (255 * images).astype(np.uint8)
    return images[:600], labels[:600], images[600:], labels[600:]


if __name__ == "__main__":
    run(*sys.argv[1:])
