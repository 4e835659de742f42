"""What calls a native function: it hands over the inputs and a table of addresses, and reads what came of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.plan.binding import Binding, Memory, Program, constant
from flowgraph.plan.emitter import Request
from flowgraph.plan.numba.calls import addresses_of
from flowgraph.plan.numba.checks import checked_child, refuse
from flowgraph.plan.numba.compiling import compiled
from flowgraph.plan.numba.places import Place
from flowgraph.plan.numba.writing import Native
from flowgraph.plan.schedule import Schedule

_STEP = """\
def step({arguments}):
{lines}    code = native(table, {inputs})
    if code:
        refuse(code, ({inputs}))
    return ({results})
"""

_ARRAY = """\
    if not {name}.flags.carray:
        {name} = array({name}, order="C")
"""
"""An array that is not in rows, or not to be written to, is copied: Numba would compile another function for it."""

_READ = """\
    if {name} is not seen[{place}]:
        take({place}, {name})
"""
"""A parameter that no update changes is copied into the memory when it is another array than before."""


def program(native: Native, request: Request, schedule: Schedule, places: Mapping[Box, Place]) -> Program:
    """The program whose step calls the native function."""
    kept = schedule.graph.outputs[: request.returned]
    inputs = [f"a{place}" for place in range(len(request.leaves))]
    reads = [f"p{place}" for place in range(len(request.reads))]
    copied = [_READ.format(name=name, place=place) for place, name in enumerate(reads)]
    copied += [_ARRAY.format(name=name) for name, box in zip(inputs, request.leaves, strict=True) if box.shape]
    call = _STEP.format(
        arguments=", ".join(inputs + reads),
        lines="".join(copied),
        inputs="".join(f"{name}, " for name in inputs),
        results="".join(f"result{place}{'' if box.shape else '[()]'}, " for place, box in enumerate(kept)),
    )
    bindings = _bindings(native, request, schedule, places)
    bindings += [
        Binding(f"result{place}", functools.partial(_result, native, schedule, box)) for place, box in enumerate(kept)
    ]
    return Program(native.text, call, bindings, native.bytes, tuple([bool(box.shape) for box in kept]))


def _bindings(native: Native, request: Request, schedule: Schedule, places: Mapping[Box, Place]) -> list[Binding]:
    """Constants in their places, and what the step calls."""
    reader = _Reader(native, request.reads)
    checked = _Checked(native, places)
    fixed = [
        Binding(f"fixed{number}", functools.partial(_copied, box, offset))
        for number, (box, offset) in enumerate(native.fixed.items())
        if isinstance(box, Constant)
    ]
    return [
        *fixed,
        Binding("addresses", functools.partial(_addresses, native, list(schedule.updated))),
        Binding("table", lambda memory: memory["addresses"].ctypes.data),
        constant("native", compiled(native)),
        constant("array", np.array),
        constant("seen", reader.seen),
        Binding("take", lambda memory: functools.partial(reader.take, memory)),
        Binding("refuse", lambda memory: functools.partial(checked.refuse, memory)),
    ]


def _copied(box: Constant, offset: int, memory: Memory) -> Array:
    array = memory.array(offset, box)
    np.copyto(array, box.value)
    return array


def _addresses(native: Native, parameters: Sequence[Parameter], memory: Memory) -> Array:
    """The table that a native function is given: where its memory, the parameters and what it calls begin."""
    sides = [side[parameter] for side in (memory.old, memory.new) for parameter in parameters]
    addresses = [array.ctypes.data for array in (memory.arena, *sides)]
    for called in native.called:
        addresses += addresses_of(called)
    return np.array(addresses, np.int64)


def _result(native: Native, schedule: Schedule, box: Box, memory: Memory) -> Array:
    for parameter, new in schedule.updated.items():
        if new is box:
            return memory.new[parameter]
    return memory.array(native.offsets[box], box)


class _Reader:
    """The parameters that are only read; `seen` has the arrays that were copied last."""

    def __init__(self, native: Native, reads: Sequence[Parameter]) -> None:
        self.native = native
        self.reads = reads
        self.seen: list[Any] = [None] * len(reads)

    def take(self, memory: Memory, place: int, value: Any) -> None:
        """Copy a parameter into the memory, if its array is read there."""
        offset = self.native.fixed.get(self.reads[place])
        if offset is not None:
            np.copyto(memory.array(offset, self.reads[place]), value)
        self.seen[place] = value


class _Checked:
    """Says what is wrong with the labels of a box at which a native function stopped."""

    def __init__(self, native: Native, places: Mapping[Box, Place]) -> None:
        self.native = native
        self.places = places

    def refuse(self, memory: Memory, code: int, given: Sequence[Any]) -> None:
        """Raise it."""
        box = self.native.checks[code - 1]
        refuse(box, self._value(checked_child(box), memory, given))

    def _value(self, box: Box, memory: Memory, given: Sequence[Any]) -> Any:
        """A value as an array, through the views that lead to it."""
        base, views = self.places[box].base, []
        while box is not base:
            views.append(box)
            box = box.children[0]
        value = self._whole(box, memory, given)
        for view in reversed(views):
            value = view.fprop(value)
        return np.asarray(value)

    def _whole(self, box: Box, memory: Memory, given: Sequence[Any]) -> Any:
        if isinstance(box, Constant):
            return box.value
        if box in self.native.arguments:
            return given[self.native.arguments[box]]
        if isinstance(box, Parameter):
            return box.value
        return memory.array(self.native.offsets[box], box)
