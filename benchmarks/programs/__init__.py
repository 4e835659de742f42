"""The programs of docs/programs beside equal ones: their figures, lines of code and seconds, and their pictures.

    python -m benchmarks programs [NAME ...] [--rounds 3]

A file of this folder is the program of the same name in another library. It is given the module of the program, and
takes from it what both need and no library computes: data, first values, settings. A program that has no file here is
written so that autograd runs its text with other imports. Both must give the same numbers: rounding apart, to CLOSE.

Lines are those of code, without texts, comments, and what the other program takes from the program. Seconds are those
of the processor for `main()` in a process of its own that has run the small size before, in turn, the best of each.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / "docs" / "programs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
LIBRARIES = {"torch": "PyTorch", "jax": "JAX", "autograd": "autograd"}

IMPORTS = {
    "flowgraph.interop.autograd": "autograd.misc.optimizers", "flowgraph.stats": "autograd.scipy.stats",
    "flowgraph.functional": "autograd", "flowgraph": "autograd",
}  # fmt: skip
"""What a program that autograd runs imports there; the first that a name begins with is taken."""

CLOSE = 1e-7
"""The relative difference up to which numbers are the same: hundreds of steps of a training add up that of rounding."""

SIDES = ("flowgraph", "peer")


def program(name: str) -> ModuleType:
    """The module of a program."""
    spec = importlib.util.spec_from_file_location(f"program_{name}", FOLDER / f"{name}.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"programs: found {name!r}, needs some of {', '.join(NAMES)}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peer_source(name: str) -> str:
    """The text of the equal program."""
    own = HERE / f"{name}.py"
    if own.exists():
        return own.read_text(encoding="utf-8")
    return re.sub(
        rf"(?<=^from )({'|'.join(IMPORTS)})|(?<=^import )({'|'.join(IMPORTS)})",
        lambda found: IMPORTS[found[0]],
        (FOLDER / f"{name}.py").read_text(encoding="utf-8"),
        flags=re.M,
    )


def library(name: str) -> str:
    """Which library the equal program is written for."""
    return next(said for word, said in LIBRARIES.items() if f"import {word}" in peer_source(name))


def peer(name: str) -> Callable[[bool], Any]:
    """The equal program: a function of whether the size is small."""
    if (HERE / f"{name}.py").exists():
        main = importlib.import_module(f"benchmarks.programs.{name}").main
        given = program(name)
        return functools.partial(main, given=given)
    module = ModuleType(f"autograd_{name}")
    module.__file__ = str(FOLDER / f"{name}.py")
    exec(compile(peer_source(name), module.__file__, "exec"), module.__dict__)
    return module.main  # type: ignore[no-any-return]


def numbers(main: Callable[[bool], Any], small: bool) -> Any:
    """What a program returns, as one array of floats."""
    return np.concatenate([np.ravel(one) for one in main(small)]).astype(float)


def difference(found: Any, wanted: Any) -> float:
    """The largest difference of two arrays of numbers, beside each number or, of small ones, beside 1e-6."""
    if found.shape != wanted.shape:
        raise ValueError(f"found {found.shape} numbers, needs {wanted.shape}")
    return float(np.max(np.abs(found - wanted) / np.maximum(np.abs(wanted), 1e-6)))


def names(node: ast.stmt) -> set[str]:
    """What a statement of a module defines."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    named = {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return named | ({node.name} if isinstance(node, ast.FunctionDef) else set())


def lines(source: str, shared: frozenset[str] = frozenset()) -> int:
    """How many lines of code a module has, without docstrings and comments, and what is shared or prints and draws."""
    tree = ast.parse(source)
    apart: list[ast.stmt] = [
        node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]  # fmt: skip
    apart += [node for node in tree.body if names(node) & {"picture", "FIGURE", *shared} or isinstance(node, ast.If)]
    told = {line for node in apart for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    code = enumerate(source.splitlines(), start=1)
    return sum(number not in told and bool(line.split("#")[0].strip()) for number, line in code)


def taken(ours: str, theirs: str) -> frozenset[str]:
    """What the equal program takes from the program, and what that reads in turn and the other has not itself."""
    own = {name for node in ast.parse(theirs).body for name in names(node)}
    own |= {node.name for node in ast.walk(ast.parse(theirs)) if isinstance(node, ast.FunctionDef)}
    defined = {name: node for node in ast.parse(ours).body for name in names(node)}
    reached = [
        node.attr for node in ast.walk(ast.parse(theirs))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "given"
    ]  # fmt: skip
    found: set[str] = set()
    while reached:
        name = reached.pop()
        if name in defined.keys() - found - own:
            found.add(name)
            reached += [node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)]
    return frozenset(found)


def counted(name: str) -> tuple[int, int]:
    """The lines of code of the program and of the equal one, without what both share."""
    ours, theirs = (FOLDER / f"{name}.py").read_text(encoding="utf-8"), peer_source(name)
    return lines(ours, taken(ours, theirs)), lines(theirs)


def once(name: str, side: str) -> None:
    """Run one of the two in this process, and print its numbers and seconds."""
    main = program(name).main if side == "flowgraph" else peer(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main(True)  # imports what is imported at first use: optimisers of PyTorch, compilers, the digits
        start = time.process_time()
        found = numbers(main, False)
        print(json.dumps({"numbers": found.tolist(), "seconds": time.process_time() - start}))


def measured(name: str, rounds: int) -> dict[str, Any]:
    """Figures, lines and best seconds of both; raises where their numbers differ."""
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    found: dict[str, Any] = {}
    for _ in range(rounds):
        for side in SIDES:
            command = [sys.executable, "-c", f"from benchmarks.programs import once; once({name!r}, {side!r})"]
            done = subprocess.run(command, cwd=HERE.parent.parent, stdout=subprocess.PIPE, text=True, check=True)
            answer = json.loads(done.stdout.splitlines()[-1])
            seconds[side].append(answer["seconds"])
            found[side] = np.array(answer["numbers"])
    apart = difference(found["flowgraph"], found["peer"])
    if not apart < CLOSE:
        raise SystemExit(f"{name}: found numbers that differ by {apart:.1e} from those of {library(name)}")
    module = program(name)
    module.picture().render(FOLDER / f"{name}.svg")
    return {
        "figure": module.FIGURE, "library": library(name),
        "values": [float(found[side][-1]) for side in SIDES], "apart": apart, "lines": counted(name),
        "seconds": [min(seconds[side]) for side in SIDES],
    }  # fmt: skip


def main() -> None:
    """Measure the programs that are named, or all, and print a line about each; the last line is JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks programs", description=str(__doc__).splitlines()[0])
    parser.add_argument("names", nargs="*", help="all without one")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_intermixed_args(sys.argv[2:])
    rows = {}
    for name in options.names or NAMES:
        row = rows[name] = measured(name, options.rounds)
        ratio = row["seconds"][1] / row["seconds"][0]
        print(
            f"{name:22}{row['library']:10}{row['values'][0]:12.6g}{row['values'][1]:12.6g}{row['apart']:9.0e}"
            f"{row['lines'][0]:5}{row['lines'][1]:5}{row['seconds'][0]:8.2f} s{ratio:7.2f} times",
            flush=True,
        )
    print(json.dumps(rows))
