"""Checks before training, cheap enough to be made every time: each one that fails says what to do."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.neural.loss import ClassLoss
from flowgraph.debugging.zero import FLAT, dead_units, is_flat
from flowgraph.errors import FlowgraphError, GradientWarning
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run
from flowgraph.graph.steps import replay
from flowgraph.markup import table
from flowgraph.training.examples import Fed, read_examples
from flowgraph.training.newton import ParameterVector
from flowgraph.training.objective import problem_of
from flowgraph.training.problem import Problem
from flowgraph.training.rules import Adam
from flowgraph.training.settings import read_count, strict_keywords


class PreflightError(FlowgraphError, ValueError):
    """A check before training that failed so that training would be useless.

    Cause: NaN in the data, labels that do not fit, gradients that are not finite. Cure: the message says what to do.
    """


class PreflightWarning(UserWarning):
    """A check before training that failed, though training is possible.

    Cause: units that are dead, a loss that starts too high, and others. Cure: the message says what to do.
    """


@dataclass(frozen=True)
class Finding:
    """What one check found; `advice` says what to do where it failed; `fatal` where training makes no sense."""

    check: str
    passed: bool
    found: str
    advice: str = ""
    fatal: bool = False

    def __str__(self) -> str:
        text = f"{'passed' if self.passed else 'FAILED'}  {self.check}: {self.found}"
        return text if self.passed else f"{text}; {self.advice}"


@dataclass(frozen=True)
class Preflight:
    """The findings of all checks; those after a fatal one are not made.

    Parameters
    ----------
    findings : tuple of Finding
        The finding of each check, in order.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> found = fg.preflight(fg.MLP([2, 2], rng=0), (np.eye(2), [0, 1]))
    >>> [finding.check for finding in found.findings][:2]
    ['data', 'loss at the start']
    """

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(finding.passed for finding in self.findings)

    def tell(self) -> None:
        """Raise an error for a fatal finding, warn about the others that failed.

        Raises
        ------
        PreflightError
            If a finding is fatal.
        """
        for finding in self.findings:
            if finding.passed:
                continue
            text = f"before training: {finding.check}: {finding.found}; {finding.advice} (checks=False trains anyway)"
            if finding.fatal:
                raise PreflightError(text)
            warnings.warn(text, PreflightWarning, stacklevel=3)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))

    def _repr_html_(self) -> str:
        looks = ("passed", "failed")
        rows = [
            (looks[not finding.passed], finding.check, finding.found, "" if finding.passed else finding.advice)
            for finding in self.findings
        ]
        return table(("", "check", "found", "advice"), rows, classes=looks)


PART = 4096
"""As many examples are looked at at once."""


def check_data(problem: Problem, examples: Fed) -> Finding:
    """Whether every number is finite and every label one of the classes."""
    for box, array in examples.arrays.items():
        place = _not_finite(array)
        if place is not None:
            evidence = f"{array[tuple(place)]} in {problem.graph.names[box]!r} at {where(place)}"
            return Finding("data", False, evidence, "remove the example or fill in the value", True)
    told = f"{len(examples)} examples, all finite"
    for loss in class_losses(problem):
        labels = _labels(loss, examples)
        if labels is None:
            continue
        classes = loss.children[0].shape[-1]
        finding = _check_labels(problem.graph.names[loss.children[1]], labels, classes)
        if finding is not None:
            return finding
        told += f", {classes} classes"
    return Finding("data", True, told)


def _not_finite(array: Array) -> Array | None:
    """The index of the first number that is not finite; searched in parts, as the array may be in a file."""
    if array.dtype.kind not in "fc":
        return None
    for start in range(0, len(array), PART):
        bad = ~np.isfinite(array[start : start + PART])
        if bad.any():
            place: Array = np.argwhere(bad)[0]
            place[0] += start
            return place
    return None


def where(place: Array) -> str:
    """Row and column of an element."""
    row, *others = map(int, place)
    return f"row {row}" + (f", column {others[0]}" if len(others) == 1 else f", {others}" if others else "")


def class_losses(problem: Problem) -> list[Box]:
    """The losses whose targets are classes."""
    return [box for box in problem.graph.boxes if isinstance(box, ClassLoss)]


def _labels(loss: Box, examples: Fed) -> Array | None:
    """The labels that a loss reads straight from an input."""
    targets = loss.children[1]
    is_labels = isinstance(targets, Input) and targets.dtype.kind in "iu" and targets in examples.arrays
    return examples.arrays[targets] if is_labels else None


def _check_labels(name: str, labels: Array, classes: Any) -> Finding | None:
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        evidence = f"label {labels[tuple(place)]} in {name!r} at {where(place)}, but the model has {classes} outputs"
        return Finding(
            "data", False, evidence, f"labels go from 0 to {classes - 1}; count them so, or give the model more", True
        )
    present = np.unique(labels)
    if len(present) == 1:
        evidence = f"every label in {name!r} is {present[0]}"
        return Finding("data", False, evidence, "there is nothing to tell apart; look at how the labels were read")
    if len(present) < classes:
        missing = sorted(set(range(classes)) - set(present.tolist()))
        evidence = f"no example of class {', '.join(map(str, missing[:5]))}{' ...' * (len(missing) > 5)} in {name!r}"
        return Finding(
            "data", False, evidence, "split the data so that each class is in it, or give the model fewer outputs"
        )
    return None


ABOVE_CHANCE = 1.5
"""Nats by which the loss of a new model may lie above log C.

Measured on MLPs with tanh, sigmoid, ReLU and GELU, one to three layers and five seeds: standardised iris, wine and
digits start at most 1.0 above it; ReLU on wine and digits as they are, whose inputs are too large, from 6 to 120 above.
"""


def check_start(problem: Problem, run: Run) -> Finding | None:
    """Whether the loss of C classes is near log C, as for a model that knows nothing yet; a trained one is below."""
    for box in class_losses(problem):
        classes: Any = box.children[0].shape[-1]
        loss, chance = float(np.mean(run[box])), math.log(classes)
        told = f"{loss:.3g}, where chance gives log {classes} = {chance:.2g}"
        if not loss > chance + ABOVE_CHANCE:
            return Finding("loss at the start", True, told)
        advice = (
            "the model is sure of wrong answers; scale the inputs to mean 0 and size 1, or draw smaller weights "
            "(init='glorot_uniform')"
        )
        return Finding("loss at the start", False, told, advice)
    return None


def check_gradients(problem: Problem, run: Run) -> Finding:
    """Whether the gradient of every parameter that is trained is finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)
        grads = run.bprop(wrt=problem.parameters, unused="zeros")
    for parameter in grads.wrt:
        if not np.isfinite(grads[parameter]).all():
            evidence = f"that of {run.graph.names[parameter]!r} is not finite"
            return Finding("gradients", False, evidence, f"{run.explain_nan()}", True)
    return Finding("gradients", True, "finite")


def check_units(run: Run) -> Finding | None:
    """Whether the units of each layer respond to their inputs: neither dead nor saturated."""
    layers = [box for box in run.graph.boxes if box.saturates and run[box].ndim >= 2]
    for box in layers:
        a, h = run[box.children[0]], run[box]
        (slopes,) = box.bprop(np.ones_like(h), h, a)
        flat = is_flat(box, slopes)
        stuck = float(dead_units(flat).mean())
        # at the start of the networks above at most 8 % of the units and 56 % of the values (of ReLU) are flat
        if stuck > 0.5 or flat.mean() > 0.9:
            share = f"{stuck:.0%} of the units" if stuck > 0.5 else f"{flat.mean():.0%} of the values"
            evidence = f"{share} of {run.graph.names[box]!r} are {box.saturates}: {_flat(box)}"
            advice = "scale the inputs to mean 0 and size 1, draw smaller weights, or take a leaky activation"
            return Finding("units", False, evidence, advice)
    count = f"{len(layers)} layer{'s' * (len(layers) != 1)}"
    return Finding("units", True, f"none dead or saturated in {count}") if layers else None


def _flat(box: Box) -> str:
    return "their slope is 0" if box.saturates == "dead" else f"their slope is below {FLAT:.0%} of that at 0"


MOST = 16
"""Examples that the model should overfit: at most a quarter of the parameters, so few that steps take no time."""

ROUNDS = (4, 7, 10, 30, 70, 150, 310)
"""After how many steps the loss is looked at, at first often, as most need three.

The MLPs of `preflight_model.ABOVE_CHANCE` on iris, wine and digits need 28 at most; ten times as many are enough.
"""

RATE = 0.01
"""Of Adam, ten times its usual rate: 16 examples have no noise that a smaller one would average."""

SHARE = 0.5
"""The part of the loss at the start that is enough: what does not halve has not begun to learn."""


def check_overfitting(problem: Problem, examples: Fed, order: Array) -> Finding | None:
    """Whether some steps halve the loss of as many examples as the parameters should be able to hold, at most 16.

    The steps run on graphs, box by box: so few of them are done before a plan would be compiled. They are Adam's, which
    has none for complex parameters: with these nothing is checked.
    """
    if any(parameter.dtype.kind == "c" for parameter in problem.parameters):
        return None
    numbers = sum(parameter.value.size for parameter in problem.parameters)
    few = examples.take(order[: min(max(numbers // 4, 2), MOST)])
    descent = _Descent(problem, few)
    start = loss = descent.loss()
    enough = max(SHARE * start, _small(problem))
    done = 0
    for until in ROUNDS:
        while done < until and loss > enough:
            descent.step(done)
            done += 1
        loss = descent.loss()
        if loss <= enough:
            break
    told = f"the loss of {len(next(iter(few.values())))} examples falls from {start:.3g} to {loss:.3g}"
    if loss <= enough:
        return Finding("the model can overfit a few examples", True, told)
    advice = (
        "look for labels that do not belong to their examples, inputs of very different sizes, a regularizer or "
        "dropout that is too strong, a model that is too small, or a loss whose smallest value is far above 0"
    )
    return Finding("the model can overfit a few examples", False, f"{told} in {done} steps of Adam", advice)


class _Descent:
    """Adam on copies of all parameters of a problem as one vector.

    The gradient is that of the graph, so that no backward graph is built for so few steps.
    """

    def __init__(self, problem: Problem, few: dict[Box, Array]) -> None:
        self.objective, self.watched, self.parameters = _copies(problem)
        self.feeds, self.shown = few, {box: array for box, array in few.items() if box in self.watched}
        self.flat = ParameterVector(self.parameters)
        self.theta = Parameter(self.flat.values_now(), name="theta")
        grad = Input("grad", shape=self.theta.shape)
        self.updates = Adam().updates({self.theta: grad}, Constant(RATE))
        self.rule = Graph(*self.updates.values())

    def loss(self) -> float:
        """The loss with the parameters as they are now."""
        return float(self.watched.fprop(self.shown, seed=0))

    def step(self, number: int) -> None:
        """One update from all examples; the number fixes what dropout draws."""
        grads = self.objective.fprop(self.feeds, seed=number).bprop(wrt=self.parameters)
        stepped = self.rule.fprop(grad=self.flat.join([grads[parameter] for parameter in self.parameters]))
        for parameter, box in self.updates.items():
            parameter.value = stepped[box]
        self.flat.write(self.theta.value)


def _copies(problem: Problem) -> tuple[Graph, Graph, list[Parameter]]:
    """The objective and the loss that should fall, on copies of the parameters, and the copies of those trained.

    The loss is that of the evaluation, but where statistics are carried along, which lag behind.
    """
    measures = problem.measures if problem.updates else problem.evaluated
    outputs = [problem.objective, measures.loss]
    graph = Graph(*outputs)
    copies: dict[Any, Any] = {p: Parameter(np.array(p.value), name=p.name) for p in graph.parameters}
    values = replay(graph.boxes, graph.slots, copies)
    objective, loss = (Graph(values[graph.slots[box]]) for box in outputs)
    return objective, loss, [copies[parameter] for parameter in problem.parameters]


def _small(problem: Problem) -> float:
    """A loss of classes that is small already, a tenth of that of chance, as that of a trained model."""
    return max((0.1 * float(np.log(box.children[0].shape[-1])) for box in class_losses(problem)), default=1e-6)


LOOKED_AT = 256
"""Examples on which the model is run: means over them are known to a sixteenth of their spread."""


@strict_keywords
def preflight(model: object, data: object, *, seed: int = 0) -> Preflight:
    """Check data and model before training; neither is changed. `fg.fit` makes these checks by default.

    The data are finite and the labels fit the outputs; the loss at the start is near log C for C classes; gradients
    are finite; no layer is dead or saturated; the model can overfit a few examples.

    Parameters
    ----------
    model : MLP, Box or Problem
        What will be trained, as in `fg.fit`.
    data : pair of arrays, Examples or dict
        The training examples, as in `fg.fit`.
    seed : int, default 0
        Seed of the choice of the few examples.

    Returns
    -------
    Preflight
        A finding for each check; `print` shows them.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(100, 5)), rng.integers(0, 3, 100)
    >>> print(fg.preflight(fg.MLP([5, 20, 3], rng=0), (X, y)))
    passed  data: 100 examples, all finite, 3 classes
    passed  loss at the start: 1.22, where chance gives log 3 = 1.1
    passed  gradients: finite
    passed  units: none dead or saturated in 1 layer
    passed  the model can overfit a few examples: the loss of 16 examples falls from 1.08 to 0.38...
    """
    problem = problem_of(model, data, who="preflight")
    seed = read_count("preflight", "seed", seed, low=0)
    return examine(problem, read_examples(problem, data), seed)


def examine(problem: Problem, examples: Fed, seed: int, valid: Fed | None = None) -> Preflight:
    """The findings for a problem and its examples; validation examples are only checked for fatal problems."""
    findings: list[Finding | None] = [check_data(problem, examples)]
    if valid is not None:
        finding = replace(check_data(problem, valid), check="validation data")
        findings = [finding] if finding.fatal else findings
    if not any(finding.fatal for finding in findings if finding):
        order = np.random.default_rng(seed).permutation(len(examples))
        run = problem.graph.fprop(examples.take(order[:LOOKED_AT]), seed=seed)
        findings += check_start(problem, run), check_gradients(problem, run)
        if not any(finding.fatal for finding in findings if finding):
            findings += check_units(run), check_overfitting(problem, examples, order)
    return Preflight(tuple(finding for finding in findings if finding is not None))
