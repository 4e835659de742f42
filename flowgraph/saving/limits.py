"""What a file may ask for: shapes that NumPy has, sizes that stay short, ranges that stay small.

Sizes of one box come from those of others, so that a few lines of a file could ask for a polynomial or a number that
fills the memory; each shape is looked at before another box reads it.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flowgraph.errors import FlowgraphError, SavedFileError
from flowgraph.printable import printable_lines
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

_LONGEST = 500
"""Characters of the text of an error about a file: what the file says may stand in it."""


def check_shapes(specs: Iterable[Spec]) -> None:
    """Refuse what no array can have, and sizes that would grow from box to box."""
    for spec in specs:
        check_shape(spec.shape)


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
def reading_foreign(problem: str, refusal: type[FlowgraphError]) -> Iterator[None]:
    """Whatever is raised while the content of a file is read becomes one line: the problem, and what was said.

    Readers of other packages have errors of their own, and some that are no Exception (a panic of Rust), so no list of
    types would be whole. An interrupt passes, and what is no fault of the content: a missing or forbidden file, a
    missing package; and a refusal, which says more already.
    """
    try:
        yield
    except (KeyboardInterrupt, FileNotFoundError, PermissionError, ImportError, refusal):
        raise
    except BaseException as error:
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
