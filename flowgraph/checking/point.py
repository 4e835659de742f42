"""One legal set of inputs: its value, slopes along directions, and what bprop says there."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from flowgraph.checking.difference import STEP, Slopes, Stencil
from flowgraph.checking.runner import Illegal, Runner, flatten, unflatten
from flowgraph.checking.target import Array, Inputs

UNIT = 2.0**-53
MANY_OUTPUTS = 4096
SUMS = 8

Direction = dict[int, Array]


@dataclass
class Point:
    """Inputs at which fprop is finite. `output` is the raw value, `value` its elements (or sums of very many)."""

    runner: Runner
    inputs: Inputs
    regime: str
    active: tuple[int, ...]
    output: Any = None
    value: Array = field(default_factory=lambda: np.zeros(0))
    projection: Array | None = None
    seconds: float = 0.0  # that fprop took
    noises: dict[int, tuple[Direction, Array]] = field(default_factory=dict)  # by id, kept with what bears the id
    _scales: dict[int, Array] = field(default_factory=dict)
    _stencils: dict[tuple[int, float], tuple[Direction, Stencil]] = field(default_factory=dict)

    @classmethod
    def at(cls, runner: Runner, inputs: Inputs, regime: str, active: tuple[int, ...]) -> Point:
        """Raises Illegal outside the domain."""
        point = cls(runner, inputs, regime, active)
        began = time.perf_counter()
        point.output = runner.legal(inputs)
        point.seconds = time.perf_counter() - began
        flat = flatten(point.output)
        if flat.size > MANY_OUTPUTS:
            point.projection = _signs(flat.size).astype(flat.dtype, copy=False)
        point.value = point.project(flat)
        return point

    def slower_than(self, seconds: float) -> bool:
        """Whether fprop takes longer, also when it is asked again: a busy machine may have held it up once."""
        if self.seconds > seconds:
            began = time.perf_counter()
            with suppress(Illegal):
                self.runner.legal(self.inputs)
            self.seconds = min(self.seconds, time.perf_counter() - began)
        return self.seconds > seconds

    def project(self, flat: Array) -> Array:
        """The part of a flat value that is compared."""
        return flat if self.projection is None else self.projection @ flat

    def moved(self, direction: Direction, h: float) -> Inputs:
        """The inputs at x + h d."""
        inputs = list(self.inputs)
        for i, d in direction.items():
            x = inputs[i]
            inputs[i] = float(x + h * float(d)) if type(x) is float else x + h * d
        return tuple(inputs)

    def along(self, direction: Direction, h: float) -> Array | None:
        """F(x + h d), None where that is outside the domain."""
        try:
            flat = flatten(self.runner.legal(self.moved(direction, h)))
        except Illegal:
            return None
        moved = self.project(flat) if flat.size != self.value.size or self.projection is not None else flat
        return moved if moved.shape == self.value.shape else None

    def stencil(self, direction: Direction, start: float = STEP) -> Stencil:
        """The same one whenever the same direction is asked for: an escalation looks at it many times."""
        key = (id(direction), start)
        if key not in self._stencils:
            made = Stencil(lambda h: self.along(direction, h), self.value, start)
            self._stencils[key] = (direction, made)
        return self._stencils[key][1]

    def rounding(self) -> Array:
        """What rounding does to F if it is computed well: a few units in the last place."""
        size = np.abs(self.value)
        return np.asarray(4 * self.runner.unit * (size + 1e-3 * (size.max() if size.size else 0.0)) + 1e-300)

    def slopes(self, direction: Direction, depth: int = 4, start: float = STEP) -> Slopes | None:
        """The slopes of the value along a direction."""
        stencil = self.stencil(direction, start)
        stencil.extend(depth)
        slopes = stencil.slopes(self.rounding())
        if slopes is None or slopes.one_sided:
            stencil.extend(depth + 5)
            slopes = stencil.slopes(self.rounding())
        return slopes

    def _of_others(self) -> float:
        """How far an input of zeros may be moved: by 1, or as far as the others are from 0 where that is less."""
        sizes = [np.abs(x[x != 0]) for x in (np.asarray(self.inputs[i], dtype=np.float64) for i in self.active)]
        return min([1.0, *(float(np.median(size)) for size in sizes if size.size)])

    def gradients(self, grad: Array) -> Any:
        """What bprop returns for `grad`, given per element of `value`."""
        flat = grad if self.projection is None else grad @ self.projection
        return self.runner.bprop(unflatten(flat, self.output), self.output, self.inputs)

    def size(self, i: int) -> int:
        """The number of elements of an input."""
        return int(np.size(self.inputs[i]))

    def scales(self, i: int) -> Array:
        """How far each element may be moved: its own size, the median where it is 0, so that no stencil crosses 0."""
        if i not in self._scales:
            size = np.abs(np.asarray(self.inputs[i], dtype=np.float64))
            present = size[size > 0]
            if present.size < size.size:
                size = np.where(size > 0, size, float(np.median(present)) if present.size else self._of_others())
            size.setflags(write=False)
            self._scales[i] = size
        return self._scales[i]


@lru_cache(maxsize=4)
def _signs(count: int) -> Array:
    """Random sums of very many outputs: 1 and -1 as weights."""
    return 2.0 * np.random.default_rng(count).integers(0, 2, (SUMS, count)) - 1.0


def analytic_slope(gradients: list[Array | None], direction: Direction, active: tuple[int, ...]) -> tuple[float, float]:
    """⟨gradient, direction⟩ and the sum of the sizes of its terms."""
    total, size = 0.0, 0.0
    for i, d in direction.items():
        g = gradients[active.index(i)]
        if g is not None:
            terms = np.asarray(g) * d
            total += float(terms.sum())
            size += float(np.abs(terms).sum())
    return total, size
