"""The source files that hold the boxes of a module, a package or a file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from flowgraph.errors import UsageError
from flowgraph.saving.replacing import must_exist


def sources_of(target: str) -> list[Path]:
    """The files of `package.module`, of all modules of a package, or the file of that path.

    Parameters
    ----------
    target : str
        A module, a package, or the path of a file.

    Returns
    -------
    list of Path
        The files of Python.

    Raises
    ------
    UsageError
        If there is no such module.
    MissingPathError
        If there is no such file.

    Examples
    --------
    >>> from flowgraph.mutation import sources_of
    >>> [path.name for path in sources_of("flowgraph.boxes.elementwise.hyperbolic")]
    ['hyperbolic.py']
    """
    path = Path(target)
    if target.endswith(".py") or len(path.parts) > 1 or path.is_dir():
        return _within(must_exist(path).resolve())
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    spec = _find(target)
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        raise UsageError(
            f"mutate: found no module {target!r} on the import path; give it as the tests import it, from the "
            f"directory in which they run, or give the path of its file"
        )
    if spec.submodule_search_locations:
        return [file for place in spec.submodule_search_locations for file in _within(Path(place).resolve())]
    assert spec.origin is not None
    if not spec.origin.endswith(".py"):
        raise UsageError(f"mutate: {target!r} is {spec.origin}, needs a module written in Python")
    return [Path(spec.origin).resolve()]


def _find(name: str) -> ModuleSpec | None:
    """The spec of a module, found without importing the packages above it: nothing of the user's runs here."""
    spec: ModuleSpec | None = None
    path: Sequence[str] | None = None
    whole = ""
    importlib.invalidate_caches()
    for part in name.split("."):
        whole = f"{whole}.{part}".lstrip(".")
        specs = (finder.find_spec(whole, path) for finder in sys.meta_path)
        spec = next((found for found in specs if found is not None), None)
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    return spec


def _within(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]
