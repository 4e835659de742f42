"""What is trained: an objective with its inputs and parameters, and the measures reported meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowgraph.box import Box
from flowgraph.box.leaves import Input, Parameter
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.printable import printable
from flowgraph.training.keywords import strict_settings
from flowgraph.training.measures import measures_of
from flowgraph.training.sample_weight import with_weights
from flowgraph.training.weights import weights_of


@strict_settings
class Problem:
    """An objective to minimise over its parameters, and the reported measures: means over examples.

    Parameters
    ----------
    objective : Box
        The scalar that is minimised: a mean loss, plus regularizers.
    evaluate : Box, optional
        The objective on validation data, where that is another graph: without dropout, or with running statistics.
    loss, error : Box, optional
        Scalars to show; by default the objective without its regularizers, and the share of wrong classes.
    updates : mapping of Parameter to Box, optional
        New values of parameters that are not trained, such as running statistics, which every step takes over.
    sample_weight : Input, optional
        One number per example, by which its loss and error are multiplied; `fg.fit` divides them by their mean.
    losses : iterable of Box, default ()
        The boxes with a loss of each example, where these are graphs of your own.

    Raises
    ------
    UsageError
        If the objective is no scalar box of floats, or has no parameters.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, y, w = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",)), fg.Parameter(np.zeros(3), name="w")
    >>> fg.Problem(fg.mean(fg.SquaredError(x @ w, y)) + 0.1 * fg.L2(w)).parameters[0].name
    'w'
    """

    def __init__(
        self,
        objective: Box,
        *,
        evaluate: Box | None = None,
        loss: Box | None = None,
        error: Box | None = None,
        updates: Mapping[Parameter, Box] | None = None,
        sample_weight: Input | None = None,
        losses: Iterable[Box] = (),
    ) -> None:
        self.losses = tuple(losses)
        self.objective = objective = with_weights(_scalar("objective", objective), sample_weight, self.losses)
        if evaluate is not None:
            evaluate = with_weights(_scalar("evaluate", evaluate), sample_weight, self.losses)
        self.evaluate = objective if evaluate is None else evaluate
        self.sample_weight = sample_weight
        self.updates = _read_updates(updates)
        self.graph = Graph(objective)
        self.inputs = self.graph.inputs
        self.parameters: tuple[Any, ...] = tuple(p for p in self.graph.parameters if p not in self.updates)
        if not self.parameters:
            raise UsageError(
                f"Problem: {objective.title} depends on no parameter{' but those in updates' * bool(self.updates)}, so "
                f"there is nothing to train; make what is to change an fg.Parameter"
            )
        given = {"loss": loss, "error": error}
        further = {name: _scalar(name, box) for name, box in given.items() if box is not None}
        self.given: Mapping[str, Box] = further
        self.measures = measures_of(objective, **further, weights=sample_weight)
        self.evaluated = self.measures
        if evaluate is not None:
            self.evaluated = measures_of(self.evaluate, **further, weights=sample_weight)
        self.names = Graph(objective, *self.updates).names
        self._refuse_what_is_foreign({"evaluate": self.evaluate, **further, **_titled(self.updates)})
        _refuse_idle_regularizers(self.graph, self.parameters)

    @property
    def loss(self) -> Box:
        """The loss as it is evaluated on validation data."""
        return self.evaluated.loss

    @property
    def error(self) -> Box | None:
        """The error as it is evaluated on validation data, None where there is none."""
        return self.evaluated.error

    def weights(self, who: str) -> list[Parameter]:
        """The parameters that are trained and count as weights, not as biases.

        Parameters
        ----------
        who : str
            Who asks, for the error.

        Returns
        -------
        list of Parameter
            The weights.
        """
        return weights_of(self.graph, self.parameters, who)

    def layer_of(self, parameter: Box) -> str:
        """The layer of a parameter.

        Parameters
        ----------
        parameter : Parameter
            A parameter of the model.

        Returns
        -------
        str
            Its scope; its name if it has none.
        """
        scope, _, name = self.graph.names[parameter].rpartition("/")
        return scope or name

    def _refuse_what_is_foreign(self, others: Mapping[str, Box]) -> None:
        """Check that further graphs read only inputs of the objective and parameters that change."""
        changed = {*self.parameters, *self.updates}
        for what, box in others.items():
            graph = Graph(box)
            unknown = [one for one in graph.inputs if one not in self.inputs]
            if unknown:
                raise UsageError(
                    f"Problem: {what} reads {unknown[0].title}, built at {unknown[0].built_at}, which the objective "
                    f"does not read; build both on the same inputs"
                )
            idle = [one for one in graph.parameters if one not in changed]
            if idle:
                raise UsageError(
                    f"Problem: {what} reads {idle[0].title}, built at {idle[0].built_at}, which is neither trained nor "
                    f"in updates, so that it would never change; build both on the same parameters, or make it an "
                    f"fg.Constant"
                )

    def __repr__(self) -> str:
        inputs = ", ".join(printable(self.graph.names[box]) for box in self.inputs)
        count = len(self.parameters)
        return f"<Problem of {count} parameter{'s' * (count > 1)} and the inputs {inputs}>"


def _scalar(what: str, box: Box) -> Box:
    """A box that is one number, to minimise or to show."""
    if not isinstance(box, Box) or box.shape != () or box.dtype.kind != "f":
        found = box.title if isinstance(box, Box) else type(box).__name__
        raise UsageError(f"Problem: found {found} as {_AS[what]}, needs a scalar box of floats; fg.mean makes one")
    return box


_AS = {"objective": "the objective", "evaluate": "evaluate=", "loss": "loss=", "error": "error="}


def _read_updates(updates: object) -> dict[Parameter, Box]:
    """Parameters and the boxes of their new values; shapes and dtypes are checked where the step is compiled."""
    pairs = updates.items() if isinstance(updates, Mapping) else [] if updates is None else [(updates, None)]
    for parameter, box in pairs:
        if not isinstance(parameter, Parameter) or not isinstance(box, Box):
            raise UsageError(
                f"Problem: found updates={updates!r}, needs a dict of parameters that are not trained to boxes of "
                f"their new values, {{mean: 0.9 * mean + 0.1 * np.mean(h, axis=0)}}"
            )
    return dict(pairs)


def _titled(updates: Mapping[Parameter, Box]) -> dict[str, Box]:
    return {f"the new value of {parameter.title}": box for parameter, box in updates.items()}


def _refuse_idle_regularizers(graph: Graph, trained: Iterable[Box]) -> None:
    """A regularizer of nothing that is trained would change nothing."""
    changing = set(trained)
    for box in graph.boxes:
        if any(child in changing for child in box.children):
            changing.add(box)
        elif box.role == "regularizer":
            raise UsageError(
                f"Problem: found {box.title}, which depends on no parameter that is trained, so that it regularizes "
                f"nothing; give it weights, {type(box).__name__}(W1, W2)\n  built at {box.built_at}"
            )
