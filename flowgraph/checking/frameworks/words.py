"""A report in the words of the framework whose code was checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from flowgraph.checking.describe import Failure
from flowgraph.checking.report import Report

WORDS = {
    "torch": ("forward", "backward"),
    "jax": ("forward", "vjp"),
    "autograd": ("forward", "vjp"),
    "mygrad": ("forward", "backward"),
}
SCALED = re.compile(r"×(-?[\d.e+-]+)")


def in_words_of(framework: str, report: Report) -> Report:
    """The same report, which speaks of the framework's forward and backward pass instead of fprop and bprop."""
    forward, backward = WORDS[framework]

    def said(text: str) -> str:
        text = re.sub(r"\bfprop\b", forward, re.sub(r"\bbprop\b", backward, text))
        return SCALED.sub(r"inputs scaled by \1", text)

    return replace(
        report,
        failures=[_said(failure, said, backward) for failure in report.failures],
        warnings=[said(text) for text in report.warnings],
        notes=[said(text) for text in report.notes],
        skipped={said(reason): count for reason, count in report.skipped.items()},
        words=(forward, backward),
    )


def _said(failure: Failure, said: Callable[[str], str], backward: str) -> Failure:
    return replace(
        failure,
        regime=said(failure.regime),
        diagnosis=said(failure.diagnosis),
        message=said(failure.message),
        code=said(failure.code),
        backward=backward,
    )
