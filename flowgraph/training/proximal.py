"""The proximal step of L1, which sets small weights to exactly 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: F401  in which inherited settings are annotated
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.boxes import L1
from flowgraph.errors import UsageError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.rule import Rule, Updates
from flowgraph.training.settings import read_number
from flowgraph.training.weight_rule import OnWeights


@strict_settings
@dataclass(frozen=True)
class Proximal(OnWeights):
    """A rule, then the proximal step of l1 · Σ |W|, which sets small weights to exactly 0; biases are left alone.

    W becomes sign(W') max(|W'| − α l1 g, 0), as W' less W' clipped to ±α l1 g, where W' is what the rule gives and g
    its gain: 1 for SGD, 1 / (1 − β) for Momentum and Nesterov. The objective is given without L1; what is minimised,
    and so shown and watched as the objective, is the sum of both.

    The weights are `parameters`, or else what `fg.fit` finds to be a factor of a product with something that depends
    on the inputs, whatever its shape. `l1=0` leaves the rule as it is.

    Parameters
    ----------
    rule : Rule
        The rule before the proximal step, such as `fg.SGD()`.
    l1 : float, from 0
        Strength of the penalty per unit of |W|.
    parameters : sequence of Parameter, optional
        The weights that are penalised; by default those that `fg.fit` finds.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",))
    >>> w, b = fg.Parameter(np.zeros(3), name="w"), fg.Parameter(0.0, name="b")
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> _ = fg.fit(fg.mean(fg.SquaredError(x @ w + b, y)), (X, 2 * X[:, 0]), rule=fg.Proximal(fg.SGD(), l1=0.5),
    ...            batch_size=None, epochs=200, progress=False)
    >>> w.value.round(1)
    array([1.8, 0. , 0. ])

    Source: Parikh and Boyd 2014, Proximal algorithms, "soft thresholding".
    """

    rule: Rule
    l1: float

    @property
    def strength(self) -> float:
        """The factor l1."""
        return self.l1

    @property
    def is_lazy(self) -> bool:
        """Whether the inner rule is; then weights that are not looked up are not set to 0 either."""
        return self.rule.is_lazy

    @property
    def penalty(self) -> Any:
        """l1 · Σ |W|, None while it acts on nothing."""
        return self.l1 * L1(*self.parameters) if self.strength > 0 and self.parameters else None

    def read(self, setting: str, found: object) -> Any:
        """Check one setting: l1 at least 0, and a rule with a fixed gain (SGD, Momentum or Nesterov)."""
        if setting == "l1":
            return read_number(self.name, setting, found, low=0)
        if setting != "rule":
            return super().read(setting, found)
        if not isinstance(found, Rule) or found.gain is None:
            what = found.name if isinstance(found, Rule) else repr(found)
            raise UsageError(
                f"Proximal: found the rule {what}, whose steps have no fixed rate; needs SGD, Momentum or Nesterov"
            )
        return found

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The step of the rule, then for a weight soft thresholding: sign(theta) max(|theta| − α l1 gain, 0)."""
        found = self.rule.change(parameter, grad, rate, count)
        if self.acts_on(parameter):
            moved: Any = found[parameter]
            threshold = rate * (self.l1 * (self.rule.gain or 1.0))
            found[parameter] = moved - np.minimum(np.maximum(moved, -threshold), threshold)
        return found
