"""Update rules as flow graphs: from a parameter, its gradient, the learning rate and the rule's state to new values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.leaves import Input, Parameter
from flowgraph.naming import reopened
from flowgraph.training.settings import keep, read_number

Updates = dict[Parameter, Box]


@dataclass(frozen=True)
class Rule:
    """How a parameter changes in a step: `updates` gives, for parameters and their gradients, boxes of new values.

    What a rule remembers from step to step (a velocity, a mean of squares) are parameters too, and so updated by the
    same plan. A rule of your own gives in `change` the new value of one parameter, and of its own state.
    """

    default_rate: ClassVar[float] = 0.01
    counts_steps: ClassVar[bool] = False

    @property
    def gain(self) -> float | None:
        """By how many rates a steady gradient moves a parameter, None where that depends on the gradient."""
        return None

    def __post_init__(self) -> None:
        for field in fields(self):
            keep(self, field.name, read_number(self.name, field.name, getattr(self, field.name), low=0, below=1))

    @property
    def name(self) -> str:
        """The name of the rule."""
        return type(self).__name__

    def updates(self, grads: Mapping[Parameter, Any], rate: Any) -> Updates:
        """The new values of parameters and of the rule's state; `grads` holds a gradient box for each parameter."""
        found: Updates = {}
        counts: dict[Any, Any] = {}
        for parameter, grad in grads.items():
            if parameter.dtype.kind == "c" and self.gain is None:
                raise UsageError(
                    f"{self.name}: found {parameter.title} of dtype {parameter.dtype}, but the square of a gradient is "
                    f"of real numbers; needs SGD, Momentum or Nesterov"
                )
            own = rate if rate.dtype == parameter.dtype else rate.astype(parameter.dtype)
            if self.counts_steps and parameter.dtype not in counts:
                counter = Parameter(np.zeros((), parameter.dtype), name=f"steps_{parameter.dtype}")
                counts[parameter.dtype] = found[counter] = counter + 1
            found.update(self.change(parameter, grad, own, counts.get(parameter.dtype)))
        return found

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        """The new values of one parameter and its state; `count` is the number of this step, from 1 on."""
        raise NotImplementedError

    def graph(self, shape: tuple[int, ...] = (3, 2)) -> Graph:
        """The rule on one parameter theta, to look at or to draw."""
        theta, grad = Parameter(np.zeros(shape), name="theta"), Input("grad", shape=shape)
        return Graph(*self.updates({theta: grad}, Input("rate")).values())

    def state(self, parameter: Parameter, name: str) -> Any:
        """What the rule remembers of a parameter: zeros of its shape, at first."""
        with reopened(""):
            title = f"{parameter.name}/{name}" if parameter.name else None
            return Parameter(np.zeros_like(parameter.value), name=title)


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
        return 1.0

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        return {parameter: parameter - rate * grad}


@dataclass(frozen=True)
class _WithVelocity(Rule):
    """A rule that remembers a running sum of gradients, in which one of t steps ago counts βᵗ."""

    beta: float = 0.9

    @property
    def gain(self) -> float:
        return 1 / (1 - self.beta)


@dataclass(frozen=True)
class Momentum(_WithVelocity):
    """A running sum of gradients, which carries the parameters over plateaus.

    v becomes ∇ + β v, theta becomes theta − α v

    Source: Larochelle, Training neural networks, "momentum".
    """

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        v = self.state(parameter, "velocity")
        moved = grad + self.beta * v
        return {parameter: parameter - rate * moved, v: moved}


@dataclass(frozen=True)
class Nesterov(_WithVelocity):
    """Momentum that looks ahead: the gradient counts once more, as if it had been taken after the move.

    v becomes ∇ + β v, theta becomes theta − α (∇ + β v), with the new v

    Source: Sutskever et al. 2013, On the importance of initialization and momentum in deep learning.
    """

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        v = self.state(parameter, "velocity")
        moved = grad + self.beta * v
        return {parameter: parameter - rate * (grad + self.beta * moved), v: moved}


@dataclass(frozen=True)
class RMSProp(Rule):
    """Each number has its own rate: the gradient is divided by the root of its mean square.

    s becomes ρ s + (1 − ρ) ∇², theta becomes theta − α ∇ / (√s + ε)

    Source: Tieleman and Hinton 2012, Neural networks for machine learning, lecture 6.5.
    """

    rho: float = 0.9
    epsilon: float = 1e-8

    default_rate = 1e-3

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        s = self.state(parameter, "mean_square")
        square = self.rho * s + (1 - self.rho) * (grad * grad)
        return {parameter: parameter - rate * (grad / (np.sqrt(square) + self.epsilon)), s: square}


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

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        m, s = self.state(parameter, "mean"), self.state(parameter, "mean_square")
        mean = self.beta1 * m + (1 - self.beta1) * grad
        square = self.beta2 * s + (1 - self.beta2) * (grad * grad)
        # The corrections are numbers: ŝ = s / c², so m̂ / (√ŝ + ε) = c m̂ / (√s + c ε), and no array is divided twice.
        c = np.sqrt(1 - self.beta2**count)
        scale = rate * c / (1 - self.beta1**count)
        return {parameter: parameter - scale * (mean / (np.sqrt(square) + self.epsilon * c)), m: mean, s: square}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with a decay of the weights that the gradient's size does not scale; biases (one axis) do not decay.

    theta becomes theta − α (m̂ / (√ŝ + ε) + decay · theta), the rest as in Adam

    Source: Loshchilov and Hutter 2019, Decoupled weight decay regularization.
    """

    decay: float = 0.01

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        found = super().change(parameter, grad, rate, count)
        if is_weight(parameter):
            moved: Any = found[parameter]
            found[parameter] = moved - (rate * self.decay) * parameter
        return found


@dataclass(frozen=True)
class Proximal(Rule):
    """A rule, then the proximal step of l1 · Σ |W|, which sets small weights to exactly 0; biases are left alone.

    W becomes sign(W') max(|W'| − α l1 g, 0), as W' less W' clipped to ±α l1 g, where W' is what the rule gives and g
    its gain: 1 for SGD, 1 / (1 − β) for Momentum and Nesterov. The objective itself is then without L1.

    Source: Parikh and Boyd 2014, Proximal algorithms, "soft thresholding".
    """

    rule: Rule
    l1: float

    def __post_init__(self) -> None:
        keep(self, "l1", read_number("Proximal", "l1", self.l1, low=0))
        if not isinstance(self.rule, Rule) or self.rule.gain is None:
            found = self.rule.name if isinstance(self.rule, Rule) else repr(self.rule)
            raise UsageError(
                f"Proximal: found the rule {found}, whose steps have no fixed rate; needs SGD, Momentum or Nesterov"
            )

    def change(self, parameter: Any, grad: Any, rate: Any, count: Any) -> Updates:
        found = self.rule.change(parameter, grad, rate, count)
        if is_weight(parameter):
            moved: Any = found[parameter]
            threshold = rate * (self.l1 * (self.rule.gain or 1.0))
            found[parameter] = moved - np.minimum(np.maximum(moved, -threshold), threshold)
        return found


def is_weight(parameter: Parameter) -> bool:
    """Whether a parameter is a matrix of weights, and no vector of biases."""
    return parameter.ndim >= 2


RULES: Mapping[str, type[Rule]] = {
    rule.__name__.lower(): rule for rule in (SGD, Momentum, Nesterov, RMSProp, Adam, AdamW)
}


def find_rule(rule: str | Rule) -> Rule:
    """The rule of that name with its usual settings, or the rule itself."""
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str) or rule.lower() not in RULES:
        raise UsageError(f"rule: found {rule!r}, needs a rule, fg.Momentum(0.9), or one of {', '.join(RULES)}")
    return RULES[rule.lower()]()
