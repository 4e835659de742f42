"""fg.scan: a loop written as the function of one step becomes one box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.loops.body import Body, CarryInput, ElementInput, body_of, hoisted
from flowgraph.loops.looping import looped
from flowgraph.loops.segments import in_segments
from flowgraph.shapes.spec import same


def scan(
    body: Callable[..., Any],
    carry: Any,
    inputs: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: int | None = None,
) -> tuple[Any, Any]:
    """Run a body over the first axis of the inputs, as one box: the last carry, and what the body gives at each step.

    The body is called once, on boxes that stand for one step; its graph is compiled once, however many steps there are,
    and the gradient is a loop too, which runs backwards. What the body reads from outside, parameters and other boxes,
    is found. A random leaf that it reads is drawn once for all steps.

    Parameters
    ----------
    body : function
        `body(carry, element)` returns the next carry and what is to be stacked, a box, a tuple of boxes or None.
    carry : box, array, or tuple of them
        The first carry. Each next one has its shape and dtype.
    inputs : box, array, or tuple of them, optional
        Arrays of one length, which may be a named size; the body gets their elements along the first axis, or None
        without inputs.
    length : int, optional
        The number of steps; needed without inputs.
    reverse : bool
        Whether to go from the last element to the first; what is stacked stays in the order of the inputs.
    checkpoint : int, optional
        Keep every so-many-th carry for the backward pass, which computes those between again: about the square root of
        the number of steps takes least memory. Without it each carry is kept that the gradient reads.

    Returns
    -------
    tuple
        The last carry, as `carry` is given, and the stacked outputs, as the body returns them. Where nothing is a box,
        arrays.

    Raises
    ------
    ShapeError, DtypeError
        If the next carry has another shape or dtype, or the inputs have not one length.
    UsageError
        If the body does not return two things, or nothing says how many steps there are.

    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=("T",))
    >>> decay = fg.Parameter(0.5, name="decay")
    >>> last, means = fg.scan(lambda mean, new: (decay * mean + new, mean), 0.0, x)
    >>> run = fg.Graph(last).fprop(x=[1.0, 2.0, 4.0])
    >>> float(run), run.bprop()[decay]
    (5.25, np.float64(3.0))
    """
    if not callable(body):
        raise UsageError(f"scan: found a {type(body).__name__} as the body, needs a function of carry and element")
    carries = _listed("carry", carry)
    elements = [] if inputs is None else _listed("inputs", inputs)
    steps = _length(elements, length)
    traced, outside, stacked = _traced(body, carry, carries, inputs, elements)
    if checkpoint is None:
        found = looped(traced, [*carries, *elements, *outside], steps, reverse)
    else:
        found = in_segments(traced, [*carries, *elements, *outside], steps, reverse, checkpoint)
    return _like(carry, found[: len(carries)]), _like(stacked, found[len(carries) :])


def _listed(what: str, given: Any) -> list[Any]:
    """The boxes and arrays of a carry or of inputs."""
    parts = list(given) if isinstance(given, tuple | list) else [given]
    read = [part if isinstance(part, Box) else np.asarray(part) for part in parts]
    for part in read:
        if not isinstance(part, Box) and part.dtype.kind not in "biufc":
            raise UsageError(f"scan: found an array of dtype {part.dtype} in {what}, needs boxes or arrays of numbers")
    return read


def _length(elements: Sequence[Any], length: int | None) -> int | None:
    """The number of steps where it is a number; None for a named size."""
    if length is not None and (isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 0):
        raise UsageError(f"scan: found length={length!r}, needs a whole number from 0, or inputs of a named size")
    if not elements and length is None:
        raise UsageError("scan: found no inputs and no length=, needs one of them to know the number of steps")
    lengths: list[Any] = [] if length is None else [int(length)]
    for i, element in enumerate(elements):
        if not element.shape:
            raise ShapeError(f"scan: found input {i} without axes, needs a first axis to loop over")
        lengths.append(element.shape[0])
    if not all(same(one, other) for one in lengths for other in lengths):
        found = ", ".join(map(str, dict.fromkeys(lengths)))
        raise ShapeError(f"scan: found inputs and length= of {found} steps, needs first axes of one length")
    return next((one for one in lengths if type(one) is int), None)


def _traced(
    body: Callable[..., Any], carry: Any, carries: Sequence[Any], inputs: Any, elements: Sequence[Any]
) -> tuple[Body, list[Box], Any]:
    """The body as a graph, what it reads from outside, and what it returned to be stacked."""
    of_carries: list[Box] = [CarryInput(shape=one.shape, dtype=one.dtype) for one in carries]
    of_elements: list[Box] = [ElementInput(shape=one.shape[1:], dtype=one.dtype) for one in elements]
    returned = body(_like(carry, of_carries), _like(inputs, of_elements))
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise UsageError(
            f"scan: {_name(body)} returned {_found(returned)}, needs a tuple of two: the next carry, and what is "
            f"stacked, None for nothing"
        )
    after, stacked = returned
    new, more = _boxes(body, after), _boxes(body, stacked)
    _check_carry(body, of_carries, new)
    outside, outers, results = hoisted([*new, *more], [*of_carries, *of_elements])
    return body_of(of_carries, of_elements, outers, results), outside, stacked


def _boxes(body: Callable[..., Any], given: Any) -> list[Box]:
    """What the body returned, as boxes; an array of its own is a constant."""
    parts = [] if given is None else list(given) if isinstance(given, tuple | list) else [given]
    try:
        return [part if isinstance(part, Box) else Constant(part) for part in parts]
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"scan: {_name(body)} returned {_found(given)}, needs boxes, in a tuple or alone ({error})"
        ) from None


def _check_carry(body: Callable[..., Any], before: Sequence[Box], after: Sequence[Box]) -> None:
    """Refuse a step after which the next one would not fit."""
    if len(before) != len(after):
        raise UsageError(
            f"scan: {_name(body)} returned a carry of {len(after)} arrays, needs {len(before)}, as the first one has"
        )
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        which = f"carry[{i}]" if len(before) > 1 else "carry"
        line = f"\n  built at {new.built_at}"
        if len(old.shape) != len(new.shape) or not all(map(same, old.shape, new.shape)):
            raise ShapeError(
                f"scan: {_name(body)} makes of {which} {old.spec} one of {new.spec}, needs the same shape after each "
                f"step; give the first carry the shape that it has later{line}"
            )
        if old.dtype != new.dtype:
            raise DtypeError(
                f"scan: {_name(body)} makes of {which} {old.spec} one of {new.spec}, needs the same dtype after each "
                f"step; give the first carry with dtype {str(new.dtype)!r}, or convert the next one with "
                f".astype({str(old.dtype)!r}){line}"
            )


def _like(container: Any, parts: Sequence[Any]) -> Any:
    """The parts as they were given: alone, in a tuple, or None for nothing."""
    if container is None:
        return None
    return tuple(parts) if isinstance(container, tuple | list) else parts[0]


def _name(body: Callable[..., Any]) -> str:
    return getattr(body, "__qualname__", None) or type(body).__name__


def _found(value: Any) -> str:
    return f"{len(value)} things" if isinstance(value, tuple | list) else f"a {type(value).__name__}"
