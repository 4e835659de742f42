"""The source of a plan becomes a function: its names are bound to buffers, views, constants and NumPy's functions."""

from __future__ import annotations

import itertools
import linecache
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.neural.label import PlaceOf, PlacesOf, check_labels
from flowgraph.graph.forward import as_values
from flowgraph.plan.arena import aligned_bytes, lay_out
from flowgraph.plan.blas import accumulator
from flowgraph.plan.numpy.emit import NUMPY, Source
from flowgraph.plan.numpy.emit_chains import ROWS
from flowgraph.plan.numpy.threads import in_threads, shared
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes.masking import keep_where
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.schedule import Buffer, Schedule
from flowgraph.plan.store import stretch_of

_numbers = itertools.count(1)


class Memory:
    """The stretch of memory in which the buffers of a schedule lie."""

    def __init__(self, plan: Schedule) -> None:
        unique = {id(buffer): buffer for buffer in plan.buffers.values() if buffer.is_own}
        self.bytes = lay_out(buffer for buffer in unique.values() if not buffer.piece)
        self.stretch: Array = aligned_bytes(self.bytes)

    def array(self, buffer: Buffer, box: Box) -> Array:
        """A buffer as the array that the value of the box is."""
        return self.stretch[buffer.start : buffer.start + buffer.size].view(box.dtype).reshape(box.shape)


def compile_source(source: Source) -> types.CodeType:
    """The code of the function; its lines are known to tracebacks as long as the source lives."""
    path = f"<plan {next(_numbers)}>"
    linecache.cache[path] = (len(source.text), None, source.text.splitlines(keepends=True), path)
    weakref.finalize(source, linecache.cache.pop, path, None).atexit = False
    module = compile(source.text, path, "exec")
    return next(part for part in module.co_consts if isinstance(part, types.CodeType))


def bind(
    source: Source,
    code: types.CodeType,
    plan: Schedule,
    memory: Memory,
    old: Mapping[Parameter, Array],
    new: Mapping[Parameter, Array],
) -> Callable[..., tuple[Any, ...]]:
    """The function for parameters that stand in `old` and get their new values in `new`."""
    space: dict[str, Any] = {name: getattr(np, name) for name in NUMPY}
    space |= {"in_threads": in_threads, "keep_where": keep_where}
    values: dict[Box, Any] = {}
    for box in plan.graph.boxes:
        ufunc = ufunc_of(box)
        if ufunc is not None:
            space[ufunc.__name__] = ufunc
        if isinstance(box, Constant):
            values[box] = box.value
        elif box in plan.updated:
            values[box] = old[box]  # type: ignore[index]
        elif box in plan.stretches.joined:
            values[box] = stretch_of([old[parameter] for parameter in plan.stretches.joined[box]])
        elif box in plan.buffers:
            values[box] = _buffer(plan.buffers[box], box, memory, new)
    for name, box in source.buffers.items():
        space[name] = values[box]
    for name, box in source.held.items():
        space[name] = np.empty((), box.dtype)
    for name, parameter in source.spares.items():
        space[name] = new[parameter]
    for box, value in values.items():
        if box not in plan.buffers:
            space[source.names[box]] = value
    for name, _, box in source.views:
        values[box] = space[name] = box.fprop(values[box.children[0]])
    for name, base in source.flats.items():
        space[name] = space[base].reshape(-1)
    for name, base in source.sums.items():
        space[name] = accumulator(space[base])
    for name, box in source.calls.items():
        space[name] = _call(box)
    for name, one in source.labels.items():
        space[name] = _check_labels(one)
    for (rows, of_class), places in source.places.items():
        space[rows], space[of_class] = _places(places)
    for name, (arrays, size, count, threads) in source.pieces.items():
        whole = [None if one == ROWS else space[one] for one in arrays]
        shares = shared(range(0, count, size)) if threads else [range(0, count, size)]
        cut = [_cut(whole, starts, size, count) for starts in shares]
        space[name] = cut if threads else cut[0]
    return types.FunctionType(code.replace(), space, "step")  # of its own, for the interpreter's caches


def _buffer(buffer: Buffer, box: Box, memory: Memory, new: Mapping[Parameter, Array]) -> Array:
    if buffer.piece:
        return np.empty((buffer.piece, *shape_of(box)[1:]), box.dtype)
    whole = buffer.whole
    if whole.spare_of is None:
        return memory.array(buffer, box)
    elements = stretch_of([new[parameter] for parameter in whole.spare_of])
    start = buffer.start // box.dtype.itemsize
    return elements[start : start + buffer.size // box.dtype.itemsize].reshape(box.shape)


def _cut(arrays: Sequence[Array | None], starts: Sequence[int], rows: int, count: int) -> list[tuple[Any, ...]]:
    """For each piece of the rows, that piece of each array; the slice itself in place of None.

    An array that holds one piece at a time serves all these pieces, and no others: they are the share of one thread.
    """
    own = [np.empty_like(a) if a is not None and len(a) != count else a for a in arrays]
    cuts = []
    for start in starts:
        stop = min(start + rows, count)
        cuts.append(
            tuple(
                slice(start, stop) if a is None else a[start:stop] if len(a) == count else a[: stop - start]
                for a in own
            )
        )
    return cuts


def _call(box: Box) -> Callable[..., Any]:
    fprop = box.fprop
    return lambda *values: as_values(fprop(*values))


def _check_labels(box: PlaceOf | PlacesOf) -> Callable[[Any], None]:
    """What refuses a label outside the classes, in the name of the user's box."""
    classes = shape_of(box.children[1])[-1]
    owner = _owner(box)

    return lambda labels: check_labels(owner, labels, classes)


def _places(box: PlacesOf) -> tuple[Array, Array]:
    """The places where the rows begin, and what a class adds."""
    classes = shape_of(box.children[1])[-1]
    count = shape_of(box)[0]
    row, column = (1, count) if box.columns else (classes, 1)
    return np.arange(count) * row, np.arange(classes) * column


def _owner(box: Box) -> Box:
    """The box of the user for which this one was built, by one pass or by several."""
    while "built_for" in box.__dict__:
        box = box.__dict__["built_for"]
    return box
