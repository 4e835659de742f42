"""Graphviz, whose dot program lays out DOT text where it is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ENGINES = ("auto", "dot", "builtin")

_FOLDERS = (
    "C:/Program Files/Graphviz/bin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
    str(Path(sys.prefix) / "Library/bin"),
)


class EngineError(Exception):
    """Why an engine gave no picture, in a few words."""


def find() -> str | None:
    """The dot program: that of FLOWGRAPH_DOT, of the PATH, or where installers put it; None where there is none."""
    if named := os.environ.get("FLOWGRAPH_DOT"):
        return named
    return next((program for path in (None, *_FOLDERS) if (program := shutil.which("dot", path=path))), None)


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
