"""Values that no difference quotient resolves: steps, small jumps, tails below the rounding error.

An iteration that stops at a tolerance jumps by that much wherever it takes one turn more: between two jumps it is
smooth, with the slope of so many turns, and only across many of them with the slope of what it goes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np

from flowgraph.checking.compare import ValueMismatch
from flowgraph.checking.difference import SHRINK, STEP
from flowgraph.checking.point import UNIT, Direction, Point, random_direction
from flowgraph.checking.runner import Illegal, Runner, generator
from flowgraph.checking.target import Array, Inputs, in_double

NODES = 41  # twice DEGREE, so that a residual is left
DEGREE = 20  # of a function with its next singularity four reaches off, terms of degree 20 are 1e-18
HALVINGS = 3  # of the reach, where it leaves the domain
REACHES = (4, 16)  # times STEP, where all inputs move: one alone may not change the number of turns
LINES = 3  # directions for each of these
CONFINED = 36  # halvings, after which what a kink leaves is 1e-11 of what it was
POLE = 10.0  # times what was left: that of a jump does not grow, but for what the polynomial had taken of it
PAST = (1.1, 1.0, 0.3, 0.1, 0.03)  # times the way to a point, which may lie at the guard itself, or far beyond it
CLIFFS = 4  # that are looked at: a polynomial through one leaves as much beside it
CLOSER = (1e-3, 1e-5, 1e-7, 1e-9)  # of the way: CONFINED halvings find a place to 1e-12
COARSER, FINER = 5, 12  # steps from 38 times an element down to 9e-9 of it
LEAST_STAIR, ROUNDING_STAIR = 1e-7, 1e-4  # of the value at the example
FEW = 8  # units in the last place
TINY = 1e-100  # what underflows is squared on its way


def on_a_stair(point: Point, grad: Array, direction: Direction, analytic: float) -> bool:
    """Whether the value keeps its bits over the finest steps, and climbs over coarser ones as bprop says.

    So does (x + 1e8) - 1e8, the logarithm of a number below 1e-308, bisection to 1e-9; between inputs of 1e-7 that has
    so few answers that no slope can be told. Where the example itself climbs by steps that are no rounding, as what is
    rounded to whole numbers does, the slope is 0.
    """
    at = float((grad * point.value).sum())
    stencil = point.stencil(direction, STEP * SHRINK**COARSER)
    stencil.extend(COARSER + FINER)
    up, down = (
        np.array([at if value is None else float((grad * value).sum()) for value in side[: COARSER + FINER]])
        for side in (stencil.plus, stencil.minus)
    )
    slopes = (up - down) / (2 * stencil.start * SHRINK ** -np.arange(COARSER + FINER))
    changes = np.abs(np.stack([up, down]) - at)
    moved = changes[changes > 0]
    if np.any(changes[:, -3:]) or not moved.size:
        return False
    height = float(moved.min()) / (point.runner.size * float(np.abs(grad).max()) + 1e-300)
    climbs = three_in_turn(np.abs(slopes - analytic) < 0.2 * abs(analytic))
    return height < LEAST_STAIR or (climbs and (height < ROUNDING_STAIR or not point.runner.stairs))


def three_in_turn(near: Array) -> bool:
    """Whether three consecutive steps are all near: one may be so by chance."""
    return bool(np.any(near[:-2] & near[1:-1] & near[2:]))


def small_jump(
    point: Point, grad: Array, direction: Direction, rng: np.random.Generator, enough: float = np.inf
) -> float:
    """The largest jump of the value on lines through the point, 0 where it has none; the first that is `enough`.

    An iteration takes another turn where its inputs differ by enough, which may be far: lines in which all inputs move
    reach to half of each element and beyond.
    """
    found = _jump(point, grad, direction, STEP)
    for reach in REACHES * LINES:
        if found >= enough:
            break
        dense = {i: random_direction(point, i, rng) for i in point.active}
        found = max(found, _jump(point, grad, dense, reach * STEP))
    return found


def jump_at_example(runner: Runner, active: tuple[int, ...], rng: np.random.Generator) -> float:
    """The same at the example, for an incoming gradient of ones of either sign; measured once."""
    if runner.jump is None:
        inputs = tuple(in_double(x) if i in active else x for i, x in enumerate(runner.target.inputs))
        try:
            point = Point.at(runner, inputs, "the example", active)
        except Illegal:
            return 0.0
        grad = rng.choice([-1.0, 1.0], point.value.shape)
        runner.jump = small_jump(point, grad, {i: random_direction(point, i, rng) for i in active}, rng)
    return runner.jump


def _jump(point: Point, grad: Array, direction: Direction, reach: float) -> float:
    """The jump on one line; 0 where no reach is legal."""

    def value(at: float) -> float:
        moved = point.along(direction, reach * at)
        return float("nan") if moved is None else float((grad * moved).sum())

    for _ in range(HALVINGS):
        for _, jump, most in _sharpest(value, 1):
            return jump if jump <= POLE * most else 0.0
        reach /= 2
    return 0.0


def _sharpest(value: Callable[[float], float], count: int) -> Iterator[tuple[float, float, float]]:
    """Where between -1 and 1 a function is least a polynomial, and by how much it moves there, at last and at first.

    That is between two Chebyshev nodes, and halving this interval confines it: what is left of a smooth function and of
    a kink goes as the interval shrinks, that of a pole grows, a jump stays. Nothing where a value is missing.
    """
    nodes = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    seen = np.array([value(float(node)) for node in nodes])
    if not np.isfinite(seen).all():
        return
    fitted = np.polynomial.chebyshev.Chebyshev.fit(nodes, seen, DEGREE, domain=[-1, 1])
    left = seen - fitted(nodes)
    clearest = (
        np.argsort(-np.abs(np.diff(one))) for one in (left, seen)
    )  # a high cliff bends the polynomial elsewhere
    for k in np.stack(list(clearest), axis=1).ravel()[:count]:
        (low, high), (at_low, at_high) = nodes[k : k + 2], left[k : k + 2]
        most = float(abs(at_high - at_low))
        for _ in range(CONFINED):
            middle = (low + high) / 2
            at_middle = value(middle) - fitted(middle)
            if abs(at_middle - at_low) > abs(at_high - at_middle):
                high, at_high = middle, at_middle
            else:
                low, at_low = middle, at_middle
        yield float(low), float(abs(at_high - at_low)), most


def beyond_guard(point: Point, start: Inputs, grad: Array) -> bool:
    """Whether a guard of a singularity lies between other inputs of these shapes and the point.

    log(max(s, 1e-20)) falls without end as s goes to 0, by as much for each power of ten, and stays where it is beyond.
    A logarithm of |s| falls from both sides, a jump from neither, and what begins anew elsewhere does not stay.
    """

    def value(at: float, reach: float = 1.0) -> float:
        t = reach * (at + 1) / 2
        near = point.beside(point.changed(lambda i, x: start[i] + t * (x - start[i])))
        return float("nan") if near is None else float((grad * near.value).sum())

    for reach in PAST:
        for place, *_ in _sharpest(partial(value, reach=reach), CLIFFS):
            if reach * (place + 1) / 2 > 1 + CLOSER[-1]:
                continue  # past the point, which is still on the side of the example
            near, beyond = (np.array([value(place + side * h, reach) for h in CLOSER]) for side in (-1, 1))
            if _falls_and_stays(near, beyond):
                return True
    return False


def _falls_and_stays(near: Array, beyond: Array) -> bool:
    """Whether values ever closer to a place go on moving by as much on one side, and settle on the other, no nearer."""
    falls, moves, floor = np.diff(near), np.diff(beyond), 1e-12 * float(np.abs(beyond).max())
    endless = np.all(np.abs(falls[1:]) > 0.5 * np.abs(falls[:-1])) and abs(np.sign(falls).sum()) == len(falls)
    stays = np.all(np.abs(moves[1:]) < 0.2 * np.abs(moves[:-1]) + floor)
    return bool(endless and stays and (beyond[-1] - near[-1]) * falls[-1] >= 0)


def below_rounding(mismatch: ValueMismatch) -> bool:
    """Whether a large step moves the value by no more than a few ulps of the inputs, by fprop and by bprop alike.

    As 1 - erf(x) beyond 6, x - tanh(x) at 1e-7, a normalisation over one element. An operation that is small everywhere
    is measured by its own values.
    """
    point, grad, direction = mismatch.point, mismatch.grad, mismatch.direction
    weight = float(np.abs(grad).max(initial=0.0))
    length = max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
    room = FEW * UNIT * weight * length
    predicted = abs(mismatch.analytic) * STEP
    if predicted > room:
        return False
    moved = [point.along(direction, h) for h in (STEP, -STEP, STEP / 16, -STEP / 16)]
    changes = [float(np.abs((value - point.value) * grad).max(initial=0.0)) for value in moved if value is not None]
    seen = max(changes, default=0.0)
    if seen > room:
        return False
    usual = min(_usual_size(point), length)
    return max(predicted, seen) <= max(FEW * UNIT * weight * usual, TINY)


def _usual_size(point: Point) -> float:
    """The largest value at other inputs of these shapes."""
    rng = generator(0)
    sizes = [float(np.abs(point.value).max(initial=0.0))]
    for factor, shift in ((0.1, 0.0), (-1.0, 0.0), (0.0, 0.0), (0.0, 1.0)):

        def drawn(_: int, x: Array, factor: float = factor, shift: float = shift) -> Array:
            return np.asarray(factor * x + shift * rng.normal(size=x.shape))

        other = point.beside(point.changed(drawn))
        sizes += [] if other is None else [float(np.abs(other.value).max(initial=0.0))]
    return max(sizes)


HALF = 1e-4  # a unit of half precision is larger
COARSE = 4 * STEP  # the coarsest that keeps the sign of most elements in a narrow type
STEPS = 3  # finer ones are within the rounding of half precision
APART = 3.0  # spreads of the slopes between them and what bprop says


def contradicts_coarse_slopes(point: Point, direction: Direction, grad: Array, analytic: float) -> bool:
    """Whether bprop is far outside of all slopes to the right and to the left, at several coarse steps.

    Each is extrapolated from two steps, which removes the curvature. At a kink the slopes of the two sides differ by as
    much as a gradient may choose, and next to one those of different steps do: how far they are apart is the room that
    bprop has.
    """
    stencil = point.stencil(direction, COARSE)
    stencil.extend(STEPS)
    size = float((np.abs(grad) * np.abs(point.value)).sum())
    rows = []
    for k, (plus, minus) in enumerate(zip(stencil.plus[:STEPS], stencil.minus[:STEPS], strict=True)):
        if plus is None or minus is None:
            return False
        h = COARSE * 4.0**-k
        right, left = (float((grad * (plus - point.value)).sum()) / h, float((grad * (point.value - minus)).sum()) / h)
        rows.append((np.array([right, left]), 4 * point.runner.unit * size / h))
    found = [
        ((4 * fine - coarse) / 3, (4 * fine_floor + coarse_floor) / 3)
        for (coarse, coarse_floor), (fine, fine_floor) in pairwise(rows)
    ]
    floor = found[0][1]
    slopes = np.concatenate([pair for pair, its_floor in found if its_floor <= 4 * floor])
    low, high = float(slopes.min()), float(slopes.max())
    room = APART * (high - low + floor) + 1e-3 * max(abs(low), abs(high))
    return not low - room <= analytic <= high + room


def is_resolved(point: Point, direction: Direction, grad: Array, slope: float) -> bool:
    """Whether steps of half precision's own unit move the value by as much as a slope of this size says.

    A value that moves by much more has turns between one number of that type and the next, which no step can see.
    """
    if point.runner.unit < HALF:
        return True
    rounding = 8 * point.runner.unit * float((np.abs(grad) * np.abs(point.value)).sum())
    for h in (2 * point.runner.unit, -2 * point.runner.unit):
        moved = point.along(direction, h)
        if moved is None or abs(float((grad * (moved - point.value)).sum())) > 4 * slope * abs(h) + rounding:
            return False
    return True
