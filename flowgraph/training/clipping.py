"""Clipping of gradients, by value and by norm: a rule around a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from flowgraph.box import Value
from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.rule import Rule, Updates
from flowgraph.training.settings import read_number


@strict_settings
@dataclass(frozen=True)
class Clipped(Rule):
    """A rule that is given clipped gradients.

    `value` limits each number of the gradient to ±value. `norm` limits the Euclidean norm of all gradients together:
    g becomes g · norm / max(‖g‖, norm), which keeps its direction. Given both, values are clipped first.

    Parameters
    ----------
    rule : Rule
        The rule that gets the clipped gradients.
    norm : float, optional
        Largest Euclidean norm of all gradients together.
    value : float, optional
        Largest absolute value of each number of the gradients.

    Raises
    ------
    UsageError
        If neither `norm` nor `value` is given, or `rule` is no rule.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Clipped(fg.SGD(), norm=1.0)
    Clipped(rule=SGD(), norm=1.0, value=None)

    Source: Pascanu et al. 2013, On the difficulty of training recurrent neural networks, algorithm 1 (by norm);
    Mikolov 2012, Statistical language models based on neural networks (by value).
    """

    rule: Rule
    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm is None and self.value is None:
            raise UsageError("Clipped: found neither norm= nor value=, so that it clips nothing; needs one of them")

    @property
    def default_rate(self) -> float:  # type: ignore[override]
        """The learning rate of the rule inside."""
        return self.rule.default_rate

    @property
    def is_lazy(self) -> bool:
        """Whether the inner rule is."""
        return self.rule.is_lazy

    @property
    def needs_weights(self) -> bool:
        """Whether the inner rule needs to know the weights."""
        return self.rule.needs_weights

    @property
    def penalty(self) -> Any:
        """The penalty that the inner rule minimises besides the objective."""
        return self.rule.penalty

    def of_weights(self, weights: Sequence[Parameter]) -> Rule:
        """The same clipping around the inner rule for a model with these weights."""
        return replace(self, rule=self.rule.of_weights(weights))

    def read(self, setting: str, found: object) -> Any:
        """Check one setting: a bound above 0, or a rule."""
        if setting != "rule":
            return None if found is None else read_number(self.name, setting, found, above=0)
        if not isinstance(found, Rule):
            raise UsageError(f"Clipped: found rule={found!r}, needs a rule, fg.Adam()")
        return found

    def updates(self, grads: Mapping[Parameter, Any], rate: Value) -> Updates:
        """The new values by the inner rule, from clipped gradients."""
        clipped = dict(grads)
        if self.value is not None:
            clipped = {p: _within(self.name, grad, self.value) for p, grad in clipped.items()}
        if self.norm is not None:
            factor = self.norm / np.maximum(norm_of(clipped.values()), self.norm)
            clipped = {p: grad * _like(factor, grad) for p, grad in clipped.items()}
        return self.rule.updates(clipped, rate)


def _within(who: str, grad: Value, value: float) -> Any:
    if grad.dtype.kind == "c":
        raise UsageError(f"{who}: found a gradient of dtype {grad.dtype}, which has no order; clip it by norm=")
    return np.minimum(np.maximum(grad, -value), value)


def clipped_rule(rule: Rule, norm: float | None, value: float | None) -> Rule:
    """The rule with clipped gradients where a limit is given, else itself."""
    limits = {"norm": norm, "value": value}
    given = {n: read_number("fit", f"clip_{n}", one, above=0) for n, one in limits.items() if one is not None}
    return Clipped(rule, **given) if given else rule


def norm_of(grads: Iterable[Any]) -> Any:
    """The Euclidean norm of all numbers of some gradients."""
    return np.sqrt(reduce(add, map(_squares, grads)))


def _squares(grad: Value) -> Any:
    """The sum of the squares of all numbers, of their sizes where they are complex."""
    return np.sum(grad * grad if grad.dtype.kind == "f" else np.real(grad * np.conj(grad)))


def _like(factor: Value, grad: Value) -> Any:
    return factor if factor.dtype == grad.dtype else factor.astype(grad.dtype)
