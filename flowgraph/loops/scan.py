"""`scan` and `while_loop`: functions of one step, called one after another, become one box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import ShapeError, UsageError
from flowgraph.loops.body import (
    Body,
    CarryInput,
    ElementInput,
    OuterInput,
    body_of,
    check_carry,
    found_text,
    hoist_outer,
    like,
    list_leaves,
    name_of,
    returned_boxes,
)
from flowgraph.loops.boxes import While
from flowgraph.loops.looping import keeping_of, loop_body
from flowgraph.shapes.spec import same

# Checkpointing: only carries between segments are stored, and the backward pass reruns each segment.


def in_segments(body: Body, children: Sequence[Any], length: int | None, reverse: bool, every: int) -> list[Any]:
    """What `loop_body` gives, by segments of `every` steps and one of those that are left.

    Source: Griewank and Walther, Evaluating Derivatives, chapter 12; Chen et al., Training Deep Nets with Sublinear
    Memory Cost (2016).
    """
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise UsageError(f"scan: found checkpoint={every!r}, needs a whole number of steps from 1")
    if length is None:
        raise UsageError(
            "scan: found checkpoint= and inputs of a named size, needs a number of steps; give the inputs a number as "
            "their first axis, or leave out checkpoint="
        )
    whole = length // every * every
    if every >= length:
        return loop_body(body, children, length, reverse)
    outer = body.carries + body.elements
    state, elements, rest = list(children[: body.carries]), children[body.carries : outer], children[outer:]
    pieces: list[list[Any]] = []
    parts = [slice(0, whole), slice(whole, length)]
    for part in reversed(parts) if reverse else parts:
        steps = part.stop - part.start
        if not steps:
            continue
        again = [*state, *(element[part] for element in elements), *rest]
        if steps < every:
            outputs = loop_body(body, again, steps, reverse)
        else:
            outputs = _in_whole_segments(body, again, steps, reverse, every)
        state = outputs[: body.carries]
        pieces.append(outputs[body.carries :])
    if reverse:
        pieces.reverse()
    return [*state, *(stack[0] if len(stack) == 1 else np.concatenate(stack) for stack in zip(*pieces, strict=True))]


def _in_whole_segments(body: Body, children: Sequence[Any], steps: int, reverse: bool, every: int) -> list[Any]:
    """A loop over segments, whose body is the loop of one."""
    outer = body.carries + body.elements
    segments = steps // every
    chunks = [np.reshape(element, (segments, every, *element.shape[1:])) for element in children[body.carries : outer]]
    slots: list[Box] = [
        *(CarryInput(shape=carry.shape, dtype=carry.dtype) for carry in children[: body.carries]),
        *(ElementInput(shape=chunk.shape[1:], dtype=chunk.dtype) for chunk in chunks),
        *(OuterInput(shape=outer_value.shape, dtype=outer_value.dtype) for outer_value in children[outer:]),
    ]
    results = loop_body(body, slots, every, reverse)
    segment = body_of(slots[: body.carries], slots[body.carries : outer], slots[outer:], results)
    outputs = loop_body(segment, [*children[: body.carries], *chunks, *children[outer:]], segments, reverse)
    stacks = [np.reshape(stack, (steps, *stack.shape[2:])) for stack in outputs[body.carries :]]
    return [*outputs[: body.carries], *stacks]


# fg.scan: a loop written as the function of one step becomes one box.


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
        `body(carry, element)` returns the next carry and what is to be stacked, a box, a container of boxes or None.
    carry : box, array, or tuple, dict or dataclass of them
        The first carry, in containers however deep. Each next one has its shape and dtype.
    inputs : box, array, or tuple, dict or dataclass of them, optional
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
    carries = list_leaves("scan", "carry", carry)
    elements = [] if inputs is None else list_leaves("scan", "inputs", inputs)
    steps = _length(elements, length)
    traced, outside, stacked = _trace_body(body, carry, carries, inputs, elements)
    if checkpoint is None:
        outputs = loop_body(traced, [*carries, *elements, *outside], steps, reverse)
    else:
        outputs = in_segments(traced, [*carries, *elements, *outside], steps, reverse, checkpoint)
    return like(carry, outputs[: len(carries)]), like(stacked, outputs[len(carries) :])


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
    if not all(same(size, other) for size in lengths for other in lengths):
        sizes = ", ".join(map(str, dict.fromkeys(lengths)))
        raise ShapeError(f"scan: found inputs and length= of {sizes} steps, needs first axes of one length")
    return next((size for size in lengths if type(size) is int), None)


def _trace_body(
    body: Callable[..., Any], carry: Any, carries: Sequence[Any], inputs: Any, elements: Sequence[Any]
) -> tuple[Body, list[Box], Any]:
    """The body as a graph, what it reads from outside, and what it returned to be stacked."""
    of_carries: list[Box] = [CarryInput(shape=array.shape, dtype=array.dtype) for array in carries]
    of_elements: list[Box] = [ElementInput(shape=array.shape[1:], dtype=array.dtype) for array in elements]
    returned = body(like(carry, of_carries), like(inputs, of_elements))
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise UsageError(
            f"scan: {name_of(body)} returned {found_text(returned)}, needs a tuple of two: the next carry, and what is "
            f"stacked, None for nothing"
        )
    after, stacked = returned
    new, more = returned_boxes("scan", body, after, carry), returned_boxes("scan", body, stacked)
    check_carry("scan", body, of_carries, new)
    outside, outers, results = hoist_outer([*new, *more], [*of_carries, *of_elements])
    return body_of(of_carries, of_elements, outers, results), outside, stacked


MAX_STEPS = 100_000


def while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], carry: Any, *, max_steps: int = MAX_STEPS
) -> Any:
    """Run a body on its own result for as long as a condition holds, as one box: the last carry.

    Condition and body are called once, on boxes that stand for one step. The derivative is that of the steps which a
    run takes: a loop over them in the other order, on carries that are kept. What the two read from outside,
    parameters and other boxes, is found. A random leaf that they read is drawn once for all steps.

    Parameters
    ----------
    condition : function
        `condition(carry)` returns a box, without axes and of dtype bool: whether there is another step.
    body : function
        `body(carry)` returns the next carry, of the shape and dtype that it has now.
    carry : box, array, or tuple, dict or dataclass of them
        The first carry, in containers however deep.
    max_steps : int
        The number of steps, 100,000 unless given, after which a condition that still holds is an error. The carries of
        all steps are kept, so it bounds memory too.

    Returns
    -------
    box, array, or container of them
        The last carry, as `carry` is given: the first one where the condition does not hold at all. Where nothing is a
        box, arrays.

    Raises
    ------
    ShapeError, DtypeError
        If the next carry has another shape or dtype, or the condition is no single bool.
    UsageError
        If a function is none, or returns what is no box.
    StepLimitError
        In a run, if the condition still holds after `max_steps` steps.

    >>> import numpy as np, flowgraph as fg
    >>> a = fg.Input("a")
    >>> root = fg.while_loop(lambda x: np.abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> run = fg.Graph(root).fprop(a=9.0)
    >>> float(run), round(float(run.bprop(wrt=[a])[a]), 12)
    (3.0, 0.166666666667)
    """
    for what, given in (("condition", condition), ("body", body)):
        if not callable(given):
            raise UsageError(f"while_loop: found a {type(given).__name__} as the {what}, needs a function of the carry")
    if isinstance(max_steps, bool) or not isinstance(max_steps, int | np.integer) or max_steps < 0:
        raise UsageError(f"while_loop: found max_steps={max_steps!r}, needs a whole number from 0")
    carries = list_leaves("while_loop", "carry", carry)
    if not carries:
        raise UsageError("while_loop: found an empty carry, needs at least one box or array that the condition reads")
    step, holds, outside = _traced_loop(condition, body, carry, carries)
    children = [*carries, *outside]
    keeping = keeping_of(step, counted=True) if any(isinstance(child, Box) for child in children) else step
    loop = While.apply(*children, body=keeping, condition=holds, max_steps=int(max_steps))
    return like(carry, [loop] if len(keeping.results) == 1 else [loop[i] for i in range(len(carries))])


def _traced_loop(
    condition: Callable[..., Any], body: Callable[..., Any], carry: Any, carries: Sequence[Any]
) -> tuple[Body, Body, list[Box]]:
    """Body and condition as graphs on the same slots, and what they read from outside."""
    slots: list[Box] = [CarryInput(shape=array.shape, dtype=array.dtype) for array in carries]
    new = returned_boxes("while_loop", body, body(like(carry, slots)), carry)
    check_carry("while_loop", body, slots, new)
    returned = condition(like(carry, slots))
    holds = returned_boxes("while_loop", condition, returned)
    if len(holds) != 1 or holds[0].shape != () or holds[0].dtype != bool:
        what = f"a box {holds[0].spec}" if len(holds) == 1 else found_text(returned)
        raise UsageError(
            f"while_loop: {name_of(condition)} returned {what} as the condition, needs one bool without axes; "
            f"compare, and take np.any or np.all of an array"
        )
    outside, outers, results = hoist_outer([*new, holds[0]], slots)
    return body_of(slots, (), outers, results[:-1]), body_of(slots, (), outers, results[-1:]), outside
