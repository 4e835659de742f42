"""Arrays for the inputs of a graph that is named on the command line: from an .npz, or drawn."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.checking.code_contents import reachable_values
from flowgraph.checking.target import name_of, parameter_names
from flowgraph.data.files import read_npz
from flowgraph.errors import UsageError


def draw_input(box: Box, sizes: dict[str, int], rng: np.random.Generator) -> Any:
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


def arguments_of(function: Any, arrays: Mapping[str, Any]) -> list[Any]:
    """The arrays of the parameters of a function, tensors where it is torch's, in the order in which it takes them."""
    known = parameter_names(getattr(function, "forward", function), len(arrays) + 1)
    names = [name for name in known if name in arrays]
    if len(names) < len(arrays):
        unknown = next(name for name in arrays if name not in names)
        raise UsageError(f"{name_of(function)} has no argument {unknown!r}; it has {', '.join(known) or 'none'}")
    torch = sys.modules.get("torch")
    if torch is not None and (isinstance(function, torch.nn.Module) or _names_torch(function)):
        return [torch.from_numpy(arrays[name]) for name in names]
    return [arrays[name] for name in names]


def _names_torch(function: Callable[..., Any]) -> bool:
    return any(getattr(value, "__name__", "").partition(".")[0] == "torch" for value in reachable_values(function))
