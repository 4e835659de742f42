"""The engines that lay out DOT text: the dot program if it is installed, else graphviz-pure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from flowgraph.errors import install_hint

ENGINES = ("auto", "dot", "graphviz-pure", "builtin")

_WINDOWS = Path("C:/Program Files/Graphviz/bin")
REMEDY = (
    "install Graphviz (https://graphviz.org/download), set FLOWGRAPH_DOT to its dot program, "
    f"or run: {install_hint('cli')}"
)
PDF_REMEDY = f"install Graphviz (https://graphviz.org/download), or run: {install_hint('pdf')}"


class EngineError(Exception):
    """Why an engine gave no picture, in a few words."""


def every(engine: str) -> list[tuple[str, str]]:
    """Name and program of the engines that this machine has, among those that `engine` allows, best first."""
    found = [(name, program) for name, program in _candidates() if engine in ("auto", name) and program]
    return list(dict.fromkeys(found))


def find(engine: str) -> tuple[str, str] | None:
    """The first of them, or None."""
    return next(iter(every(engine)), None)


def draw(program: str, text: str, format: str, timeout: float) -> bytes:
    """The output of the program for a DOT text; an EngineError if it fails or takes too long."""
    name = Path(program).stem
    try:
        done = subprocess.run([program, f"-T{format}"], input=text.encode(), capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise EngineError(f"{name} did not finish in {timeout:g} s") from None
    except OSError as error:
        raise EngineError(f"{program} cannot be run ({error.strerror or error})") from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise EngineError(f"{name} failed with code {done.returncode}" + (f": {said[-1][:200]}" if said else ""))
    return done.stdout


def _candidates() -> Iterator[tuple[str, str | None]]:
    yield "dot", os.environ.get("FLOWGRAPH_DOT")
    yield "dot", shutil.which("dot")
    for folder in (_WINDOWS, Path("/opt/homebrew/bin"), Path("/usr/local/bin"), Path(sys.prefix) / "Library/bin"):
        yield "dot", shutil.which("dot", path=str(folder))
    yield "graphviz-pure", shutil.which("graphviz-pure", path=str(Path(sys.executable).parent))
    yield "graphviz-pure", shutil.which("graphviz-pure")
