"""The lines of loops over elements, and of the sums, maxima and minima that are taken in them."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.plan.numba.blocks import nested
from flowgraph.plan.numba.checks import CHECKS
from flowgraph.plan.numba.loops import Loop
from flowgraph.plan.numba.machine import steps
from flowgraph.plan.numba.numbers import cast, literal, number_name
from flowgraph.plan.numba.operands import element_lines
from flowgraph.plan.numba.places import LETTERS, own_index, squeezed
from flowgraph.plan.numba.rules import RULES, Rule
from flowgraph.plan.numba.writing import Writing
from flowgraph.plan.rebuild import shape_of


def write_loop(writer: Writing, loop: Loop) -> None:
    """The loops over some sizes, with what is set before and stored after sums."""
    if not loop.boxes:  # they have moved to later loops
        return
    sums = [box for box in loop.boxes if isinstance(box, Reduction)]
    for one in sums:
        _start_in_memory(writer, one)
    for axis in range(len(loop.sizes) + 1):
        indent = "    " * (axis + 1)
        for one in _starting(sums, axis):
            writer.lines.append(f"{indent}{writer.variable(one)} = {_identity(one)}")
        if axis < len(loop.sizes):
            count = steps(loop.sizes[axis], axis + 1 == len(loop.sizes))
            writer.lines.append(f"{indent}for {LETTERS[axis]} in range({count}):")
    for box in loop.boxes:
        _write_body(writer, box, "    " * (len(loop.sizes) + 1))
    for axis in range(len(loop.sizes), -1, -1):
        for one in _starting(sums, axis):
            writer.store(one, _kept_index(one), "    " * (axis + 1))


def _starting(sums: list[Reduction], axis: int) -> list[Reduction]:
    return [one for one in sums if _starts(one) == axis]


def _write_body(writer: Writing, box: Box, indent: str) -> None:
    if isinstance(box, Reduction):
        target = writer.variable(box)
        if _starts(box) is None:
            target = f"{writer.array(box, False)}[{', '.join(_kept_index(box))}]"
        child = box.children[0]
        value = cast(writer.read(child, own_index(child.shape)), child.dtype, box.dtype)
        writer.lines.append(f"{indent}{target} = {_combined(box, target, value)}")
        return
    code = 0
    if CHECKS.of(box) is not None:
        writer.native.checks.append(box)
        code = len(writer.native.checks)
    before, value = element_lines(box, writer.read, code)
    writer.lines += [f"{indent}{line}" for line in before]
    writer.lines.append(f"{indent}{writer.variable(box)} = {value}")
    writer.store(box, own_index(box.shape), indent)


def _axes(box: Reduction) -> tuple[list[int], list[str]]:
    """The axes, among those above 1, that are summed over, and the letters of all axes."""
    child = box.children[0]
    shape, letters = shape_of(child), own_index(child.shape)
    summed = box.axes(child.ndim)
    return [LETTERS.index(letters[axis]) for axis in summed if shape[axis] != 1], letters


def _starts(box: Reduction) -> int | None:
    """The first of the loops that are summed over, if these are the innermost; else the sums stand in memory."""
    axes, _ = _axes(box)
    count = len(squeezed(shape_of(box.children[0])))
    first = count - len(axes)
    return first if sorted(axes) == list(range(first, count)) else None


def _kept_index(box: Reduction) -> list[str]:
    """The index of the result in the loops over the child."""
    _, letters = _axes(box)
    summed = box.axes(len(letters))
    if box.keepdims:
        return ["0" if axis in summed else letter for axis, letter in enumerate(letters)]
    return [letter for axis, letter in enumerate(letters) if axis not in summed]


def _start_in_memory(writer: Writing, box: Reduction) -> None:
    if _starts(box) is not None:
        return
    index = own_index(box.shape)
    heads, indent = nested(list(zip(index, shape_of(box), strict=True)))
    writer.lines += [*heads, f"{indent}{writer.array(box, False)}[{', '.join(index)}] = {_identity(box)}"]


def _rule(box: Reduction) -> Rule:
    rule = RULES.of(box)
    assert rule is not None
    return rule


def _identity(box: Reduction) -> str:
    """What changes nothing."""
    identity = _rule(box).identity
    assert identity is not None
    return identity(box)


def _combined(box: Reduction, total: str, value: str) -> str:
    combined = _rule(box).combined
    assert combined is not None
    return combined(box, total, value)


def _zero(box: Sum) -> str:
    return literal(Constant(np.zeros((), box.dtype)))


def _plus(box: Sum, total: str, value: str) -> str:
    return f"plus({total}, {value})" if box.dtype.kind == "f" else f"{number_name(box.dtype, box)}({total} + {value})"


def _lowest(box: Max) -> str:
    if box.dtype.kind in "fb":
        return "False" if box.dtype.kind == "b" else f"{number_name(box.dtype, box)}(-inf)"
    return f"{number_name(box.dtype, box)}({np.iinfo(box.dtype).min})"


def _highest(box: Min) -> str:
    if box.dtype.kind in "fb":
        return "True" if box.dtype.kind == "b" else f"{number_name(box.dtype, box)}(inf)"
    return f"{number_name(box.dtype, box)}({np.iinfo(box.dtype).max})"


def _has_order(box: Box) -> bool:
    return box.dtype.kind != "c"


RULES.add([Sum], Rule("reduction", identity=_zero, combined=_plus))
RULES.add(
    [Max],
    Rule("reduction", identity=_lowest, combined=lambda box, *of: f"maximum({', '.join(of)})", when=_has_order),
)
RULES.add(
    [Min],
    Rule("reduction", identity=_highest, combined=lambda box, *of: f"minimum({', '.join(of)})", when=_has_order),
)
