"""Puts a mutant in the place of a module, in the memory of a process that tests it; no file is changed.

This file is copied to a directory of its own as `sitecustomize.py`, which Python runs at the start of every process,
those that the tests start too. It reads which file is replaced, and by which, from the environment.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import operator
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, SupportsIndex

FILE, MUTANT, SEEN = "FLOWGRAPH_MUTATED_FILE", "FLOWGRAPH_MUTANT", "FLOWGRAPH_MUTANT_SEEN"


class MutantLoader(importlib.machinery.SourceFileLoader):
    """Compiles the mutant under the name of the true file, without byte code, and notes that it was imported."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the mutant."""
        Path(os.environ[SEEN]).touch()
        return compile(Path(os.environ[MUTANT]).read_bytes(), self.path, "exec", dont_inherit=True)


class MutantFinder(importlib.abc.MetaPathFinder):
    """Lets the others find a module, and takes over where it is the mutated file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.name = os.path.basename(os.path.dirname(file)) if file.endswith("__init__.py") else Path(file).stem

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the mutated module, None for all others."""
        if fullname.rpartition(".")[2] != self.name:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is None:
                continue
            if spec.origin is None or os.path.realpath(spec.origin) != self.file:
                return None
            return importlib.util.spec_from_file_location(
                fullname, spec.origin, loader=MutantLoader(fullname, spec.origin),
                submodule_search_locations=spec.submodule_search_locations,
            )  # fmt: skip
        return None


class FirstStays(list[Any]):
    """Finders of modules whose first one stays the first.

    pytest puts one of its own in front, which would read the true file of a package that comes with a plugin.
    """

    def insert(self, index: SupportsIndex, finder: Any) -> None:
        """Insert after the first finder."""
        super().insert(max(1, operator.index(index)) if operator.index(index) >= 0 else index, finder)


def run_the_next(name: str) -> None:
    """Run the `sitecustomize` that this one hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [place for place in sys.path if os.path.abspath(place) != here]
    spec = importlib.machinery.PathFinder.find_spec(name, others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    sys.meta_path = FirstStays([MutantFinder(os.environ[FILE]), *sys.meta_path])
    run_the_next(__name__)
