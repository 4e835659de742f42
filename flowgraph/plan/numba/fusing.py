"""Which lines of a NumPy plan become one kernel: consecutive ones, element by element over arrays of one shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from flowgraph.box import Box, Constant, Leaf
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.plan.emitter import RefusedError
from flowgraph.plan.numba.calls import LEAST, SLOW
from flowgraph.plan.numba.lines import expression
from flowgraph.plan.numba.numbers import number_name
from flowgraph.plan.numba.rules import RULES
from flowgraph.plan.numpy.tiling import Chain
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import elements, sizes_known
from flowgraph.plan.schedule import Schedule

FEWEST = 2
"""Lines from which a kernel is made of them. One line alone is no faster in a kernel: NumPy's ufunc goes once over the
arrays too, and begins its call in the same time."""

MOST = 64
"""Lines of one kernel: a bound on the seconds in which Numba compiles it, not tuned."""


class Fused(Chain):
    """Boxes whose values one kernel computes."""


def find_kernels(plan: Schedule) -> list[Chain]:
    """The groups of lines of a schedule that become kernels."""
    found: list[Chain] = []
    members: list[Box] = []

    def end() -> None:
        if len(members) >= FEWEST:
            found.append(Fused(tuple(members), 1, 0, False))
        members.clear()

    for box in plan.graph.boxes:
        if isinstance(box, Leaf) or plan.kinds[box] in ("view", "fixed"):
            continue
        fits = is_member(plan, box)
        if not fits or not _joins(plan, box, members):
            end()
        if fits:
            members.append(box)
    end()
    return found


def is_member(plan: Schedule, box: Box) -> bool:
    """Whether the elements of the value are computed one by one by what Numba compiles as fast as NumPy does it."""
    if plan.kinds[box] != "fill" or box in plan.chains or not sizes_known(box) or not elements(box):
        return False
    ufunc = ufunc_of(box)
    rule = RULES.of(box)
    if ufunc is None and type(box) not in (Where, Cast) and (rule is None or rule.element is None):
        return False
    if ufunc in SLOW and elements(box) >= LEAST:
        return False
    return _is_compiled(box) and all(_has_place(plan, child) for child in box.children)


def _is_compiled(box: Box) -> bool:
    try:
        for one in (box, *box.children):
            number_name(one.dtype, one)
        expression(box, ["0"] * len(box.children))
    except RefusedError:
        return False
    return True


def _has_place(plan: Schedule, box: Box) -> bool:
    """Whether the elements of a child can be found by its strides, which are known before a run."""
    if len(box.outputs) != 1 or not sizes_known(box):
        return False
    return not isinstance(box, Constant) or all(stride % box.dtype.itemsize == 0 for stride in box.value.strides)


def _joins(plan: Schedule, box: Box, members: Sequence[Box]) -> bool:
    """Whether a box goes on with the loop of others: in their order, and reading of them only its own element."""
    if not members:
        return True
    inside = set(members)
    first = members[0]
    same = box.shape == first.shape and plan.orders.get(box) == plan.orders.get(first) and len(members) < MOST
    return same and not any(plan.bases[child] in inside and child not in inside for child in box.children)


def used_ufuncs(boxes: Iterable[Box]) -> set[np.ufunc]:
    """The ufuncs that the expressions of boxes may call by name."""
    named = {ufunc for box in boxes if (ufunc := ufunc_of(box)) is not None}
    return named | {ufunc for box in boxes if (rule := RULES.of(box)) is not None for ufunc in rule.functions}
