"""Arrays for the inputs of a graph that is named on the command line: from an .npz, or drawn."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.data.files import read_npz
from flowgraph.errors import UsageError


def draw_input(box: Any, sizes: dict[str, int], rng: np.random.Generator) -> Any:
    """Numbers for an input that is not fed: normal ones, or the labels 0 and 1; a named axis has one size."""
    shape = tuple(size if type(size) is int else sizes.setdefault(str(size), 3 + len(sizes)) for size in box.shape)
    if box.dtype.kind in "fc":
        return rng.normal(size=shape).astype(box.dtype)
    return rng.integers(0, 2, size=shape).astype(box.dtype)


def read_feeds(feeds: Path | None) -> dict[str, Any]:
    """The arrays of an .npz by name; none without a file."""
    if feeds is None:
        return {}
    if zipfile.is_zipfile(feeds):
        return read_npz(feeds)
    raise UsageError(f"{feeds} is no .npz, needs one with an array per input: np.savez(path, x=..., y=...)")
