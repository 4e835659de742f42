"""Sums, maxima and minima over some axes of an array, in the order in which its elements lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flowgraph.box import Array
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.compiled_calls import compiled_for
from flowgraph.plan.numba.kernels import Addressed, address_of, joined, layout_of
from flowgraph.plan.numba.machine import steps
from flowgraph.plan.numba.numbers import number_name
from flowgraph.plan.numba.places import LETTERS, flat_text
from flowgraph.plan.rebuild import elements, sizes_known
from flowgraph.plan.schedule import Schedule

_FUNCTIONS: dict[type[Reduction], tuple[str, str]] = {
    Sum: ("plus", "0"),
    Max: ("largest", "-inf"),
    Min: ("smallest", "inf"),
}
"""What adds one more element, and what changes nothing."""

FEWEST = 4096
"""Elements from which a reduction is a kernel: NumPy takes fewer in about the time in which an address is found."""


def _is_plain(box: Reduction) -> bool:
    (child,) = box.children
    floats = box.dtype in (np.float32, np.float64) and child.dtype == box.dtype
    return floats and sizes_known(box) and sizes_known(child) and elements(child) >= FEWEST


@compiled_for(Sum, Max, Min, fills=True, when=_is_plain)
def reduction_in_order(plan: Schedule, box: Reduction) -> Callable[..., Array] | None:
    """What fills an array with what is made of the elements of another: (array, out)."""
    (child,) = box.children
    layout, out = layout_of(plan, child), layout_of(plan, box)
    if any(stride % layout.itemsize for stride in layout.strides):
        return None
    kernel = compiling.compiled_kernel(_text(box, layout, out), ("int64",) * 2)
    find = Addressed(layout)

    def reduced(a: Array, h: Array) -> Array:
        kernel(find(a), address_of(h))
        return h

    return reduced


def _text(box: Reduction, layout: Array, out: Array) -> str:
    """Loops in the order of the array; the innermost ones that are summed over have a variable of their own."""
    function, identity = _FUNCTIONS[type(box)]
    summed, kind = set(box.axes(layout.ndim)), number_name(box.dtype)
    kept = [axis for axis in range(layout.ndim) if box.keepdims or axis not in summed]
    apart = dict(zip(kept, [stride // out.itemsize for stride in out.strides], strict=True))
    axes = sorted(range(layout.ndim), key=lambda axis: (-abs(layout.strides[axis]), axis))
    along = [layout.strides[axis] // layout.itemsize for axis in axes]
    to = [0 if axis in summed else apart[axis] for axis in axes]
    sizes, (along, to) = joined([layout.shape[axis] for axis in axes], [along, to])
    letters = LETTERS[: len(sizes)]
    read, place = flat_text(0, along, letters), flat_text(0, to, letters)
    inner = max([depth for depth, step in enumerate(to, 1) if step], default=0)
    lines = ["def kernel(g0, g1):", f"    a = pointer(g0, {kind})", f"    h = pointer(g1, {kind})"]
    lines += [f"    for z in range({elements(box)}):", f"        h[z] = {kind}({identity})"]
    for depth, (letter, size) in enumerate(zip(letters, sizes, strict=True)):
        if depth == inner:
            lines.append(f"{'    ' * (depth + 1)}total = {kind}({identity})")
        lines.append(f"{'    ' * (depth + 1)}for {letter} in range({steps(size, depth + 1 == len(sizes))}):")
    indent = "    " * (len(sizes) + 1)
    if inner < len(sizes):
        lines.append(f"{indent}total = {function}(total, a[{read}])")
        lines.append(f"{'    ' * (inner + 1)}h[{place}] = {function}(h[{place}], total)")
    else:
        lines.append(f"{indent}h[{place}] = {function}(h[{place}], a[{read}])")
    return "\n".join([*lines, "    return 0"]) + "\n"
