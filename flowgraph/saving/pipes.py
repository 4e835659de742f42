"""Named pipes in the place of files: read and written as these are, and refused where nobody holds the other end."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Callable

WAIT = 10.0
"""Seconds for which another process may take to open the other end."""
_PAUSE = 0.02


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Whether a named pipe stands there."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def read_pipe(path: str | os.PathLike[str], most: int, refuse: Callable[[str], Exception]) -> bytes:
    """What is written into a named pipe, no more than a little over so many bytes; an error where nobody writes."""
    handle, last = os.open(path, os.O_RDONLY | os.O_NONBLOCK), time.monotonic() + WAIT
    content, has_writer = bytearray(), False
    try:
        while len(content) <= most:
            try:
                piece = os.read(handle, 1 << 20)
            except BlockingIOError:  # somebody holds the other end, and has not written yet
                has_writer = True
                select.select([handle], [], [])
                continue
            if piece:
                content += piece
                has_writer = True
            elif has_writer:
                break
            elif time.monotonic() > last:
                raise refuse(f"{path}: found a named pipe that no process writes into; needs a file, or such a process")
            else:
                time.sleep(_PAUSE)
    finally:
        os.close(handle)
    return bytes(content)


def write_pipe(path: str | os.PathLike[str], content: bytes) -> None:
    """Write into a named pipe; an OSError where nobody reads from it."""
    last = time.monotonic() + WAIT
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > last:
                raise
            time.sleep(_PAUSE)
    os.set_blocking(handle, True)
    with open(handle, "wb") as file:
        file.write(content)
