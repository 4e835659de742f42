"""Description of a confirmed mismatch: where, how large, what it looks like, and code that reproduces it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.checking.compare import Ruling, Suspicion, Tally, ValueMismatch, ask, compare, judge
from flowgraph.checking.diagnosis import diagnose
from flowgraph.checking.examination import Examination
from flowgraph.checking.point import Point, coordinate, directions_for, grads_for
from flowgraph.checking.regimes_shapes import axis_groups
from flowgraph.checking.reproduce import reproducing_code
from flowgraph.checking.runner import Illegal, generator
from flowgraph.checking.settle import settle
from flowgraph.checking.target import Array, Inputs

TRIES = 40  # attempts at smaller inputs, which the seconds for explaining bound too
CLEAR = 1e3  # times the tolerance
OF_ESCALATION = 500  # calls of fprop


def shrunk(examination: Examination, suspicion: Suspicion) -> tuple[Point, Suspicion]:
    """Greedy: whatever simpler input still shows the same kind of mistake of the same child is taken.

    A clear mismatch is believed at once, so that this stays fast where settling is slow, and confirmed at the end.
    """
    for believe in (True, False):
        best = _smallest(examination, suspicion, believe)
        believed = believe and best is not suspicion and not examination.late(OF_ESCALATION * best.point.seconds)
        confirmed = _confirmed(best) if believed else best
        if confirmed is not None:
            return confirmed.point, confirmed
    return suspicion.point, suspicion


def _smallest(examination: Examination, best: Suspicion, believe: bool) -> Suspicion:
    tries = 0
    improved = True
    while improved and tries < TRIES:
        improved = False
        for inputs in _simpler(best.point):
            tries += 1
            if tries > TRIES or examination.late():
                break
            found = _still_wrong(examination, best, inputs, believe)
            if found is not None:
                best, improved = found, True
                break
    return best


def _still_wrong(examination: Examination, suspicion: Suspicion, inputs: Inputs, believe: bool) -> Suspicion | None:
    rng = generator(0)
    try:
        point = Point.at(examination.runner, inputs, suspicion.point.regime, examination.active)
    except Illegal:
        return None
    if examination.beyond(point) and not examination.beyond(suspicion.point):
        return None
    seen = compare(point, grads_for(point, rng, 1), directions_for(point, rng, 1), Tally())
    child = suspicion.child
    for other in seen:
        if other.kind == suspicion.kind and child in (other.child, None):
            if believe and other.clear(CLEAR):
                return other
            confirmed = _confirmed(other)
            if confirmed is not None:
                return confirmed
    return None


def _confirmed(suspicion: Suspicion) -> Suspicion | None:
    ruling = settle(suspicion, generator(0))
    if ruling.kind != "wrong":
        return None
    if isinstance(ruling.suspicion, ValueMismatch) and np.isfinite(ruling.numeric):
        ruling.suspicion.numeric = ruling.numeric
    return ruling.suspicion


def _simpler(point: Point) -> Iterator[Inputs]:
    """Axes cut to 1, 2 and a half; then rounder numbers."""
    inputs, active = point.inputs, point.active
    for group in axis_groups(inputs):
        size = inputs[group[0][0]].shape[group[0][1]]
        for smaller in dict.fromkeys((1, 2, size // 2)):
            if 0 < smaller < size:
                changed = list(inputs)
                for i, axis in group:
                    changed[i] = np.ascontiguousarray(np.take(changed[i], range(smaller), axis=axis))
                yield tuple(changed)
    for digits in (0, 1):
        for chosen in (active, *((i,) for i in active if len(active) > 1)):
            rounded = point.changed(lambda _, x, digits=digits: np.round(x, digits), chosen)  # type: ignore[misc]
            if any(np.any(rounded[i] != inputs[i]) for i in chosen):
                yield rounded


@dataclass
class Failure:
    """One mistake. `analytic` is what bprop says of element `index` of `child`, `numeric` ± `error` what is true.

    Parameters
    ----------
    box : str
        The box or function whose gradient is wrong.
    child : str or None
        The input by which it is wrong.
    index : tuple of int or None
        The element of that input.
    kind : str
        What kind of mistake it is: value, shape, dtype, second derivative, and others.
    analytic : float
        What bprop says.
    numeric : float
        What differences of fprop say.
    error : float
        Error bar of `numeric`, in the same unit.
    regime : str
        The values, shapes and settings at which it was seen.
    diagnosis : str
        What the mistake looks like, such as a factor of 2.
    message : str
        The whole text.
    code : str
        Python that shows the mistake.
    beyond : str, default ''
        In which respect it lies beyond the example, if it does.
    oracle : str, default ''
        What the gradient was compared with, where that is no difference quotient.
    backward : str, default 'bprop'
        What the backward pass is called.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> report = fg.check(np.sin, np.array([0.5]), bprop=lambda grad, output, x: (-grad * np.cos(x),))
    >>> report.failures[0].child
    'x'
    """

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
    beyond: str = ""  # in what the regime goes beyond the example
    oracle: str = ""  # what decided: differences, in long double or not, or the complex step
    backward: str = "bprop"

    def __str__(self) -> str:
        where = "" if self.child is None else f", gradient of {self.child}"
        if self.child is not None and self.index:
            where += f"[{', '.join(map(str, self.index))}]"
        head = f"beyond the example ({self.beyond}): " if self.beyond else ""
        lines = [f"{head}{self.box}{where}: {self.message}"]
        if np.isfinite(self.numeric):
            width = max(len(self.backward), len("numeric"))
            lines.append(f"  {self.backward:<{width}} {self.analytic:.12g}")
            lines.append(f"  {'numeric':<{width}} {self.numeric:.12g} ± {self.error:.1g}")
            lines += [f"  decided by: {self.oracle}"] if self.oracle else []
        lines.append(f"  test case: {self.regime}")
        if self.diagnosis:
            lines.append(f"  looks like: {self.diagnosis}")
        if self.code:
            lines += ["  to reproduce:", *("    " + line if line else "" for line in self.code.splitlines())]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The fields of the failure, for JSON.

        Returns
        -------
        dict
            Values by the names of the fields.
        """
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
    index: tuple[int, ...] | None = None
    analytic = suspicion.analytic if isinstance(suspicion, ValueMismatch) else float("nan")
    numeric, error, diagnosis = ruling.numeric, ruling.error, ""
    if suspicion.kind in ("value", "nonfinite"):
        point, suspicion = shrunk(examination, suspicion)
    child = suspicion.child
    if isinstance(suspicion, ValueMismatch) and child is not None:
        analytic, numeric, error = suspicion.analytic, suspicion.numeric, suspicion.tolerance / 4
    if suspicion.grad is not None and suspicion.kind in ("value", "nonfinite"):
        found = _worst_element(examination, point, suspicion.grad, child)
        if found is not None:
            child, index, analytic, numeric, error = found
        diagnosis = "" if examination.late() else diagnose(point, suspicion, child)
    message = ruling.note or suspicion.note or "the gradient is wrong"
    code = reproducing_code(target, point, suspicion, child, index)
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
        examination.beyond(ruling.suspicion.point),
        ruling.oracle,
    )


def _worst_element(
    examination: Examination, point: Point, grad: Array, child: int | None
) -> tuple[int, tuple[int, ...], float, float, float] | None:
    """The single coordinate that shows the mismatch most clearly, in units of the gradient itself."""
    gradients, _ = ask(point, grad)
    if gradients is None:
        return None
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
                numeric = float((grad * slopes.value).sum()) / length
                index = tuple(int(n) for n in np.unravel_index(k, shape)) if shape else ()
                return i, index, value, numeric, float((np.abs(grad) * slopes.error).sum()) / length
            seen = judge(point, grad, gradients, direction, slopes)
            if seen is None:
                continue
            clarity = abs(seen.analytic - seen.numeric) / (seen.tolerance + 1e-300)
            if best is None or clarity > best[0]:
                index = tuple(int(n) for n in np.unravel_index(k, shape)) if shape else ()
                best = (clarity, i, index, value, seen.numeric / length, seen.tolerance / 4 / length)
    return None if best is None else best[1:]
