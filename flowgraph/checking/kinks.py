"""Points where the slope or the value jumps: which answers are correct there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from flowgraph.checking.compare import FormFault, ask
from flowgraph.checking.difference import STEP, Stencil
from flowgraph.checking.noise import disagrees, widened
from flowgraph.checking.point import NARROW, Direction, Point, coordinate, random_direction
from flowgraph.checking.target import Array, Inputs

COARSE, FINE = 3e-4, 3e-6  # distances of neighbours, a hundred apart: slopes of a smooth function come as much closer
NARROW_COARSE, NARROW_FINE, NARROW_SPAN = 0.3, 0.01, 0.3  # of what computes in float32: 3e-3 moves it by 1e4 roundings
MOST_WINNERS = 32  # elements, of four neighbours each
SPAN = 1e-2  # of a neighbour's stencil, against its distance from the point: it must stay on one side of a kink
NODES = 41  # on the way to a point: of what falls without end only near its singularity, the steepest is next to it
HALVINGS = 36  # of a stretch between two nodes, to 1e-12 of the way
PAST = (1.1, 1.0, 0.3, 0.1, 0.03)  # times the way to a point, which may lie at the guard itself, or far beyond it
CLIFFS = 2  # that are looked at: a jump elsewhere may be higher
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
    return _stacked(point, rows)


def _distances(point: Point) -> tuple[float, float, float]:
    """How far neighbours are, coarse and fine, and how far their stencils reach in units of that."""
    return (COARSE, FINE, SPAN) if point.runner.unit <= NARROW else (NARROW_COARSE, NARROW_FINE, NARROW_SPAN)


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
    return _stacked(point, rows)


def own_slopes(point: Point, direction: Direction) -> Array:
    """The one-sided slopes at the point itself."""
    stencil = point.stencil(direction, start=STEP / (256 if point.runner.unit <= NARROW else 1))
    stencil.extend(3)
    sides = (stencil.quotients(side) for side in (1, -1))
    return _stacked(point, [side[0][-1] for side in sides if side is not None])


def _slope_beside(point: Point, offsets: Direction, direction: Direction, distance: float) -> Array | None:
    """The slope over a span much shorter than the distance to the point, so that the stencil stays on one side.

    Offsets that leave the domain are turned towards the middle of an input, away from it where all elements are equal:
    of fourteen zeros, where numbers must be positive, one draw in 16,000 moves none below 0.
    """
    near = point.beside(point.moved(offsets, distance))
    for side in (1.0, -1.0):
        if near is None:
            turned = {i: side * np.abs(d) * _inwards(np.asarray(point.inputs[i])) for i, d in offsets.items()}
            near = point.beside(point.moved(turned, distance))
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


def _stacked(point: Point, rows: list[Array | None]) -> Array:
    return np.array([row for row in rows if row is not None]).reshape(-1, point.value.size)


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


def is_singular(point: Point, rng: np.random.Generator) -> bool:
    """Whether moving the inputs by 1e-10 or 1e-8 changes the value as moving them by 1e-3 does: there is no slope then.

    For a smooth function or a kink the changes are as 1 to 1e7 or 1e5, for a square root at 0 as 1 to 3e3 or 3e2, for
    the logarithm of a determinant close to 0 as 1 to 3. A step, as of floor at a whole number, is as high at 1e-10 as
    at 1e-8, be it small beside what the value does over 1e-3.
    """
    for k in range(6):
        offsets = {}
        for i in point.active:
            scales = point.scales(i)
            offsets[i] = scales * (rng.choice([-1.0, 1.0], scales.shape) if k > 1 else float(1 - 2 * k))
        moved = [point.along(offsets, distance) for distance in (1e-10, 1e-8, 1e-3)]
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


def of_other_gradients(point: Point, rng: np.random.Generator) -> Point | None:
    """The point with generic incoming gradients where it is a bprop that is checked: 0 hides a jump, an infinite slope.

    None where it gives no finite value there.
    """
    arriving = {i: random_direction(point, i, rng) for i in point.active if i < point.runner.target.arriving}
    return point.beside(point.moved(arriving, 1.0)) if arriving else point


def no_derivative(fault: FormFault, rng: np.random.Generator) -> str:
    """Why a point where bprop gives no number may have no derivative, "" where every available quotient settles."""
    point = fault.point
    if fault.kind == "raised" and "LinAlgError" in fault.note:
        return fault.note
    wide = widened(point)
    if wide is not None and disagrees(point, wide):
        return "fprop has no correct digits here"
    if _passes_through_infinity(point):
        return "fprop itself divides by 0 on its way to a finite value"
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
    if not any(seen[::2]) and any(point.size(child) for child in children):
        return "no step is legal on either side"
    if is_singular(point, rng):
        return "the value jumps here"
    stuck = any(_stuck(point, i, rng) for i in point.active if i not in children)
    return "another input can be moved to neither side here" if stuck else ""


def _stay_bounded(stencil: Stencil) -> bool | None:
    """Whether one-sided quotients settle on every side that is legal; None if no side is.

    All outputs count, also those whose incoming gradient is 0: 0 times an infinite slope is NaN in any code.
    """
    sides = [side for side in (stencil.settles(1), stencil.settles(-1)) if side is not None]
    return all(bool(side.all()) for side in sides) if sides else None


def _passes_through_infinity(point: Point) -> bool:
    """1 / sum(1 / x) is finite at 0, but no rule of calculus was meant to be used there."""
    of_nothing = not point.value.size  # the mean of no elements is NaN, but no element of the output shows it
    with np.errstate(divide="raise", invalid="raise" if of_nothing else "ignore"):
        try:
            point.runner.fprop(point.inputs)
        except FloatingPointError:
            return True
        except Exception:
            return False
    return False


def _stuck(point: Point, i: int, rng: np.random.Generator) -> bool:
    """Whether an input can be moved to neither side, though it can where the others take values close by.

    x log(x / y) is defined at (0, 0), but beside it for no x at this y: slopes along the edge of a domain are those of
    no function around the point.
    """
    if not point.size(i):
        return False
    others = {k: np.abs(random_direction(point, k, rng)) for k in point.active if k != i}

    def moves(side: float) -> bool:
        aside = {k: side * d for k, d in others.items()} if side else {}
        own = random_direction(point, i, rng)
        return any(point.along(aside | {i: h * own}, 1.0) is not None for h in (1e-3, -1e-3))

    return not moves(0.0) and (moves(1e-2) or moves(-1e-2))


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

    log(max(s, 1e-20)) falls without end as s goes to 0, by as much for each power of ten, and stays where it is beyond.
    A logarithm of |s| falls from both sides, a jump from neither, and what begins anew elsewhere does not stay.
    """

    def value(t: float) -> float:
        near = point.beside(point.changed(lambda i, x: start[i] + t * (x - start[i])))
        return float("nan") if near is None else float((grad * near.value).sum())

    for reach in PAST:
        for place in _cliffs(value, reach):
            if place > 1 + CLOSER[-1]:
                continue  # past the point, which is still on the side of the example
            near, beyond = (np.array([value(place + side * h * reach) for h in CLOSER]) for side in (-0.5, 0.5))
            if _falls_and_stays(near, beyond):
                return True
    return False


def _cliffs(value: Callable[[float], float], reach: float) -> Iterator[float]:
    """Where between 0 and `reach` a function moves most within little, by halving the stretch between two nodes."""
    nodes = reach * (1 - np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)) / 2
    seen = np.array([value(float(node)) for node in nodes])
    if not np.isfinite(seen).all():
        return
    for k in np.argsort(-np.abs(np.diff(seen)))[:CLIFFS]:
        (low, high), (at_low, at_high) = nodes[k : k + 2], seen[k : k + 2]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            at_middle = value(float(middle))
            if abs(at_middle - at_low) > abs(at_high - at_middle):
                high, at_high = middle, at_middle
            else:
                low, at_low = middle, at_middle
        yield float(low)


def _falls_and_stays(near: Array, beyond: Array) -> bool:
    """Whether values ever closer to a place go on moving by as much on one side, and settle on the other, no nearer."""
    falls, moves, floor = np.diff(near), np.diff(beyond), 1e-12 * float(np.abs(beyond).max())
    endless = np.all(np.abs(falls[1:]) > 0.5 * np.abs(falls[:-1])) and abs(np.sign(falls).sum()) == len(falls)
    stays = np.all(np.abs(moves[1:]) < 0.2 * np.abs(moves[:-1]) + floor)
    return bool(endless and stays and (beyond[-1] - near[-1]) * falls[-1] >= 0)
