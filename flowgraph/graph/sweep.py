"""The backward sweep: each bprop in reverse order, un-broadcasting and accumulation, on arrays or on boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.foreign import is_foreign
from flowgraph.boxes.elementwise.complex_numbers import real_part
from flowgraph.boxes.engine.shape_like import sum_like
from flowgraph.errors import BpropError, FlowgraphError
from flowgraph.graph.steps import Step
from flowgraph.shapes.spec import same, shape_text

_SETTLED = np.float64
"""The type of a part that is taken as it is where the child has that type too: in a graph of numbers a call of
`check_and_unbroadcast` for each part would be felt (`python -m benchmarks overhead`)."""


def sweep(steps: Iterable[Step], values: Sequence[Any], grads: list[Any]) -> None:
    """Send the gradients in `grads` on, from each box to those of its children that want one.

    The gradient of a box is the sum over its parents of what each sends: dl/dv = sum_p (dp/dv)' dl/dp. Of a complex
    value it is the g with dl = Re Σ g dv, the conjugate of the gradient that a user sees (`turned`).

    Source: Larochelle, Training neural networks, "flow graph", bprop.
    """
    box: Box | None = None
    try:
        for slot, bprop, read, wanted, arity, box in steps:
            grad = grads[slot]
            if grad is None:
                continue
            parts = bprop(grad, values[slot], *read(values))
            if type(parts) is not tuple or len(parts) != arity:
                raise _wrong_count(box, parts)
            for position, child in wanted:
                part, value = parts[position], values[child]
                if type(part) is not _SETTLED or type(value) is not _SETTLED:
                    part = check_and_unbroadcast(part, value, box, position, values[slot])
                arrived = grads[child]
                grads[child] = part if arrived is None else accumulate(arrived, part)
    except Exception as error:
        if box is not None and not isinstance(error, FlowgraphError):
            error.add_note(f"in bprop of {box.title}, built at {box.built_at}")
        raise


def accumulate(arrived: Value, part: Value) -> Any:
    """The sum of two gradients; of a box with several outputs, output by output."""
    if type(part) is not tuple:
        return arrived + part
    return tuple(
        new if old is None else old if new is None else old + new for old, new in zip(arrived, part, strict=True)
    )


def check_and_unbroadcast(part: Value, value: Value, box: Box, position: int, own: Value) -> Any:
    """A gradient that a bprop returned, compared with the child's value and summed over broadcast axes."""
    if type(part) is tuple and isinstance(value, tuple | Box):
        return part
    if part is None:
        raise _wrong(box, position, "None", "a gradient (None is for children declared in constant_children)")
    if not isinstance(part, Box | np.ndarray | np.generic) and not is_foreign(part):
        part = np.asarray(part)
    if part.shape != value.shape:
        if _undoes_broadcast(box, part.shape, value.shape):
            part = sum_like(part, value)
        elif not _fits(part.shape, value.shape):
            raise _wrong(box, position, f"the shape {shape_text(part.shape)}", shape_text(value.shape))
    if part.dtype != value.dtype:
        if not _mixed(box, part.dtype, own) and not _other_kind(box, part.dtype, value.dtype):
            raise _wrong(box, position, f"dtype {part.dtype}", str(value.dtype))
        part = (part if value.dtype.kind == "c" else real_part(part)).astype(value.dtype)
    return part


def _undoes_broadcast(box: Box, found: Sequence[Any], needed: Sequence[Any]) -> bool:
    """Whether a shape is what broadcasting makes of another, in a box that broadcasts its children."""
    if not isinstance(box, Elementwise) and box.signature is None:
        return False
    extra = len(found) - len(needed)
    return extra >= 0 and all(n == 1 or same(f, n) for f, n in zip(found[extra:], needed, strict=True))


def _fits(found: Sequence[Any], needed: Sequence[Any]) -> bool:
    """Whether a shape may be another one, where a size of it is only known in a run."""
    return len(found) == len(needed) and all(map(same, found, needed))


def _mixed(box: Box, found: np.dtype[Any], own: Value) -> bool:
    """Whether the dtype comes from children of different dtypes, so that NumPy itself has widened the gradient."""
    dtypes = [child.dtype for child in box.children]
    own_dtype = [own.dtype] if hasattr(own, "dtype") else []
    floats = [dtype for dtype in dtypes if dtype.kind in "fc"]
    return any(len(set(met)) > 1 and found == np.result_type(*met, *own_dtype) for met in (dtypes, floats))


def _other_kind(box: Box, found: np.dtype[Any], needed: np.dtype[Any]) -> bool:
    """Whether one is real and the other complex, of the same precision, in a box with a complex number on one side.

    There are no complex numbers of half precision: what meets float16 there has single precision.
    """
    kinds = {spec.dtype.kind for one in (box, *box.children) for spec in one.outputs}
    precision = np.dtype(np.float32) if needed == np.float16 else needed.type(0).real.dtype
    return "c" in kinds and found.kind in "fc" and found.type(0).real.dtype == precision


def _wrong_count(box: Box, parts: Value) -> BpropError:
    found = f"{len(parts)} gradients" if isinstance(parts, tuple | list) else f"a {type(parts).__name__}"
    return BpropError(
        f"{box.title}: bprop returned {found}, needs a tuple of {len(box.children)}, "
        f"one per child ({', '.join(box.names_of_children())})\n  built at {box.built_at}"
    )


def _wrong(box: Box, position: int, found: str, needed: str) -> BpropError:
    return BpropError(
        f"{box.title}: bprop returned {found} for child {box.names_of_children()[position]!r}, needs {needed}\n"
        f"  built at {box.built_at}"
    )
