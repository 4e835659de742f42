"""The contract of boxes as tests of pytest, one for each class and check."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from flowgraph.box import Box, Leaf, registry
from flowgraph.errors import UsageError, optional
from flowgraph.testing.contract import checks
from flowgraph.testing.declared import Formulas

Boxes = str | ModuleType | Iterable[type[Box]]


def parametrize_with_checks(boxes: Boxes, *, formulas: Formulas | None = None) -> Any:
    """A decorator of pytest that gives a test every pair of `box_class` and `check`, as scikit-learn's does.

    The tests are called `MyBox-second_derivative`, so `pytest -k MyBox` runs those of one class.

    Parameters
    ----------
    boxes : iterable of box classes, module, or str
        Classes, or a module or package (or its name), of which all modules are imported and all registered box classes
        taken.
    formulas : mapping of str to function, optional
        As in `check_box_class`.

    Returns
    -------
    function
        The decorator.

    Raises
    ------
    ImportError
        If pytest is not installed.
    UsageError
        If there is no box class.

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.testing import parametrize_with_checks
    >>> @parametrize_with_checks([fg.Tanh])
    ... def test_boxes(box_class, check):
    ...     check(box_class)
    """
    who, way_out = "flowgraph.testing.parametrize_with_checks", ", or call check_box_class(cls), which needs nothing"
    pytest = optional("pytest", f"{who}: needs pytest", "pytest", way_out)
    pairs = [
        pytest.param(cls, check, id=f"{cls.__name__}-{check.name}")
        for cls in box_classes(boxes)
        for check in checks(formulas)
    ]
    return pytest.mark.parametrize(("box_class", "check"), pairs)


def box_classes(boxes: Boxes) -> list[type[Box]]:
    """The box classes of an iterable, or those that a package registers.

    None is abstract, a leaf, or has `examples = None`, by which a class says that other boxes test it.

    Parameters
    ----------
    boxes : iterable of box classes, module, or str
        Classes, or a module or package (or its name), of which all modules are imported.

    Returns
    -------
    list of type
        The classes, each once.

    Raises
    ------
    UsageError
        If there is no box class.

    Examples
    --------
    >>> from flowgraph.testing import box_classes
    >>> [cls.__name__ for cls in box_classes("flowgraph.boxes.elementwise.trigonometric")][:2]
    ['Sin', 'Cos']
    """
    if not isinstance(boxes, str | ModuleType):
        return list(boxes)
    package = importlib.import_module(boxes) if isinstance(boxes, str) else boxes
    name = package.__name__
    for inside in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
        if not inside.name.endswith(".__main__"):
            importlib.import_module(inside.name)
    classes = [cls for cls in registry.values() if f"{cls.__module__}.".startswith(f"{name}.")]
    classes = [cls for cls in classes if cls.examples is not None and not issubclass(cls, Leaf)]
    if not classes:
        raise UsageError(f"parametrize_with_checks: found no Box subclass in {name}, needs one or more")
    return classes
