"""Whether two values agree as far as rounding lets them: how far it may move each element is measured, not guessed.

The graph is computed again several times, with what every operation rounds moved by a few units in the last place and
the signs of zeros and NaNs drawn by lot (Monte Carlo arithmetic). A difference that these runs show too is rounding.

Source: Parker, Monte Carlo arithmetic, 1997.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.box import Elementwise
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.passes.inlining import concrete_leaves, open_composites, specialise

RUNS = 8
MORE_RUNS = 64
"""Runs where a value differs from all of a few: of a sine of 1e8 in float32 every rounding gives another number."""

EXACT_RUNS = 32
"""Runs of a program whose numbers are exact: nothing is rounded, and what a plan may change is the sign of a zero."""

UNITS = 4.0
"""Units in the last place by which what is rounded is moved in these runs."""

FACTOR = 16.0
"""How many times the largest move of these runs a difference may be."""

_LONGER = {"e": np.float32, "f": np.float64, "d": np.longdouble, "F": np.complex128, "D": np.clongdouble}


class Rounding:
    """The values of a run of a graph, and on demand what rounding could make of them."""

    def __init__(self, graph: fg.Graph, run: fg.Run, exact: bool = False, elsewhere: bool = False) -> None:
        self.graph = graph
        self.run = run
        self.exact = exact
        self.elsewhere = elsewhere  # by formulas of others, which round where ours may be exact
        self._samples: list[dict[Any, Any] | None] = []

    def difference(self, box: Any, found: Any) -> str | None:
        """What is wrong with a value that another path found for a box; None where rounding explains it."""
        needed = self.run[box]
        return self.of_values(box, needed, found)

    def of_values(self, box: Any, needed: Any, found: Any) -> str | None:
        """The same, where another path than the graph says what is needed."""
        plain = disagreement(found, needed, ())
        if plain is None:
            return plain
        for number in (EXACT_RUNS,) if self.exact else (RUNS, MORE_RUNS):
            runs = self.samples(number)
            samples = [sample[box] for sample in runs if sample is not None]
            if len(samples) < len(runs) // 2:
                return None  # a matrix that is singular to rounding: some of these runs raise
            plain = disagreement(found, needed, samples)
            if plain is None:
                return None
        return plain

    def samples(self, number: int) -> list[dict[Any, Any] | None]:
        """The values of the outputs in so many runs with other rounding, None for a run that raised."""
        if len(self._samples) < number:
            inner, given = self._opened()
            for i in range(len(self._samples), number):
                sample = 2 * i + 1 if self.exact else i
                self._samples.append(self._sample(inner, given, np.random.default_rng(sample), sample))
        return self._samples

    def _opened(self) -> tuple[fg.Graph, dict[Any, Any]]:
        """The graph of what composite boxes are made of, whose rounding is unseen, and the values of its leaves."""
        shapes = {box: np.shape(self.run[box]) for box in self.graph.inputs}
        leaves = concrete_leaves(self.graph, shapes, self.run.sizes)
        inner = open_composites(specialise(self.graph, leaves))
        return inner, {leaves.get(box, box): self.run[box] for box in self.graph if not box.children}

    def _sample(
        self, inner: fg.Graph, given: dict[Any, Any], rng: np.random.Generator, sample: int
    ) -> dict[Any, Any] | None:
        values = {box: _of_other_nans(value, rng) if sample % 2 else value for box, value in given.items()}
        with np.errstate(all="ignore"):
            for box in inner.boxes:
                if box in values:
                    continue
                try:
                    children = [values[child] for child in box.children]
                    if self.exact:
                        values[box] = resigned(box, children, rng)
                    else:
                        values[box] = moved(box, children, rng, sample, self.elsewhere)
                except Exception:
                    return None
        return {box: values[made] for box, made in zip(self.graph.outputs, inner.outputs, strict=True)}


def _of_other_nans(value: Any, rng: np.random.Generator) -> Any:
    """A value with the signs of its NaNs drawn by lot: a parameter becomes one, and which it is carries no meaning."""
    array = np.asarray(value) if not isinstance(value, tuple) else np.zeros(0)
    if array.dtype.kind != "f" or not np.isnan(array).any():
        return value
    return np.where(np.isnan(array) & (rng.random(array.shape) < 0.5), -array, array)[()]


def resigned(box: Any, children: Sequence[Any], rng: np.random.Generator) -> Any:
    """The value of a box, where the signs of zeros and NaNs alone are drawn by lot."""
    value = box.fprop(*children) if box.children else box.value
    if isinstance(value, tuple):
        return tuple(_move(np.asarray(part), rng, True, 1) for part in value)
    return _move(np.asarray(value)[()], rng, True, 1)


def moved(box: Any, children: Sequence[Any], rng: np.random.Generator, sample: int, elsewhere: bool = False) -> Any:
    """The value of a box, where what it rounds is moved; of an elementwise one all, if it is computed elsewhere."""
    if not box.children:
        return box.value[()]
    if isinstance(box, Elementwise):
        value = np.asarray(box.fprop(*children))[()]
        exact = None if elsewhere else _exact(box, value, children)
        return _move(value, rng, exact, sample, _coarseness(box, value, children))
    if _only_moves(box, children):
        value = box.fprop(*children)
        parts = value if isinstance(value, tuple) else (value,)
        parts = tuple(_move(np.asarray(part), rng, True, sample) for part in parts)
        return parts if isinstance(value, tuple) else parts[0]
    whole = all(not isinstance(child, tuple) and _is_small_whole(np.asarray(child)) for child in children)
    if not whole:
        children = [_move(child, rng, None, sample) for child in children]  # its sums may be in another order
    value = box.fprop(*children)
    if isinstance(value, tuple):
        return tuple(_move(np.asarray(part), rng, None, sample) for part in value)
    value = np.asarray(value)
    exact = (value == 0) | (whole and _is_small_whole(value))
    return _move(_in_any_order(box, value, children, sample)[()], rng, exact, sample)


def _in_any_order(box: Any, value: Any, children: Sequence[Any], sample: int) -> Any:
    """The value, with what sums in another order could be drawn by lot where their terms overflow without a sign."""
    if value.dtype.kind not in "fc" or any(np.asarray(child).dtype.kind == "c" for child in children):
        return value
    try:
        total = np.asarray(box.fprop(*[np.abs(c) if np.asarray(c).dtype.kind == "f" else c for c in children]))
    except Exception:
        return value
    if total.shape != value.shape or np.isfinite(total).all():
        return value
    other = (np.inf, -np.inf, np.nan, value, _in_more_digits(box, value, children))[sample % 5]
    return np.where(np.isfinite(total), value, other).astype(value.dtype)


def _in_more_digits(box: Any, value: Any, children: Sequence[Any]) -> Any:
    """The value where its terms are added in a wider dtype, in which they do not overflow, as a kernel may do."""
    try:
        return np.asarray(box.fprop(*[np.asarray(c, _LONGER.get(np.asarray(c).dtype.char)) for c in children]))
    except Exception:
        return value


def _only_moves(box: Any, children: Sequence[Any]) -> bool:
    """Whether a box moves elements and computes none: of other numbers too it gives only numbers that it was given."""
    if any(isinstance(child, tuple) for child in children):
        return True
    rng = np.random.default_rng(0)
    arrays = [np.asarray(child) for child in children]
    others = [rng.normal(size=a.shape).astype(a.dtype) if a.dtype.kind in "fc" else a for a in arrays]
    try:
        value = box.fprop(*others)
    except Exception:
        return False
    if isinstance(value, tuple):
        return False
    known = [np.ravel(a) for a in others]
    return bool(np.all(np.isin(value, np.concatenate(known)) | (np.asarray(value) == 0)))


def _is_small_whole(a: Any) -> bool:
    if a.dtype.kind not in "fc":
        return True
    parts = np.array([a.real, a.imag]) if a.dtype.kind == "c" else a
    scaled = parts.astype(float) * 1024
    return bool(np.all((scaled == np.rint(scaled)) & (np.abs(parts) < 2**9)))


def _exact(box: Any, value: Any, children: Sequence[Any]) -> Any:
    """The elements that more digits would give too, of a ufunc that NumPy has for more digits; None for others."""
    longer = _LONGER.get(np.asarray(value).dtype.char)
    ufunc = ufunc_of(box)
    if longer is None or ufunc is None or np.asarray(value).dtype.kind == "c":
        return None  # of the products that cancel in a complex number nothing is to be seen
    wide = [np.asarray(c, _LONGER.get(np.asarray(c).dtype.char, np.asarray(c).dtype)) for c in children]
    with contextlib.suppress(Exception):
        found = np.asarray(ufunc(*wide))
        return found == value if found.dtype == longer else None
    return None


def _coarseness(box: Any, value: Any, children: Sequence[Any]) -> float:
    """How many units of the value the steps inside a box may round by: float32 ones where only the result is wider."""
    if value.dtype.kind != "f" or ufunc_of(box) is not None:
        return 1.0
    units = [float(np.finfo(c.dtype).eps) for c in map(np.asarray, children) if c.dtype.kind == "f"]
    return max([1.0, *(unit / float(np.finfo(value.dtype).eps) for unit in units)])


def _move(value: Any, rng: np.random.Generator, exact: Any, sample: int, coarseness: float = 1.0) -> Any:
    """Numbers moved by a few units in the last place, but for exact ones; in every second sample signs of 0 and NaN."""
    if isinstance(value, tuple) or np.asarray(value).dtype.kind not in "fc":
        return value
    array = np.array(value)
    parts = [array.real, array.imag] if array.dtype.kind == "c" else [array]
    info = np.finfo(array.dtype)
    new = []
    for part in parts:
        size = part if array.dtype.kind == "f" else np.where(np.isfinite(array), np.abs(array), part)
        step = size * (UNITS * coarseness * info.eps * rng.uniform(-1, 1, part.shape)).astype(part.dtype)
        tiny = np.abs(part) < info.tiny * 4  # a relative step would vanish there
        step = np.where(tiny & (part != 0), rng.integers(-4, 5, part.shape) * info.smallest_subnormal, step)
        step = np.where(np.isfinite(part), step, 0)
        if exact is not None:
            step = np.where(exact, 0, step)
        one = (part + step).astype(part.dtype)
        if array.dtype.kind == "c":  # which part of a complex number overflows, and to what, says nothing
            other = (np.inf, -np.inf, np.nan)[(sample // 3 if new else sample) % 3]
            one = np.where(np.isfinite(array), one, part.dtype.type(other))
        if sample % 2:
            signless = (one == 0) | np.isnan(one)
            one = np.where(signless & (rng.random(part.shape) < 0.5), -one, one).astype(part.dtype)
        new.append(one)
    result = np.empty(array.shape, array.dtype)
    if len(new) == 2:  # not by adding: 1j times infinity is NaN in its real part
        result.real, result.imag = new
    else:
        result[...] = new[0]
    return result[()]


def disagreement(found: Any, needed: Any, samples: Sequence[Any]) -> str | None:
    """How a value differs from what is needed by more than rounding; None where it does not."""
    if isinstance(needed, tuple):
        parts = [
            disagreement(f, n, [s[i] for s in samples]) for i, (f, n) in enumerate(zip(found, needed, strict=True))
        ]
        return next((text for text in parts if text), None)
    found, needed = np.asarray(found), np.asarray(needed)
    if found.shape != needed.shape or found.dtype != needed.dtype:
        return f"found {found.dtype} {found.shape}, needs {needed.dtype} {needed.shape}"
    others = [np.asarray(sample) for sample in samples]
    others = [one for one in others if one.shape == needed.shape]
    if samples and len(others) < len(samples):
        return None  # a shape that follows values which rounding moves
    bad = _differs(found, needed, others)
    if not np.any(bad):
        return None
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    spread = [repr(one[place]) for one in others[:3]]
    count = f"{int(np.sum(bad))} of {needed.size}"
    return f"{count}: at {place} found {found[place]!r}, needs {needed[place]!r}, rounding {spread}"


def _differs(found: Any, needed: Any, others: Sequence[Any]) -> Any:
    """The elements that differ by more than rounding."""
    if needed.dtype.kind not in "fc":
        same = found == needed
        for one in others:
            same |= one != needed
        return ~same
    kinds = _kind(found), _kind(needed)
    excused = np.zeros(needed.shape, bool)
    for one in others:
        excused |= _kind(one) == kinds[0]
    info = np.finfo(needed.dtype)
    with np.errstate(all="ignore"):
        spread = np.zeros(needed.shape, float)
        for one in others:
            spread = np.fmax(spread, np.where(_kind(one) == 0, _distance(one, needed), 0))
        size = np.abs(needed).astype(float)
        bound = FACTOR * spread + 8 * float(info.eps) * size + 8 * float(info.smallest_subnormal)
        unknown = np.logical_and.reduce([_kind(one) != 0 for one in others]) if others else False
        near = (_distance(found, needed) <= bound) | unknown
    both = kinds[0] == kinds[1]
    return ~((both & ((kinds[0] != 0) | near)) | (~both & excused))


def _distance(a: Any, b: Any) -> Any:
    wide = np.clongdouble if a.dtype.kind == "c" else np.longdouble
    return np.abs(a.astype(wide) - b.astype(wide)).astype(float)


def _kind(a: Any) -> Any:
    """0 for a finite number, 1 for NaN, 2 and 3 for the infinities; complex numbers that are not finite are all one."""
    if a.dtype.kind == "c":
        return np.where(np.isfinite(a), 0, 1)
    return np.where(np.isfinite(a), 0, np.where(np.isnan(a), 1, np.where(a > 0, 2, 3)))
