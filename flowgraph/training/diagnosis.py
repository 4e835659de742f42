"""What the curves of a training say: whether it converged, whether it over-fits, and what to try next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from flowgraph.markup import text

if TYPE_CHECKING:
    from flowgraph.training.history import History

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
        return tuple(dict.fromkeys(one for finding in self.findings for one in finding.advice))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.findings), *(f"Try: {one.text}." for one in self.advice)])

    def _repr_html_(self) -> str:
        return findings_html(self.findings) + advice_html([text(one.text) for one in self.advice])


def findings_html(findings: Sequence[Finding]) -> str:
    """The findings as HTML, one under the other."""
    looks = {True: "good", False: "bad", None: "open"}
    shown = (
        f'<div class="finding {looks[one.good]}"><b>{text(one.question)} {text(one.answer)}</b>'
        f"<p>{text(one.evidence, most=1000)}</p></div>"
        for one in findings
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
    broken = curves.diverged()
    if broken is not None:
        return Diagnosis((broken,))
    found = (curves.convergence(), curves.fitting(), curves.smoothness(), curves.layers())
    return Diagnosis(tuple(one for one in found if one is not None))


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

    def diverged(self) -> Finding | None:
        """A curve that is no number, or that did not fall at all."""
        bad = [
            epoch.number for epoch in self.history
            if not all(math.isfinite(one) for one in (epoch.train_objective, epoch.valid_objective) if one is not None)
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
