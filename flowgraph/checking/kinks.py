"""Points where the slope or the value jumps: which answers are correct there."""

from __future__ import annotations

import numpy as np

from flowgraph.checking.careful import DEPTH
from flowgraph.checking.compare import ask
from flowgraph.checking.difference import STEP, Stencil
from flowgraph.checking.point import Direction, Point, random_direction
from flowgraph.checking.target import Array

COARSE, FINE = 3e-4, 3e-6  # distances of neighbours, a hundred apart: slopes of a smooth function come as much closer
SETTLING = 12  # steps, down to 2e-9, where rounding takes over
MOST_WINNERS = 32  # elements, of four neighbours each
COARSEST = 16.0 * STEP  # 0.6 of the size of an element, the largest step that keeps its sign
SCALES = 14  # steps, down to 9e-9
FALL = 100.0  # times, to which a mismatch must shrink before it is called noise
LEAST_SPAN = 3  # steps, each four times the one before, over which it must do so
AMPLITUDE = 1e-6  # of the value: the most that is taken for noise
SPAN = 1e-2  # of a neighbour's stencil, against its distance from the point: it must stay on one side of a kink


def neighbour_slopes(
    point: Point, direction: Direction, rng: np.random.Generator, count: int, radius: float = FINE
) -> Array:
    """Slopes along `direction` at points around this one (rows × outputs)."""
    rows: list[Array] = []
    for k in range(count):
        distance = radius * 10.0 ** rng.uniform(-0.5, 0.5)
        near = _beside(point, rng, distance, k, direction)
        slope = None if near is None else _local_slope(near, direction, distance * SPAN)
        if slope is not None:
            rows.append(slope)
    return _stacked(point, rows)


def _stacked(point: Point, rows: list[Array]) -> Array:
    return np.stack(rows) if rows else np.zeros((0, point.value.size))


def own_slopes(point: Point, direction: Direction) -> Array:
    """The one-sided slopes at the point itself."""
    stencil = point.stencil(direction, start=STEP / 256)
    stencil.extend(3)
    sides = (stencil.one_sided(side, np.zeros(point.value.shape)) for side in (1, -1))
    return _stacked(point, [quotient[0][-1] for quotient in sides if quotient is not None])


def _beside(point: Point, rng: np.random.Generator, radius: float, k: int, direction: Direction) -> Point | None:
    offsets: Direction = {}
    for i in point.active:
        scales = point.scales(i)
        if k == 0:
            offset = np.abs(scales)
        elif k == 1:
            offset = -np.abs(scales)
        elif k in (2, 3):
            offset = (5 - 2 * k) * direction[i] if i in direction else 0.0 * scales
        else:
            offset = scales * rng.normal(size=scales.shape)
        offsets[i] = radius * offset
    return point.beside(point.moved(offsets, 1.0))


def winner_slopes(point: Point, direction: Direction, grad: Array, rng: np.random.Generator) -> Array:
    """Slopes along `direction` with each tied element in turn raised above the others, lowered, or in between.

    Among many ties a random neighbour rarely shows what holds where one particular element wins. Those on which the
    analytic slope rests come first, then those that the direction moves.
    """
    elements = [(i, k) for i in point.active for k in range(point.size(i))]
    gradients, _ = ask(point, grad)
    weight = np.zeros(len(elements))
    for n, (i, k) in enumerate(elements):
        moved = i in direction and np.ravel(direction[i])[k] != 0
        g = None if gradients is None else gradients[point.active.index(i)]
        weight[n] = moved * (1 + (g is not None and np.ravel(g)[k] != 0))
    shuffled = rng.permutation(len(elements))
    rows: list[Array] = []
    for n in shuffled[np.argsort(-weight[shuffled], kind="stable")][:MOST_WINNERS]:
        i, k = elements[n]
        around = rng.choice([-1.0, 1.0], (2, point.size(i)))
        around[:, k] = 0.0
        above = np.zeros((2, point.size(i)))
        above[:, k] = 1.0, -1.0
        for offset in (*above, *around):
            raised = {i: FINE * point.scales(i) * offset.reshape(np.shape(point.inputs[i]))}
            near = point.beside(point.moved(raised, 1.0))
            slope = None if near is None else _local_slope(near, direction, FINE * SPAN)
            rows += [] if slope is None else [slope]
    return _stacked(point, rows)


def _local_slope(near: Point, direction: Direction, h: float) -> Array | None:
    """The slope over a span much shorter than the distance to the point, so that the stencil stays on one side."""
    up, down = near.along(direction, h), near.along(direction, -h)
    if up is not None and down is not None:
        return (up - down) / (2 * h)
    if up is not None:
        return (up - near.value) / h
    return None if down is None else (near.value - down) / h


def is_smooth(
    point: Point, direction: Direction, grad: Array, fine: Array, noise: Array, excess: float, rng: np.random.Generator
) -> bool:
    """Slopes of a smooth function come together as the neighbourhood shrinks; at a kink they stay apart."""
    if not len(fine):
        return True
    low, high = hull(fine, grad)
    spread = high - low
    if spread <= 0.3 * excess:
        return True
    rounding = 6 * float((np.abs(grad) * (noise + point.rounding())).sum()) / (FINE * SPAN)
    if spread <= rounding:
        return excess > rounding or not has_ties(point)
    coarse = neighbour_slopes(point, direction, rng, 16, COARSE)
    if not len(coarse):
        return False
    low, high = hull(coarse, grad)
    return spread - rounding < 0.2 * (high - low)


def has_ties(point: Point) -> bool:
    """Whether elements of an input are 0 or equal, where kinks are to be expected."""
    for i in point.active:
        x = np.ravel(point.inputs[i])
        if not np.all(x) or np.unique(x).size < x.size:
            return True
    return False


def hull(rows: Array, grad: Array) -> tuple[float, float]:
    """The interval that ⟨grad, slopes⟩ can take when every output picks its own row."""
    products = rows * grad
    return float(products.min(axis=0).sum()), float(products.max(axis=0).sum())


def is_singular(point: Point, rng: np.random.Generator) -> bool:
    """Whether moving the inputs by 1e-10 or 1e-8 changes the value as moving them by 1e-3 does: there is no slope then.

    For a smooth function or a kink the changes are as 1 to 1e7 or 1e5, for a square root at 0 as 1 to 3e3 or 3e2, for
    the logarithm of a determinant close to 0 as 1 to 3.
    """
    for k in range(6):
        offsets = {}
        for i in point.active:
            scales = point.scales(i)
            offsets[i] = scales * (rng.choice([-1.0, 1.0], scales.shape) if k > 1 else float(1 - 2 * k))
        far = point.along(offsets, 1e-3)
        for distance in (1e-10, 1e-8):
            near = point.along(offsets, distance)
            if near is None or far is None:
                continue
            change, expected = np.abs(near - point.value), np.abs(far - point.value)
            if np.any(change > 0.1 * expected + 10 * distance * np.abs(point.value) + 1e-13 * point.value.size):
                return True
    return False


def of_other_gradients(point: Point, rng: np.random.Generator) -> Point | None:
    """The point with generic incoming gradients where it is a bprop that is checked: 0 hides a jump, an infinite slope.

    None where it gives no finite value there.
    """
    arriving = {i: random_direction(point, i, rng) for i in point.active if i < point.runner.target.arriving}
    return point.beside(point.moved(arriving, 1.0)) if arriving else point


def quotients_stay_bounded(stencil: Stencil) -> bool | None:
    """Whether one-sided quotients settle as the step shrinks, on every side that is legal; None if no side is.

    All outputs count, also those whose incoming gradient is 0: 0 times an infinite slope is NaN in any code.
    Where a derivative is infinite the quotients grow: like h^(-a), or by a constant amount per step for a logarithm.
    """
    bounded: list[bool] = []
    stencil.extend(12)
    for side in (1, -1):
        quotient = stencil.one_sided(side, np.zeros(stencil.base.shape))
        if quotient is None or len(quotient[0]) < 5:
            continue
        rows = quotient[0]
        steps = np.abs(np.diff(rows[:8], axis=0))
        size = np.abs(rows[:8]).max(axis=0) + 1e-300
        late, early = steps[-1], steps[len(steps) // 2]
        settles = (late < 0.5 * early) | (late < 1e-5 * size)
        bounded.append(bool(np.all(settles)))
    return all(bounded) if bounded else None


def still_moving(point: Point, direction: Direction, grad: Array) -> bool:
    """Whether a one-sided slope has not converged before rounding dominates, as of x^1.1 or x log x at 0.

    Each step is a quarter of the one before: a slope that settles like the root of h or faster moves by half as much.
    """
    stencil = point.stencil(direction)
    stencil.extend(SETTLING)
    for side in (1, -1):
        found = stencil.one_sided(side, point.rounding())
        if found is None:
            continue
        moves = np.abs(np.diff((found[0] * grad).sum(axis=1)))
        floors = (found[1] * np.abs(grad)).sum(axis=1)
        unclear = np.flatnonzero(moves <= 30 * (floors[1:] + floors[:-1]))
        seen = moves[: unclear[0]] if unclear.size else moves
        if seen.size >= 4 and bool(np.all(seen[-3:] > 0.6 * seen[-4:-1])):
            return True
    return False


def shrinks_with_the_step(point: Point, direction: Direction, grad: Array, analytic: float, own: float) -> bool:
    """Whether the gap to the analytic slope falls like 1 / h from fine steps, where it is `own`, to coarse ones.

    Fitted at all scales, for a noise that is small beside the value.
    """
    stencil = point.stencil(direction, COARSEST)
    stencil.extend(SCALES)
    central = stencil.central(point.rounding())
    if central is None:
        return False
    steps, usable = stencil.rows(True, True)
    kept = np.array(usable) < SCALES
    steps, seen = steps[kept][1:], np.asarray((central[0][kept] * grad).sum(axis=1))
    gaps = np.abs((16 * seen[1:] - seen[:-1]) / 15 - analytic)
    short = np.flatnonzero(gaps <= 0.25 * own)
    settled = int(short[-1]) + 1 if short.size else 0  # from here on every finer step shows the mismatch
    if settled == len(gaps):
        return False
    amplitude = own * steps[settled]
    if amplitude > AMPLITUDE * float((np.abs(grad) * np.abs(point.value)).sum()):
        return False
    return any(
        gaps[k] <= own / FALL and np.all(gaps[k:settled] * steps[k:settled] <= 5 * amplitude)
        for k in range(settled - LEAST_SPAN)
    )


def stands_at_every_step(point: Point, direction: Direction, grad: Array, analytic: float) -> bool:
    """Whether the central quotient of no single step comes near the analytic slope."""
    stencil = point.stencil(direction)
    stencil.extend(DEPTH)
    central = stencil.central(point.rounding())
    if central is None:
        return False
    seen, floor = (central[0] * grad).sum(axis=1), (central[1] * np.abs(grad)).sum(axis=1)
    return not np.any(np.abs(seen - analytic) <= 0.03 * abs(analytic) + 4 * floor)
