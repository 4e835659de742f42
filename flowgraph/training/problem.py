"""What is trained: an objective with its inputs and parameters, the measures shown meanwhile, weights of examples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Array, Box, Value
from flowgraph.box.arrays import refuse_masked
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.boxes.neural.label import pick
from flowgraph.boxes.neural.loss import BinaryCrossEntropy, ClassLoss, Hinge
from flowgraph.boxes.reduction.sums import mean
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import Graph
from flowgraph.printable import printable
from flowgraph.training.settings import strict_settings
from flowgraph.training.weights import weights_of

NAME = "sample_weight"


def losses_in(graph: Graph, given: Collection[Box] = ()) -> list[Box]:
    """The boxes that are losses of examples: those of some that are given, or those of `fg`."""
    known = set(given)
    return [box for box in graph.boxes if (box in known if known else box.role == "loss")]


def with_weights(objective: Box, weights: Input | None, losses: Collection[Box] = ()) -> Any:
    """The objective in which every loss of an example is multiplied by the weight of the example.

    `losses` are the boxes with these losses, by default those that are losses of `fg`. Boxes that no loss enters stay
    as they are. None as weights is no weight.
    """
    if weights is None:
        return objective
    graph = Graph(objective)
    anew: dict[Box, Any] = {loss: weigh_losses(loss, weights) for loss in losses_in(graph, losses)}
    if not anew:
        raise UsageError(
            f"sample_weight: found no loss of examples in {objective.title}, such as fg.SquaredError, which could be "
            f"weighted; multiply what belongs to an example by an input of weights of your own"
        )
    for box in graph.boxes:
        if box not in anew and any(child in anew for child in box.children):
            anew[box] = box.with_children(*(anew.get(child, child) for child in box.children))
    return anew[objective]


def weigh_losses(losses: Any, weights: Any) -> Any:
    """The losses of the examples times their weights, along the first axis."""
    if not losses.shape:
        raise UsageError(
            f"sample_weight: found {losses.title}, one number for all examples, which cannot be weighted; needs one "
            f"number per example"
        )
    factor = weights if weights.dtype == losses.dtype else weights.astype(losses.dtype)
    return losses * np.expand_dims(factor, tuple(range(1, len(losses.shape))))


def weights_like(objective: Box, losses: Collection[Box] = ()) -> Input:
    """An input for the weights of examples, one per example of the first loss of an objective."""
    shaped = [box for box in losses_in(Graph(objective), losses) if box.shape]
    size, dtype = (shaped[0].shape[0], shaped[0].dtype) if shaped else ("N", np.dtype(float))
    return Input(NAME, shape=(size,), dtype=dtype)


def read_weights(given: object, count: int) -> Array:
    """One weight per example, from 0 on, not all 0."""
    refuse_masked("fit: sample_weight", given)
    array = np.asarray(given)
    if array.shape != (count,) or array.dtype.kind not in "biuf":
        raise FeedError(
            f"fit: found sample_weight of shape {array.shape} and dtype {array.dtype}, needs one number for each of "
            f"the {count} examples"
        )
    array = array.astype(float)
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        raise FeedError(f"fit: found the sample_weight {array[bad[0]]} in row {bad[0]}, needs finite numbers from 0 on")
    return array


SUMS = (Add, Subtract, Negative, Positive)


class Measures(NamedTuple):
    """The scalars reported of a graph: `objective` is minimised; `error` is None if there is none."""

    objective: Box
    loss: Box
    error: Box | None

    def with_penalty(self, penalty: object) -> Measures:
        """The measures with the penalty of a rule added to the objective; None is no penalty."""
        return self if penalty is None else self._replace(objective=self.objective + penalty)

    def by_name(self) -> dict[str, Box]:
        """The measures that there are, by name."""
        return {name: box for name, box in self._asdict().items() if box is not None}


def measures_of(
    objective: Box, loss: Box | None = None, error: Box | None = None, *, weights: Box | None = None
) -> Measures:
    """The measures of an objective, unless `loss` and `error` give others.

    The loss is the objective without its regularizers, the terms of its sum that no input enters. The error is the
    share of examples whose class is wrong, where one loss of classes is in the graph; each counts by its weight.
    """
    graph = Graph(objective)
    if loss is None:
        loss = _without_regularizers(graph)
    if error is None:
        losses = losses_in(graph)
        error = _error(losses[0], weights) if len(losses) == 1 else None
    return Measures(objective, loss, error)


def _without_regularizers(graph: Graph) -> Box:
    """The objective less the terms of its sum that no input enters; itself where there are none, or nothing else."""
    (objective,) = graph.outputs
    varying: set[Box] = set()
    for box in graph.boxes:
        if isinstance(box, Input) or any(child in varying for child in box.children):
            varying.add(box)
    left: dict[Box, Box] = {}
    for box in _in_the_sum(graph, varying):
        every = not isinstance(box, SUMS)
        kept: list[Any] = [left.get(child, child) for child in box.children if every or child in varying]
        if len(kept) < len(box.children):
            left[box] = -kept[0] if isinstance(box, Subtract) and box.children[0] not in varying else kept[0]
        elif any(new is not old for new, old in zip(kept, box.children, strict=True)):
            left[box] = box.with_children(*kept)
    return left.get(objective, objective)


def _in_the_sum(graph: Graph, varying: set[Box]) -> list[Box]:
    """The sums and multiples of sums, of what varies with the inputs, that the objective is made of; children first."""
    inside = {box for box in graph.outputs if box in varying}
    for box in reversed(graph.boxes):
        if box not in inside:
            continue
        if isinstance(box, SUMS):
            inside.update(child for child in box.children if child in varying)
        elif isinstance(box, Multiply | Divide):
            factors = [child for child in box.children if child in varying]
            if len(factors) == 1 and (isinstance(box, Multiply) or factors[0] is box.children[0]):
                inside.update(factors)
    return [box for box in graph.boxes if box in inside and isinstance(box, (*SUMS, Multiply, Divide))]


def _error(losses: Box, weights: Box | None) -> Any:
    """The share of the examples whose class is wrong, None for a loss of numbers."""
    wrong = _wrong(losses)
    if wrong is None or weights is None:
        return None if wrong is None else mean(wrong)
    return mean(weigh_losses(wrong, weights))


def _wrong(losses: Box) -> Any:
    """How wrong the class of each example is, from 0 to 1, in floats, whose mean is a sum that a plan writes out."""
    prediction: Any
    targets: Any
    prediction, targets = losses.children
    if isinstance(losses, ClassLoss):
        return 1 - _chance_of_right(losses, prediction, targets)
    if isinstance(losses, BinaryCrossEntropy | Hinge):
        middle = 0.5 if isinstance(losses, BinaryCrossEntropy) else 0
        return ((prediction > 0) != (targets > middle)).astype(float)
    return None


def _chance_of_right(losses: Box, scores: Value, targets: Value) -> Any:
    """How probable it is to name the right class by the largest score, if among equal ones a draw decides.

    So a network that gives every class the same score is as wrong as chance, whatever the order of the classes. Where
    the targets are probabilities the right class is that of the largest.
    """
    largest = np.max(scores, axis=-1)
    ways = np.sum(_is_largest(scores, largest), axis=-1)
    if targets.ndim < scores.ndim:
        right = (pick(losses, scores, targets) == largest).astype(float)
    else:
        likely = _is_largest(targets, np.max(targets, axis=-1))
        right = np.sum(_is_largest(scores, largest) * likely, axis=-1)
        ways = ways * np.sum(likely, axis=-1)
    return right / np.maximum(ways, 1.0)


def _is_largest(scores: Value, largest: Any) -> Any:
    return (scores == np.expand_dims(largest, -1)).astype(float)


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
        self._refuse_what_is_foreign({"evaluate": self.evaluate, **further, **_titles_of_updates(self.updates)})
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
            unknown = [input for input in graph.inputs if input not in self.inputs]
            if unknown:
                raise UsageError(
                    f"Problem: {what} reads {unknown[0].title}, built at {unknown[0].built_at}, which the objective "
                    f"does not read; build both on the same inputs"
                )
            idle = [parameter for parameter in graph.parameters if parameter not in changed]
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
        described = box.title if isinstance(box, Box) else type(box).__name__
        raise UsageError(f"Problem: found {described} as {_AS[what]}, needs a scalar box of floats; fg.mean makes one")
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


def _titles_of_updates(updates: Mapping[Parameter, Box]) -> dict[str, Box]:
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
