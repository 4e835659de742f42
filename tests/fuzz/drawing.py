"""Draws programs: leaves of a profile, then lines that NumPy takes and boxes take, one after another."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import flowgraph as fg
from tests.fuzz.case import Case, Leaf, box_of
from tests.fuzz.loops import draw_loop
from tests.fuzz.networks import draw_network
from tests.fuzz.operations import Operation, load
from tests.fuzz.pool import Pool

LARGEST = 200
"""Elements of a value: enough for every path, and quick."""

SHAPES = (
    (3,), (2, 3), (3, 2), (2, 3), (3, 3), (), (1,), (4,), (2, 1), (1, 3), (2, 2, 3), (1, 1), (4, 3), (6,), (0,), (0, 3),
)  # fmt: skip
DTYPES = ("f8", "f8", "f4", "f4", "f2", "c16", "c8", "i8", "i4", "u1", "?")
LAYOUTS = ("a", "a", "a", "a.T", "a[::-1]", "a[::2]")


@dataclass(frozen=True)
class Profile:
    """What kind of programs: dtypes of the leaves, how their values are drawn, how long, whether rounding-free."""

    name: str
    dtypes: tuple[str, ...]
    values: Callable[[np.random.Generator, tuple[int, ...], Any], Any]
    length: int = 7
    exact: bool = False
    batch: bool = False
    numpy_only: bool = False


def ordinary(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Numbers about 1."""
    return _as(rng.normal(size=shape), rng, dtype)


def whole(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Small whole numbers and halves, with many ties and zeros of either sign."""
    numbers = rng.choice([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0, 2.0, 3.0], size=shape)
    return _as(numbers, rng, dtype)


def extreme(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Numbers at the edges of their dtype among ordinary ones: huge, tiny, subnormal, infinite, NaN, zeros."""
    numbers = rng.normal(size=shape)
    if np.dtype(dtype).kind not in "fc":
        return _as(numbers * 3, rng, dtype)
    info = np.finfo(dtype)
    big, small = float(info.max), float(info.tiny)
    special = [
        big,
        -big / 3,
        big**0.5,
        small,
        small**0.5,
        -small / 8,
        np.inf,
        -np.inf,
        np.nan,
        0.0,
        -0.0,
        1.0,
        1e-20,
        1e20,
    ]
    kind = rng.integers(4)
    if kind == 0:  # one scale for all, as physical units are
        lowest = float(np.log10(float(info.smallest_subnormal)))
        ends = (lowest + 1, np.log10(small)) if rng.random() < 0.15 else (np.log10(small), np.log10(big) - 1)
        return _as(numbers * 10.0 ** rng.uniform(*ends), rng, dtype)
    mask = rng.random(shape) < (0.2, 0.5, 0.9)[kind - 1]
    with np.errstate(all="ignore"):
        return _as(np.where(mask, rng.choice(special, size=shape), numbers), rng, dtype)


def _as(numbers: Any, rng: np.random.Generator, dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        numbers = numbers + 1j * rng.permutation(np.ravel(numbers)).reshape(np.shape(numbers))
    if dtype.kind in "iu":
        numbers = np.abs(np.nan_to_num(numbers) * 2) % 100 if dtype.kind == "u" else np.nan_to_num(numbers) * 2 % 100
    with np.errstate(all="ignore"):
        return np.asarray(numbers > 0 if dtype.kind == "b" else np.asarray(numbers).astype(dtype))


PROFILES = (
    Profile("ordinary", ("f8", "f8", "f8", "f4"), ordinary),
    Profile("mixed", DTYPES, ordinary),
    Profile("edges", ("f8", "f4", "f4", "f8", "f2", "c16", "i8"), extreme, length=5),
    Profile("exact", ("f8", "f8", "f4"), whole, exact=True),
    Profile("batch", ("f8", "f8", "f4"), ordinary, batch=True, length=6),
    Profile("others", ("f8",), ordinary, numpy_only=True),
)


ODDS = (0.25, 0.15, 0.2, 0.12, 0.1, 0.1)
"""How often each profile is drawn; the rest are networks."""

LOOPS = 0.2
"""How many of the networks are loops."""

FOREIGN = ("fg.", "special.")
"""What other packages do not have in the place of NumPy."""


def draw_case(seed: Any, profile: Profile | None = None) -> Case:
    """A program from a seed: the same seed, the same program."""
    rng = np.random.default_rng(seed)
    number = int(rng.choice(len(PROFILES) + 1, p=(*ODDS, 1 - sum(ODDS))))
    if profile is None and number == len(PROFILES):
        loops = rng.spawn(1)[0]  # which leaves the numbers of the networks as they are
        return draw_loop(loops) if loops.random() < LOOPS else draw_network(rng)
    return _Drawing(rng, profile or PROFILES[number]).case()


class _Drawing:
    """A program that grows."""

    def __init__(self, rng: np.random.Generator, profile: Profile) -> None:
        self.rng = rng
        self.profile = profile
        self.pool = Pool(rng, profile.batch, profile.values is extreme)
        self.leaves: list[Leaf] = []
        self.lines: list[tuple[str, str]] = []
        self.broken = False
        self.operations = [
            one for one in load() if (one.exact or not profile.exact) and (one.named or not profile.batch)
        ]
        edges = profile.values is extreme
        self.odds = np.array([one.weight * (8.0 if one.edges and edges else 1.0) for one in self.operations])
        self.odds /= self.odds.sum()

    def case(self) -> Case:
        for _ in range(int(self.rng.integers(1, 4))):
            self._leaf()
        wanted = int(self.rng.integers(1, self.profile.length + 1))
        for _ in range(6 * wanted):
            if len(self.lines) < wanted and not self.broken:
                self._line(self.operations[int(self.rng.choice(len(self.operations), p=self.odds))])
        names = [name for name, _ in self.lines] or [leaf.name for leaf in self.leaves]
        outputs = [names[-1]]
        for name in names[:-1]:
            if self.pool.flag(0.1 if name in self.pool.read else 0.7):
                outputs.append(name)
        if self.broken:
            outputs = names[-1:]
        whole = Case(tuple(self.leaves), tuple(self.lines), (), self.profile.name, self.profile.exact)
        return whole.only(outputs)

    def _leaf(self) -> None:
        kind = ("input", "input", "parameter", "parameter", "constant", "random")[int(self.rng.integers(6))]
        if kind == "random" and self.profile.numpy_only:
            kind = "parameter"
        dtype = np.dtype(self.pool.one(self.profile.dtypes))
        if kind == "parameter" and dtype.kind not in "fc":
            kind = "input"
        if kind == "random" and (dtype.kind not in "f" or self.profile.exact):
            kind = "parameter" if dtype.kind in "fc" else "constant"
        shape = () if self.profile.values is extreme and self.pool.flag(0.3) else self._shape()
        array = self.profile.values(self.rng, shape, dtype)
        named = self.profile.batch and kind in ("input", "random") and len(shape) > 0
        if named and not any(leaf.named for leaf in self.leaves):
            kind = "input"  # a random leaf learns the size of the batch from an input
        if named:
            array = self.profile.values(self.rng, (4, *shape[1:]), dtype)
        layout = "a" if named else self.pool.one(LAYOUTS)
        leaf = Leaf(f"{kind[0]}{len(self.leaves)}", kind, array, named, layout if array.ndim and array.size else "a")
        self.leaves.append(leaf)
        self.pool.arrays[leaf.name], self.pool.boxes[leaf.name] = leaf.fed(), box_of(leaf, leaf.name)

    def _shape(self) -> tuple[int, ...]:
        """A shape, often one that broadcasts with those before it."""
        shape = SHAPES[int(len(SHAPES) * self.rng.random() ** 1.5)]
        if self.leaves and self.pool.flag(0.6):
            other = self.leaves[-1].array.shape
            first = int(self.rng.integers(0, max(len(other), 1)))
            shape = tuple(n if self.pool.flag(0.8) else 1 for n in other)[first:]
        return (0, *shape[1:]) if shape and self.pool.flag(0.04) else shape

    def _line(self, operation: Operation) -> None:
        """Add a line where NumPy computes it, and boxes take it."""
        expression = operation.draw(self.pool)
        if not expression or (self.profile.numpy_only and any(word in expression for word in FOREIGN)):
            return
        name = f"v{len(self.lines)}"
        one = Case((), ((name, expression),), (name,))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                (array,) = one(self.pool.arrays)
                array = np.asarray(array)
            except Exception:
                return
            if array.size > LARGEST or array.dtype.kind not in "biufc" or (self.profile.exact and not is_exact(array)):
                return
            try:
                (box,) = one(self.pool.boxes)
            except fg.FlowgraphError:
                return
            except Exception:  # the program ends here, to be reported when it is built again
                box, self.broken = None, True
        self.lines.append((name, expression))
        self.pool.read |= set(re.findall(r"\b[a-z]\d+\b", expression))
        self.pool.arrays[name], self.pool.boxes[name] = array, box


def is_exact(array: Any) -> bool:
    """Whether sums and products of such numbers are exact, in any order."""
    if array.dtype.kind not in "fc":
        return True
    parts = np.array([array.real, array.imag]) if array.dtype.kind == "c" else array
    with np.errstate(all="ignore"):
        scaled = parts.astype(float) * 256
        return bool(np.all((scaled == np.rint(scaled)) & (np.abs(parts) < 64)))


def _labels(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    return rng.integers(0, 2, shape).astype(dtype)


def with_new_values(case: Case, rng: np.random.Generator, batch: int | None = None) -> dict[str, Any]:
    """Other arrays for the inputs, of the same kind, and of another batch."""
    profile = (
        next(one for one in PROFILES if one.name == case.label) if case.label in {p.name for p in PROFILES} else None
    )
    feeds = {}
    for leaf in case.leaves:
        if leaf.kind != "input":
            continue
        shape = leaf.array.shape if batch is None or not leaf.named else (batch, *leaf.array.shape[1:])
        draw = profile.values if profile else _labels if leaf.array.dtype.kind == "i" else ordinary
        array = draw(rng, shape, leaf.array.dtype)
        feeds[leaf.name] = array if leaf.named else replace(leaf, array=array).fed()
    return feeds
