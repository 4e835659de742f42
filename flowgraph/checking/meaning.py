"""Regions where the values of fprop are meaningless, so that a wrong gradient is no mistake: far beyond the example.

A function of rows that adds up all elements gives a number for a stack of matrices too, and one that divides by a
deviation gives one for a negative deviation. Neither says anything of its gradient.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.example_contract import ExampleContract, Excess
from flowgraph.checking.point import Point
from flowgraph.checking.runner import Illegal, flatten, parts

GUARD = 1e-6  # where clips that keep off a singularity begin at most
INSIDE = 1e-5  # how far beside the edge of a clip its singularity shows
STEEP = 100.0
MOST = 24  # elements that are looked at


def meaningless(contract: ExampleContract, point: Point, excesses: Sequence[Excess]) -> list[Excess]:
    """In what a point goes beyond what fprop means; nothing where a wrong number is a mistake."""
    found = [*_other_signs(contract, point), *_clipped(contract, point)]
    shapes = any(one.subject == "shapes" for one in excesses)
    if found or any(one.of_range for one in excesses) or (shapes and not _is_stack(contract, point)):
        return [*found, *excesses]
    return []


def _other_signs(contract: ExampleContract, point: Point) -> Iterator[Excess]:
    """Inputs of one sign in the example, as a deviation or weights, beside one of both: that sign is no accident."""
    example = {i: np.asarray(contract.example[i]) for i in contract.active if np.size(contract.example[i])}
    mixed = {i for i, x in example.items() if x.min() < 0 < x.max()}
    for i, x in example.items():
        other = np.asarray(point.inputs[i])
        if mixed and other.size and ((x.min() > 0 >= other.min()) or (x.max() < 0 <= other.max())):
            yield Excess(f"sign of {i}", f"{contract.target.names[i]} of another sign")


def _is_stack(contract: ExampleContract, point: Point) -> bool:
    """Whether fprop maps over the axis that is new, or that is gone: slice by slice it answers as on the whole."""
    arrays = contract.arrays(contract.example)
    more = [np.ndim(point.inputs[i]) - contract.example[i].ndim for i in arrays]
    if (set(more) - {0, 1} and set(more) - {0, -1}) or not any(more):
        return False
    whole = point.inputs if 1 in more else _with_arrays(point.inputs, contract.example, arrays)
    stacked = [i for i, rank in zip(arrays, more, strict=True) if rank]
    sizes = {len(whole[i]) for i in stacked}
    if len(sizes) != 1 or sizes == {0}:
        return False
    try:
        outputs = parts(point.runner.legal(whole))
        for k in range(sizes.pop()):
            slices = tuple(x[k] if i in stacked else x for i, x in enumerate(whole))
            found = point.runner.legal(slices)
            if 1 in more and not contract.tied(slices, found):
                return False
            if not all(_close(one[k], other) for one, other in zip(outputs, parts(found), strict=True)):
                return False
    except Illegal:  # a setting that no slice takes, as the last of three axes: nothing is known, so numbers count
        return True
    except (IndexError, TypeError, ValueError):
        return False
    return True


def _with_arrays(inputs: Sequence[Any], example: Sequence[Any], arrays: Container[int]) -> tuple[Any, ...]:
    """The arrays of the example beside the settings of a point."""
    return tuple([example[i] if i in arrays else x for i, x in enumerate(inputs)])


def _clipped(contract: ExampleContract, point: Point) -> Iterator[Excess]:
    """Inputs with values outside of [0, 1], or below 0, that fprop clips there to keep away from a singularity.

    The example has none of these: the clip is the guard of a domain, as that of log(p), and no part of the function.
    """
    for i in contract.active:
        x, shown = np.asarray(point.inputs[i]), np.asarray(contract.example[i])
        edges = [(0.0, INSIDE)] if shown.size and shown.min() > 0 else []
        edges += [(1.0, 1.0 - INSIDE)] if edges and shown.max() < 1 else []
        for (edge, _), near in zip(edges, (x <= GUARD, x >= 1.0 - GUARD), strict=False):
            outside = _unmoved(point, i, near, edge)
            if np.any(outside) and _is_singular(point, i, outside, edges):
                yield Excess(f"values of {i}", f"values of {contract.target.names[i]} that it clips")
                break


def _unmoved(point: Point, i: int, near: Any, edge: float) -> Any:
    """Those of some elements that can be put at the edge without a change of the value."""
    found = np.zeros(near.shape, bool)
    for k in np.flatnonzero(near)[:MOST]:
        one = np.arange(near.size).reshape(near.shape) == k
        value = _moved_to(point, i, one, edge)
        found |= one & (value is not None and np.array_equal(value, point.value))
    return found


def _is_singular(point: Point, i: int, outside: Any, edges: list[tuple[float, float]]) -> bool:
    """Whether fprop changes much within the first millionths beside one of the edges."""
    for pair in edges:
        at_edge, beside = (_moved_to(point, i, outside, number) for number in pair)
        if at_edge is not None and beside is not None and np.any(np.abs(beside - at_edge) > STEEP * INSIDE):
            return True
    return False


def _moved_to(point: Point, i: int, chosen: Any, number: float) -> Any:
    """The value with the chosen elements of one input at a number; None where there is none."""
    inputs = list(point.inputs)
    x = np.where(chosen, number, inputs[i])
    inputs[i] = float(x) if type(inputs[i]) is float else np.asarray(x, dtype=np.asarray(inputs[i]).dtype)
    try:
        value = flatten(point.runner.legal(tuple(inputs)))
    except Illegal:
        return None
    return point.project(value) if value.shape == flatten(point.output).shape else None


def _close(one: Value, other: Value) -> bool:
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=1e-9, atol=1e-12)
