"""A native function is bound to its memory: two tables of addresses, one for each place where the parameters may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.plan.arena import ALIGNMENT
from flowgraph.plan.numba.calls import addresses_of
from flowgraph.plan.numba.checks import checked_child, refuse
from flowgraph.plan.numba.emit import Native
from flowgraph.plan.numba.machine import compiled
from flowgraph.plan.numba.places import Place
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.schedule import Schedule
from flowgraph.plan.store import Store

_STEP = """\
def step({arguments}):
{reads}{arrays}    code = native({table})
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


class Bound:
    """The memory of a native plan, and its functions for both places of the parameters."""

    def __init__(
        self, native: Native, plan: Schedule, places: dict[Box, Place], store: Store, read: Sequence[Parameter]
    ) -> None:
        self.native = native
        self.plan = plan
        self.places = places
        self.read = read
        self.bytes = native.bytes
        raw = np.empty(native.bytes + ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        self.stretch: Array = raw[start : start + native.bytes]
        self.seen: list[Any] = [None] * len(read)
        for box, offset in native.fixed.items():
            if isinstance(box, Constant):
                np.copyto(self._array(box, offset), box.value)
        self.function = compiled(native)
        self.tables: list[Array] = []
        self.store = store

    def functions(self, kept: Sequence[Box]) -> tuple[Callable[..., Any], ...]:
        """For each place of the parameters, the function that returns the values of some boxes."""
        return tuple(self._function(kept, now) for now in (0, 1))

    def _array(self, box: Box, offset: int) -> Array:
        size = int(np.prod(shape_of(box), dtype=int)) * box.dtype.itemsize
        return self.stretch[offset : offset + size].view(box.dtype).reshape(shape_of(box))

    def _function(self, kept: Sequence[Box], now: int) -> Callable[..., Any]:
        old, new = self.store.buffers[now], self.store.buffers[1 - now]
        spare = dict(zip(self.plan.updated.values(), new, strict=True))
        addresses = [array.ctypes.data for array in (self.stretch, *old, *new)]
        for called in self.native.called:
            addresses += addresses_of(called)
        table = np.array(addresses, np.int64)
        self.tables.append(table)
        space: dict[str, Any] = {"native": self.function, "refuse": self.refuse, "seen": self.seen, "take": self.take}
        space["array"] = np.array
        results = []
        for place, box in enumerate(kept):
            space[f"result{place}"] = spare[box] if box in spare else self._array(box, self.native.offsets[box])
            results.append(f"result{place}" + ("" if box.shape else "[()]"))
        inputs = [f"a{place}" for place in range(len(self.native.arguments))]
        reads = [f"p{place}" for place in range(len(self.read))]
        text = _STEP.format(
            arguments=", ".join(inputs + reads),
            reads="".join(_READ.format(name=name, place=place) for place, name in enumerate(reads)),
            arrays="".join(
                _ARRAY.format(name=name) for name, box in zip(inputs, self.native.arguments, strict=True) if box.shape
            ),
            table=", ".join([str(table.ctypes.data), *inputs]),
            inputs="".join(f"{name}, " for name in inputs),
            results="".join(f"{one}, " for one in results),
        )
        exec(compile(text, "<call of a native plan>", "exec"), space)
        function: Callable[..., Any] = space["step"]
        return function

    def take(self, place: int, value: Any) -> None:
        """Copy a parameter that is only read into the memory."""
        offset = self.native.fixed.get(self.read[place])
        if offset is not None:
            np.copyto(self._array(self.read[place], offset), value)
        self.seen[place] = value

    def refuse(self, code: int, given: Sequence[Any]) -> None:
        """Raise what is wrong with the labels of a box."""
        box = self.native.checks[code - 1]
        refuse(box, self._value(checked_child(box), given))

    def _value(self, box: Box, given: Sequence[Any]) -> Any:
        """A value as an array, through the views that lead to it."""
        base, views = self.places[box].base, []
        while box is not base:
            views.append(box)
            box = box.children[0]
        value = self._whole(box, given)
        for view in reversed(views):
            value = view.fprop(value)
        return np.asarray(value)

    def _whole(self, box: Box, given: Sequence[Any]) -> Any:
        if isinstance(box, Constant):
            return box.value
        if box in self.native.arguments:
            return given[self.native.arguments[box]]
        if isinstance(box, Parameter):
            return box.value
        return self._array(box, self.native.offsets[box])
