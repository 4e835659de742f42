"""Where differences of fprop, or bprop, say less than elsewhere: rounding, kinks, jumps, guards of singularities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import comb

import numpy as np

from flowgraph.checking.compare import FormFault, ask
from flowgraph.checking.difference import Slopes, Stencil
from flowgraph.checking.point import (
    NARROW,
    NOT_FINITE,
    UNIT,
    Direction,
    Illegal,
    Point,
    Runner,
    analytic_slope,
    coordinate,
    generator,
    parts,
    random_direction,
)
from flowgraph.checking.target import Array, Inputs

SPACINGS = (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)  # of an element: the scales that steps of differences have
GRID = 9  # points, of which differences of order 4 to 6 leave three at least
ROUGH = (4 * UNIT, 128 * UNIT, 4096 * UNIT)  # a few units in the last place, hundreds, and thousands
ROUGHER = (1e-10, 1e-8)  # what an element of 1e-4 loses beside one of 100 changes only over such distances
BESIDE = 1.7e-3  # of an element: wider than half of the widest grid, so that none reaches back to the point
HAS_LONGDOUBLE = np.finfo(np.longdouble).eps < 1e-18


def measured_noise(point: Point, direction: Direction) -> Array:
    """Per output, the size of the rounding inside fprop; measured once."""
    if id(direction) not in point.noises:
        point.noises[id(direction)] = (direction, _measure_differences(point, direction))
    return point.noises[id(direction)][1]


def _measure_differences(point: Point, direction: Direction) -> Array:
    """Differences of high order on fine grids.

    sigma² = (k!)² / (2k)! · mean (difference of order k)²

    k = 4 ... 6: smooth parts vanish in such differences. A kink also leaves something, but in
    proportion to the spacing, so the grids lie a little beside the point, where a kink at the point is not crossed, and
    only what two spacings close by agree on counts.
    Source: Hamming, Introduction to applied numerical analysis; Moré, Wild, Estimating computational noise (2011).
    """
    beside = next((offset for offset in (BESIDE, -BESIDE) if point.along(direction, offset) is not None), 0.0)
    grid = np.arange(GRID) - GRID // 2
    lines = ((beside + spacing * 0.917 * grid).tolist() for spacing in SPACINGS)
    seen = (_legal([point.along(direction, step) for step in steps]) for steps in lines)
    known = [_of_differences(np.stack(values)) for values in seen if len(values) == GRID]
    if len(known) < 2:
        return known[0] if known else np.zeros(point.value.shape)
    noise = np.zeros(point.value.shape)
    for k, noise_at in enumerate(known):  # a periodic noise may vanish on one spacing between two others
        for other in known[k + 1 : k + 3]:
            noise = np.maximum(noise, np.minimum(noise_at, other))
    return noise


def _legal(values: list[Array | None]) -> list[Array]:
    return [value for value in values if value is not None]


def _of_differences(difference: Array) -> Array:
    """The rounding in each column of values on a grid, by the least of their differences of order 4 to 6."""
    level = np.zeros(difference.shape[1:])
    for order in range(1, 7):
        difference = np.diff(difference, axis=0)
        if order >= 4:
            estimate = np.sqrt((difference**2).mean(axis=0) / comb(2 * order, order))
            level = estimate if order == 4 else np.minimum(level, estimate)
    return level


def overflows_on_the_way(runner: Runner, inputs: Inputs, active: tuple[int, ...], reason: Illegal) -> bool:
    """Whether a value that is not finite is finite in long double, and fits into float64: a stable form gives it."""
    doubles = all(np.asarray(inputs[i]).dtype == np.float64 for i in active)
    if not HAS_LONGDOUBLE or not doubles or str(reason) != NOT_FINITE:
        return False
    try:
        outputs = [np.asarray(part) for part in parts(runner.legal(in_long_double(inputs, active)))]
    except Illegal:
        return False
    carried = all(part.dtype == np.longdouble for part in outputs)
    return carried and all(bool(np.all(np.abs(part) < np.finfo(np.float64).max)) for part in outputs)


def widen_point(point: Point) -> Point | None:
    """The point in long double; None where this machine or fprop does not carry it through."""
    if not HAS_LONGDOUBLE:
        return None
    wide = point.beside(in_long_double(point.inputs, point.active))
    carried = wide is not None and all(
        (own := np.asarray(part).dtype) in (np.longdouble, np.clongdouble) or own.kind in "iub"
        for part in parts(wide.output)
    )
    return wide if carried else None


def in_long_double(inputs: Inputs, active: tuple[int, ...]) -> Inputs:
    """The inputs with those that are differentiated in long double."""
    kind = np.longdouble
    wide = {i: kind(x) if type(x := inputs[i]) is float else np.asarray(x).astype(kind) for i in active}
    return tuple(wide.get(i, x) for i, x in enumerate(inputs))


def disagrees(point: Point, wide: Point) -> bool:
    """Whether fprop itself has lost its digits here, so that the point says nothing."""
    difference = np.abs(point.value - wide.value.astype(np.float64))
    scale = np.abs(wide.value).astype(np.float64)
    scale = np.maximum(scale, 1e-3 * (scale.max() if scale.size else 0.0))
    return bool(np.any(difference > 1e-7 * scale))


def jitter_point(point: Point, rng: np.random.Generator, relative: float) -> Point | None:
    """The point with each element moved by a few times as much."""

    def move_elements(_: int, x: Array) -> Array:
        factor = 1.0 + relative * rng.uniform(1, 4, x.shape) * rng.choice([-1.0, 1.0], x.shape)
        return np.asarray(x * np.asarray(factor, dtype=x.dtype))

    return point.beside(point.change_inputs(move_elements))


def usual_size(point: Point) -> float:
    """The largest value at other inputs of these shapes."""
    rng = generator(0)
    sizes = [float(np.abs(point.value).max(initial=0.0))]
    for factor, shift in ((0.1, 0.0), (-1.0, 0.0), (0.0, 0.0), (0.0, 1.0)):
        other = point.beside(point.change_inputs(partial(_otherwise, rng, factor, shift)))
        sizes += [] if other is None else [float(np.abs(other.value).max(initial=0.0))]
    return max(sizes)


def _otherwise(rng: np.random.Generator, factor: float, shift: float, _: int, x: Array) -> Array:
    return np.asarray(factor * x + shift * rng.normal(size=x.shape))


def rounded_otherwise(grad: Array, rng: np.random.Generator, unit: float) -> Array:
    """An incoming gradient that differs in its last places, so that computations with it round differently."""
    return np.asarray(grad * (1.0 + unit * rng.uniform(-8, 8, grad.shape)).astype(grad.dtype))


def analytic_roughness(
    point: Point, grad: Array, direction: Direction, rng: np.random.Generator, spacings: tuple[float, ...]
) -> float:
    """The rounding inside bprop: high-order differences of the analytic slope on fine grids near the point.

    x - 800 of an x near 1 moves by 500 units of x at once: a few units more or less do not show what that costs.
    """
    ray = {i: point.scales(i) * rng.uniform(0.5, 1.5, np.shape(point.inputs[i])) for i in point.active}
    largest = 0.0
    for spacing in spacings:
        slopes = []
        for k in range(1, GRID + 1):
            near = point.beside(point.move_along(ray, k * spacing))
            gradients = None if near is None else ask(near, rounded_otherwise(grad, rng, 2 * UNIT))[0]
            if gradients is None:
                break
            slopes.append(analytic_slope(gradients, direction, point.active)[0])
        if len(slopes) == GRID and np.all(np.isfinite(slopes)):
            largest = max(largest, float(_of_differences(np.array(slopes)[:, None])[0]))
    return largest


COARSE, FINE = 3e-4, 3e-6  # distances of neighbours, a hundred apart: slopes of a smooth function come as much closer
NARROW_COARSE, NARROW_FINE, NARROW_SPAN = 0.3, 0.01, 0.3  # of what computes in float32: 3e-3 moves it by 1e4 roundings
MOST_WINNERS = 32  # elements, of four neighbours each
SPAN = 1e-2  # of a neighbour's stencil, against its distance from the point: it must stay on one side of a kink
NODES = 41  # on the way to a point: of what falls without end near its singularity, the slope changes most beside it
HALVINGS = 30  # of a stretch between two nodes, to 1e-10 of the way
PAST = (1.1, 1.0, 0.3, 0.1, 0.03)  # times the way to a point, which may lie at the guard itself, or far beyond it
BESIDE_NODE = 2  # stretches: where the value stops behind a node, the slope may change more before that node
CLIFFS = 2  # that are looked at: a jump elsewhere may be higher
STEEP = 100.0  # times: what is as steep there is a singularity that is cut off, and no bend of the function
CLOSER = (1e-3, 1e-5, 1e-7, 1e-9)  # of the way: wider than what HALVINGS leave


def neighbour_slopes(
    point: Point, direction: Direction, rng: np.random.Generator, count: int, radius: float | None = None
) -> Array:
    """Slopes along `direction` at points around this one (rows × outputs): above, below, ahead, behind, anywhere."""
    rows: list[Array | None] = []
    radius = _distances(point)[1] if radius is None else radius
    for k in range(count):
        distance = radius * 10.0 ** rng.uniform(-0.5, 0.5)
        offsets: Direction = {}
        for i in point.active:
            scales = point.scales(i)
            if k < 2:
                offsets[i] = (1 - 2 * k) * np.abs(scales)
            elif k < 4:
                offsets[i] = (5 - 2 * k) * direction[i] if i in direction else 0.0 * scales
            else:
                offsets[i] = scales * rng.normal(size=scales.shape)
        rows.append(_slope_beside(point, offsets, direction, distance))
    return _stack_rows(point, rows)


def _distances(point: Point) -> tuple[float, float, float]:
    """How far neighbours are, coarse and fine, and how far their stencils reach in units of that."""
    return (COARSE, FINE, SPAN) if point.runner.measured.unit <= NARROW else (NARROW_COARSE, NARROW_FINE, NARROW_SPAN)


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
    rows: list[Array | None] = []
    for n in shuffled[np.argsort(-weight[shuffled], kind="stable")][:MOST_WINNERS]:
        i, k = elements[n]
        around = rng.choice([-1.0, 1.0], (2, point.size(i)))
        around[:, k] = 0.0
        above = np.zeros((2, point.size(i)))
        above[:, k] = 1.0, -1.0
        for offset in (*above, *around):
            raised = {i: point.scales(i) * offset.reshape(np.shape(point.inputs[i]))}
            rows.append(_slope_beside(point, raised, direction, _distances(point)[1]))
    return _stack_rows(point, rows)


def _slope_beside(point: Point, offsets: Direction, direction: Direction, distance: float) -> Array | None:
    """The slope over a span much shorter than the distance to the point, so that the stencil stays on one side.

    Offsets that leave the domain are turned towards the middle of an input, away from it where all elements are equal:
    of fourteen zeros, where numbers must be positive, one draw in 16,000 moves none below 0.
    """
    near = point.beside(point.move_along(offsets, distance))
    for side in (1.0, -1.0):
        if near is None:
            turned = {i: side * np.abs(d) * _inwards(np.asarray(point.inputs[i])) for i, d in offsets.items()}
            near = point.beside(point.move_along(turned, distance))
    if near is None:
        return None
    h = distance * _distances(point)[2]
    up, down = near.along(direction, h), near.along(direction, -h)
    if up is None and down is None:
        return None
    both = up is not None and down is not None
    return ((near.value if up is None else up) - (near.value if down is None else down)) / (2 * h if both else h)


def _inwards(x: Array) -> Array:
    return np.where(x <= (x.min() + x.max()) / 2, 1.0, -1.0) if x.size else x


def _stack_rows(point: Point, rows: list[Array | None]) -> Array:
    return np.array(_legal(rows)).reshape(-1, point.value.size)


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
    wide, near, span = _distances(point)
    rounding = 6 * float((np.abs(grad) * (noise + point.rounding())).sum()) / (near * span)
    if spread <= rounding:
        return excess > rounding or not has_ties(point)
    coarse = neighbour_slopes(point, direction, rng, 16, wide)
    if not len(coarse):
        return False
    low, high = hull(coarse, grad)
    return spread - rounding < 0.2 * (high - low)


def has_ties(point: Point) -> bool:
    """Whether elements of an input are 0 or equal, where kinks are to be expected."""
    inputs = [np.ravel(point.inputs[i]) for i in point.active]
    return any(not np.all(x) or np.unique(x).size < x.size for x in inputs)


def hull(rows: Array, grad: Array) -> tuple[float, float]:
    """The interval that ⟨grad, slopes⟩ can take when every output picks its own row."""
    products = rows * grad
    return float(products.min(axis=0).sum()), float(products.max(axis=0).sum())


def is_singular(point: Point, rng: np.random.Generator, direction: Direction | None = None) -> bool:
    """Whether moving the inputs by 1e-10 or 1e-8 changes the value as moving them by 1e-3 does: there is no slope then.

    For a smooth function or a kink the changes are as 1 to 1e7 or 1e5, for a square root at 0 as 1 to 3e3 or 3e2, for
    the logarithm of a determinant close to 0 as 1 to 3. A step, as of floor at a whole number, is as high at 1e-10 as
    at 1e-8, be it small beside what the value does over 1e-3. Of `direction` both sides are looked at too.
    """
    tried = [{i: side * d for i, d in direction.items()} for side in (1.0, -1.0)] if direction else []
    for k in range(6):
        scales = {i: point.scales(i) for i in point.active}
        signs = {i: rng.choice([-1.0, 1.0], s.shape) if k > 1 else float(1 - 2 * k) for i, s in scales.items()}
        tried.append({i: s * signs[i] for i, s in scales.items()})
    for offsets in tried:
        moved = [point.along(offsets, step) for step in (1e-10, 1e-8, 1e-3)]
        closest, close, far = (None if near is None else np.abs(near - point.value) for near in moved)
        for distance, change, expected, share in (
            (1e-10, closest, far, 0.1),
            (1e-8, close, far, 0.1),
            (1e-10, closest, close, 0.9),
        ):
            if change is None or expected is None:
                continue
            if np.any(change > share * expected + 10 * distance * np.abs(point.value) + 1e-13 * point.value.size):
                return True
    return False


def is_degenerate(point: Point) -> bool:
    """Whether all entries, rows or columns of an input are equal, an axis has length 1, or there are more entries.

    That is: where the example is otherwise. Zeros are none: a single one, which is common, shows what they do.
    """
    for i in point.active:
        x, known = np.asarray(point.inputs[i]), np.asarray(point.runner.target.inputs[i])
        if x.ndim == known.ndim and x.shape != known.shape:
            shrunk = any(new == 1 < old for new, old in zip(x.shape, known.shape, strict=True))
            if shrunk or x.size > known.size:
                return True
        if x.any() and not _ties(known) and _ties(x):
            return True
    return False


def _ties(x: Array) -> bool:
    """Whether all entries, all rows or all columns are equal."""
    return any(x.ndim > axis and x.shape[axis] > 1 and not np.ptp(x, axis=axis).any() for axis in range(x.ndim))


def tells_nothing(point: Point, direction: Direction, slopes: Slopes, grad: Array) -> bool:
    """Whether the bar of slopes is wider than the slope, than that at the example, and than the value there."""
    weight, length = np.abs(grad), max(float(np.abs(d).max(initial=0.0)) for d in direction.values())
    usual = max(point.runner.measured.slope * length, point.runner.measured.size) * float(weight.max(initial=0.0))
    bar, size = (float((weight * np.abs(numbers)).sum()) for numbers in (slopes.error, slopes.value))
    return bar > max(usual, size) and usual > 0  # nothing is known of a bprop that is checked as an operation


def of_other_gradients(point: Point, rng: np.random.Generator) -> Point | None:
    """The point with generic incoming gradients where it is a bprop that is checked: 0 hides a jump, an infinite slope.

    None where it gives no finite value there.
    """
    arriving = {i: random_direction(point, i, rng) for i in point.active if i < point.runner.target.arriving}
    return point.beside(point.move_along(arriving, 1.0)) if arriving else point


def no_derivative(fault: FormFault, rng: np.random.Generator) -> str:
    """Why a point where bprop gives no number may have no derivative, "" where every available quotient settles."""
    point = fault.point
    if fault.kind == "raised" and "LinAlgError" in fault.note:
        return fault.note
    wide = widen_point(point)
    if wide is not None and disagrees(point, wide):
        return "fprop has no correct digits here"
    return _no_slopes(fault, rng)


def _no_slopes(fault: FormFault, rng: np.random.Generator) -> str:
    """Why quotients of differences tell of no derivative at the point, "" where they do."""
    point, generic = fault.point, of_other_gradients(fault.point, rng)
    if generic is None:
        return "another incoming gradient gives no finite value here"
    children = [fault.child] if fault.child is not None else list(point.active)
    seen: list[bool | None] = []
    for child in children:
        directions = [{child: random_direction(point, child, rng)} for _ in range(1 if point.size(child) else 0)]
        for direction in (*directions, *_bad_coordinates(fault, child)):
            seen += [_stay_bounded(point.stencil(direction)), _stay_bounded(generic.stencil(direction))]
            if False in seen:
                return "the derivative is infinite here"
            slopes = point.slopes(direction)
            if slopes is not None and tells_nothing(point, direction, slopes, np.ones(point.value.shape)):
                return "no step tells the slope here"
    if not any(seen[::2]) and any(point.size(child) for child in children):
        return "no step is legal on either side"
    return "the value jumps here" if is_singular(point, rng) else ""


def _stay_bounded(stencil: Stencil) -> bool | None:
    """Whether one-sided quotients settle on every side that is legal; None if no side is.

    All outputs count, also those whose incoming gradient is 0: 0 times an infinite slope is NaN in any code.
    """
    sides = [side for side in (stencil.settles(1), stencil.settles(-1)) if side is not None]
    return all(bool(side.all()) for side in sides) if sides else None


def _bad_coordinates(fault: FormFault, child: int) -> list[Direction]:
    """Along elements whose gradient is a NaN or an infinity; along the first where bprop gave none at all."""
    point = fault.point
    if fault.kind != "nonfinite" or fault.grad is None:
        return [coordinate(point, child, 0)] if point.size(child) else []
    gradients, _ = ask(point, fault.grad)
    g = gradients[point.active.index(child)] if gradients is not None else None
    return [] if g is None else [coordinate(point, child, int(k)) for k in np.flatnonzero(~np.isfinite(g))[:4]]


def beyond_guard(point: Point, start: Inputs, grad: Array) -> bool:
    """Whether a guard of a singularity lies between other inputs of these shapes and the point.

    log(max(s, 1e-20)) falls ever faster as s goes to 0, and stays where it is beyond. A logarithm of |s| falls from
    both sides, a jump from neither, and what begins anew elsewhere does not stay.
    """

    def value(t: float) -> float:
        near = point.beside(point.change_inputs(lambda i, x: start[i] + t * (x - start[i])))
        return float("nan") if near is None else float((grad * near.value).sum())

    for reach in PAST:
        for place in _cliffs(value, reach):
            if 0 < place <= 1 + CLOSER[-1]:  # past the point, which is still on the side of the example
                near, beyond = (np.array([value(place + side * h * reach) for h in CLOSER]) for side in (-0.5, 0.5))
                if _is_guard(near, beyond, abs(near[0] - value(0.0)) * reach / place):
                    return True
    return False


def _cliffs(value: Callable[[float], float], reach: float) -> Iterator[float]:
    """Where between 0 and `reach` the slope of a function changes most, by halving the stretches around a node."""
    nodes = reach * (1 - np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)) / 2
    seen = np.array([value(float(node)) for node in nodes])
    if not np.isfinite(seen).all():
        return
    changes = np.abs(np.diff(np.diff(seen) / np.diff(nodes)))
    steepest = np.argsort(-changes)
    apart = [k for n, k in enumerate(steepest) if np.all(np.abs(steepest[:n] - k) > BESIDE_NODE)]
    for k in apart[:CLIFFS]:
        around = slice(max(k + 1 - BESIDE_NODE, 0), k + 2 + BESIDE_NODE)
        at, values = nodes[around], seen[around]
        for _ in range(HALVINGS):
            middles = (at[1:] + at[:-1]) / 2
            places = np.arange(1, len(at))
            values = np.insert(values, places, [value(float(middle)) for middle in middles])
            at = np.insert(at, places, middles)
            top = 1 + int(np.argmax(np.abs(np.diff(np.diff(values) / np.diff(at)))))
            around = slice(max(top - BESIDE_NODE, 0), top + 1 + BESIDE_NODE)
            at, values = at[around], values[around]
        top = 1 + int(np.argmax(np.abs(np.diff(np.diff(values) / np.diff(at)))))
        yield float(at[top])


def _is_guard(near: Array, beyond: Array, usual: float) -> bool:
    """Whether a value falls ever faster towards a place, far more than on its whole way there, and stays beyond it."""
    falls, lengths = np.diff(near), -np.diff(CLOSER) / 2
    slopes, after = np.abs(falls) / lengths, np.abs(np.diff(beyond)) / lengths
    one_way = abs(np.sign(falls).sum()) == len(falls) and (beyond[-1] - near[-1]) * falls[-1] >= 0
    return bool(one_way and slopes.max() > STEEP * max(usual, after.max()))
