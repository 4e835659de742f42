"""The pytest plugin of flowgraph: `pytest --check-boxes=mypackage.boxes`, and the fixture `check_gradients`.

What it collects is in `flowgraph.checking.collecting`, which is imported only where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for every box class and example; first, so that -k and --deselect see them."""
    modules = config.getoption("check_boxes")
    if modules:
        from flowgraph.checking.collecting import items_of

        for module in modules:
            items += items_of(session, module, config.getoption("check_boxes_order"))


@pytest.fixture
def check_gradients() -> Callable[..., Any]:
    """`check_gradients(target, ...)`: fg.check with the same arguments; fails the test with the report.

    The report is returned, for more to be said of it: `assert check_gradients(MyBox).resolution < 1e-8`.
    """

    def check(target: object, *inputs: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True
        from flowgraph.checking import check as check_target

        report = check_target(target, *inputs, **keywords)
        report.raise_for_failure()
        return report

    return check
