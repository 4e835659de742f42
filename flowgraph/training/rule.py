"""The base class of update rules: from parameters, gradients, the learning rate and the rule's state to new values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.node import reopened
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.shapes.indexing import ARRAY
from flowgraph.training.lookups import Lookups, at_rows, lookups_in, no_table, other_use
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
    rests_without_gradient: ClassVar[bool] = False

    @property
    def gain(self) -> float | None:
        """By how many rates a steady gradient moves a parameter, None where that depends on the gradient."""
        return None

    @property
    def is_lazy(self) -> bool:
        """Whether the user asked for updates of the rows of tables that are looked up, and of no other."""
        return False

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
            If a parameter is complex and the rule squares gradients, or if the rule is lazy and there is no table of
            which rows are looked up, or one that is read in another way too.
        """
        found: Updates = {}
        tables = self._looked_up(grads)
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
            changed = self.change(parameter, grad, own, counts.get(parameter.dtype))
            found.update(at_rows(changed, tables[parameter]) if parameter in tables else changed)
        return found

    def _looked_up(self, grads: Mapping[Parameter, Box]) -> dict[Parameter, Lookups]:
        """The lookups of each table of which no row but theirs is to move."""
        if not self.is_lazy and not self.rests_without_gradient:
            return {}
        found = {parameter: lookups_in(grad) for parameter, grad in grads.items()}
        tables = {parameter: one for parameter, one in found.items() if one.of_rows}
        if self.is_lazy:
            for parameter, lookups in tables.items():
                if lookups.others:
                    raise other_use(self.name, parameter, lookups, grads)
            if not tables:
                raise no_table(self.name, grads)
        return {parameter: one for parameter, one in tables.items() if not one.others}

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
            Its inputs are "grad" and "rate", of a lazy rule also "rows", of which "grad" are the gradients; its outputs
            are the new values.
        """
        grad: Box
        theta, grad = Parameter(np.zeros(shape), name="theta"), Input("grad", shape=shape)
        if self.is_lazy:
            rows = Input("rows", shape=("N",), dtype=int)
            grad = IndexAdd(Input("grad", shape=("N", *shape[1:])), theta, rows, index=(ARRAY,))
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
