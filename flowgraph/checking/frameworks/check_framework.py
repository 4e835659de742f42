"""fg.check of a function that a framework differentiates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowgraph.checking.check_target import check_target, shielded
from flowgraph.checking.frameworks.needs import failures_of_needs
from flowgraph.checking.frameworks.target import framework_code
from flowgraph.checking.frameworks.words import in_words_of
from flowgraph.checking.frameworks.writing import title
from flowgraph.checking.report import Report, nothing, with_failures
from flowgraph.checking.scope import Asked


def check_framework(
    function: Callable[..., Any],
    given: Sequence[Any],
    keywords: Mapping[str, Any],
    asked: Asked,
    framework: str | None,
    seconds: float,
) -> Report | None:
    """The report, or None where function and arguments belong to no framework that has been imported.

    A function without a reverse mode, as the framework itself says, is undecided: there is no gradient to be wrong.
    """
    try:
        found = framework_code(function, given, keywords, framework, asked.names, asked.valid)
    except NotImplementedError as error:
        return nothing(title(function), f"there is no backward pass to check: {error}", asked.seed)
    if found is None:
        return None
    target, adapter = found
    scope = asked.scope(strict=False)
    report = check_target(target, asked.order, asked.seed, asked.budget, seconds, scope=scope)
    with shielded():
        report = with_failures(report, failures_of_needs(target, adapter, report))
    return in_words_of(adapter.framework, report)
