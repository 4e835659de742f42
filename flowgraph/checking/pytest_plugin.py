"""The pytest plugin of flowgraph: `pytest --check-boxes=mypackage.boxes`, and the fixture `check_gradients`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from flowgraph.checking.check import check as fg_check
from flowgraph.checking.examples import NEEDED, check_example, is_checkable, load, place_of, targets_of
from flowgraph.checking.report import DOUBTS, Allowed, GradientError
from flowgraph.errors import FlowgraphError


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line."""
    group = parser.getgroup("flowgraph", "gradient checking with flowgraph")
    group.addoption(
        "--check-boxes",
        action="append",
        default=[],
        metavar="MODULE",
        help="test the gradients of every Box subclass of this module, package or file, and of every example there: a "
        "tuple of a function, a torch module or an autograd.Function and its arguments, or functools.partial(fg.check, "
        "...); MODULE:NAME is one of them; may be given several times",
    )
    group.addoption(
        "--check-boxes-order",
        type=int,
        choices=(1, 2),
        default=1,
        help="2 checks the second derivatives too (default: 1)",
    )
    group.addoption(
        "--check-boxes-allow",
        action="append",
        choices=tuple(DOUBTS),
        default=[],
        help="a doubt that skips a test in place of failing it; may be given several times",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for every box class and example; first, so that -k and --deselect see them."""
    for module in config.getoption("check_boxes"):
        items += items_of(session, module, config.getoption("check_boxes_order"), config.getoption("check_boxes_allow"))


@pytest.fixture
def check_gradients() -> Callable[..., Any]:
    """`check_gradients(target, ...)`: fg.check with the same arguments; fails the test, with the report, if no pass.

    `allow=` names doubts that do not fail it, as `Report.raise_for_failure` takes them. The report is returned, for
    more to be said of it: `assert check_gradients(MyBox).resolution < 1e-8`.
    """

    def check(target: object, *inputs: Any, allow: Allowed = (), **keywords: Any) -> Any:
        __tracebackhide__ = True
        report = fg_check(target, *inputs, **keywords)
        report.raise_for_failure(allow=allow)
        return report

    return check


class BoxModule(pytest.Collector):
    """A module of boxes, as pytest shows it: `mypackage.boxes::MyBox`."""

    def collect(self) -> list[pytest.Item]:
        """Its tests are made by `items_of`."""
        return []


class TargetItem(pytest.Item):
    """The test of one box class, or of one example."""

    def __init__(self, *, target: Any, order: int, allow: Allowed, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.target = target
        self.order = order
        self.allow = allow

    def runtest(self) -> None:
        """fg.check of the target; a doubt that is allowed skips the test."""
        report = check_example(self.target, order=self.order)
        report.raise_for_failure(allow=self.allow)
        if not report.passed:
            pytest.skip(str(report))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """The report alone, where a gradient is wrong."""
        if isinstance(excinfo.value, GradientError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where the class or the function stands."""
        place = place_of(self.target)
        return (self.path, None, self.name) if place is None else (place[0] or self.path, place[1], self.name)


def items_of(session: pytest.Session, place: str, order: int, allow: Allowed) -> list[pytest.Item]:
    """One test for every target of a module, a package with all its modules, or a file; or for one, MODULE:NAME."""
    where, _, name = place.rpartition(":") if ":" in place[2:] else (place, "", "")  # C:\\boxes.py has no name
    targets: dict[str, Any] = {}
    if name:
        targets = {name: _object_of_name(next(_modules(where)), name, place)}
    else:
        for module in _modules(place):
            own = targets_of(module).items()
            targets |= {key if key not in targets else f"{module.__name__}:{key}": target for key, target in own}
    if not targets:
        raise pytest.UsageError(
            f"--check-boxes={place}: found no Box subclass there, and no example of a function; needs {NEEDED}"
        )
    parent = BoxModule.from_parent(session, name=place, nodeid=place)
    asked = {"order": order, "allow": allow}
    return [TargetItem.from_parent(parent, name=key, target=target, **asked) for key, target in targets.items()]


def _object_of_name(module: ModuleType, name: str, place: str) -> Any:
    """The object of this name in a module; a function without parameters is called for it."""
    target: Any = module
    for part in name.split("."):
        target = getattr(target, part, None)
    if inspect.isfunction(target) and not inspect.signature(target).parameters:
        target = target()
    if not is_checkable(target):
        kind = "nothing" if target is None else f"a {type(target).__name__}"
        raise pytest.UsageError(f"--check-boxes={place}: found {kind} there, needs {NEEDED}")
    return target


def _modules(name: str) -> Iterator[ModuleType]:
    """The module, as `flowgraph check` loads it, and those of a package."""
    try:
        module = load(name)
        yield module
        for inside in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
            yield importlib.import_module(inside.name)
    except (ImportError, FlowgraphError, SyntaxError) as error:
        raise pytest.UsageError(f"--check-boxes={name}: cannot be imported: {error}") from error
