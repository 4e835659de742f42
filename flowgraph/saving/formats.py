"""The format of a file, by its suffix: what writes or reads it, and which formats other packages have.

What writes and reads files of other people's formats stands above this folder and needs packages of its own, so it is
named here, as an entry point is, and imported when a file of its suffix is met. Such a module has `save(path, graph)`,
`load(path)` and `module_titles(path)`, which says what scopes are.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from flowgraph.errors import UsageError

Choice = TypeVar("Choice")

FORMATS = {".onnx": "flowgraph.interop.onnx"}
"""Modules by the suffix of their files; every other suffix means flowgraph's own file."""


def format_of(path: str | os.PathLike[str]) -> ModuleType | None:
    """The module that writes and reads files of this suffix, None for flowgraph's own.

    >>> from flowgraph.saving.formats import format_of
    >>> format_of("net.safetensors") is None
    True
    """
    module = FORMATS.get(Path(path).suffix.lower())
    return None if module is None else importlib.import_module(module)


def by_suffix(who: str, path: str | os.PathLike[str], choices: Mapping[str, Choice]) -> Choice:
    """What stands for the suffix of a path among the choices: a writer, or a format. Any other suffix is refused.

    >>> from flowgraph.saving.formats import by_suffix
    >>> by_suffix("draw", "Net.SVG", {".svg": "a picture", ".html": "a page"})
    'a picture'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in choices:
        *others, last = choices
        needed = f"{', '.join(others)} or {last}" if others else last
        raise UsageError(f"{who}: found {Path(path).name!r}, needs a name that ends in {needed}")
    return choices[suffix]
