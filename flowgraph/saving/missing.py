"""The error for a file that does not exist, with similar names in its folder."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowgraph.errors import MissingPathError


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """What reads a file: a missing one is named, with files of a like name."""
    try:
        yield
    except FileNotFoundError:
        target = Path(path)
        folder = _first_there(target.parent)
        if folder != target.parent:
            problem = f"there is no folder {str(target.parent)!r}"
            near = _near(target.parent.parts[len(folder.parts)], (one.name for one in folder.iterdir() if one.is_dir()))
        else:
            problem = f"there is no such file in {str(folder.resolve())!r}"
            near = _near(target.name, (one.name for one in folder.iterdir() if one.is_file()))
        raise MissingPathError(f"{path}: {problem}{near or '; look at the path'}") from None


def must_exist(path: str | os.PathLike[str]) -> Path:
    """The path of what is to be read; an error if it is not there."""
    with reading(path):
        os.stat(path)
    return Path(path)


def _first_there(folder: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _near(name: str, known: Iterator[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 3)
    return f"; near it: {', '.join(near)}" if near else ""
