"""How far a value is from a smooth curve over the distance of the largest step.

An iteration that stops at a tolerance jumps by that much wherever it takes one turn more: between two jumps it is
smooth, with the slope of so many turns, and only across many of them with the slope of what it goes to.
"""

from __future__ import annotations

import numpy as np

from flowgraph.checking.compare import random_direction
from flowgraph.checking.difference import SHRINK, STEP
from flowgraph.checking.point import Direction, Point
from flowgraph.checking.target import Array

NODES = 41
DEGREE = 20
HALVINGS = 3
LINES = 6
FARTHER = 4  # times, where all inputs move: what one of them does may not change the number of turns
COARSER, FINER = 5, 12
LEAST_STAIR = 1e-7  # of the value at the example
SHARE = 30.0  # times the residual over the reach: the slope of so many turns is off by more than their value is


def on_a_stair(point: Point, grad: Array, direction: Direction) -> bool:
    """Whether the value keeps its bits over the finest steps and moves over coarser ones by next to nothing.

    Bisection to 1e-9 answers one of so many numbers: between inputs of 1e-7 there are few of them.
    """
    at = float((grad * point.value).sum())
    changes = []
    for k in range(-COARSER, FINER):
        for side in (1, -1):
            value = point.along(direction, side * STEP / SHRINK**k)
            changes.append((k, 0.0 if value is None else abs(float((grad * value).sum()) - at)))
    moved = [change for _, change in changes if change > 0]
    still = all(change == 0 for k, change in changes if k > 2)
    return still and bool(moved) and min(moved) < LEAST_STAIR * point.runner.size * float(np.abs(grad).max())


def slope_room(point: Point, grad: Array, direction: Direction, rng: np.random.Generator) -> float:
    """How far the slope on this curve can be from that of the curve without its jumps; 0 where no reach is legal.

    room = 30 |residual| / reach,   residual: of a polynomial of degree 20 through 41 Chebyshev nodes
    """
    room = _room(point, grad, direction, STEP)
    for _ in range(LINES):
        dense = {i: random_direction(point, i, rng) for i in point.active}
        room = max(room, _room(point, grad, dense, FARTHER * STEP))
    return room


def _room(point: Point, grad: Array, direction: Direction, reach: float) -> float:
    nodes = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    for _ in range(HALVINGS):
        values = [point.along(direction, reach * float(node)) for node in nodes]
        seen = np.array([float((grad * value).sum()) for value in values if value is not None])
        if len(seen) == NODES:
            fitted = np.polynomial.chebyshev.Chebyshev.fit(nodes, seen, DEGREE, domain=[-1, 1])
            return SHARE * float(np.abs(seen - fitted(nodes)).max()) / reach
        reach /= 2
    return 0.0
