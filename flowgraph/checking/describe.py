"""A confirmed mistake in the words of a report: where, how large, what it looks like, and code that shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.checking.compare import ask, coordinate, judge
from flowgraph.checking.diagnosis import diagnose
from flowgraph.checking.examination import Examination, child_of
from flowgraph.checking.point import Point
from flowgraph.checking.reproduce import reproducing_code
from flowgraph.checking.ruling import Ruling
from flowgraph.checking.shrink import shrunk


@dataclass
class Failure:
    """One mistake. `analytic` is what bprop says of element `index` of `child`, `numeric` ± `error` what is true."""

    box: str
    child: str | None
    index: tuple[int, ...] | None
    kind: str
    analytic: float
    numeric: float
    error: float
    regime: str
    diagnosis: str
    message: str
    code: str
    backward: str = "bprop"

    def __str__(self) -> str:
        where = "" if self.child is None else f", gradient of {self.child}"
        if self.child is not None and self.index:
            where += f"[{', '.join(map(str, self.index))}]"
        lines = [f"{self.box}{where}: {self.message}"]
        if np.isfinite(self.numeric):
            width = max(len(self.backward), len("numeric"))
            lines.append(f"  {self.backward:<{width}} {self.analytic:.12g}")
            lines.append(f"  {'numeric':<{width}} {self.numeric:.12g} ± {self.error:.1g}")
        lines.append(f"  test case: {self.regime}")
        if self.diagnosis:
            lines.append(f"  looks like: {self.diagnosis}")
        if self.code:
            lines += ["  to reproduce:", *("    " + line if line else "" for line in self.code.splitlines())]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def distinct(failures: Iterable[Failure]) -> list[Failure]:
    """One failure per mistake: per box, child and kind the first, which was found in the simplest regime.

    A gradient of wrong numbers that is not linear either, since it drops the incoming gradient, is one mistake.
    """
    kept: dict[tuple[str, str | None, str], Failure] = {}
    for failure in failures:
        kept.setdefault((failure.box, failure.child, failure.kind), failure)
    return [one for one in kept.values() if one.kind != "linearity" or (one.box, one.child, "value") not in kept]


def describe(examination: Examination, ruling: Ruling) -> Failure:
    """Shrinks the point, finds the element, names the likely mistake."""
    target = examination.target
    point, suspicion = ruling.suspicion.point, ruling.suspicion
    child = child_of(suspicion)
    analytic, numeric, error = suspicion.analytic, ruling.numeric, ruling.error
    index: tuple[int, ...] | None = None
    diagnosis = ""
    if suspicion.kind in ("value", "nonfinite"):
        point, suspicion = shrunk(examination, suspicion)
        found = _worst_element(examination, point, suspicion)
        if found is not None:
            child, index, analytic, numeric, error = found
        elif child is not None and suspicion.kind == "value":
            analytic, numeric, error = suspicion.analytic, suspicion.numeric, suspicion.tolerance / 4
        diagnosis = "" if examination.late() else diagnose(point, suspicion, child)
    message = ruling.note or suspicion.note or "the gradient is wrong"
    code = reproducing_code(examination.target, point, suspicion, child, index)
    return Failure(
        target.name,
        None if child is None else target.names[child],
        index,
        suspicion.kind,
        analytic,
        numeric,
        error,
        point.regime,
        diagnosis,
        message,
        code,
    )


def _worst_element(
    examination: Examination, point: Point, suspicion: Any
) -> tuple[int, tuple[int, ...], float, float, float] | None:
    """The single coordinate that shows the mismatch most clearly, in units of the gradient itself."""
    gradients, _ = ask(point, suspicion.grad)
    if gradients is None:
        return None
    child = child_of(suspicion)
    best: tuple[float, int, tuple[int, ...], float, float, float] | None = None
    for i in point.active if child is None else (child,):
        g = gradients[point.active.index(i)]
        shape = np.shape(point.inputs[i])
        values = np.zeros(shape) if g is None else np.asarray(g, dtype=float)
        for k in range(min(point.size(i), 48)):
            direction = coordinate(point, i, k)
            length = float(np.ravel(direction[i])[k]) or 1.0
            slopes = None if examination.late() else point.slopes(direction, depth=8)
            if slopes is None:
                continue
            value = float(values.ravel()[k])
            if not np.isfinite(value):
                numeric = float((suspicion.grad * slopes.value).sum()) / length
                index = tuple(int(n) for n in np.unravel_index(k, shape)) if shape else ()
                return i, index, value, numeric, float((np.abs(suspicion.grad) * slopes.error).sum()) / length
            seen = judge(point, suspicion.grad, gradients, direction, slopes)
            if seen is None:
                continue
            clarity = abs(seen.analytic - seen.numeric) / (seen.tolerance + 1e-300)
            if best is None or clarity > best[0]:
                index = tuple(int(n) for n in np.unravel_index(k, shape)) if shape else ()
                best = (clarity, i, index, value, seen.numeric / length, seen.tolerance / 4 / length)
    return None if best is None else best[1:]
