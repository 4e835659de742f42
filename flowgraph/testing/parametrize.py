"""The contract of boxes as tests of pytest, one for each class and check."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from flowgraph.box import Box, Leaf, registry
from flowgraph.errors import UsageError, install_hint
from flowgraph.testing.contract import checks
from flowgraph.testing.declared import Formulas

Boxes = str | ModuleType | Iterable[type[Box]]


def parametrize_with_checks(boxes: Boxes, *, formulas: Formulas | None = None) -> Any:
    """A decorator of pytest that gives a test every pair of `box_class` and `check`, as scikit-learn's does.

        @parametrize_with_checks("mypackage.boxes")
        def test_boxes(box_class, check):
            check(box_class)

    Parameters: the box classes, or a module or package (or its name), of which all modules are imported and all
    registered box classes taken; `formulas` as in `check_box_class`. The tests are called `MyBox-second_derivative`,
    so `pytest -k MyBox` runs those of one class.

    Raises an ImportError without pytest, a UsageError where there is no box class.
    """
    try:
        import pytest
    except ImportError as error:
        raise ImportError(
            f"flowgraph.testing.parametrize_with_checks: needs pytest, which is not installed; {install_hint('pytest')}"
            f", or call check_box_class(cls), which needs nothing"
        ) from error

    pairs = [
        pytest.param(cls, check, id=f"{cls.__name__}-{check.name}")
        for cls in box_classes(boxes)
        for check in checks(formulas)
    ]
    return pytest.mark.parametrize(("box_class", "check"), pairs)


def box_classes(boxes: Boxes) -> list[type[Box]]:
    """The box classes of an iterable, or those that a package registers.

    None is abstract, a leaf, or has `examples = None`, by which a class says that other boxes test it.
    """
    if not isinstance(boxes, str | ModuleType):
        return list(boxes)
    package = importlib.import_module(boxes) if isinstance(boxes, str) else boxes
    name = package.__name__
    for inside in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
        if not inside.name.endswith(".__main__"):
            importlib.import_module(inside.name)
    found = [cls for cls in registry.values() if f"{cls.__module__}.".startswith(f"{name}.")]
    found = [cls for cls in found if cls.examples is not None and not issubclass(cls, Leaf)]
    if not found:
        raise UsageError(f"parametrize_with_checks: found no Box subclass in {name}, needs one or more")
    return found
