"""The box classes of a module as tests of pytest."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flowgraph.box import Box, Leaf, registry
from flowgraph.checking.check import check
from flowgraph.checking.report import GradientError


class BoxModule(pytest.Collector):
    """A module of boxes, as pytest shows it: `mypackage.boxes::MyBox`."""

    def collect(self) -> list[pytest.Item]:
        """Its tests are made by `items_of`."""
        return []


class BoxItem(pytest.Item):
    """The test of one box class."""

    def __init__(self, *, box_class: type[Box], order: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.box_class = box_class
        self.order = order

    def runtest(self) -> None:
        """fg.check of the class."""
        report = check(self.box_class, order=self.order)
        report.raise_for_failure()
        if report.verdict == "undecided":
            pytest.skip(str(report))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """The report alone, where a gradient is wrong."""
        if isinstance(excinfo.value, GradientError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where the class stands."""
        try:
            path, line = inspect.getsourcefile(self.box_class), inspect.getsourcelines(self.box_class)[1]
        except (OSError, TypeError):
            return self.path, None, self.name
        return path or self.path, line, self.name


def items_of(session: pytest.Session, module: str, order: int) -> list[pytest.Item]:
    """One test for every box class of a module, a package with all its modules, or a file."""
    modules = list(_modules(module, session.config.invocation_params.dir))
    names = {one.__name__ for one in modules}
    found = [cls for cls in registry.values() if cls.__module__ in names and not issubclass(cls, Leaf)]
    classes = sorted((cls for cls in found if cls.examples is not None), key=_place)
    if not classes:
        raise pytest.UsageError(f"--check-boxes={module}: found no Box subclass there, needs one or more")
    parent = BoxModule.from_parent(session, name=module, nodeid=module)
    return [BoxItem.from_parent(parent, name=cls.__qualname__, box_class=cls, order=order) for cls in classes]


def _modules(name: str, directory: Path) -> Iterator[ModuleType]:
    try:
        module = _from_file(directory / name) if name.endswith(".py") else _imported(name, directory)
        yield module
        for inside in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
            yield importlib.import_module(inside.name)
    except (ImportError, FileNotFoundError, SyntaxError) as error:
        raise pytest.UsageError(f"--check-boxes={name}: cannot be imported: {error}") from error


def _imported(name: str, directory: Path) -> ModuleType:
    """As `python -m pytest` would import it: from the directory where pytest was started too."""
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


def _place(cls: type[Box]) -> tuple[str, int]:
    """In the order in which they are written."""
    try:
        return cls.__module__, inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return cls.__module__, 0
