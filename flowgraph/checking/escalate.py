"""Nothing is reported before it is escalated: every excuse for which a right bprop can look wrong is tried first."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from flowgraph.checking import excuses_of_bprop as of_bprop
from flowgraph.checking import excuses_of_slopes as of_slopes
from flowgraph.checking.compare import Ruling, Suspicion, ValueMismatch
from flowgraph.checking.evidence import Evidence, Excuse
from flowgraph.checking.no_number import no_number

EXCUSES: tuple[Excuse, ...] = (
    of_slopes.BothZero(),
    of_slopes.BelowRounding(),
    of_slopes.NoCorrectDigits(),
    of_slopes.IllConditioned(),
    of_slopes.ValueJumps(),
    of_slopes.NoSmallStep(),
    of_slopes.ComplexStepAgrees(),
    of_slopes.Quantised(),
    of_slopes.WithinErrorBar(),
    of_slopes.WideErrorBar(),
    of_slopes.Iterated(),
    of_slopes.AnotherScale(),
    of_slopes.ShrinksWithTheStep(),
    of_slopes.StillMoving(),
    of_bprop.RightInWiderType(),
    of_bprop.WithinWiderBar(),
    of_bprop.WideWiderBar(),
    of_slopes.FinerStepsDisagree(),
    of_bprop.RoughBprop(),
    of_bprop.LeftOfCancelling(),
    of_bprop.NarrowType(),
    of_bprop.AtKink(),
    of_bprop.NoAnswerAtKink(),
    of_bprop.JitteredBprop(),
    of_bprop.OtherSteps(),
    of_bprop.NotNearby(),
    of_bprop.SmallJumps(),
    of_bprop.SlopeScatters(),
    of_bprop.JumpsBeside(),
    of_bprop.OtherSettings(),
)
"""In the order in which they are asked: the cheap first, and each relies on what those before have ruled out."""


def escalate(suspicion: Suspicion, rng: np.random.Generator, off: Collection[str] = ()) -> Ruling:
    """What comes of a suspicion; the excuses whose names are in `off` are not tried."""
    if isinstance(suspicion, ValueMismatch):
        return _of_values(suspicion, rng, off)
    if suspicion.kind in ("nonfinite", "raised"):
        return no_number(suspicion, rng)
    return Ruling("wrong", suspicion, note=suspicion.note)


def _of_values(mismatch: ValueMismatch, rng: np.random.Generator, off: Collection[str]) -> Ruling:
    evidence = Evidence(mismatch, rng)
    for excuse in EXCUSES:
        reason = None if excuse.name in off else excuse.applies(evidence)
        if reason is not None:
            return Ruling(excuse.verdict, evidence.mismatch, note=reason, excuse=excuse.name)
    error, note = evidence.tolerance / 4, ""
    if not evidence.smooth:
        error, note = evidence.hull.half_width, "not within the slopes around this kink"
    return Ruling("wrong", evidence.mismatch, evidence.numeric, error, note, oracle=evidence.oracle)
