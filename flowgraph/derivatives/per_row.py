"""Any box over rows, one row at a time: the fallback where there is no batching rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.derivatives.backward_graph import gradients
from flowgraph.derivatives.batching import over_rows, rule_for
from flowgraph.derivatives.opaque import parts_of, settled_bprop
from flowgraph.derivatives.products import put_in
from flowgraph.errors import ShapeError
from flowgraph.shapes.spec import Spec, shape_text


class PerRow(Box):
    """A box run once for each row of its children; those that are not `batched` are the same in all.

    h_i = box(children_i)        each gets its gradients in rows, summed where it is the same in all
    """

    box: Any
    batched: tuple[bool, ...]

    symbol = "per row"
    examples = None  # it is tested with Jacobians of boxes that have no rule of their own

    def fprop(self, *children: Sequence[Value]) -> Value:
        """The values of the rows, stacked."""
        rows = [parts_of(self.box.fprop(*one)) for one in self._rows(children)]
        if rows:
            parts = tuple(self._stacked(part) for part in zip(*rows, strict=True))
        else:
            shapes = [spec.shape for spec in self.box.outputs]
            if not all(isinstance(size, int) for shape in shapes for size in shape):
                shapes = [np.shape(part) for part in self._any_row(children)]
            parts = tuple(
                np.empty((0, *shape), spec.dtype) for shape, spec in zip(shapes, self.box.outputs, strict=True)
            )
        return parts if len(parts) > 1 else parts[0]

    def bprop(self, grad: Value, h: Value, *children: Sequence[Value]) -> tuple[Value, ...]:
        """The gradients of the rows: stacked for batched children, summed for the others."""
        if any(isinstance(one, Box) for one in (grad, *children)):
            return self._bprop_over_rows(grad, children)
        wanted = [position for position, passes in enumerate(self.differentiable_wrt) if passes]
        parts: list[dict[int, Any]] = []
        for i, one in enumerate(self._rows(children)):
            grads = settled_bprop(self.box, wanted, _row(grad, i), _row(h, i), one)
            parts.append(dict(zip(wanted, grads, strict=True)))
        result: list[Any] = []
        for position, (child, batched) in enumerate(zip(children, self.batched, strict=True)):
            if not self.differentiable_wrt[position]:
                result.append(None)
            elif not parts:
                result.append(np.zeros_like(child))
            else:
                stacked = np.stack([part[position] for part in parts])
                result.append(stacked if batched else np.sum(stacked, axis=0))
        return tuple(result)

    def infer_from_children(self) -> Any:
        """The specs of the box, with the axis of rows in front."""
        rows = next(child.outputs[0].shape[0] for child, b in zip(self.children, self.batched, strict=True) if b)
        specs = tuple(Spec((rows, *spec.shape), spec.dtype) for spec in self.box.outputs)
        return specs if len(specs) > 1 else specs[0]

    @property
    def constant(self) -> tuple[bool, ...]:
        """As in the box."""
        return tuple(self.box.constant)

    def _rows(self, children: Sequence[Value]) -> Any:
        count = next(len(parts_of(c)[0]) for c, batched in zip(children, self.batched, strict=True) if batched)
        for i in range(count):
            yield [_row(child, i) if batched else child for child, batched in zip(children, self.batched, strict=True)]

    def _stacked(self, part: Sequence[Value]) -> Value:
        shapes = list(dict.fromkeys(map(np.shape, part)))
        if len(shapes) > 1:
            raise ShapeError(
                f"{self.box.title}: found {shape_text(shapes[0])} for one example and {shape_text(shapes[1])} for "
                f"another, needs the same for all that functional.vmap maps over; to differentiate while loops of "
                f"different lengths, map the function and then differentiate the sum over the examples"
            )
        return np.stack(part)

    def _any_row(self, children: Sequence[Value]) -> tuple[Any, ...]:
        ones = [np.ones(c.shape[1:], c.dtype) if b else c for c, b in zip(children, self.batched, strict=True)]
        return parts_of(self.box.fprop(*ones))

    def _bprop_over_rows(self, grad: Value, children: Sequence[Value]) -> tuple[Any, ...]:
        """The gradients of one row as a graph, over all rows."""
        leaves = [Input(f"child{i}", shape=c.shape, dtype=c.dtype) for i, c in enumerate(self.box.children)]
        single = self.box.with_children(*leaves)
        free = [leaf for leaf, passes in zip(leaves, single.differentiable_wrt, strict=True) if passes]
        several = len(single.outputs) > 1
        rows: dict[Box, Any] = {}
        outputs = []
        for i, part in enumerate(parts_of(grad)):
            if part is not None:
                outputs.append(single[i] if several else single)
                rows[Input(f"arriving{i}", shape=outputs[-1].shape, dtype=outputs[-1].dtype)] = part
        parts = [
            conjugate_if_complex(part)
            for part in gradients(outputs, free, list(map(conjugate_if_complex, rows)), unused="zeros")
        ]
        fixed: dict[Box, Any] = {}
        for leaf, child, batched in zip(leaves, children, self.batched, strict=True):
            (rows if batched else fixed)[leaf] = child
        found = dict(zip(free, over_rows([put_in(part, fixed) for part in parts], rows), strict=True))
        return tuple(
            None if leaf not in found else found[leaf] if batched else np.sum(found[leaf], axis=0)
            for leaf, batched in zip(leaves, self.batched, strict=True)
        )


@rule_for(Box)
def _row_by_row(box: Box, found: Mapping[Box, Box], some: Box) -> PerRow:
    batched = tuple(child in found for child in box.children)
    return PerRow(*[found.get(child, child) for child in box.children], box=box, batched=batched)


def _row(value: Value, i: int) -> Any:
    """Row i of a value, of each of its parts where it has several, None where there is none."""
    if isinstance(value, tuple):
        return tuple(_row(part, i) for part in value)
    return None if value is None else value[i]
