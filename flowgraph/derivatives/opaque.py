"""A bprop that does not run on boxes, as a box: correct at first order, refused at second."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.errors import NotDifferentiableError
from flowgraph.graph.passes import Edge
from flowgraph.graph.steps import derived_bprop
from flowgraph.shapes.spec import Spec


class BpropOf(Box):
    """The bprop of another box, called on arrays.

    h = box.bprop(grad, value, *children)        linear in grad; by the children only as a difference quotient

    `wanted` are the children of the box whose gradients are the parts of the value, `present` the outputs of the box
    that a gradient arrives at, `why` the reason that it does not run on boxes. Where the box keeps `stateful` memory
    between fprop and bprop, its fprop is called again right before.
    """

    box: Any
    wanted: tuple[int, ...]
    present: tuple[bool, ...]
    why: str
    stateful: bool

    symbol = "bprop"
    constant_children = frozenset({"arrays"})
    examples = None  # it is tested with boxes whose bprop does not run on boxes

    def fprop(self, *arrays: Value) -> Value:
        """What bprop gives for the children asked for."""
        grads, value, children = self._split_arrays(arrays)
        parts = self._call(grads, value, children)
        return tuple(parts) if len(parts) > 1 else parts[0]

    def bprop(
        self, grad: Value, h: Value, *arrays: Value, needs: tuple[bool, ...], differences: bool = False
    ) -> tuple[Value, ...]:
        """Exact by the incoming gradient; by central differences for the children, refused unless they are allowed."""
        count = sum(self.present)
        directions = grad if isinstance(grad, tuple) else (grad,)
        if any(needs[count + 1 :]) and not differences:
            raise self.refusal()
        result: list[Any] = [None] * len(arrays)
        for place in range(count):
            if needs[place]:
                result[place] = _slope(TransposedBprop, self, directions, arrays, place)
        for position, child in enumerate(self.wanted):
            if needs[count + 1 + child]:
                result[count + 1 + child] = _slope(SlopeOfBprop, self, directions, arrays, position)
        return tuple(result)

    def infer_from_children(self) -> Any:
        """The specs of the children that get a gradient."""
        specs = [self.box.children[i].outputs[0] for i in self.wanted]
        return specs[0] if len(specs) == 1 else tuple(specs)

    @property
    def constant(self) -> tuple[bool, ...]:
        """The value is computed from the children, so what depends on it is counted with them."""
        children = tuple(i not in self.wanted for i in range(len(self.box.children)))
        return (*(False for part in self.present if part), True, *children)

    def specs_arriving(self) -> list[Spec]:
        """The specs of the outputs of the box that a gradient arrives at."""
        return [spec for spec, there in zip(self.box.outputs, self.present, strict=True) if there]

    def refusal(self) -> NotDifferentiableError:
        """The error for a box that cannot be differentiated twice, with the way out."""
        box = self.box
        _, line = inspect.getsourcelines(type(box).bprop) if _has_source(type(box)) else ("", 0)
        where = f"{inspect.getsourcefile(type(box).bprop)}:{line}" if line else type(box).__qualname__
        return NotDifferentiableError(
            f"{box.title}: its bprop does not run on boxes ({self.why}), so it has no second derivative\n"
            f"  box built at {box.built_at}\n"
            f"  bprop at {where}\n"
            f"  write the bprop with NumPy functions that take boxes, or accept difference quotients: "
            f"fallback='central differences' in fg.gradient, fg.hvp, fg.jacobian, fg.hessian"
        )

    def gradients_moved(
        self, grads: Value, children: Sequence[Any], directions: Sequence[Any], step: float
    ) -> list[Any]:
        """The gradients at the children moved along the directions, by `step`."""
        there = list(children)
        for child, direction in zip(self.wanted, directions, strict=True):
            if direction is not None:
                there[child] = (children[child] + step * direction).astype(children[child].dtype)
        return self._call(grads, self.box.fprop(*map(np.array, there)), there)

    def _split_arrays(self, arrays: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        count = sum(self.present)
        given = iter(arrays[:count])
        grads = tuple(next(given) if present else None for present in self.present)
        return (grads if len(self.present) > 1 else grads[0]), arrays[count], arrays[count + 1 :]

    def _call(self, grads: Value, value: Value, children: Sequence[Any]) -> list[Any]:
        """The wanted gradients, computed from copies, since a bprop may write to its arguments."""
        children = [np.array(child)[()] for child in children]
        if self.stateful:
            value = self.box.fprop(*children)
        grads = tuple(None if g is None else np.array(g)[()] for g in grads) if isinstance(grads, tuple) else grads
        sent = grads if isinstance(grads, tuple) else np.array(grads)[()]
        return settled_bprop(self.box, self.wanted, sent, value, children)


class SlopeOfBprop(Box):
    """The derivative of <bprop, directions> by one child, by central differences of bprop.

    h = (bprop(a + s v) − bprop(a − s v)) / 2s        no bprop: differences of differences have no digits

    The Hessian of <grad, fprop> is symmetric, so two calls give the whole product with the directions v.
    """

    bprop_box: Any
    position: int
    present: tuple[bool, ...]

    infers_first = True
    symbol = "central differences of bprop"
    examples = None  # it is tested with boxes whose bprop does not run on boxes

    def fprop(self, *arrays: Value) -> Value:
        """The central difference of two calls of bprop."""
        directions, grads, _, children = _split(self, arrays)
        inner = self.bprop_box
        size = max((float(np.max(np.abs(d), initial=0)) for d in directions if d is not None), default=0.0)
        if size == 0:
            return np.zeros_like(children[inner.wanted[self.position]])
        scale = max(1.0, *(float(np.max(np.abs(children[i]), initial=0)) for i in inner.wanted))
        step = float(np.finfo(self.dtype).eps) ** (1 / 3) * scale / size
        ahead = inner.gradients_moved(grads, children, directions, step)[self.position]
        behind = inner.gradients_moved(grads, children, directions, -step)[self.position]
        return ((ahead - behind) / (2 * step)).astype(self.dtype)

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        """Refused."""
        raise self.bprop_box.refusal()

    def infer_from_children(self) -> Spec:
        """The spec of the child of the box."""
        inner = self.bprop_box
        return inner.box.children[inner.wanted[self.position]].spec  # type: ignore[no-any-return]


class TransposedBprop(Box):
    """The derivative of <bprop, directions> by the gradient that arrives, in which bprop is linear: by unit gradients.

    h_j = <bprop(e_j), v>        dv = bprop(grad), exact; as many calls of bprop as the output has elements

    Of a box with several outputs it is the derivative by the gradient of one, the one at `position` among those that
    a gradient arrives at.
    """

    bprop_box: Any
    position: int
    present: tuple[bool, ...]

    infers_first = True
    symbol = "transposed bprop"
    examples = None  # it is tested with boxes whose bprop does not run on boxes

    def fprop(self, *arrays: Value) -> Value:
        """The product of the directions with bprop of every unit vector."""
        directions, grads, value, children = _split(self, arrays)
        sent = [np.zeros_like(part) for part in parts_of(grads) if part is not None]
        result = np.zeros_like(sent[self.position])
        for place in np.ndindex(result.shape):
            for unit_value in (1, 1j) if self.dtype.kind == "c" else (1,):
                unit = np.zeros_like(result)
                unit[place] = unit_value
                units = [unit[()] if i == self.position else zeros for i, zeros in enumerate(sent)]
                parts = parts_of(self.bprop_box.fprop(*units, value, *children))
                pairs = zip(parts, directions, strict=True)
                slope = sum(np.sum(part * d).real for part, d in pairs if d is not None)
                result[place] += slope if unit_value == 1 else -1j * slope
        return result

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        """Refused."""
        raise self.bprop_box.refusal()

    def infer_from_children(self) -> Spec:
        """The spec of the output of the box."""
        return self.bprop_box.specs_arriving()[self.position]  # type: ignore[no-any-return]


def parts_of(value: Value) -> tuple[Any, ...]:
    """The outputs, or their gradients, one or several."""
    return value if isinstance(value, tuple) else (value,)


def present(grad: Value) -> tuple[bool, ...]:
    """For each output, whether a gradient arrives at it."""
    return tuple(part is not None for part in parts_of(grad))


def settled_bprop(box: Box, wanted: Sequence[int], grad: Value, value: Value, children: Sequence[Any]) -> list[Any]:
    """The gradients of the wanted children on arrays, each of the shape and dtype of its child."""
    bprop = box.bprop if box.has_bprop else derived_bprop(box)
    parts = bprop(grad, value, *children)
    return [Edge(box, i).settle_gradient(parts[i], np.asarray(children[i])[()]) for i in wanted]


def _slope(cls: Any, inner: BpropOf, directions: Sequence[Any], arrays: Sequence[Any], position: int) -> Any:
    """The box on boxes, its value on arrays."""
    present = tuple(direction is not None for direction in directions)
    children = [direction for direction in directions if direction is not None] + list(arrays)
    if any(isinstance(child, Box) for child in children):
        return cls(*children, bprop_box=inner, position=position, present=present)
    target = inner.box.children[inner.wanted[position]] if cls is SlopeOfBprop else inner.specs_arriving()[position]
    settings = {"bprop_box": inner, "position": position, "present": present}
    box = cls._of_state({"children": (), "name": None, "scope": "", "dtype": target.dtype}, **settings)
    return box.fprop(*children)


def _split(box: Box, arrays: Sequence[Any]) -> tuple[list[Any], Any, Any, Sequence[Any]]:
    """The directions, then the inputs of the bprop."""
    given = iter(arrays)
    directions = [next(given) if present else None for present in box.present]
    grads, value, children = box.bprop_box._split_arrays(list(given))
    return directions, grads, value, children


def _has_source(cls: type[Any]) -> bool:
    try:
        inspect.getsourcelines(cls.bprop)
    except (OSError, TypeError, AttributeError):
        return False
    return True
