"""Arrays for the inputs of a graph that is named on the command line: from an .npz, or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

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
    with np.load(feeds, allow_pickle=False) as file:
        if not hasattr(file, "files"):
            raise UsageError(f"{feeds} holds one array, needs an .npz with one per input: np.savez(path, x=..., y=...)")
        return {name: file[name] for name in file.files}
