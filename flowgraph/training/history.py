"""The history of a training: what was measured after each epoch, as a table, a picture or a file, and what it says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from flowgraph.errors import UsageError, optional
from flowgraph.markup import text
from flowgraph.saving.replacing import replace_table
from flowgraph.training.display import (
    MEASURES,
    align_columns,
    cell_html,
    drawn_or_none,
    history_picture,
    numbers_table,
    write_picture,
)

FEWEST = 6
"""Epochs from which two windows of three can be compared."""

STILL_FALLING = 0.01
"""Share that a curve falls by in the last tenth of the epochs from which it has not converged: at a smaller one, as
many epochs again would gain at most a tenth."""

RISE = 0.05
"""Share by which the validation loss is above its best at the end, from which it counts as rising."""

GAP = 1.5
"""How many times the training loss the validation loss is, in the best epoch, from which the gap is worth a word."""

CLOSE = 1.2
"""How many times the training loss the validation loss is, in the best epoch, up to which they are close."""

MORE_ERRORS = 0.05
"""Share of examples that are wrong in validation and not in training from which the gap is worth a word."""

ROUGH = 0.05
"""Share that a curve moves by from epoch to epoch, on the average, from which it oscillates where it does not fall."""

UNEVEN = 1e-3
"""The smallest norm of a layer's gradient as a share of the largest, from which the layer hardly learns."""


@dataclass(frozen=True)
class Advice:
    """Something to try: in words, and as a setting of `flowgraph train` with the factor for its present value.

    `start` is the value of a setting that is 0 or None so far.
    """

    text: str
    setting: str | None = None
    factor: float = 1.0
    start: float | None = None


@dataclass(frozen=True)
class Finding:
    """A question, its answer with the numbers that it rests on, and what to try; `good` is None where it is open."""

    question: str
    answer: str
    evidence: str
    good: bool | None
    advice: tuple[Advice, ...] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.question, self.answer, self.evidence)))


@dataclass(frozen=True)
class Diagnosis:
    """The findings about a training, in the order in which one asks.

    >>> import flowgraph as fg
    >>> print(fg.History().diagnosis)
    Did it converge? It cannot be said. No epoch was trained.
    """

    findings: tuple[Finding, ...]

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What to try next, the most urgent first, each once."""
        return tuple(dict.fromkeys(advice for finding in self.findings for advice in finding.advice))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.findings), *(f"Try: {advice.text}." for advice in self.advice)])

    def _repr_html_(self) -> str:
        return findings_html(self.findings) + advice_html([text(advice.text) for advice in self.advice])


def findings_html(findings: Sequence[Finding]) -> str:
    """The findings as HTML, one under the other."""
    looks = {True: "good", False: "bad", None: "open"}
    shown = (
        f'<div class="finding {looks[finding.good]}"><b>{text(finding.question)} {text(finding.answer)}</b>'
        f"<p>{text(finding.evidence, most=1000)}</p></div>"
        for finding in findings
    )
    return f'<div class="findings">{"".join(shown)}</div>'


def advice_html(lines: Sequence[str]) -> str:
    """What to try next, each a line of HTML."""
    if not lines:
        return ""
    return f"<p><b>What to try next</b></p><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def diagnose(history: History) -> Diagnosis:
    """Read the curves of a history; the thresholds are the constants above."""
    if not len(history):
        return Diagnosis((Finding("Did it converge?", "It cannot be said.", "No epoch was trained.", None),))
    curves = _Curves(history)
    broken = curves.find_divergence()
    if broken is not None:
        return Diagnosis((broken,))
    findings = (curves.convergence(), curves.fitting(), curves.smoothness(), curves.layers())
    return Diagnosis(tuple(finding for finding in findings if finding is not None))


class _Curves:
    """The curves of a history, and the epochs that are compared."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.measure = "loss" if history.shown("loss") else "objective"
        shown = history.shown(self.measure)
        self.train, self.valid = shown["train"], shown.get("valid")
        self.curve = self.train if self.valid is None else self.valid
        self.whose = f"{'training' if self.valid is None else 'validation'} {self.measure}"
        self.window = max(3, len(history) // 10)

    def share(self, change: float, at: float) -> float:
        """A change as a share of the value there, or of the whole range where values are not positive."""
        scale = abs(at) if min(self.curve) > 0 else max(self.curve) - min(self.curve)
        return change / scale if scale > 0 else 0.0

    def find_divergence(self) -> Finding | None:
        """A curve that is no number, or that did not fall at all."""
        bad = [
            epoch.number for epoch in self.history
            if not all(math.isfinite(n) for n in (epoch.train_objective, epoch.valid_objective) if n is not None)
        ]  # fmt: skip
        if bad:
            evidence = f"The objective is no finite number from epoch {bad[0]} on."
        elif len(self.train) > 1 and self.train[-1] >= self.train[0]:
            evidence = (
                f"The training {self.measure} did not fall: {self.train[0]:.4g} at first, {self.train[-1]:.4g} last."
            )
        else:
            return None
        return Finding(
            "Did it converge?", "No, it diverged." if bad else "No.", evidence, False,
            (Advice("a smaller learning rate", "learning_rate", 0.1), Advice("gradients clipped by their norm")),
        )  # fmt: skip

    def convergence(self) -> Finding:
        """Whether more epochs would improve the result."""
        question, last = "Did it converge?", self.window
        if self.history.ended.startswith("ended: no better"):
            best = self.history.best.number
            return Finding(
                question, "Yes, early stopping ended it.",
                f"The validation {self.history.watch} was smallest in epoch {best} and did not improve in the "
                f"{len(self.history) - best} epochs after it.", True,
            )  # fmt: skip
        if len(self.curve) < max(FEWEST, 2 * last):
            return Finding(
                question, "It cannot be said yet.",
                f"{len(self.curve)} epochs are too few to compare; {FEWEST} are needed.", None,
                (Advice("more epochs", "epochs", 2),),
            )  # fmt: skip
        before, after = _mean(self.curve[-2 * last : -last]), _mean(self.curve[-last:])
        fall = self.share(before - after, before)
        moved = f"the mean of the {self.whose} went from {before:.4g} to {after:.4g} ({-fall:+.1%})"
        if fall > STILL_FALLING:
            return Finding(
                question, "Not yet.", f"Over the last {last} epochs {moved} against the {last} before: still falling.",
                False, (Advice("more epochs", "epochs", 2),),
            )  # fmt: skip
        return Finding(question, "Yes.", f"Over the last {last} epochs {moved} against the {last} before.", True)

    def fitting(self) -> Finding:
        """Whether the validation examples fare worse than those it was trained on."""
        question = "Does it over-fit?"
        if self.valid is None:
            return Finding(question, "It cannot be said.", "There were no validation examples.", None,
                           (Advice("examples held out to validate"),))  # fmt: skip
        best = min(range(len(self.valid)), key=lambda place: self.valid[place] if self.valid else 0.0)
        at_best, at_end = self.valid[best], self.valid[-1]
        rise = self.share(at_end - at_best, at_best)
        gap = self.share(at_best - self.train[best], self.train[best])
        gap = at_best / self.train[best] if min(*self.train, *self.valid) > 0 else 1 + gap
        apart = (
            f"In epoch {best + 1} the {self.measure} was {self.train[best]:.4g} in training and {at_best:.4g} in "
            f"validation{self._errors(best)}"
        )
        if rise > RISE and self.train[-1] < self.train[best]:
            return Finding(
                question, f"Yes, after epoch {best + 1}.",
                f"{apart}; by the last epoch training went on to {self.train[-1]:.4g} while validation rose to "
                f"{at_end:.4g} ({rise:+.0%}). The parameters kept are those of epoch {self.history.best.number}.",
                False, _REGULARIZE,
            )  # fmt: skip
        if gap > GAP or self._more_errors(best) > MORE_ERRORS:
            return Finding(question, "Somewhat.", f"{apart}: {gap:.1f} times as much.", False, _REGULARIZE)
        if gap > CLOSE:
            return Finding(question, "A little.", f"{apart}: {gap:.1f} times as much.", None, _REGULARIZE[-1:])
        return Finding(
            question, "No.", f"{apart}.", True,
            (Advice("a larger network, if the error is too high: training and validation are close", "hidden", 2),),
        )  # fmt: skip

    def _more_errors(self, place: int) -> float:
        epoch = self.history.epochs[place]
        return 0.0 if epoch.train_error is None or epoch.valid_error is None else epoch.valid_error - epoch.train_error

    def _errors(self, place: int) -> str:
        epoch = self.history.epochs[place]
        if epoch.train_error is None or epoch.valid_error is None:
            return ""
        return f" (errors {epoch.train_error:.1%} and {epoch.valid_error:.1%})"

    def smoothness(self) -> Finding | None:
        """Training curves that jump about without falling."""
        half = self.train[len(self.train) // 2 :]
        if len(half) < FEWEST:
            return None
        steps = [abs(after - before) for before, after in pairwise(half)]
        moves = self.share(_mean(steps), _mean(half))
        if moves <= ROUGH or abs(half[-1] - half[0]) > sum(steps) / 2:
            return None
        return Finding(
            "Is the learning rate right?", "It looks too large.",
            f"In the second half of the epochs the training {self.measure} moved by {moves:.0%} from epoch to epoch, "
            f"mostly up and down again.", False,
            (Advice("a smaller learning rate", "learning_rate", 0.3), Advice("a learning rate that decays")),
        )  # fmt: skip

    def layers(self) -> Finding | None:
        """Layers whose gradients are far smaller than those of others."""
        norms = {name: norm for name, norm in self.history.epochs[-1].gradient_norms.items() if math.isfinite(norm)}
        if len(norms) < 2 or max(norms.values()) <= 0 or min(norms.values()) > UNEVEN * max(norms.values()):
            return None
        least, most = min(norms, key=lambda name: norms[name]), max(norms, key=lambda name: norms[name])
        return Finding(
            "Do all layers learn?", f"{least} hardly does.",
            f"In the last epoch the norm of its gradient was {norms[least]:.2g}, that of {most} {norms[most]:.2g}.",
            False, (Advice("an activation, initialisation or normalisation by which gradients keep their size"),),
        )  # fmt: skip


_REGULARIZE = (
    Advice("a stronger L2 regularizer", "l2", 10, 1e-4),
    Advice("dropout of hidden units", "dropout", 1.5, 0.2),
    Advice("more examples, or a smaller network"),
)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


PARTS = ("train", "valid")
BY_NAME = ("gradient_norms", "metrics")
"""Fields that hold a number for each of some names."""


@dataclass(frozen=True)
class Epoch:
    """The measures after an epoch.

    The objective is what is minimised, the loss is the objective without its regularizers (or what `fg.Problem` was
    told to show), the error the share of examples whose class is wrong. Those of the training examples are means over
    the batches as they were trained on, those of the validation examples are taken at the end of the epoch.
    `gradient_norms` has one number per layer, the mean over the steps; `learning_rate` is that of the last step.
    `metrics` holds those of `fg.fit(metrics=...)`, of the validation examples where there are any, "valid_f1_score".
    What does not apply is None.

    Parameters
    ----------
    number : int
        Number of the epoch, counted from 0.
    updates : int
        Steps since training began.
    learning_rate : float
        The rate of the last step.
    seconds : float
        Time that the epoch took, in seconds.
    train_objective, train_loss, train_error : float
        Means over the batches, as they were trained on; losses of classes in nats per example.
    valid_objective, valid_loss, valid_error : float, optional
        Those of the validation examples at the end of the epoch.
    gradient_norms : dict of str to float
        Mean Euclidean norm of the gradient of each layer over the steps.
    metrics : dict of str to float
        What `fg.fit(metrics=...)` measured.

    Examples
    --------
    >>> from flowgraph.training import Epoch
    >>> Epoch(0, updates=7, learning_rate=0.1, seconds=0.5, train_objective=1.2, train_loss=1.1).train_loss
    1.1
    """

    number: int
    updates: int
    learning_rate: float
    seconds: float
    train_objective: float
    train_loss: float
    train_error: float | None = None
    valid_objective: float | None = None
    valid_loss: float | None = None
    valid_error: float | None = None
    gradient_norms: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    def valid(self, measure: str) -> float | None:
        """A measure of the validation examples.

        Parameters
        ----------
        measure : {"objective", "loss", "error"}
            The measure.

        Returns
        -------
        float or None
            None without validation data, or where there is no such measure.

        Raises
        ------
        UsageError
            If the measure is none of these.
        """
        if measure not in MEASURES:
            raise UsageError(f"Epoch: found the measure {measure!r}, needs one of {', '.join(map(repr, MEASURES))}")
        value: float | None = getattr(self, f"valid_{measure}")
        return value

    def row(self) -> dict[str, Any]:
        """The epoch as a record; each metric and the gradient norm of each layer has a column of its own.

        Returns
        -------
        dict
            Values by the names of the columns.
        """
        row = {name: value for name, value in asdict(self).items() if name not in BY_NAME}
        return row | self.metrics | {f"gradient_norm {layer}": norm for layer, norm in self.gradient_norms.items()}

    def record(self) -> dict[str, Any]:
        """The fields as JSON has them.

        Returns
        -------
        dict
            Copies of the fields by name, without `metrics` if there are none.
        """
        record = vars(self) | {name: dict(getattr(self, name)) for name in BY_NAME}
        return record if self.metrics else {name: value for name, value in record.items() if name != "metrics"}


class History:
    """The epochs of a training, in order, why it ended and which epoch was the best by the validation data.

    `watch` is the measure of the validation data by which it was the best.

    `history["valid_objective"]` is a list of that measure; `print(history)` shows a table, `plot` draws the curves,
    `to_csv` and `to_frame` export them. Table and picture leave out the loss where it is the objective.

    Parameters
    ----------
    epochs : iterable of Epoch, default ()
        What was measured after each epoch.
    best_epoch : int, optional
        Number of the best one, counted from 0.
    ended : str, default ''
        Why training ended.
    watch : {'objective', 'loss', 'error'}, default 'objective'
        The measure of the validation data by which it was the best.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> history = fg.fit(fg.MLP([2, 2], rng=0), (np.eye(2), [0, 1]), epochs=3, checks=False, progress=False)
    >>> len(history), len(history["train_objective"])
    (3, 3)
    """

    def __init__(
        self,
        epochs: Iterable[Epoch] = (),
        *,
        best_epoch: int | None = None,
        ended: str = "",
        watch: str = "objective",
    ) -> None:
        self.epochs = list(epochs)
        self.best_epoch = best_epoch
        self.ended = ended
        self.watch = watch

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.columns:
            raise UsageError(f"History: found {name!r}, needs one of {', '.join(self.columns)}")
        return [epoch.row().get(name) for epoch in self.epochs]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        if not self.epochs:
            return [entry.name for entry in fields(Epoch) if entry.name not in BY_NAME]
        return list(self.epochs[0].row())

    def shown(self, measure: str) -> dict[str, list[Any]]:
        """The curves of one measure.

        Parameters
        ----------
        measure : {"objective", "loss", "error"}
            The measure.

        Returns
        -------
        dict of str to list
            Values by epoch, by part ("train", "valid"); empty for a loss that equals the objective.
        """
        curves = {part: self[f"{part}_{measure}"] for part in PARTS}
        if measure == "loss" and all(repr(curves[part]) == repr(self[f"{part}_objective"]) for part in PARTS):
            return {}
        return {part: values for part, values in curves.items() if any(value is not None for value in values)}

    @property
    def best(self) -> Epoch:
        """The epoch whose parameters the model has now: the best one, or the last one without validation data.

        Raises
        ------
        UsageError
            If no epoch was trained.
        """
        if not self.epochs:
            raise UsageError("History: found no epoch; train for one at least")
        return self.epochs[(self.best_epoch or len(self.epochs)) - 1]

    @property
    def diagnosis(self) -> Diagnosis:
        """Whether training converged, whether it over-fits, and what to try next."""
        return diagnose(self)

    def rows(self) -> list[dict[str, Any]]:
        """The history as a list of records.

        Returns
        -------
        list of dict
            One per epoch, by the names of the columns.
        """
        return [epoch.row() for epoch in self.epochs]

    def to_frame(self) -> Any:
        """The history as a table of pandas.

        Returns
        -------
        pandas.DataFrame
            One row per epoch, indexed by its number.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = optional("pandas", "to_frame: needs pandas", "pandas", ", or to_csv")
        return pandas.DataFrame(self.rows(), columns=self.columns).set_index("number")

    def to_csv(self, path: str | Path) -> Path:
        """Write the history as a CSV file with a header and one line per epoch.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Path
            The file that was written; cells of measures that do not apply are empty.
        """
        return replace_table(path, self.columns, self.rows())

    def plot(self, path: str | Path, **settings: Any) -> Path:
        """Draw objective, loss, error and gradient norms by epoch.

        Parameters
        ----------
        path : str or path
            A .svg, .png or .pdf file.
        **settings
            `width` in inches, default 7.0; `log`, default True: a logarithmic axis where values span a decade.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        UsageError
            If the suffix is none of these.
        """
        return write_picture(path, lambda suffix: history_picture(self, suffix, **settings))

    def __str__(self) -> str:
        shown = [f"{part}_{measure}" for part in PARTS for measure in MEASURES if part in self.shown(measure)]
        names = ["epoch", *(name.replace("_", " ") for name in shown), "learning rate", "seconds"]
        lines = [[*_cells(epoch, shown), "* best" * (epoch.number == self.best_epoch)] for epoch in self.epochs]
        if len(lines) > 24:
            lines = [*lines[:10], ["..."] + [""] * len(names), *lines[-10:]]
        table = align_columns([[*names, ""], *lines], 0)
        return "\n".join([*table, self.ended] if self.ended else table)

    def _repr_html_(self) -> str:
        if not len(self):
            return cell_html(self, None)
        drawn = drawn_or_none(lambda: history_picture(self, ".svg"))
        epochs = numbers_table(self.columns, [row.values() for row in self.rows()])
        return cell_html(self, drawn, self.diagnosis._repr_html_(), details=("epochs", epochs))

    def __repr__(self) -> str:
        return f"<History of {len(self)} epoch{'s' * (len(self) != 1)}: {self.ended or 'not ended'}>"


def _cells(epoch: Epoch, shown: Iterable[str]) -> list[str]:
    cells = [str(epoch.number)]
    for name in shown:
        value = getattr(epoch, name)
        cells.append("" if value is None else f"{value:.2%}" if name.endswith("error") else f"{value:.4g}")
    return [*cells, f"{epoch.learning_rate:.3g}", f"{epoch.seconds:.2f}"]
