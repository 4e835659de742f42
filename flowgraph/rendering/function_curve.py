"""The curves of a box that is a function of one number, or a loss of one score: value and derivative, sampled."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Interval
from flowgraph.errors import FlowgraphError
from flowgraph.graph import Graph
from flowgraph.markup import text
from flowgraph.rendering.palette import THEMES, adaptive
from flowgraph.rendering.wording import number_text

REACH = 4.0
"""How far from 0 a curve is drawn where the domain does not end: activations are flat or straight beyond."""

POINTS = 121
"""Numbers at which a curve is computed, one for each three pixels of its picture."""

INSET = 1e-3
"""Share of the range by which a curve keeps off an end that does not belong to the domain."""

JUMP = 1e-7
"""Distance on both sides of a kink at which the curve is computed, so that a jump there is one."""


@dataclass(frozen=True)
class Curve:
    """The samples of a curve: `xs` ascending, the values and the derivatives, None where there is no derivative.

    NaN stands where a curve is interrupted: outside the domain, and between the sides of a jump.
    """

    label: str
    xs: Array
    values: Array
    slopes: Array | None


def curves_of(cls: type[Box]) -> tuple[str, list[Curve]]:
    """The name of the number and the curves over it; no curve where the box is no function of one real number.

    An elementwise box of one child has one curve. A loss has one over its score for each target: the targets of its
    first example where they are classes, else 0.
    """
    examples = cls.examples or ()
    settings = examples[0].settings if examples else {}
    if not cls.child_names or cls.variadic:
        return "", []
    name = cls.child_names[0]
    xs = _numbers(cls.domain.get(name, Interval()), cls.kinks)
    with contextlib.suppress(FlowgraphError, TypeError, ValueError, ArithmeticError):
        if cls.role == "loss" and len(cls.child_names) == 2:
            return name, _of_loss(cls, settings, xs)
        if issubclass(cls, Elementwise) and len(cls.child_names) == 1:
            curve = _curve("", cls, xs, lambda x: cls(x, **settings), name)
            return name, [] if curve is None else [curve]
    return "", []


def _of_loss(cls: type[Box], settings: Any, xs: Array) -> list[Curve]:
    targets = cls.examples[0].children[1] if cls.examples else None
    if isinstance(targets, np.ndarray) and targets.ndim == 1:  # a score for each class, of which the true one varies

        def build(x: Any) -> Box:
            others = Constant(np.zeros((len(xs), 1)))
            scores = np.concatenate([np.reshape(x, (len(xs), 1)), others], axis=1)
            return cls(scores, Constant(np.zeros(len(xs), int)), **settings)

        curves = [_curve("of the true class, of two", cls, xs, build, cls.child_names[0])]
    else:
        classes = [0.0]
        if isinstance(targets, np.ndarray) and targets.dtype.kind in "iub":
            classes = [int(label) for label in np.unique(targets)[::-1]]
        curves = [
            _curve(f"y = {y:g}", cls, xs, lambda x, y=y: cls(x, Constant(np.full(len(xs), y)), **settings),
                   cls.child_names[0])
            for y in classes
        ]  # fmt: skip
    return [curve for curve in curves if curve is not None]


def _curve(label: str, cls: type[Box], xs: Array, build: Any, name: str) -> Curve | None:
    """The curve of what `build` makes of a box; None where it is not real, or the same everywhere."""
    x = Input(name, shape=(len(xs),))
    box = build(x)
    if box.dtype.kind != "f" or box.shape != x.shape:
        return None
    graph = Graph(box)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        run = graph.fprop({x: xs})
        values = np.array(run[box], float)
        slopes = None
        with contextlib.suppress(FlowgraphError, TypeError):
            slopes = np.array(run.bprop(np.ones(len(xs)), wrt=[x])[x], float)
    finite = values[np.isfinite(values)]
    if not finite.size or np.ptp(finite) == 0:
        return None
    return Curve(label, *_interrupted(xs, values, slopes, _kinks_inside(cls.kinks, xs)))


def _numbers(interval: Interval, kinks: Sequence[float]) -> Array:
    low = interval.low if math.isfinite(interval.low) else min(-REACH, interval.high - REACH)
    high = interval.high if math.isfinite(interval.high) else max(REACH, low + REACH)
    inset = INSET * (high - low) if interval.open else 0.0
    ends = (low + inset * math.isfinite(interval.low), high - inset * math.isfinite(interval.high))
    sides = [kink + side for kink in kinks if ends[0] < kink < ends[1] for side in (-JUMP, JUMP)]
    even = np.linspace(*ends, POINTS)
    return np.unique(np.concatenate([even[~np.isin(even, kinks)], sides]))


def _kinks_inside(kinks: Sequence[float], xs: Array) -> list[float]:
    return [kink for kink in kinks if xs[0] < kink < xs[-1]]


def _interrupted(
    xs: Array, values: Array, slopes: Array | None, kinks: Sequence[float]
) -> tuple[Array, Array, Array | None]:
    """The samples with NaN at each kink and where the value is not finite, which interrupts the line."""
    places = np.searchsorted(xs, kinks)
    curves = [np.where(np.isfinite(y), y, np.nan) for y in (values, *([] if slopes is None else [slopes]))]
    held = [np.insert(y, places, [_joint(y, place) for place in places]) for y in curves]
    return np.insert(xs, places, kinks), held[0], held[1] if slopes is not None else None


def _joint(curve: Array, place: int) -> float:
    """The value at a kink if both sides meet there, else NaN."""
    before, after = curve[place - 1], curve[place]
    apart = abs(after - before) > 1e-3 * max(1.0, abs(before), abs(after))
    return math.nan if apart or not math.isfinite(before + after) else float(before + after) / 2


WIDTH, HEIGHT = 400, 246
LEFT, RIGHT, HEAD, FOOT = 40, 14, 28, 36
"""Of the picture and its margins, in pixels: half a page of the docs, so that it is shown without being shrunk."""

TALL = 12.0
"""Range of values beyond which a picture shows from -TALL/2 to TALL/2: at the scale of a pole nothing else is seen."""

DASHES = ("", "6 4", "2 3")
"""Of the lines of a first, second and third target."""


def curves_svg(title: str, name: str, curves: Sequence[Curve], value: str = "h") -> str:
    """The picture of curves over the variable `name`; `value` is the name of the function."""
    colour = THEMES["light"]
    frame = _Frame(curves)
    lines = []
    for curve, dash in zip(curves, DASHES, strict=False):
        style = f' stroke-dasharray="{dash}"' if dash else ""
        if curve.slopes is not None:
            lines.append(_line(frame, curve.xs, curve.slopes, colour["gradient"], f' stroke-width="3"{style}'))
        lines.append(_line(frame, curve.xs, curve.values, colour["value"], f' stroke-width="2"{style}'))
    said = f"{title}: value{' and derivative' if any(c.slopes is not None for c in curves) else ''} over {name}"
    return adaptive(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" font-family="Helvetica,Arial,sans-serif" font-size="12"><title>{text(said)}</title>'
        f"<desc>{text('; '.join(_in_words(curve, name, value) for curve in curves), most=1000)}</desc>"
        f"{frame.axes(name)}{''.join(lines)}{_legend(curves, name, value)}</svg>\n"
    )


def _in_words(curve: Curve, name: str, value: str) -> str:
    """A curve for who cannot see it: its ends, and its least and greatest values with where they are."""
    known = np.flatnonzero(np.isfinite(curve.values))
    if not known.size:
        return f"{curve.label or value} has no finite value"
    low, high = (known[pick(curve.values[known])] for pick in (np.argmin, np.argmax))
    first, last, low, high = (
        f"{number_text(curve.values[place])} at {name} = {number_text(curve.xs[place])}"
        for place in (known[0], known[-1], low, high)
    )
    return f"{curve.label or value} leads from {first} to {last}; its least value is {low}, its greatest {high}"


class _Frame:
    """Maps numbers to coordinates of the picture."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.x = (min(float(curve.xs[0]) for curve in curves), max(float(curve.xs[-1]) for curve in curves))
        self.y = _shown(curves)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The point in pixels."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - FOOT - up * (HEIGHT - FOOT - HEAD)

    def axes(self, name: str) -> str:
        """Lines through 0, or at the edge that is nearest to it; numbers stand outside, where no curve runs."""
        line, muted = THEMES["light"]["frame line"], THEMES["light"]["muted"]
        zero = (min(max(0.0, self.x[0]), self.x[1]), min(max(0.0, self.y[0]), self.y[1]))
        x0, y0 = self.place(*zero)
        right, bottom = WIDTH - RIGHT, HEIGHT - FOOT
        parts = [f'<path d="M{LEFT} {y0:.1f}H{right}M{x0:.1f} {bottom}V{HEAD}" stroke="{line}" fill="none"/>']
        parts += [_said(self.place(tick, 0)[0], bottom + 14, f"{tick:g}", muted, "middle") for tick in _ticks(*self.x)]
        parts += [_said(LEFT - 5, self.place(0, tick)[1] + 4, f"{tick:g}", muted, "end") for tick in _ticks(*self.y)]
        parts.append(_said((LEFT + right) / 2, HEIGHT - 5, name, THEMES["light"]["ink"], "middle"))
        return "".join(parts)


def _said(x: float, y: float, words: str, colour: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text(words)}</text>'


def _shown(curves: Sequence[Curve]) -> tuple[float, float]:
    """The range of values that the picture shows, 0 among them."""
    kept = [samples for curve in curves for samples in (curve.values, curve.slopes) if samples is not None]
    numbers = np.concatenate(kept)
    numbers = numbers[np.isfinite(numbers)]
    low, high = min(float(numbers.min()), 0.0), max(float(numbers.max()), 0.0)
    if high - low > TALL:
        inside = np.abs(numbers) <= TALL / 2
        if inside.mean() > 0.4:  # else the function lives at another scale, as degrees do
            low, high = max(low, -TALL / 2), min(high, TALL / 2)
        else:
            low, high = (min(float(np.quantile(numbers, 0.02)), 0.0), max(float(np.quantile(numbers, 0.98)), 0.0))
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers in a range."""
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(step * factor for factor in (10, 5, 2, 1) if (high - low) / (step * factor) >= 3 or factor == 1)
    return [round(step * k, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _line(frame: _Frame, xs: Array, ys: Array, colour: str, style: str) -> str:
    """A path, interrupted where a value is missing, leaves the picture, or jumps from above it to below it."""
    low, high = frame.y
    pieces, is_open = [], False
    for place, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if not low <= y <= high:
            neighbours = [ys[near] for near in (place - 1, place + 1) if 0 <= near < len(ys)]
            if not math.isfinite(y) or not any(low <= near <= high for near in neighbours):
                is_open = False
                continue
        down, up = frame.place(float(x), min(max(float(y), low), high))
        pieces.append(f"{'L' if is_open else 'M'}{down:.1f} {up:.1f}")
        is_open = low <= y <= high or not is_open
    return f'<path d="{"".join(pieces)}" fill="none" stroke="{colour}"{style}/>'


def _legend(curves: Sequence[Curve], name: str, value: str) -> str:
    """The meaning of the lines, in the head of the picture."""
    parts, x = [], float(LEFT)
    for curve, dash in zip(curves, DASHES, strict=False):
        style = f' stroke-dasharray="{dash}"' if dash else ""
        where = f", {curve.label}" if curve.label else ""
        entries = [(f"{value}{where}", "value")] + [(f"d{value}/d{name}", "gradient")] * (curve.slopes is not None)
        for words, role in entries:
            colour = THEMES["light"][role]
            parts.append(f'<path d="M{x:.0f} 13h18" stroke="{colour}" stroke-width="2"{style}/>')
            parts.append(_said(x + 23, 17, words, THEMES["light"]["ink"], "start"))
            x += 38 + 6.5 * len(words)
    return "".join(parts)
