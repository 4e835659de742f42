"""Writing a file so that at every instant the old one or the new one stands there whole."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

SUFFIX = ".part"

_counter = itertools.count()


def replace_file(path: Any, content: bytes) -> Path:
    """Write the bytes beside the file, wait until the disk holds them, then put them in its place; return the path.

    A process killed in between leaves the old file and, at worst, a hidden file ending in .part beside it.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{os.getpid()}-{next(_counter)}{SUFFIX}")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return Path(path)


def remove_leftovers(path: Any) -> None:
    """Delete what killed writers of this file left beside it; only for a file that one process writes."""
    target = Path(os.path.realpath(path))
    for part in target.parent.glob(f".{target.name}.*{SUFFIX}"):
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name last, where the system can: Windows opens no folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
