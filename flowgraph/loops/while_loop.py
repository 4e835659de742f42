"""fg.while_loop: a loop whose number of steps depends on its values becomes one box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.loops.body import (
    Body,
    CarryInput,
    body_of,
    check_carry,
    found_text,
    hoisted,
    like,
    listed,
    name_of,
    returned_boxes,
)
from flowgraph.loops.boxes import While
from flowgraph.loops.looping import keeping_of

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
    carry : box, array, or tuple of them
        The first carry.
    max_steps : int
        The number of steps, 100,000 unless given, after which a condition that still holds is an error. The carries of
        all steps are kept, so it bounds memory too.

    Returns
    -------
    box, array, or tuple of them
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
    carries = listed("while_loop", "carry", carry)
    if not carries:
        raise UsageError("while_loop: found an empty carry, needs at least one box or array that the condition reads")
    step, holds, outside = _traced(condition, body, carry, carries)
    children = [*carries, *outside]
    keeping = keeping_of(step, counted=True) if any(isinstance(child, Box) for child in children) else step
    loop = While.apply(*children, body=keeping, condition=holds, max_steps=int(max_steps))
    return like(carry, [loop] if len(keeping.results) == 1 else [loop[i] for i in range(len(carries))])


def _traced(
    condition: Callable[..., Any], body: Callable[..., Any], carry: Any, carries: Sequence[Any]
) -> tuple[Body, Body, list[Box]]:
    """Body and condition as graphs on the same slots, and what they read from outside."""
    slots: list[Box] = [CarryInput(shape=array.shape, dtype=array.dtype) for array in carries]
    new = returned_boxes("while_loop", body, body(like(carry, slots)))
    check_carry("while_loop", body, slots, new)
    returned = condition(like(carry, slots))
    holds = returned_boxes("while_loop", condition, returned)
    if len(holds) != 1 or holds[0].shape != () or holds[0].dtype != bool:
        what = f"a box {holds[0].spec}" if len(holds) == 1 else found_text(returned)
        raise UsageError(
            f"while_loop: {name_of(condition)} returned {what} as the condition, needs one bool without axes; "
            f"compare, and take np.any or np.all of an array"
        )
    outside, outers, results = hoisted([*new, holds[0]], slots)
    return body_of(slots, (), outers, results[:-1]), body_of(slots, (), outers, results[-1:]), outside
