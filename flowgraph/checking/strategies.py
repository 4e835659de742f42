"""Hypothesis strategies: arrays and settings for a box, and whole graphs.

    from hypothesis import given
    from flowgraph.checking import strategies

    @given(strategies.cases(MyBox))
    def test_my_box(case):
        fg.check(case).raise_for_failure(allow="undecided")

A drawn case may have no elements, and then nothing can be compared at it alone. All numbers and shapes are drawn by
Hypothesis, so failures shrink, are kept in its example database, and `--hypothesis-seed` works.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Elementwise, registry
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Example, Interval
from flowgraph.boxes import sum as sum_of
from flowgraph.checking.cases import Case, children_of, examples_of
from flowgraph.checking.contract import LAYOUTS
from flowgraph.checking.families import RANKS, alternatives, axis_groups
from flowgraph.errors import FlowgraphError, optional
from flowgraph.graph import Graph

__all__ = ["arrays", "cases", "floats", "graphs", "settings", "shapes"]

SMALLEST, LARGEST = 1e-6, 1e4  # sizes of drawn numbers, 1e10 apart: differences resolve the least beside the largest
KINK_WIDTH = 1e-3  # beside a declared kink: more than the finest steps
MOST_ELEMENTS = 300  # of a drawn case, each of which Hypothesis shrinks
MODERATE = 30.0  # exp(30) is 1e13: what comes of another exp is no float64
SHAPES = [(3,), (), (1,), (2, 3), (2, 1), (3, 2), (4, 2, 3)]  # of the parameters of a graph: those that broadcast
STRUCTURAL = ("Sum", "Mean", "MatMul", "Transpose", "LogSumExp", "Var", "Softmax", "LogSoftmax", "CumSum", "Flip")
MEET = ("FloorDivide", "Fmod", "Remainder", "Maximum", "Minimum", "Fmax", "Fmin", "AbsoluteError", "Huber")
"""Boxes with a jump or a kink where their children meet, which no declared number says."""


def hypothesis(module: str = "hypothesis") -> Any:
    """The package, or a module of it."""
    return optional(module, "flowgraph.checking.strategies: needs hypothesis", "hypothesis")


def st() -> Any:
    """Its strategies."""
    return hypothesis("hypothesis.strategies")


def floats(domain: Interval | None = None, kinks: Sequence[float] = (), dtype: Any = np.float64) -> Any:
    """0 and magnitudes from 1e-6 to 1e4 of both signs, in the domain, near kinks but not on them.

    Near 0 and far out rounding drowns any difference, so nothing could be seen there.
    """
    domain, kind = domain or Interval(), np.dtype(dtype).type
    low, high = max(domain.low, -LARGEST), min(domain.high, LARGEST)
    if domain.open:  # far enough inside that a difference fits in between
        low, high = low + KINK_WIDTH * max(1.0, abs(low)), high - KINK_WIDTH * max(1.0, abs(high))
    ranges = [(-LARGEST, -SMALLEST), (0.0, 0.0), (SMALLEST, LARGEST), (-LARGEST, LARGEST)]
    bounds = [(max(low, a), min(high, b)) for a, b in ranges]
    beside = [k + side * 3 * KINK_WIDTH for k in kinks for side in (1, -1)]
    choices = [st().floats(a, b) for a, b in bounds if a <= b]
    choices += [st().sampled_from(beside)] if beside else []

    def tell_apart(value: float) -> bool:
        off = all(abs(value - kink) >= KINK_WIDTH for kink in kinks)
        return low <= value <= high and off and not 0 < abs(value) < 0.9 * SMALLEST

    return st().one_of(*choices).map(lambda value: float(kind(value))).filter(tell_apart)


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
        extra = hypothesis("hypothesis.extra.numpy")
        return extra.arrays(dtype, shape, elements=pool, fill=st().nothing())

    tied = st().lists(elements, min_size=1, max_size=3).flatmap(lambda few: of(st().sampled_from(few)))
    plain = st().one_of(of(elements), tied)
    if not layouts:
        return plain
    laid = st().tuples(plain, st().sampled_from([None, *LAYOUTS.values()]))
    return laid.map(lambda drawn: drawn[1](drawn[0]) if drawn[1] and drawn[0].ndim else drawn[0])


def shapes(cls: type[Box], example: Example | None = None) -> Any:
    """Shapes for the children: by the signature, broadcast pairs, else those of an example with other sizes."""
    example = example or examples_of(cls)[0]
    free = all(isinstance(child, tuple) for child in example.children)
    drawn = hypothesis("hypothesis.extra.numpy").mutually_broadcastable_shapes
    if cls.signature is not None and free:
        drawn = drawn(signature=cls.signature.text, max_dims=2, max_side=4)
    elif issubclass(cls, Elementwise) and free:
        drawn = drawn(num_shapes=len(example.children), max_dims=3, max_side=4, min_side=0)
    else:
        return _resize_example(example)
    return drawn.map(lambda broadcast: tuple(broadcast.input_shapes))


def _resize_example(example: Example) -> Any:
    """The shapes of an example with other sizes, each group of axes of one size as one, and one child of another rank.

    Sizes of arrays that are taken as they are, and of settings, stay.
    """
    old = [child if isinstance(child, tuple) else np.shape(child) for child in example.children]
    free = {i: np.zeros(child) for i, child in enumerate(example.children) if isinstance(child, tuple)}
    if not free:
        return st().just(tuple(old))
    fixed = {size for i, shape in enumerate(old) if i not in free for size in shape}
    fixed |= {n for value in example.settings.values() if isinstance(value, tuple) for n in value if isinstance(n, int)}
    groups = axis_groups(tuple(free.get(i) for i in range(len(old))))
    groups = [group for group in groups if old[group[0][0]][group[0][1]] not in fixed]

    def make_shapes(sizes: list[Any], ranks: list[Any]) -> tuple[Any, ...]:
        new = [list(shape) for shape in old]
        for group, size in sizes:
            for i, axis in group:
                new[i][axis] = size
        for i, other in ranks:
            new[i] = list(other(tuple(new[i])))
        return tuple(map(tuple, new))

    resized = st().lists(st().tuples(st().sampled_from(groups), st().integers(0, 5)), max_size=3 if groups else 0)
    ranked = st().lists(st().tuples(st().sampled_from(list(free)), st().sampled_from(RANKS[:7])), max_size=1)
    return st().builds(make_shapes, resized if groups else st().just([]), ranked)


def settings(cls: type[Box]) -> Any:
    """Settings as in the examples, one of them changed at times: flags, axes, numbers, modes.

    Not all of them fit all shapes; `cases` keeps those that do.
    """

    def change_settings(given: dict[str, Any]) -> Any:
        options: list[dict[str, Any]] = [given]
        for name, field in cls.settings.items():
            value = given.get(name, field.default)
            options += [{**given, name: other} for other in alternatives(value, [], np.random.default_rng(0))]
        return st().sampled_from(options)

    return st().sampled_from([dict(example.settings) for example in examples_of(cls)]).flatmap(change_settings)


def cases(cls: type[Box], dtypes: Sequence[Any] = (np.float64, np.float32), layouts: bool = True) -> Any:
    """Everything at once: a `Case` has the class, arrays for its children and settings that fit, and a finite value."""
    if not issubclass(cls, Box):
        raise TypeError(f"strategies.cases: found {cls!r}, needs a box class")
    strategy = st().composite(_case)(cls, tuple(dtypes), layouts)
    return strategy.filter(_legal)


def _case(draw: Callable[[Any], Any], cls: type[Box], dtypes: tuple[Any, ...], layouts: bool) -> Case:
    example = draw(st().sampled_from(list(examples_of(cls))))
    given = dict(example.settings) if not cls.settings or draw(st().booleans()) else draw(settings(cls))
    declared = children_of(cls, example)
    drawn = draw(shapes(cls, example))  # first: what shrinks needs no further draw where it leaves the example's
    if draw(st().integers(0, 3)) == 1:
        drawn = tuple(child.shape for child in declared)
    dtype = draw(st().sampled_from(dtypes))
    children = tuple(
        draw(arrays(shape, dtype, child.domain, child.kinks, layouts)) if child.is_free else np.array(child.given)
        for child, shape in zip(declared, drawn, strict=True)
    )
    return Case(cls, children, given)


def _legal(case: Case) -> bool:
    """Whether the box can be built and has a finite value."""
    try:
        with np.errstate(all="ignore"):
            value = case.value
    except Exception:  # whatever a box raises where it is not meant to be used
        return False
    parts = value if isinstance(value, tuple) else (value,)
    return all(np.all(np.isfinite(part)) and np.size(part) <= MOST_ELEMENTS for part in parts)


class _Step(NamedTuple):
    """One box to add: its class, its children counted from the latest box, an axis, which example's settings."""

    cls: type[Box]
    children: tuple[int, ...]
    axis: int | None
    flag: bool
    example: int


def graphs(
    boxes: Sequence[type[Box]] = (), *, dtypes: Sequence[Any] = (np.float64,), longest: int = 12, only: bool = False
) -> Any:
    """Graphs with one scalar output and one to three parameters; every value and slope is finite and moderate.

    Made of the registered boxes that are smooth, and of `boxes`, at least one of which is in every graph if any is
    given; `only=True` takes no others. Each step is drawn by itself, so that a failure shrinks to the boxes that show
    it.
    """
    own = list(boxes)
    classes = own if only else [*own, *_smooth_boxes()]
    if not classes:
        raise ValueError("strategies.graphs: found only=True and no boxes, needs one box class or more")
    return st().composite(_graph)(classes, own, tuple(dtypes), longest)


def _smooth_boxes() -> list[type[Box]]:
    """The registered elementwise boxes that have a derivative wherever they have a value, simple ones first."""
    smooth = [
        cls
        for cls in registry.values()
        if issubclass(cls, Elementwise)
        and cls.built_in
        and cls.has_bprop
        and cls.__name__ not in MEET
        and not (cls.kinks or cls.constant_children or cls.variadic)
        and all(field.default is not None for field in cls.settings.values())
    ]
    structural = [registry[name] for name in STRUCTURAL if name in registry]
    return [*sorted(smooth, key=lambda cls: (len(cls.child_names), cls.__name__)), *structural]


def _graph(draw: Any, classes: list[type[Box]], own: list[type[Box]], dtypes: tuple[Any, ...], longest: int) -> Graph:
    form = st().tuples(st().sampled_from(dtypes), st().sampled_from(SHAPES))
    numbers, place = st().floats(0.25, 0.875, width=16), st().integers(0, 5)
    arrays_of = hypothesis("hypothesis.extra.numpy").arrays
    value = form.flatmap(lambda drawn: arrays_of(*drawn, elements=numbers))
    pool: list[Box] = [Parameter(draw(value), name=n) for n in "pqr"[: draw(st().integers(1, 3))]]
    axis = st().sampled_from([None, 0, -1, 1])
    places = st().tuples(place, place, place)
    step = st().builds(_Step, st().sampled_from(classes), places, axis, st().booleans(), st().integers(0, 3))
    for drawn in draw(st().lists(step, min_size=1, max_size=longest)):
        box = _build_step(drawn, pool)
        pool += [box] if box is not None and _is_moderate(box) else []
    made = [box for box in pool if box.children]
    if not made or (own and not any(isinstance(box, tuple(own)) for box in made)):
        hypothesis().reject()
    read = {child for box in made for child in box.children}
    parts = [box if box.shape == () else sum_of(np.tanh(box)) for box in made if box not in read]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return Graph(total)


def _build_step(step: _Step, pool: list[Box]) -> Box | None:
    """The box on boxes of the pool, None where they do not fit."""
    cls = step.cls
    count = len(cls.child_names) + cls.variadic
    children = [pool[-1 - place % len(pool)] for place in (*step.children, *step.children)[:count]]
    examples = examples_of(cls)
    given = dict(examples[step.example % len(examples)].settings)
    if "axis" in cls.settings:
        given["axis"] = step.axis if cls.settings["axis"].default is None else step.axis or 0
    if "keepdims" in cls.settings:
        given["keepdims"] = step.flag
    if cls.__name__ == "MatMul" and step.flag and children[1].ndim == 2:
        children[1] = children[1].T
    try:
        return cls(*children, **given)
    except (FlowgraphError, ValueError, IndexError, TypeError):
        return None


def _is_moderate(box: Box) -> bool:
    """Whether the value, and the slope that its own bprop gives, is finite and not large."""
    if any(spec.dtype.kind != "f" for spec in box.outputs) or len(box.outputs) > 1:
        return False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = Graph(box).fprop()
        arrays = [run[box]]
        if arrays[0].size and np.all(np.abs(arrays[0]) < MODERATE):
            children = list(dict.fromkeys(box.children))
            arrays += run.bprop(grad=np.ones_like(run[box]), wrt=children, unused="zeros").values()
    return bool(len(arrays) > 1 and all(np.all(np.abs(array) < MODERATE) for array in arrays))
