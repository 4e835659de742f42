"""Hypothesis strategies: arrays and settings for a box, and whole graphs.

    from hypothesis import given
    from flowgraph.checking import strategies

    @given(strategies.cases(MyBox))
    def test_my_box(case):
        fg.check(case).raise_for_failure()

All numbers and shapes are drawn by Hypothesis, so failures shrink, are kept in its example database, and
`--hypothesis-seed` works.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Elementwise
from flowgraph.box.example import Example
from flowgraph.box.interval import Interval
from flowgraph.checking.cases import Case, child_labels, examples_of
from flowgraph.checking.drawn_graphs import graphs, hypothesis_numpy, st
from flowgraph.checking.regimes import alternatives
from flowgraph.checking.representation import LAYOUTS

__all__ = ["arrays", "cases", "floats", "graphs", "settings", "shapes"]

SMALLEST, LARGEST = 1e-6, 1e4  # sizes of drawn numbers, 1e10 apart: differences resolve the least beside the largest
KINK_WIDTH = 1e-3  # beside a declared kink: more than the finest steps
MOST_ELEMENTS = 300  # of a drawn case, each of which Hypothesis shrinks


def floats(domain: Interval | None = None, kinks: Sequence[float] = (), dtype: Any = np.float64) -> Any:
    """0 and magnitudes from 1e-6 to 1e4 of both signs, in the domain, near kinks but not on them.

    Near 0 and far out rounding drowns any difference, so nothing could be seen there.
    """
    domain = domain or Interval()
    low, high = _inner(domain.low, domain.open, np.inf), _inner(domain.high, domain.open, -np.inf)
    width = 8 * np.dtype(dtype).itemsize
    ranges = [(-LARGEST, -SMALLEST), (0.0, 0.0), (SMALLEST, LARGEST), (max(low, -LARGEST), min(high, LARGEST))]
    bounds = [(max(low, a), min(high, b)) for a, b in ranges]
    choices = [
        st().floats(_rounded(a, width, np.inf), _rounded(b, width, -np.inf), width=width) for a, b in bounds if a <= b
    ]
    near = [k + side * 3 * KINK_WIDTH for k in kinks for side in (1, -1) if k + side * 3 * KINK_WIDTH in domain]
    if near:
        choices.append(st().sampled_from([float(np.dtype(dtype).type(value)) for value in near]))

    def apart(value: float) -> bool:
        return all(abs(value - kink) >= KINK_WIDTH for kink in kinks) and not 0 < abs(value) < SMALLEST

    return st().one_of(*choices).filter(apart)


def arrays(
    shape: Any,
    dtype: DTypeLike = np.float64,
    domain: Interval | None = None,
    kinks: Sequence[float] = (),
    layouts: bool = True,
) -> Any:
    """Arrays of that shape (or of shapes drawn from a strategy): all different, or with ties, in any memory layout."""
    elements = floats(domain, kinks, dtype)

    def of(pool: object) -> Any:
        return hypothesis_numpy().arrays(dtype, shape, elements=pool, fill=st().nothing())

    tied = st().lists(elements, min_size=1, max_size=3).flatmap(lambda few: of(st().sampled_from(few)))
    plain = st().one_of(of(elements), tied)
    if not layouts:
        return plain
    laid = st().tuples(plain, st().sampled_from([None, *LAYOUTS.values()]))
    return laid.map(lambda drawn: drawn[1](drawn[0]) if drawn[1] and drawn[0].ndim else drawn[0])


def shapes(cls: type[Box], one: Example | None = None) -> Any:
    """Shapes for the children: by the signature, broadcast pairs, else those of an example with other sizes."""
    one = one or examples_of(cls)[0]
    count = len(one.children)
    numpy = hypothesis_numpy()
    free = all(isinstance(child, tuple) for child in one.children)
    if cls.signature is not None and free:
        text = cls.signature.text
        return numpy.mutually_broadcastable_shapes(signature=text, max_dims=2, max_side=4).map(
            lambda drawn: tuple(drawn.input_shapes)
        )
    if issubclass(cls, Elementwise) and free:
        return numpy.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=4, min_side=0).map(
            lambda drawn: tuple(drawn.input_shapes)
        )
    return _resized(one)


def settings(cls: type[Box]) -> Any:
    """Settings as in the examples, one of them changed at times: flags, axes, numbers, modes.

    Not all of them fit all shapes; `cases` keeps those that do.
    """

    def changed(given: dict[str, Any]) -> Any:
        options: list[dict[str, Any]] = [given]
        for name, field in cls.settings.items():
            value = given.get(name, field.default)
            others = list(alternatives(value, [], np.random.default_rng(0)))
            options += [{**given, name: other} for other in others]
        return st().sampled_from(options)

    return st().sampled_from([dict(one.settings) for one in examples_of(cls)]).flatmap(changed)


def cases(cls: type[Box], dtypes: Sequence[Any] = (np.float64, np.float32), layouts: bool = True) -> Any:
    """Everything at once: a `Case` has the class, arrays for its children and settings that fit, and a finite value."""
    if not issubclass(cls, Box):
        raise TypeError(f"strategies.cases: found {cls!r}, needs a box class")
    strategy = st().composite(_case)(cls, tuple(dtypes), layouts)
    return strategy.filter(_legal)


def _case(draw: Any, cls: type[Box], dtypes: tuple[Any, ...], layouts: bool) -> Case:
    one = draw(st().sampled_from(list(examples_of(cls))))
    given = dict(one.settings) if not cls.settings or draw(st().booleans()) else draw(settings(cls))
    drawn = _shapes_of(one) if draw(st().integers(0, 3)) == 1 else draw(shapes(cls, one))
    dtype = draw(st().sampled_from(dtypes))
    children = []
    for label, child, shape in zip(child_labels(cls, len(drawn)), one.children, drawn, strict=True):
        if isinstance(child, tuple):
            domain = cls.domain.get(label)
            children.append(draw(arrays(shape, dtype, domain, cls.kinks, layouts)))
        else:
            children.append(np.array(child))
    return Case(cls, tuple(children), given)


def _shapes_of(one: Example) -> tuple[Any, ...]:
    return tuple(child if isinstance(child, tuple) else np.shape(child) for child in one.children)


def _legal(case: Case) -> bool:
    """Whether the box can be built and has a finite value."""
    try:
        with np.errstate(all="ignore"):
            box = case.box
            value = box.fprop(*(child[()] for child in case.children))
    except Exception:  # whatever a box raises where it is not meant to be used
        return False
    parts = value if isinstance(value, tuple) else (value,)
    return all(np.all(np.isfinite(part)) and np.size(part) <= MOST_ELEMENTS for part in parts)


def _resized(one: Example) -> Any:
    """The shapes of an example, each of its sizes replaced by one drawn; sizes of arrays taken as they are stay."""
    fixed = {size for child in one.children if not isinstance(child, tuple) for size in np.shape(child)}
    fixed |= {size for value in one.settings.values() if isinstance(value, tuple) for size in _numbers(value)}
    sizes = sorted({size for child in one.children if isinstance(child, tuple) for size in child} - fixed)
    drawn = st().fixed_dictionaries({size: st().integers(0, 5) for size in sizes})
    whole = drawn.map(
        lambda new: tuple(
            tuple(new.get(size, size) for size in child) if isinstance(child, tuple) else np.shape(child)
            for child in one.children
        )
    )
    free = [i for i, child in enumerate(one.children) if isinstance(child, tuple)]
    if not free:
        return whole
    change = st().tuples(st().sampled_from(free), st().sampled_from(CHANGES), st().integers(0, 3))
    return st().tuples(whole, st().lists(change, max_size=1)).map(lambda pair: _changed(*pair))


CHANGES = ("one", "front", "drop", "end")


def _changed(shapes: tuple[Any, ...], changes: list[tuple[int, str, int]]) -> tuple[Any, ...]:
    """One child with an axis of size 1, an axis more in front or at the end, or the first one less."""
    new = list(shapes)
    for i, kind, axis in changes:
        shape = new[i]
        at = axis % max(len(shape), 1)
        new[i] = {
            "one": (*shape[:at], 1, *shape[at + 1 :]) if shape else shape,
            "front": (2, *shape),
            "drop": shape[1:],
            "end": (*shape, 2),
        }[kind]
    return tuple(new)


def _numbers(value: tuple[Any, ...]) -> list[int]:
    return [one for one in value if isinstance(one, int)]


def _inner(end: float, is_open: bool, toward: float) -> float:
    """The last number inside an open end, far enough from it that a difference fits in between."""
    if not np.isfinite(end):
        return end
    if not is_open:
        return end
    return float(end + np.copysign(KINK_WIDTH * max(1.0, abs(end)), toward))


def _rounded(value: float, width: int, toward: float) -> float:
    """The number as a float of that width, moved inside where it had to be rounded."""
    kind: Any = {16: np.float16, 32: np.float32, 64: np.float64}[width]
    with np.errstate(under="ignore"):
        rounded = kind(value)
        outside = float(rounded) < value if toward > 0 else float(rounded) > value
        return float(np.nextafter(rounded, kind(toward))) if outside else float(rounded)
