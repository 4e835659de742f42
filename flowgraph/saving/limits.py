"""What a file may ask for: bytes in proportion to its own, shapes that NumPy has, sizes that stay short.

Sizes of one box come from those of others, so that a few lines of a file could ask for a polynomial or a number that
fills the memory; each shape is looked at before another box reads it.
"""

from __future__ import annotations

import math
import operator
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from flowgraph.errors import FlowgraphError, SavedFileError
from flowgraph.printable import printable_lines
from flowgraph.saving.pipes import is_pipe, read_pipe
from flowgraph.saving.replacing import must_exist, reading
from flowgraph.shapes.size import Shape, Size
from flowgraph.shapes.spec import Spec

MOST_AXES = 64
"""Those that an array of NumPy 2 has at most (NPY_MAXDIMS)."""

LARGEST_NUMBER = (1 << 63) - 1
"""The largest int64, in which NumPy counts elements and bytes."""

MOST_TERMS = MOST_NAMES = 256
"""Of the sizes of one shape: products of sizes multiply their terms, so a chain of boxes could ask for any number."""

MOST_IN_RANGES = 1 << 16
"""Numbers of a list that is written as ranges, which a few bytes could make fill the memory."""

MOST_TRIED = 1 << 28
"""Elements on which boxes without a rule for their shape are tried, in one file."""

MOST_BYTES = 1 << 32
"""Bytes of a file, and of what is made of it, without `max_bytes=`."""

_FOR_EACH_BYTE, _LEAST = 200, 200_000_000
"""Bytes that may be made for each of a file, and of any: deflate packs zeros a thousand to one, data seldom ten."""

_LONGEST = 250
"""Characters of the text of an error about a file: what the file says may stand in it."""


def read_within(
    path: str | os.PathLike[str], needed: str, error: type[FlowgraphError], max_bytes: int | None = None
) -> bytes:
    """The content of a file; a larger one than `max_bytes` is refused, and not read."""
    if is_pipe(must_exist(path)):
        with reading(path):
            content = read_pipe(path, _most(max_bytes), error)
    else:
        size = size_of(path, needed, error)
        check_size(path, size, error, max_bytes)
        with reading(path), open(path, "rb") as file:
            content = file.read() if size else _of_no_size(file, _most(max_bytes))
    check_size(path, len(content), error, max_bytes)
    return content


_NO_FILES = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISCHR, "a device"),
             (stat.S_ISBLK, "a device"))  # fmt: skip


def size_of(path: str | os.PathLike[str], needed: str, error: type[FlowgraphError]) -> int:
    """The bytes of a file; a folder is refused, a pipe, and a device, of which some have no end."""
    status = os.stat(must_exist(path))
    for is_such, what in _NO_FILES:
        if is_such(status.st_mode):
            raise error(f"{path}: found {what}, needs {needed}")
    return status.st_size


def _of_no_size(file: IO[bytes], most: int) -> bytes:
    """What comes from a file of the system that says no size, and may have no end."""
    content = bytearray()
    while len(content) <= most and (piece := file.read(1 << 20)):
        content += piece
    return bytes(content)


def _most(max_bytes: int | None) -> int:
    return MOST_BYTES if max_bytes is None else operator.index(max_bytes)


def check_made(path: object, made: float, size: int, error: type[FlowgraphError], max_bytes: int | None = None) -> None:
    """Refuse a file of so many bytes of which more would be made than is in proportion, before it is."""
    most = min(max(_FOR_EACH_BYTE * size, _LEAST) if max_bytes is None else max_bytes, memory())
    if made > most:
        raise error(
            f"{path}: asks for {made / 1e6:,.0f} MB of memory with {size:,} bytes, and at most {most / 1e6:,.0f} MB "
            f"are made of them; max_bytes= allows more, as far as there is memory"
        )


def check_size(path: object, size: int, error: type[FlowgraphError], max_bytes: int | None = None) -> None:
    """Refuse a file that is, or would become, larger than `max_bytes`."""
    if size > _most(max_bytes):
        raise error(f"{path}: found more than {_most(max_bytes):,} bytes, needs fewer; max_bytes= takes more")


class RunMemory:
    """The memory that the values of a graph from a file take in a run, each axis of a name as one."""

    def __init__(self, max_bytes: int | None) -> None:
        self.max_bytes = max_bytes
        self._held = 0

    def hold(self, specs: Iterable[Spec]) -> None:
        """Refuse the values of one more box where no array has their shapes, or where all take more than is allowed."""
        for spec in specs:
            check_shape(spec.shape)
            self._held += math.prod(size for size in spec.shape if isinstance(size, int)) * spec.dtype.itemsize
        check_size("the memory of its values", self._held, SavedFileError, self.max_bytes)


def check_shape(shape: Shape) -> None:
    """Refuse a shape with too many axes, a size that no axis has, and polynomials of many terms."""
    if len(shape) > MOST_AXES:
        raise SavedFileError(f"found a shape of {len(shape)} axes, needs at most {MOST_AXES}")
    terms = names = 1
    for size in shape:
        if isinstance(size, Size):
            terms *= len(size.terms)
            names += max(map(len, size.terms), default=0)
            check_numbers(size.terms.values())
        else:
            check_numbers([size])
            if size < 0:
                raise SavedFileError(f"found the size {size} in a shape, needs a number from 0")
    if terms > MOST_TERMS or names > MOST_NAMES:
        raise SavedFileError(f"found a shape whose sizes have {terms} terms with {names} names, more than are read")


def check_numbers(numbers: Iterable[Any]) -> None:
    """Refuse whole numbers that no array holds."""
    for number in numbers:
        if isinstance(number, int) and abs(number) > LARGEST_NUMBER:
            digits = int(math.log10(abs(number))) + 1
            raise SavedFileError(f"found a whole number of {digits} digits, needs one of 64 bits")


def excerpt(error: object) -> str:
    """The beginning of the text of an error."""
    text = printable_lines(str(error))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


@contextmanager
def reading_foreign(
    problem: str, refusal: type[FlowgraphError], passing: tuple[type[FlowgraphError], ...] | None = None
) -> Iterator[None]:
    """Whatever is raised while the content of a file is read becomes one line: the problem, and what was said.

    Readers of other packages have errors of their own, and some that are no Exception (a panic of Rust), so no list of
    types would be whole. An interrupt passes, and what is no fault of the content: a missing or forbidden file, a
    missing package; and a refusal, which says more already, or what is `passing` in its place.
    """
    try:
        yield
    except BaseException as error:
        no_fault = (KeyboardInterrupt, FileNotFoundError, PermissionError, ImportError)
        if isinstance(error, (*no_fault, *((refusal,) if passing is None else passing))):
            raise
        said = " ".join(excerpt(error).split()) or type(error).__name__
        raise refusal(f"{problem} ({said})") from error


def memory() -> float:
    """Bytes of physical memory; infinite where the system does not say."""
    if sys.platform == "win32":
        return float("inf")
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError):
        return float("inf")


def check_room(who: str, needed: float, way_out: str, error: type[FlowgraphError]) -> None:
    """Refuse what needs more bytes than there are, before anything is allocated."""
    if needed > memory():
        raise error(
            f"{who}: needs {needed / 1e9:,.0f} GB of memory, and this machine has {memory() / 1e9:,.0f}; {way_out}"
        )
