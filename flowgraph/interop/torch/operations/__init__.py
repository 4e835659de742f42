"""The rules by which operations of PyTorch become boxes, a file per topic; `rule_for` registers one of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.rules import RuleTable, Translation

RULES = RuleTable()


def rule_for(*names: str) -> Callable[[Translation], Translation]:
    """Register how an operation of PyTorch becomes boxes, by its name: "aten.addmm.default", or "aten.addmm" for all.

    The rule takes the arguments of the operation with boxes for tensors. It may compute in other dtypes than PyTorch,
    since its result is converted to the dtype that PyTorch gives.

    Parameters
    ----------
    *names : str
        Names of operations of PyTorch.

    Returns
    -------
    function
        A decorator, which returns the rule as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.interop.torch import rule_for
    >>> @rule_for("aten.logaddexp")
    ... def logaddexp(a, b):
    ...     return np.logaddexp(a, b)
    """
    return RULES.rule_for(*names)


def names_of(operation: Foreign) -> tuple[str, ...]:
    """The names under which a rule for an operation may stand: with its overload, and without."""
    name = str(operation)
    return name, name.rpartition(".")[0]


def has_rule(operation: Foreign) -> bool:
    """Whether a rule exists for an operation."""
    return RULES.of(names_of(operation)) is not None


def register(rules: Mapping[str, Callable[..., Any]]) -> None:
    """Register flowgraph's own rules, each under the names in its key, without "aten."."""
    for names, rule in rules.items():
        RULES.rule_for(*(f"aten.{name}" for name in names.split()))(rule)


def with_memory(rule: Callable[..., Any], results: int) -> Callable[..., tuple[Any, ...]]:
    """A rule for an operation of so many results, of which those after the first are memory of PyTorch's backward."""
    return lambda *given, **settings: (rule(*given, **settings), *[None] * (results - 1))
