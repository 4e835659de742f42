"""The base class of update rules: from parameters, gradients, the learning rate and the rule's state to new values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.naming import reopened
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.training.settings import read_number, set_frozen

Updates = dict[Parameter, Box]


@dataclass(frozen=True)
class Rule:
    """How a parameter changes in a step: `updates` gives, for parameters and their gradients, boxes of new values.

    What a rule remembers from step to step (a velocity, a mean of squares) are parameters too, and so updated by the
    same plan. A rule of your own gives in `change` the new value of one parameter, and of its own state.

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.training import Rule
    >>> class Signed(Rule):
    ...     def change(self, rate, parameter, gradient):
    ...         return parameter - rate * fg.Sign(gradient), {}
    >>> isinstance(Signed(), Rule)
    True
    """

    default_rate: ClassVar[float] = 0.01
    counts_steps: ClassVar[bool] = False

    @property
    def gain(self) -> float | None:
        """By how many rates a steady gradient moves a parameter, None where that depends on the gradient."""
        return None

    def __post_init__(self) -> None:
        for field in fields(self):
            set_frozen(self, field.name, self.read(field.name, getattr(self, field.name)))

    def read(self, setting: str, found: object) -> Any:
        """Check one setting of the rule and return it as it is kept.

        Parameters
        ----------
        setting : str
            Name of the setting.
        found : object
            What the user gave.

        Returns
        -------
        object
            By default a float from 0 up to, not including, 1; a subclass may allow others.

        Raises
        ------
        UsageError
            If the value is not allowed.
        """
        return read_number(self.name, setting, found, low=0, below=1)

    @property
    def name(self) -> str:
        """The name of the rule."""
        return type(self).__name__

    @property
    def needs_weights(self) -> bool:
        """Whether the rule does not know yet which parameters are weights."""
        return False

    def of_weights(self, weights: Sequence[Parameter]) -> Rule:
        """The rule for a model with these weights.

        Parameters
        ----------
        weights : sequence of Parameter
            The parameters that count as weights, not as biases.

        Returns
        -------
        Rule
            This rule, unless it treats weights differently, as AdamW and Proximal do.
        """
        return self

    @property
    def penalty(self) -> Any:
        """What the rule minimises besides the objective: a scalar box, or None."""
        return None

    def updates(self, grads: Mapping[Parameter, Any], rate: Value) -> Updates:
        """The new values of the parameters and of the state of the rule after one step.

        Parameters
        ----------
        grads : mapping of Parameter to Box
            The gradient of each parameter, of its shape.
        rate : Box, shape ()
            The learning rate.

        Returns
        -------
        dict of Parameter to Box
            New values, as `fg.compile(updates=...)` takes them.

        Raises
        ------
        UsageError
            If a parameter is complex and the rule squares gradients.
        """
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

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The new values of one parameter and of its state; every rule overrides it.

        Parameters
        ----------
        parameter : Parameter
            The parameter theta.
        grad : Box
            Its gradient, of its shape.
        rate : Box, shape ()
            The learning rate, in the dtype of the parameter.
        count : Box, shape (), or None
            The number of this step, from 1 on, for a rule with `counts_steps`.

        Returns
        -------
        dict of Parameter to Box
            New values of the parameter and of what `state` returned.
        """
        raise NotImplementedError

    def graph(self, shape: tuple[int, ...] = (3, 2)) -> Graph:
        """The flow graph of one step on one parameter theta, to print or to draw.

        Parameters
        ----------
        shape : tuple of int, default (3, 2)
            The shape of theta.

        Returns
        -------
        Graph
            Its inputs are "grad" and "rate"; its outputs are the new values.
        """
        theta, grad = Parameter(np.zeros(shape), name="theta"), Input("grad", shape=shape)
        return Graph(*self.of_weights([theta]).updates({theta: grad}, Input("rate")).values())

    def state(self, parameter: Parameter, name: str) -> Any:
        """A parameter that keeps what the rule remembers about a parameter, such as its velocity.

        Parameters
        ----------
        parameter : Parameter
            The parameter that is trained.
        name : str
            What is remembered; it is appended to the name of the parameter.

        Returns
        -------
        Parameter
            Zeros of the shape and dtype of the parameter.
        """
        with reopened(""):
            title = f"{parameter.name}/{name}" if parameter.name else None
            return Parameter(np.zeros_like(parameter.value), name=title)
