"""The update rules: gradient descent, with momentum, with a rate for each number, with decay of weights or L1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: F401  in which inherited settings are annotated
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from flowgraph.box.leaves import Parameter
from flowgraph.box.value import Value
from flowgraph.boxes import L1
from flowgraph.errors import UsageError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.rule import Rule, Updates
from flowgraph.training.settings import read_number
from flowgraph.training.weight_rule import OnWeights


@strict_settings
@dataclass(frozen=True)
class SGD(Rule):
    """Stochastic gradient descent.

    theta becomes theta − α ∇

    >>> import flowgraph as fg
    >>> fg.SGD().graph()
    <Graph of 5 boxes: −>

    Source: Larochelle, Training neural networks, "stochastic gradient descent".
    """

    default_rate = 0.1

    @property
    def gain(self) -> float:
        """1: a step is the rate times the gradient."""
        return 1.0

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """A step against the gradient."""
        return {parameter: parameter - rate * grad}


@dataclass(frozen=True)
class _WithVelocity(Rule):
    """A rule that remembers a running sum of gradients, in which one of t steps ago counts βᵗ."""

    beta: float = 0.9

    @property
    def gain(self) -> float:
        """1 / (1 − β), by which steps grow under a gradient that stays."""
        return 1 / (1 - self.beta)


@strict_settings
@dataclass(frozen=True)
class Momentum(_WithVelocity):
    """A running sum of gradients, which carries the parameters over plateaus.

    v becomes ∇ + β v, theta becomes theta − α v

    Source: Larochelle, Training neural networks, "momentum".
    """

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """A step against the velocity, and the new velocity."""
        v = self.state(parameter, "velocity")
        moved = grad + self.beta * v
        return {parameter: parameter - rate * moved, v: moved}


@strict_settings
@dataclass(frozen=True)
class Nesterov(_WithVelocity):
    """Momentum that looks ahead: the gradient counts once more, as if it had been taken after the move.

    v becomes ∇ + β v, theta becomes theta − α (∇ + β v), with the new v

    Source: Sutskever et al. 2013, On the importance of initialization and momentum in deep learning.
    """

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """A step against the gradient plus β times the new velocity, and the new velocity."""
        v = self.state(parameter, "velocity")
        moved = grad + self.beta * v
        return {parameter: parameter - rate * (grad + self.beta * moved), v: moved}


@strict_settings
@dataclass(frozen=True)
class RMSProp(Rule):
    """Each number has its own rate: the gradient is divided by the root of its mean square.

    s becomes ρ s + (1 − ρ) ∇², theta becomes theta − α ∇ / (√s + ε)

    Source: Tieleman and Hinton 2012, Neural networks for machine learning, lecture 6.5.
    """

    rho: float = 0.9
    epsilon: float = 1e-8

    default_rate = 1e-3

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """A step against the scaled gradient, and the new mean square."""
        s = self.state(parameter, "mean_square")
        square = self.rho * s + (1 - self.rho) * (grad * grad)
        return {parameter: parameter - rate * (grad / (np.sqrt(square) + self.epsilon)), s: square}


@strict_settings
@dataclass(frozen=True)
class Adam(Rule):
    """Running means of the gradient and of its square, both corrected for their start at zero.

    m becomes β₁ m + (1 − β₁) ∇, s becomes β₂ s + (1 − β₂) ∇²,
    theta becomes theta − α m̂ / (√ŝ + ε) with m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ) at step t

    Source: Kingma and Ba 2015, Adam: a method for stochastic optimization.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    default_rate = 1e-3
    counts_steps = True

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """A step against the corrected mean over the root of the corrected mean square, and both new means."""
        m, s = self.state(parameter, "mean"), self.state(parameter, "mean_square")
        mean = self.beta1 * m + (1 - self.beta1) * grad
        square = self.beta2 * s + (1 - self.beta2) * (grad * grad)
        # The corrections are numbers: ŝ = s / c², so m̂ / (√ŝ + ε) = c m̂ / (√s + c ε), and no array is divided twice.
        c = np.sqrt(1 - self.beta2**count)
        scale = rate * c / (1 - self.beta1**count)
        return {parameter: parameter - scale * (mean / (np.sqrt(square) + self.epsilon * c)), m: mean, s: square}


@strict_settings
@dataclass(frozen=True)
class AdamW(Adam, OnWeights):
    """Adam with a decay of the weights that the gradient's size does not scale; biases do not decay.

    theta becomes theta − α (m̂ / (√ŝ + ε) + decay · theta), the rest as in Adam

    The weights are `parameters`, or else what `fg.fit` finds to be a factor of a product with something that depends
    on the inputs, whatever its shape.

    Source: Loshchilov and Hutter 2019, Decoupled weight decay regularization.
    """

    decay: float = 0.01

    @property
    def strength(self) -> float:
        """The decay."""
        return self.decay

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The step of Adam, less the decay of a weight."""
        found = super().change(parameter, grad, rate, count)
        if self.acts_on(parameter):
            moved: Any = found[parameter]
            found[parameter] = moved - (rate * self.decay) * parameter
        return found


@strict_settings
@dataclass(frozen=True)
class Proximal(OnWeights):
    """A rule, then the proximal step of l1 · Σ |W|, which sets small weights to exactly 0; biases are left alone.

    W becomes sign(W') max(|W'| − α l1 g, 0), as W' less W' clipped to ±α l1 g, where W' is what the rule gives and g
    its gain: 1 for SGD, 1 / (1 − β) for Momentum and Nesterov. The objective is given without L1; what is minimised,
    and so shown and watched as the objective, is the sum of both.

    The weights are `parameters`, or else what `fg.fit` finds to be a factor of a product with something that depends
    on the inputs, whatever its shape. `l1=0` leaves the rule as it is.

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
    def penalty(self) -> Any:
        """l1 · Σ |W|, None while it acts on nothing."""
        return self.l1 * L1(*self.parameters) if self.strength > 0 and self.parameters else None

    def read(self, setting: str, found: object) -> Any:
        """A setting as it is kept: l1 at least 0, a rule with a gain."""
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
        """The step of the rule, then the proximal step of a weight."""
        found = self.rule.change(parameter, grad, rate, count)
        if self.acts_on(parameter):
            moved: Any = found[parameter]
            threshold = rate * (self.l1 * (self.rule.gain or 1.0))
            found[parameter] = moved - np.minimum(np.maximum(moved, -threshold), threshold)
        return found


RuleName: TypeAlias = Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]

RULES: Mapping[str, type[Rule]] = {
    rule.__name__.lower(): rule for rule in (SGD, Momentum, Nesterov, RMSProp, Adam, AdamW)
}


def find_rule(rule: RuleName | Rule) -> Rule:
    """The rule of that name with its usual settings, or the rule itself."""
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str) or rule.lower() not in RULES:
        raise UsageError(f"rule: found {rule!r}, needs a rule, fg.Momentum(0.9), or one of {', '.join(RULES)}")
    return RULES[rule.lower()]()
