"""Base class of update rules that treat weights differently from biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.errors import UsageError
from flowgraph.graph.topology import Boxes
from flowgraph.training.rule import Rule, Updates


@dataclass(frozen=True)
class OnWeights(Rule):
    """A rule that changes weights in another way than biases: those in `parameters`, or those of the objective."""

    parameters: Sequence[Parameter] | None = field(default=None, kw_only=True)

    @property
    def strength(self) -> float:
        """How strongly it acts on weights, 0 for not at all."""
        raise NotImplementedError

    @property
    def needs_weights(self) -> bool:
        """Whether the rule acts on weights but does not know them."""
        return self.strength > 0 and self.parameters is None

    def of_weights(self, weights: Sequence[Parameter]) -> Rule:
        """A copy of the rule that acts on these parameters."""
        return replace(self, parameters=weights)

    def read(self, setting: str, found: object) -> Any:
        """Check one setting; `parameters` becomes a list without repetitions."""
        if setting != "parameters":
            return super().read(setting, found)
        return None if found is None else _read_parameters(self.name, found)

    def updates(self, grads: Mapping[Parameter, Any], rate: Value) -> Updates:
        """The new values by the rule, whose decay or penalty acts on weights only.

        Raises
        ------
        UsageError
            If the rule does not know the weights of the model, or one of `parameters` is not trained.
        """
        names = ", ".join(parameter.name or parameter.title for parameter in grads)
        if self.needs_weights:
            raise UsageError(
                f"{self.name}: found parameters ({names}) of which it does not know the weights; fg.fit reads them off "
                f"the objective, elsewhere it needs parameters=[...], those to act on"
            )
        for parameter in self.parameters or ():
            if parameter not in grads:
                raise UsageError(
                    f"{self.name}: found {parameter.title} among parameters=, which is not trained; needs some of "
                    f"those that are: {names}"
                )
        return super().updates(grads, rate)

    def acts_on(self, parameter: Parameter) -> bool:
        """Whether the decay or the penalty acts on a parameter.

        Parameters
        ----------
        parameter : Parameter
            A parameter that is trained.

        Returns
        -------
        bool
            True for a weight, if the strength is above 0.
        """
        return self.strength > 0 and self.parameters is not None and parameter in self.parameters


def _read_parameters(who: str, found: object) -> Boxes:
    listed = [found] if isinstance(found, Parameter) else found
    if not isinstance(listed, Sequence) or not all(isinstance(one, Parameter) for one in listed):
        raise UsageError(f"{who}: found parameters={found!r}, needs a list of parameters, [W1, W2] or mlp.weights")
    if not listed:
        raise UsageError(f"{who}: found parameters=[], on which it would not act at all; leave them out, or name some")
    return Boxes(dict.fromkeys(listed))
