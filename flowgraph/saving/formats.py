"""Files of other people's formats, by their suffix.

What writes and reads them stands above this folder and needs packages of its own, so it is named here, as an entry
point is, and imported when a file of its suffix is met. Such a module has `save(path, graph)` and `load(path)`.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

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
