"""A bprop called on boxes: verified by numbers where a user wrote it, or one box that calls it on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.arrays import array_of
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.random_draws import Seed
from flowgraph.box.results import as_values
from flowgraph.boxes.engine.shape_like import broadcast_like
from flowgraph.derivatives.opaque import BpropOf, parts_of, present
from flowgraph.errors import DtypeError, NotDifferentiableError, ShapeError, UsageError
from flowgraph.graph.feeding import refuse_without_grad
from flowgraph.graph.passes import Step
from flowgraph.graph.steps import replay
from flowgraph.graph.topology import topological_order
from flowgraph.shapes.size import Size, evaluate
from flowgraph.shapes.spec import same, shape_text

_SIZES = (3, 4, 2, 5)
"""Numbers that stand for named sizes where a derived bprop is held against values: different, small, above 1."""


def on_boxes(step: Step, differences: bool) -> Step:
    """The step whose bprop builds boxes, whatever its author wrote."""
    if isinstance(step.box, BpropOf):
        return step._replace(bprop=partial(step.bprop, differences=differences))
    return step._replace(bprop=partial(_build, step))


def _build(step: Step, grad: Value, value: Value, *children: Value) -> tuple[Any, ...]:
    """The boxes that the bprop builds, or one box that calls it on arrays where they would not be right."""
    box = step.box
    if box.built_in or not box.has_bprop:
        try:
            return step.bprop(grad, value, *children)
        except (NotDifferentiableError, UsageError) as error:  # a refusal: it needs numbers, such as those of sizes
            return _opaque(step, grad, value, children, _reason(error), False)
    doubt, stateful = _doubt(step, present(grad))
    if doubt is None:
        return step.bprop(grad, value, *children)
    return _opaque(step, grad, value, children, doubt, stateful)


def _opaque(
    step: Step, grad: Value, value: Value, children: Sequence[Any], why: str, stateful: bool
) -> tuple[Any, ...]:
    wanted = tuple(position for position, _ in step.wanted)
    there = present(grad)
    sent = [part for part in parts_of(grad) if part is not None]
    box = BpropOf(*sent, value, *children, box=step.box, wanted=wanted, present=there, why=why, stateful=stateful)
    parts = (box,) if len(wanted) == 1 else tuple(box)
    placed = dict(zip(wanted, parts, strict=True))
    return tuple(placed.get(position) for position in range(step.arity))


def _doubt(step: Step, there: tuple[bool, ...]) -> tuple[str | None, bool]:
    """Why the boxes that a bprop builds cannot be relied on, None if they can; and whether it keeps state.

    fprop and bprop are called on two draws of the children, with gradients for the outputs that are `there`. The
    graph, built after the first and evaluated at the second, must give the numbers that bprop gives there: an array
    kept from the first is found out.
    """
    box = step.box
    try:
        first, second = (_draw(box, number) for number in (0, 1))
        values = [box.fprop(*_copies(arrays)) for arrays in (first, second)]
        seeds = [_seed(value, number, there) for number, value in enumerate(values)]
    except Exception as error:
        return f"its fprop could not be tried: {_reason(error)}", True
    expected = [_numbers(step, seed, arrays) for seed, arrays in zip(seeds, (first, second), strict=True)]
    if not all(isinstance(numbers, tuple) for numbers in expected):
        return f"its bprop could not be tried: {next(reason for reason in expected if isinstance(reason, str))}", True
    of_same_sizes = _draw(box, len(_SIZES))  # the sizes repeat from there on: those of the first draw, other numbers
    stateful = not _agree(expected[0], _numbers(step, seeds[0], first, of_same_sizes))
    try:
        # called on two sets of leaves, so that boxes which it keeps from the first call show up in the second
        arguments, other = _leaves(box, there), _leaves(box, there)
        box.fprop(*_copies(first))
        step.bprop(*arguments)
        built = step.bprop(*other)
        sent, value, *children = other
        known = dict(zip(parts_of(sent), parts_of(seeds[1]), strict=True))
        known |= dict(zip((value, *children), (as_values(box.fprop(*_copies(second))), *second), strict=True))
        evaluated = tuple(_evaluate(built[position], known) for position, _ in step.wanted)
    except Exception as error:
        return _reason(error), stateful
    if any(part is None for part in evaluated):
        return "it keeps boxes of another call", True
    if not _agree(expected[1], evaluated):
        return "called on boxes it gives other numbers than on arrays", True
    return (None, False) if not stateful else ("it keeps state between calls", True)


def _numbers(step: Step, seed: Seed, arrays: Sequence[Any], between: Sequence[Any] | None = None) -> Any:
    """What bprop gives on arrays, right after their fprop or after another fprop, of `between`; a text if it fails."""
    value = step.box.fprop(*_copies(arrays))
    if between is not None:
        step.box.fprop(*_copies(between))
    try:
        parts = step.bprop(*_copies((seed, value)), *_copies(arrays))
        if any(parts[position] is None for position, _ in step.wanted):
            return "it returned None for a child that wants a gradient"
        return tuple(np.asarray(parts[position]) for position, _ in step.wanted)
    except Exception as error:
        return _reason(error)


def _leaves(box: Box, there: tuple[bool, ...]) -> list[Any]:
    """The arguments of a bprop as boxes: the gradient, the value, the children.

    Of several outputs, there is a gradient for each of those that have one.
    """
    children = [
        child if isinstance(child, Constant) else Input(f"child{i}", shape=child.shape, dtype=child.dtype)
        for i, child in enumerate(box.children)
    ]
    grads = tuple(
        Input(f"grad{i}", shape=spec.shape, dtype=spec.dtype) if arrives else None
        for i, (spec, arrives) in enumerate(zip(box.outputs, there, strict=True))
    )
    return [grads if len(grads) > 1 else grads[0], box.with_children(*children), *children]


def _evaluate(part: Value, known: Mapping[Any, Any]) -> Any:
    """The value of a box, None if it depends on a leaf without one."""
    if not isinstance(part, Box):
        return np.asarray(part)
    boxes = topological_order([part])
    leaves: dict[Any, Any] = {b: b.current() for b in boxes if isinstance(b, Parameter)}
    leaves |= {b: b.value for b in boxes if isinstance(b, Constant)} | dict(known)
    if any(not b.children and b not in leaves for b in boxes if b not in known):
        return None
    return replay(boxes, {b: i for i, b in enumerate(boxes)}, leaves)[-1]


def _agree(numbers: Value, other: Value) -> bool:
    if not isinstance(other, tuple) or len(numbers) != len(other):
        return False
    for a, b in zip(numbers, other, strict=True):
        try:
            a, b = np.broadcast_arrays(a, b)
        except ValueError:
            return False
        # two formulas for one gradient differ by rounding, a wrong one by some of the value: half the digits tell
        rough = 1e-4 if np.result_type(a, b) == np.float32 else 1e-9
        if not np.allclose(a, b, rtol=rough, atol=rough, equal_nan=True):
            return False
    return True


def _draw(box: Box, number: int) -> list[Any]:
    """Arrays for the children: constants as they are, floats inside the domain, zeros for labels and indices."""
    rng = np.random.default_rng(number)
    names = sorted({name for c in box.children for s in c.shape if isinstance(s, Size) for name in s.names})
    sizes = {name: _SIZES[(i + number) % len(_SIZES)] for i, name in enumerate(names)}
    arrays = []
    for name, child in zip(box.names_of_children(), box.children, strict=True):
        shape = tuple(evaluate(size, sizes) for size in child.shape)
        if isinstance(child, Constant):
            arrays.append(child.value)
        elif child.dtype.kind not in "fc":
            arrays.append(np.zeros(shape, child.dtype))
        else:
            interval = box.domain.get(name.partition("[")[0])
            low = interval.low if interval is not None and isfinite(interval.low) else None
            high = interval.high if interval is not None and isfinite(interval.high) else None
            low = low if low is not None else (-1.5 if high is None else high - 2)
            high = high if high is not None else low + 3
            arrays.append(rng.uniform(low + (high - low) / 8, high - (high - low) / 8, shape).astype(child.dtype))
    return arrays


def _seed(value: Value, number: int, there: tuple[bool, ...]) -> Any:
    rng = np.random.default_rng(number + 7)
    drawn = tuple(
        np.asarray(rng.normal(size=np.shape(part))).astype(np.asarray(part).dtype) if arrives else None
        for part, arrives in zip(parts_of(value), there, strict=True)
    )
    return drawn if isinstance(value, tuple) else drawn[0]


def _copies(arrays: Sequence[Any]) -> list[Any]:
    """Fresh arrays; of a tuple, of each of its parts, None where there is none."""
    return [tuple(_copies(a)) if isinstance(a, tuple) else None if a is None else np.array(a)[()] for a in arrays]


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no text'}"


def seed_of(output: Box, grad: Value) -> Value:
    """What arrives at an output as a box of its shape: 1 at a scalar where nothing is given."""
    if grad is None:
        refuse_without_grad(f"gradient: {output.title}", output.shape, output.dtype)
        return Constant(np.ones((), output.dtype))
    seed = grad if isinstance(grad, Box) else Constant(array_of("gradient: grad", grad), dtype=output.dtype)
    if len(seed.shape) != len(output.shape) or not all(map(same, seed.shape, output.shape)):
        raise ShapeError(
            f"gradient: grad= has the shape {shape_text(seed.shape)}, needs {shape_text(output.shape)} "
            f"of {output.title}"
        )
    if seed.dtype.kind == "c" and output.dtype.kind != "c":
        raise DtypeError(f"gradient: grad= has dtype {seed.dtype}, needs {output.dtype} of {output.title}")
    return broadcast_like(seed, output)


def as_box(grad: Any) -> Box:
    """A gradient as a box; a bprop that reads no box gives an array, such as zeros."""
    return grad if isinstance(grad, Box) else Constant(grad)
