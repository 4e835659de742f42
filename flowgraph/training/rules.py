"""The update rules: gradient descent, with momentum, with a rate for each number, with decay of weights or L1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: F401  in which inherited settings are annotated
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.errors import UsageError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.lazy_rule import LazyRule
from flowgraph.training.rule import Rule, Updates
from flowgraph.training.weight_rule import OnWeights


@strict_settings
@dataclass(frozen=True)
class SGD(Rule):
    """Stochastic gradient descent.

    theta becomes theta − α ∇

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.SGD().graph()
    <Graph of 5 boxes: −>

    Source: Larochelle, Training neural networks, "stochastic gradient descent".

    >>> import flowgraph as fg
    >>> fg.SGD()
    SGD()
    """

    default_rate = 0.1

    @property
    def gain(self) -> float:
        """1: a step is the rate times the gradient."""
        return 1.0

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """theta − α ∇."""
        return {parameter: parameter - rate * grad}


@dataclass(frozen=True, repr=False)
class _WithVelocity(LazyRule):
    """A rule that remembers a running sum of gradients, in which one of t steps ago counts βᵗ."""

    beta: float = 0.9

    @property
    def gain(self) -> float:
        """1 / (1 − β), by which steps grow under a gradient that stays."""
        return 1 / (1 - self.beta)


@strict_settings
@dataclass(frozen=True, repr=False)
class Momentum(_WithVelocity):
    """A running sum of gradients, which carries the parameters over plateaus.

    v becomes ∇ + β v, theta becomes theta − α v

    Source: Larochelle, Training neural networks, "momentum".

    Parameters
    ----------
    beta : float, default 0.9
        The part of the velocity that a step keeps, from 0 up to 1.
    lazy : bool, default False
        Whether a table of which rows are looked up changes only at the rows of the step, its velocity too.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Momentum(0.5)
    Momentum(beta=0.5)
    """

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The new velocity v = ∇ + β v, and theta − α v."""
        v = self.state(parameter, "velocity")
        moved = grad + self.beta * v
        return {parameter: parameter - rate * moved, v: moved}


@strict_settings
@dataclass(frozen=True, repr=False)
class Nesterov(_WithVelocity):
    """Nesterov's momentum: the step contains the gradient once more, as if it had been computed after the move.

    v becomes ∇ + β v, theta becomes theta − α (∇ + β v), with the new v

    Source: Sutskever et al. 2013, On the importance of initialization and momentum in deep learning.

    Parameters
    ----------
    beta : float, default 0.9
        The part of the velocity that a step keeps, from 0 up to 1.
    lazy : bool, default False
        Whether a table of which rows are looked up changes only at the rows of the step, its velocity too.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Nesterov(0.5)
    Nesterov(beta=0.5)
    """

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The new velocity v = ∇ + β v, and theta − α (∇ + β v)."""
        v = self.state(parameter, "velocity")
        moved = grad + self.beta * v
        return {parameter: parameter - rate * (grad + self.beta * moved), v: moved}


@strict_settings
@dataclass(frozen=True, repr=False)
class RMSProp(LazyRule):
    """Each number has its own rate: the gradient is divided by the root of its mean square.

    s becomes ρ s + (1 − ρ) ∇², theta becomes theta − α ∇ / (√s + ε)

    Source: Tieleman and Hinton 2012, Neural networks for machine learning, lecture 6.5.

    Parameters
    ----------
    rho : float, default 0.9
        Decay per step of the mean square of the gradient, from 0 up to 1.
    epsilon : float, default 1e-8
        What keeps the quotient finite, in the unit of the gradient.
    lazy : bool, default False
        Whether a table of which rows are looked up changes only at the rows of the step, its mean square too.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.RMSProp(rho=0.99)
    RMSProp(rho=0.99, epsilon=1e-08)
    """

    rho: float = 0.9
    epsilon: float = 1e-8

    default_rate = 1e-3

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The new mean square s = ρ s + (1 − ρ) ∇², and theta − α ∇ / (√s + ε)."""
        s = self.state(parameter, "mean_square")
        square = self.rho * s + (1 - self.rho) * (grad * grad)
        return {parameter: parameter - rate * (grad / (np.sqrt(square) + self.epsilon)), s: square}


@strict_settings
@dataclass(frozen=True)
class Adagrad(Rule):
    """Each number has its own rate: the gradient is divided by the root of the sum of all its squares so far.

    s becomes s + ∇², theta becomes theta − α ∇ / (√s + ε)

    A number without gradient stays as it is, and so does its s: of a table of which rows are looked up, other rows are
    not gone over.

    Source: Duchi, Hazan and Singer 2011, Adaptive subgradient methods for online learning and stochastic optimization.

    Parameters
    ----------
    epsilon : float, default 1e-10
        What keeps the quotient finite, in the unit of the gradient.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Adagrad()
    Adagrad(epsilon=1e-10)
    """

    epsilon: float = 1e-10

    rests_without_gradient = True

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The new sum of squares s + ∇², and theta − α ∇ / (√s + ε)."""
        s = self.state(parameter, "squares")
        squares = s + grad * grad
        return {parameter: parameter - rate * (grad / (np.sqrt(squares) + self.epsilon)), s: squares}


@strict_settings
@dataclass(frozen=True, repr=False)
class Adam(LazyRule):
    """Running means of the gradient and of its square, both corrected for their start at zero.

    m becomes β₁ m + (1 − β₁) ∇, s becomes β₂ s + (1 − β₂) ∇²,
    theta becomes theta − α m̂ / (√ŝ + ε) with m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ) at step t

    Source: Kingma and Ba 2015, Adam: a method for stochastic optimization.

    Parameters
    ----------
    beta1 : float, default 0.9
        Decay per step of the mean of the gradient, from 0 up to 1.
    beta2 : float, default 0.999
        Decay per step of the mean of its square, from 0 up to 1.
    epsilon : float, default 1e-8
        What keeps the quotient finite, in the unit of the gradient.
    lazy : bool, default False
        Whether a table of which rows are looked up changes only at the rows of the step, its means too.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Adam(beta1=0.8)
    Adam(beta1=0.8, beta2=0.999, epsilon=1e-08)
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    default_rate = 1e-3
    counts_steps = True

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The new means m and s, and theta − α m̂ / (√ŝ + ε); m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ) in step t."""
        m, s = self.state(parameter, "mean"), self.state(parameter, "mean_square")
        mean = self.beta1 * m + (1 - self.beta1) * grad
        square = self.beta2 * s + (1 - self.beta2) * (grad * grad)
        # The corrections are numbers: ŝ = s / c², so m̂ / (√ŝ + ε) = c m̂ / (√s + c ε), and no array is divided twice.
        c = np.sqrt(1 - self.beta2**count)
        scale = rate * c / (1 - self.beta1**count)
        return {parameter: parameter - scale * (mean / (np.sqrt(square) + self.epsilon * c)), m: mean, s: square}


@strict_settings
@dataclass(frozen=True, repr=False)
class AdamW(Adam, OnWeights):
    """Adam with a decay of the weights that the gradient's size does not scale; biases do not decay.

    theta becomes theta − α (m̂ / (√ŝ + ε) + decay · theta), the rest as in Adam

    The weights are `parameters`, or else what `fg.fit` finds to be a factor of a product with something that depends
    on the inputs, whatever its shape.

    Source: Loshchilov and Hutter 2019, Decoupled weight decay regularization.

    Parameters
    ----------
    beta1 : float, default 0.9
        Decay per step of the mean of the gradient, from 0 up to 1.
    beta2 : float, default 0.999
        Decay per step of the mean of its square, from 0 up to 1.
    epsilon : float, default 1e-8
        What keeps the quotient finite, in the unit of the gradient.
    decay : float, default 0.01
        Weight decay, multiplied by the learning rate in each step.
    parameters : sequence of Parameter, optional
        The weights that decay; by default those that `fg.fit` finds.
    lazy : bool, default False
        Whether a table of which rows are looked up changes only at the rows of the step, its means too;
        then these rows alone decay.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.AdamW(decay=0.1).decay
    0.1
    """

    decay: float = 0.01

    @property
    def strength(self) -> float:
        """The decay."""
        return self.decay

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The step of Adam, and for a weight also − α λ theta, with the decay λ."""
        found = super().change(parameter, grad, rate, count)
        if self.acts_on(parameter):
            moved: Any = found[parameter]
            found[parameter] = moved - (rate * self.decay) * parameter
        return found


RuleName: TypeAlias = Literal["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]

RULES: Mapping[str, type[Rule]] = {
    rule.__name__.lower(): rule for rule in (SGD, Momentum, Nesterov, RMSProp, Adagrad, Adam, AdamW)
}


def find_rule(rule: RuleName | Rule) -> Rule:
    """The rule of that name with its usual settings, or the rule itself."""
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str) or rule.lower() not in RULES:
        raise UsageError(f"rule: found {rule!r}, needs a rule, fg.Momentum(0.9), or one of {', '.join(RULES)}")
    return RULES[rule.lower()]()
