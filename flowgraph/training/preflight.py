"""Checks before training, cheap enough to be made every time: each one that fails says what to do."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from flowgraph.errors import FlowgraphError
from flowgraph.markup import table
from flowgraph.training.examples import Fed, read_examples
from flowgraph.training.keywords import strict_keywords
from flowgraph.training.model_problem import problem_of
from flowgraph.training.preflight_data import check_data
from flowgraph.training.preflight_model import check_gradients, check_start, check_units
from flowgraph.training.preflight_overfit import check_overfitting
from flowgraph.training.problem import Problem
from flowgraph.training.settings import read_count

LOOKED_AT = 256
"""Examples on which the model is run: means over them are known to a sixteenth of their spread."""


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
            (looks[not one.passed], one.check, one.found, "" if one.passed else one.advice) for one in self.findings
        ]
        return table(("", "check", "found", "advice"), rows, classes=looks)


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
    findings = [Finding(*check_data(problem, examples))]
    if valid is not None:
        finding = replace(Finding(*check_data(problem, valid)), check="validation data")
        findings = [finding] if finding.fatal else findings
    if not findings[-1].fatal:
        order = np.random.default_rng(seed).permutation(len(examples))
        batch = examples.take(order[:LOOKED_AT])
        run = problem.graph.fprop(batch, seed=seed)
        findings += [Finding(*found) for found in (check_start(problem, run), check_gradients(problem, run)) if found]
        if not findings[-1].fatal:
            findings += [
                Finding(*found) for found in (check_units(run), check_overfitting(problem, examples, order)) if found
            ]
    return Preflight(tuple(findings))
