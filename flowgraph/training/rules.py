"""The update rules: descent, momentum, a rate for each number, decay of weights, the proximal step of L1, clipping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from flowgraph.box import Value
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.neural.loss import L1
from flowgraph.errors import UsageError
from flowgraph.training.rule import LazyRule, OnWeights, Rule, Updates, by_parameter
from flowgraph.training.settings import SETTINGS, read_setting, strict_settings


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
        updates = super().change(parameter, grad, rate, count)
        if self.acts_on(parameter):
            moved: Any = updates[parameter]
            updates[parameter] = moved - (rate * self.decay) * parameter
        return updates


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
    l1: Annotated[float, SETTINGS["l1"]]

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

    def read_setting(self, setting: str, value: object) -> Any:
        """Check one setting; the rule has a fixed gain (SGD, Momentum or Nesterov)."""
        if setting != "rule":
            return super().read_setting(setting, value)
        if not isinstance(value, Rule) or value.gain is None:
            what = value.name if isinstance(value, Rule) else repr(value)
            raise UsageError(
                f"Proximal: found the rule {what}, whose steps have no fixed rate; needs SGD, Momentum or Nesterov"
            )
        return value

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The step of the rule, then for a weight soft thresholding: sign(theta) max(|theta| − α l1 gain, 0)."""
        updates = self.rule.change(parameter, grad, rate, count)
        if self.acts_on(parameter):
            moved: Any = updates[parameter]
            threshold = rate * (self.l1 * (self.rule.gain or 1.0))
            updates[parameter] = moved - np.minimum(np.maximum(moved, -threshold), threshold)
        return updates


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
    norm: Annotated[float | None, SETTINGS["clip_norm"]] = None
    value: Annotated[float | None, SETTINGS["clip_value"]] = None

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

    def read_setting(self, setting: str, value: object) -> Any:
        """Check one setting: a bound above 0, or a rule."""
        if setting != "rule":
            return super().read_setting(setting, value)
        if not isinstance(value, Rule):
            raise UsageError(f"Clipped: found rule={value!r}, needs a rule, fg.Adam()")
        return value

    def updates(self, grads: Mapping[Parameter, Any], rate: Value) -> Updates:
        """The new values by the inner rule, from clipped gradients."""
        clipped = dict(by_parameter(self.name, grads))
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
    norm, value = read_setting("fit", "clip_norm", norm), read_setting("fit", "clip_value", value)
    return rule if norm is None and value is None else Clipped(rule, norm, value)


def norm_of(grads: Iterable[Any]) -> Any:
    """The Euclidean norm of all numbers of some gradients."""
    return np.sqrt(reduce(add, map(_squares, grads)))


def _squares(grad: Value) -> Any:
    """The sum of the squares of all numbers, of their sizes where they are complex."""
    return np.sum(grad * grad if grad.dtype.kind == "f" else np.real(grad * np.conj(grad)))


def _like(factor: Value, grad: Value) -> Any:
    return factor if factor.dtype == grad.dtype else factor.astype(grad.dtype)
