"""What Numba has compiled, kept on disk by its source, since compiling it takes seconds."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import shutil
import stat
import sys
from pathlib import Path

import numpy as np

from flowgraph.plan.blas import integer_bits

LARGEST = 500
"""Functions that are kept; the one that was not used for the longest time makes room. A bound on disk, not tuned."""

_INSTRUCTIONS = ("machine.py", "compiling.py")
"""Files whose functions are compiled into what is kept."""


def cache_folder() -> Path | None:
    """Where files are kept: FLOWGRAPH_CACHE, or the user's folder for caches; None for "off", or without a home."""
    named = os.environ.get("FLOWGRAPH_CACHE")
    if named:
        return None if named == "off" else Path(named)
    named = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    home = os.path.expanduser("~")
    if named or home == "~":  # of a user whom the system does not know
        return Path(named) / "flowgraph" if named else None
    inside = {"win32": "", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    return Path(home, inside, "flowgraph")


def is_own(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to the user of this process, and nobody else may write to it."""
    if not hasattr(os, "geteuid"):  # Windows, where the folder is one of the user's profile, or was named
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def make_own_folder(path: Path) -> bool:
    """Make the folder, if it is not there; whether it is the user's own. A link to one is not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and is_own(status)


def file_of(text: str) -> Path | None:
    """A file that holds the text, beside which Numba keeps what it compiles; None where none can be written.

    Numba reads what lies there with pickle, which runs it: so nobody else may be able to write there.
    """
    folder = cache_folder()
    if folder is None:
        return None
    digest = hashlib.sha256(f"{_versions()}\n{text}".encode()).hexdigest()[:32]
    place = folder / digest
    path = place / "step.py"
    try:
        if not path.exists():
            _make_room(folder)
            if not make_own_folder(place):
                return None
            unfinished = place / f"step.{os.getpid()}"
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        if not is_own(place.lstat()):
            return None
        os.utime(place)
    except OSError:
        return None
    return path


@functools.cache
def _versions() -> str:
    """What compiled functions depend on beside their text: versions, BLAS's integers, instructions of flowgraph."""
    versions = [importlib.metadata.version(name) for name in ("numba", "numpy")]
    versions += [str(integer_bits(np.dtype(dtype))) for dtype in (np.float32, np.float64)]
    instructions = b"".join(Path(__file__).with_name(name).read_bytes() for name in _INSTRUCTIONS)
    return "\n".join([*versions, hashlib.sha256(instructions).hexdigest()])


def _make_room(folder: Path) -> None:
    """Remove the functions that were not used for longest, but for so many less one."""
    if not folder.is_dir():
        return
    places = sorted((place for place in folder.iterdir() if (place / "step.py").exists()), key=_last_used)
    for place in places[: max(0, len(places) - LARGEST + 1)]:
        shutil.rmtree(place, ignore_errors=True)


def _last_used(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except OSError:  # another process has removed it
        return 0.0
