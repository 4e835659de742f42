"""Pooling by windows that are not padded, and its gradient over a rectifier, as loops in the order of memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from flowgraph.box import Array
from flowgraph.boxes.neural.pooling import MaxPool, Pooling, SpreadToRectified
from flowgraph.plan.memory_order import empty
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.compiled_calls import compiled_for
from flowgraph.plan.numba.kernels import Addressed, address_of, layout_of
from flowgraph.plan.numba.machine import steps
from flowgraph.plan.numba.numbers import number_name
from flowgraph.plan.numba.places import LETTERS, flat_text
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.plan.schedule import Schedule

LARGEST_WINDOW = 16
"""Elements of a window whose comparisons are written out, one line each: a bound on the text, not tuned."""


def is_plain(box: Pooling) -> bool:
    """Whether windows are small, not padded, and of floats that lie without gaps."""
    floats = box.dtype in (np.float32, np.float64) and all(one.dtype == box.dtype for one in box.children)
    known = (
        floats
        and all(map(sizes_known, (box, *box.children)))
        and bool(elements(box))
        and all(map(elements, box.children))
    )
    sliding = box.sliding
    return known and not any(map(any, sliding.padding)) and math.prod(sliding.size) <= LARGEST_WINDOW


@compiled_for(MaxPool, when=lambda box: is_plain(box))
def largest_of_windows(plan: Schedule, box: MaxPool) -> Callable[[Array], Array]:
    """What computes the pooling of an array."""
    order = plan.orders.get(box)
    windows = Windows(box, layout_of(plan, box.children[0]), empty(shape_of(box), box.dtype, order))
    name = number_name(box.dtype)
    body = ["h = p0[{0}]", *[f"h = largest(h, p0[{{0}} + {one}])" for one in windows.offsets[1:]], "p1[{1}] = h"]
    text = windows.text([("p0", name), ("p1", name)], [windows.inside, windows.place(windows.pooled)], body)
    kernel = compiling.compiled_kernel(text, ("int64",) * 2)
    find = Addressed(windows.layout)
    shape, dtype = shape_of(box), box.dtype

    def largest(a: Array) -> Array:
        h = empty(shape, dtype, order)
        kernel(find(a), address_of(h))
        return h  # type: ignore[no-any-return]

    return largest


@compiled_for(SpreadToRectified, fills=True, when=lambda box: is_plain(box) and box.sliding.apart)
def spread_to_rectified(plan: Schedule, box: SpreadToRectified) -> Callable[..., Array]:
    """What fills an array with the gradient: (g, source, largest, out). Where g is not finite, the box says it."""
    g, source, largest = (layout_of(plan, child) for child in box.children)
    windows = Windows(box, source, largest)
    out = layout_of(plan, box)
    places = [windows.place(g), windows.inside, windows.place(largest), windows.place(out, windows.steps)]
    name, count = number_name(box.dtype), len(windows.offsets)
    starts = windows.starts(out)
    number = f"{name}({{}})".format
    taken = [
        f"t{i} = {number('1.0')} if p1[{{1}} + {one}] == m else {number('0.0')}"
        for i, one in enumerate(windows.offsets)
    ]
    ties = " + ".join(f"t{i}" for i in range(count))
    body = [
        "m = p2[{2}]", *taken, f"ties = {ties}", "share = p0[{0}]",
        f"low = m == {number(repr(float(box.floor)))} and ties > {number('0.0')}",
        f"share = share * {number(0.5 * box.half)} if low else share",
        f"ties = {number(float(count))} if low else ties",
        f"share = share / (ties if ties > {number('1.0')} else {number('1.0')})",
        *[f"p3[{{3}} + {one}] = share * t{i}" for i, one in enumerate(starts)],
    ]  # fmt: skip
    arrays = [("p0", name), ("p1", name), ("p2", name), ("p3", name)]
    text = windows.text(arrays, places, body, finite=0)
    kernel = compiling.compiled_kernel(text, ("int64",) * 4)
    found = [Addressed(one) for one in (g, source, largest)]
    covered = box.sliding.covers(shape_of(box))

    def spread(*arrays: Array) -> Array:
        *read, h = arrays
        if not covered:
            h[...] = 0
        addresses = [find(a) for find, a in zip(found, read, strict=True)]
        if kernel(*addresses, address_of(h)):
            np.copyto(h, box.fprop(*read))
        return h

    return spread


class Windows:
    """Loops over the places of a window, in the order in which the elements of what is pooled lie in memory."""

    def __init__(self, box: Pooling, layout: Array, pooled: Array) -> None:
        self.layout, self.pooled = layout, pooled
        sliding = box.sliding
        axes = len(sliding.size)
        self.steps = (*(1,) * (layout.ndim - axes), *sliding.stride)
        self.gaps = sliding.dilation
        self.size = sliding.size
        self.axes = sorted(range(pooled.ndim), key=lambda axis: (-abs(pooled.strides[axis]), axis))
        self.inside = self.place(layout, self.steps)
        self.offsets = self.starts(layout)

    def place(self, a: Array, steps: Sequence[int] | None = None) -> str:
        """The place in memory of the first element of a window, or of what belongs to it."""
        steps = steps or (1,) * a.ndim
        return flat_text(0, [a.strides[axis] // a.itemsize * steps[axis] for axis in self.axes], LETTERS[: a.ndim])

    def starts(self, a: Array) -> list[int]:
        """How far the elements of a window are from its first one."""
        last = [stride // a.itemsize for stride in a.strides[a.ndim - len(self.size) :]]
        return [
            sum(one * gap * stride for one, gap, stride in zip(offsets, self.gaps, last, strict=True))
            for offsets in itertools.product(*map(range, self.size))
        ]

    def text(
        self, arrays: Sequence[tuple[str, str]], places: Sequence[str], body: Sequence[str], finite: int | None = None
    ) -> str:
        """The source of a kernel: a loop for each axis, and `body`, whose `{0}` stands for the first of the places.

        It returns 1 before it has written anything, if the array of the number `finite` has an element that is not.
        """
        arguments = [f"g{number}" for number in range(len(arrays))]
        lines = [f"def kernel({', '.join(arguments)}):"]
        lines += [f"    {name} = pointer(g{number}, {kind})" for number, (name, kind) in enumerate(arrays)]
        if finite is not None:
            name, kind = arrays[finite]
            heads, indent = self._heads()
            lines += [f"    bad = {kind}(0)", *heads]
            lines += [f"{indent}bad = plus(bad, {name}[{places[finite]}] * {kind}(0))", "    if bad != 0:"]
            lines.append("        return 1")
        heads, indent = self._heads()
        lines += [*heads, *[f"{indent}{line.format(*places)}" for line in body], "    return 0"]
        return "\n".join(lines) + "\n"

    def _heads(self) -> tuple[list[str], str]:
        indent, lines = "    ", []
        for letter, axis in zip(LETTERS, self.axes, strict=False):
            count = steps(self.pooled.shape[axis], axis == self.axes[-1])
            lines.append(f"{indent}for {letter} in range({count}):")
            indent += "    "
        return lines, indent
