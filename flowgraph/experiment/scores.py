"""How a network does on examples that it did not learn from: measures beside a baseline, confusions, calibration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data import Examples
from flowgraph.markup import fold_text
from flowgraph.printable import shorten_text
from flowgraph.training.display import BLUE, GREY, align_columns, bare, picture
from flowgraph.training.report_page import confusion_counts, confusion_table, figure, scrolling_table

MOST_IN_A_TERMINAL = 12
"""Classes whose confusions fit the width of a terminal."""

MOST_BINS, LEAST_IN_A_BIN = 10, 20
"""Points of a calibration curve, and examples of each: a share of 20 has a standard error of 11 % at most."""


@dataclass(frozen=True)
class Score:
    """A measure of the network, and of the baseline; None where it is not defined."""

    name: str
    network: float | None
    baseline: float | None
    form: str = ".6g"

    def cells(self) -> tuple[str, ...]:
        """Name and both values as a table shows them."""
        return self.name, *("none" if v is None else format(v, self.form) for v in (self.network, self.baseline))


@dataclass(frozen=True)
class Confidence:
    """Examples with probabilities near each other: their mean, the share that is right, and how many there are."""

    probability: float
    right: float
    count: int

    def cells(self) -> tuple[str, str, str]:
        """Probability, share and count as a table shows them."""
        return f"{self.probability:.1%}", f"{self.right:.1%}", f"{self.count:,}"


@dataclass(frozen=True)
class Scores:
    """The measures of a network on some examples.

    Parameters
    ----------
    count : int
        Number of examples.
    baseline : str
        What answers without a look at the inputs.
    measures : tuple of Score
        The measures of both.
    classes : tuple of str, default ()
        The classes; none for numbers.
    truth, given : ndarray, optional
        Labels of the examples, and those that the network gave.
    calibration : tuple of Confidence, default ()
        How often the class that the network gave is right, by its probability.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.data import Examples
    >>> from flowgraph.experiment.scores import scores_of
    >>> scores = scores_of(np.array([1.0, 2.0, 4.0]), Examples([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]), np.array([2.0]))
    >>> print(*scores.lines(), sep="\\n")
    test examples: 3               network  the mean of training, 2
    root mean squared error        0.57735                 0.816497
    mean absolute error           0.333333                 0.666667
    largest error of nine in ten       0.8                        1
    R²                                 0.5                        0
    """

    count: int
    baseline: str
    measures: tuple[Score, ...]
    classes: tuple[str, ...] = ()
    truth: Any = None
    given: Any = None
    calibration: tuple[Confidence, ...] = ()

    def lines(self) -> Iterator[str]:
        """The scores as a terminal shows them."""
        head = (f"test examples: {self.count:,}", "network", self.baseline)
        yield from align_columns([head, *(measure.cells() for measure in self.measures)])
        if not self.classes:
            return
        if len(self.classes) <= MOST_IN_A_TERMINAL:
            yield "a row is a true class, a column the class that the network gave:"
            names = [shorten_text(name, 24) for name in self.classes]
            counts = confusion_counts(len(names), self.truth, self.given)
            shares = [f"{row[i] / row.sum():.1%}" if row.sum() else "" for i, row in enumerate(counts)]
            rows = [[name, *map(str, row), share] for name, row, share in zip(names, counts, shares, strict=True)]
            yield from align_columns([["", *names, "found"], *rows])
        yield "calibration, of the class that the network gave:"
        yield from align_columns([("probability", "right", "examples"), *(part.cells() for part in self.calibration)])

    def section(self) -> str:
        """The scores as HTML."""
        head = (f"{self.count:,} test examples", "network", self.baseline)
        parts = [scrolling_table(head, [measure.cells() for measure in self.measures], 1)]
        if self.classes:
            curve = picture((7.0, 2.8), self._draw, ".svg").decode()
            said = (
                "How often the class that the network gave is right, by the probability that it gave it, with standard "
                "errors. On the dashed line a probability is what it says; below it the network is too sure."
            )
            cells = [part.cells() for part in self.calibration]
            parts += [
                confusion_table(self.classes, self.truth, self.given),
                "<h3>Calibration</h3>",
                figure(curve, "calibration", "calibration curve", said),
                fold_text("the same as a table", scrolling_table(("probability", "right", "examples"), cells, 0)),
            ]
        return "".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The measures for JSON, by name."""
        return {m.name: {"network": m.network, "baseline": m.baseline} for m in self.measures} | {
            "examples": self.count, "baseline": self.baseline,
        }  # fmt: skip

    def _draw(self, figure: Any) -> None:
        axes = figure.subplots()
        x, y = (np.array([getattr(part, name) for part in self.calibration]) for name in ("probability", "right"))
        counts = np.array([part.count for part in self.calibration])
        near = (y * counts + 1) / (counts + 2)  # so that a share of all or none has an error too
        errors = np.sqrt(near * (1 - near) / counts)
        axes.plot([x.min(), 1], [x.min(), 1], "--", color=GREY, linewidth=1)
        axes.errorbar(x, y, errors, fmt="o-", color=BLUE, markersize=4, linewidth=1.5, capsize=2)
        axes.set_ylim(top=1.05)
        axes.set_xlabel("probability of the class given")
        axes.set_ylabel("share that is right")
        bare(axes)


def scores_of(output: Array, examples: Examples, training: Array) -> Scores:
    """The scores of an output, probabilities or numbers; the targets of training make the baseline.

    Of classes it is the most frequent one, and by cross entropy their shares; of numbers the mean.
    """
    y = examples.y
    if not examples.classes:
        mean = float(training.mean())
        of_both = zip(NUMBERS, _of_numbers(output, y), _of_numbers(np.full(len(y), mean), y), strict=True)
        return Scores(len(y), f"the mean of training, {mean:.6g}", tuple(Score(*each) for each in of_both))
    counts = np.bincount(training, minlength=len(examples.classes))
    most = int(counts.argmax())
    always = np.tile(counts / counts.sum(), (len(y), 1))
    both = zip(CLASSES, _of_classes(output, y), _of_classes(always, y), strict=True)
    measures = tuple(Score(name, network, baseline, form) for (name, form), network, baseline in both)
    return Scores(
        len(y), f"always {shorten_text(examples.classes[most], 40)!r}", measures, examples.classes, y,
        output.argmax(axis=1), tuple(_calibration(output, y)),
    )  # fmt: skip


NUMBERS = ("root mean squared error", "mean absolute error", "largest error of nine in ten", "R²")
CLASSES = (("error, share of wrong classes", ".2%"), ("balanced accuracy", ".2%"), ("cross entropy, nats", ".4g"))
"""The measures, and how those of classes are written."""


def _of_numbers(predicted: Array, y: Array) -> tuple[float, float, float, float | None]:
    """Root of the mean square, mean and 90 % quantile of the errors, and R², None where the targets are all alike."""
    wrong, spread = np.abs(predicted.astype(float) - y), float(np.sum((y - y.mean()) ** 2))
    r2 = 1 - float(np.sum(wrong**2)) / spread if spread > 0 else None
    return float(np.sqrt(np.mean(wrong**2))), float(np.mean(wrong)), float(np.quantile(wrong, 0.9)), r2


def _of_classes(probabilities: Array, y: Array) -> tuple[float, float, float]:
    """Share of wrong classes, balanced accuracy over the classes that there are, and cross entropy."""
    given = probabilities.argmax(axis=1)
    recalls = [float(np.mean(given[y == label] == label)) for label in np.unique(y)]
    true = probabilities[np.arange(len(y)), y].astype(float)
    return float(np.mean(given != y)), float(np.mean(recalls)), float(-np.mean(np.log(np.maximum(true, LEAST))))


LEAST = float(np.finfo(float).eps)
"""The probability that counts in place of a smaller one, so that one example does not make the mean infinite."""


def _calibration(output: Array, y: Array) -> Iterator[Confidence]:
    """Examples by the probability of the class that was given, as many in each part."""
    sure = output.max(axis=1)
    right = output.argmax(axis=1) == y
    parts = min(max(len(y) // LEAST_IN_A_BIN, 1), MOST_BINS)
    for rows in np.array_split(np.argsort(sure, kind="stable"), parts):
        yield Confidence(float(sure[rows].mean()), float(right[rows].mean()), len(rows))
