"""Surrogates: backward passes of another function, where the value is piecewise constant.

A spike, a rounding and a sign have a slope of 0 but for their jumps, which teaches nothing. So their backward pass
gives the gradient of a function that is like them. That is a wrong gradient until it is declared: `surrogate=smooth`,
or `surrogate` of the class, has bprop checked against the smooth function.
Source: Bengio, Léonard, Courville, "Estimating or propagating gradients through stochastic neurons" (2013);
Neftci, Mostafa, Zenke, "Surrogate gradient learning in spiking neural networks" (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from flowgraph.checking.compare import Ruling, ask
from flowgraph.checking.point import NARROW, Point, generator, parts, random_direction
from flowgraph.checking.reproduce import definition_of
from flowgraph.checking.target import Array, Target
from flowgraph.errors import UsageError

KIND = "surrogate"
DECLARE = "; declare the function that it is of with surrogate="
STEPS = {False: (1e-6, 1e-7), True: (3e-4, 1e-4)}  # of an element, by whether fprop computes in float32
ROUNDINGS = 64  # units of the largest number: x + (round(x) - x) differs from round(x) by some
MOVED = 0.1  # of the outputs that are compared: fine quantizers jump within a step now and then
FITS = 1e-3  # of the largest slope: how near to a known function a surrogate is called by its name
STEEPNESSES = np.geomspace(0.05, 200.0, 400)  # k of those that are known by one number
FINER = np.geomspace(0.97, 1.03, 121)  # times the best of these
PROBES: tuple[Callable[[Array, np.random.Generator], Array], ...] = (
    lambda x, rng: x,
    lambda x, rng: -x,
    lambda x, rng: 0.37 * x,
    lambda x, rng: 2.3 * x + 0.41,
    lambda x, rng: rng.normal(size=x.shape),
    lambda x, rng: rng.uniform(0.02, 0.98, x.shape),
)
"""Where it is looked whether the value moves: a unit that is dead at the example is alive at one of these."""
SLOPES: dict[str, Callable[[Array], Array]] = {
    "of a sigmoid, σ({k:.3g} x)": lambda u: 1 / np.cosh(u / 2) ** 2,
    "of an arctangent, atan({k:.3g} x)": lambda u: 1 / (1 + u * u),
    "of {k:.3g} x / (1 + {k:.3g} |x|)": lambda u: 1 / (1 + np.abs(u)) ** 2,
    "that falls like a triangle to 0 at |{k:.3g} x| = 1": lambda u: np.maximum(0.0, 1 - np.abs(u)),
    "of an error function, exp(-({k:.3g} x)²)": lambda u: np.exp(-u * u),
    "that falls like exp(-{k:.3g} |x|)": lambda u: np.exp(-np.abs(u)),
}
"""Of the functions that spiking networks use, with k times x as their argument."""


def surrogate_of(ruling: Ruling, children: Sequence[int]) -> str:
    """What a wrong gradient is, where the value is piecewise constant; "" where it is an ordinary mistake.

    `children` are those that it may be about.
    """
    suspicion = ruling.suspicion
    child = suspicion.child
    moved = tuple(children) if child is None else (child,)
    if suspicion.kind != "value" or suspicion.grad is None:
        return ""
    seen = list(_probes(suspicion.point, moved))
    shown = np.flatnonzero(suspicion.grad)
    if not _is_piecewise_constant(seen, moved, shown):
        return ""
    name = "" if child is None else _name_of(seen, child)
    instead = f"bprop gives {name}" if name else "bprop is not 0"
    return f"surrogate: the value is piecewise constant, and {instead}"


def _probes(point: Point, moved: Sequence[int]) -> Iterator[Point]:
    """The point and others of its shapes, where fprop takes them."""
    rng = generator(0)
    for probe in PROBES:
        near = point.beside(point.change_inputs(lambda _, x, probe=probe: probe(x, rng), moved))  # type: ignore[misc]
        if near is not None:
            yield near


def _is_piecewise_constant(seen: Sequence[Point], moved: Sequence[int], shown: Array) -> bool:
    """Whether small steps by these inputs leave nearly every output as it is, and larger ones do not."""
    rng, counted, changed, jumps = generator(1), 0, 0, False
    for near in seen:
        direction = {i: random_direction(near, i, rng) for i in moved if near.size(i)}
        largest = float(np.abs(near.value).max(initial=0.0)) + max(float(near.scales(i).max()) for i in direction)
        room = ROUNDINGS * near.runner.measured.unit * largest
        for step in STEPS[near.runner.measured.unit > NARROW]:
            for sign in (1, -1):
                value = near.along(direction, sign * step)
                if value is not None:
                    counted += shown.size
                    changed += int(np.count_nonzero(np.abs(value - near.value)[shown] > room))
        jumps = jumps or bool(np.any(np.abs(near.value - seen[0].value)[shown] > room))
    return jumps and changed <= MOVED * counted


def _name_of(seen: Sequence[Point], child: int) -> str:
    """What bprop gives for an elementwise function of one input, where it is known; else ""."""
    pairs = []
    for near in seen:
        gradients, _ = ask(near, np.ones(near.value.shape))
        gradient = None if gradients is None else gradients[near.active.index(child)]
        if gradient is None or np.shape(near.output) != gradient.shape or near.projection is not None:
            return ""
        pairs.append((np.ravel(near.inputs[child]), gradient.ravel()))
    x, slope = (np.concatenate(one).astype(float) for one in zip(*pairs, strict=True))
    kept = np.isfinite(slope)
    x, slope = x[kept], slope[kept]
    largest = float(np.abs(slope).max(initial=0.0))
    if np.all(np.abs(slope - 1) <= FITS):
        return "that of the identity (straight-through)"
    inside = np.abs(slope - 1) <= FITS
    if inside.any() and np.all(inside | (slope == 0)):
        low, high = x[inside].min(), x[inside].max()
        if not np.any((x >= low) & (x <= high) & ~inside):
            return f"that of the identity within bounds (straight-through from {low:.2g} to {high:.2g} at least)"
    fits = ((name, *_fit_scale(shape, x, slope)) for name, shape in SLOPES.items())
    name, steepness, gap = min(fits, key=lambda fit: fit[2])
    return f"the slope {name.format(k=steepness)}" if gap <= FITS * largest else ""


def _fit_scale(shape: Callable[[Array], Array], x: Array, slope: Array) -> tuple[float, float]:
    """The number k for which a multiple of shape(k x) is nearest to the slopes, and the largest gap that is left."""
    best = (1.0, np.inf)
    for tried in (STEEPNESSES, FINER):
        for k in tried if tried is STEEPNESSES else best[0] * tried:
            values = shape(k * x)
            size = float(values @ values)
            gap = float(np.abs(slope - values * (values @ slope / size if size else 0.0)).max(initial=0.0))
            best = min(best, (float(k), gap), key=lambda fit: fit[1])
    return best


def with_surrogate(target: Target, smooth: Callable[..., object], written: Sequence[str] = ()) -> Target:
    """The target whose bprop, given the value of its own fprop, is compared with the slopes of `smooth`.

    `written` are the lines that define `smooth` as fprop, in the code that shows a mistake.
    """
    fprop, bprop = target.fprop, target.bprop
    try:
        form = [np.shape(part) for part in parts(smooth(*target.inputs))]
    except Exception as error:  # of a function that somebody wrote
        raise UsageError(
            f"check: the surrogate of {target.name} raises {type(error).__name__} at the example ({error}); needs a "
            f"smooth function of the same arguments"
        ) from error
    needed = [np.shape(part) for part in parts(fprop(*target.inputs))]
    if form != needed:
        raise UsageError(
            f"check: the surrogate of {target.name} gives the shape {_words(form)} at the example, needs "
            f"{_words(needed)}, as its value has"
        )
    own = target.definition or (*definition_of("fprop", fprop), *definition_of("bprop", bprop))
    return replace(
        target,
        fprop=smooth,
        bprop=lambda grad, output, *inputs: bprop(grad, fprop(*inputs), *inputs),
        code=(*(target.code or (fprop, bprop)), smooth),
        second=None,
        snippet=None,
        remark="against the surrogate that is declared",
        definition=(
            *own,
            "forward, backward = fprop, bprop",
            *(written or definition_of("fprop", smooth)),
            "bprop = lambda grad, output, *inputs: backward(grad, forward(*inputs), *inputs)",
        ),
    )


def _words(form: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(map(str, form))
