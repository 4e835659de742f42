"""Puts a mutant in the place of a module, in the memory of a process that tests it; no file is changed.

This file is copied to a directory of its own as `sitecustomize.py`, which Python runs at the start of every process,
those that the tests start too. It reads which file is replaced, and by which, from the environment; or, from a plan,
all the mutants of all files, for each of which the process is forked when it imports the file.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import operator
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, SupportsIndex

FILE, MUTANT, SEEN = "FLOWGRAPH_MUTATED_FILE", "FLOWGRAPH_MUTANT", "FLOWGRAPH_MUTANT_SEEN"
PLAN = "FLOWGRAPH_MUTANTS"


class MutantLoader(importlib.machinery.SourceFileLoader):
    """Compiles what `choose` gives for the file under the name of the true file; where it gives None, the file itself.

    Byte code of a mutant is neither read nor written.
    """

    def __init__(self, fullname: str, path: str, choose: Callable[[str, str], str | None]) -> None:
        super().__init__(fullname, path)
        self.choose = choose

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the mutant, or of the file."""
        chosen = self.choose(fullname, self.path)
        if chosen is None:
            return super().get_code(fullname)
        return compile(Path(chosen).read_bytes(), self.path, "exec", dont_inherit=True)


def the_only_one(fullname: str, path: str) -> str | None:
    """The mutant that the environment names; that it was imported is noted."""
    Path(os.environ[SEEN]).touch()
    return os.environ[MUTANT]


class MutantFinder(importlib.abc.MetaPathFinder):
    """Lets the others find a module, and takes over where it is a mutated file."""

    def __init__(self, files: Sequence[str], choose: Callable[[str, str], str | None]) -> None:
        self.files = frozenset(files)
        self.names = {os.path.basename(os.path.dirname(file)) for file in files if file.endswith("__init__.py")}
        self.names |= {Path(file).stem for file in files}
        self.choose = choose

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a mutated module, None for all others."""
        if fullname.rpartition(".")[2] not in self.names:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is None:
                continue
            if spec.origin is None or os.path.realpath(spec.origin) not in self.files:
                return None
            loader = MutantLoader(fullname, spec.origin, self.choose)
            places = spec.submodule_search_locations
            return importlib.util.spec_from_file_location(
                fullname, spec.origin, loader=loader, submodule_search_locations=places
            )
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


def finder_of_plan(place: str) -> MutantFinder | None:
    """All mutants at once, in the process that was started for them; what this one starts has the true files."""
    plan = json.loads(Path(place).read_bytes())
    if os.getppid() != plan["parent"]:
        return None
    from forking import Host  # type: ignore[import-not-found]  # a copy of forking.py, beside the copy of this file

    return MutantFinder(list(plan["files"]), Host(plan).choose)


if __name__ == "sitecustomize":
    finder = finder_of_plan(os.environ[PLAN]) if PLAN in os.environ else MutantFinder([os.environ[FILE]], the_only_one)
    if finder is not None:
        sys.meta_path = FirstStays([finder, *sys.meta_path])
    run_the_next(__name__)
