"""What Numba has compiled is kept on disk, by its source, since compiling it takes seconds."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from flowgraph.plan.blas import integer_bits

LARGEST = 500
"""Functions that are kept; the one that was not used for the longest time makes room. A bound on disk, not tuned."""

_INSTRUCTIONS = ("machine.py", "products.py", "exponentials.py")
"""Files whose functions are compiled into what is kept."""


def folder() -> Path:
    """Where they are: FLOWGRAPH_CACHE, or the user's folder for caches."""
    given = os.environ.get("FLOWGRAPH_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "flowgraph"
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or home) / "flowgraph"


def file_of(text: str) -> Path | None:
    """A file that holds the text, beside which Numba keeps what it compiles; None where none can be written."""
    versions = [importlib.metadata.version(name) for name in ("numba", "numpy")]
    versions += [str(integer_bits(np.dtype(dtype))) for dtype in (np.float32, np.float64)]
    instructions = b"".join(Path(__file__).with_name(name).read_bytes() for name in _INSTRUCTIONS)
    digest = hashlib.sha256("\n".join([*versions, text]).encode() + instructions).hexdigest()[:32]
    place = folder() / digest
    path = place / "step.py"
    try:
        if not path.exists():
            _make_room(place.parent)
            place.mkdir(parents=True, exist_ok=True)
            part = place / f"step.{os.getpid()}"
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        os.utime(place)
    except OSError:
        return None
    return path


def _make_room(parent: Path) -> None:
    if not parent.is_dir():
        return
    known = sorted((place for place in parent.iterdir() if (place / "step.py").exists()), key=_last_used)
    for place in known[: max(0, len(known) - LARGEST + 1)]:
        shutil.rmtree(place, ignore_errors=True)


def _last_used(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except OSError:  # another process has removed it
        return 0.0
