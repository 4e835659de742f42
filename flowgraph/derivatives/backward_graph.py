"""The backward pass as a flow graph: the bprops of a graph called on boxes, in reverse topological order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, Final, Literal, TypeAlias, cast

import numpy as np

from flowgraph.box import Box, Built, Value
from flowgraph.box.node import current
from flowgraph.derivatives.bprop_on_boxes import as_box, on_boxes, seed_of
from flowgraph.derivatives.tape_sweep import gradients_on_tape
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.passes import Step, backward, seeds_of, sweep
from flowgraph.graph.steps import argument_behind, mark_derivatives, refuse_cut, refuse_lost
from flowgraph.graph.topology import Topology, topological_order
from flowgraph.graph.where_masking import are_finite, mask_untaken, of_units

Fallback: TypeAlias = Literal["central differences"]
FALLBACK: Final = "central differences"


def gradient(
    output: Built, wrt: Built | Iterable[Built], grad: Value = None, *, fallback: Fallback | None = None
) -> list[Box]:
    """The gradient of an output with respect to boxes, as boxes: the backward flow graph itself.

    Each `bprop` is called on boxes in reverse topological order. `grad` is what arrives at the output; a scalar
    output needs none. The boxes can be run, drawn and differentiated again.

    A bprop that does not run on boxes (it loops over values, calls SciPy, keeps state) becomes a box of its own, which
    has no derivative: to differentiate it again raises an error that names it, unless `fallback="central differences"`
    is given; then its derivative is that of a difference quotient, with about 9 digits in float64.

    Parameters
    ----------
    output : box
        What is differentiated; a scalar, unless `grad` is given.
    wrt : box or iterable of boxes
        With respect to what.
    grad : box or array_like, optional
        The cotangent of the output, of its shape; 1 by default.
    fallback : {'central differences'}, optional
        How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.

    Returns
    -------
    list of Box
        One gradient per box of `wrt`, of its shape.

    Raises
    ------
    NotDifferentiableError
        If no gradient is defined on the way, such as through integers.
    UnknownBoxError
        If the output does not depend on a box of `wrt`.
    UsageError
        If the output is no scalar and `grad` is not given.

    Examples
    --------
    >>> import flowgraph as fg
    >>> x = fg.Input("x")
    >>> dx, = fg.gradient(x * x * x, [x])
    >>> ddx, = fg.gradient(dx, [x])
    >>> float(fg.Graph(ddx).fprop(x=2.0))
    12.0
    """
    return gradients([output], wrt, [grad], fallback=fallback)


def gradients(
    outputs: Sequence[Built],
    wrt: Built | Iterable[Built],
    grads: Sequence[Value],
    *,
    fallback: Fallback | None = None,
    unused: Literal["raise", "zeros"] = "raise",
) -> list[Box]:
    """The gradient of the sum over outputs of <grad, output>, as boxes; zeros for a box no output depends on, if asked.

    Parameters
    ----------
    outputs : sequence of boxes
        What is differentiated.
    wrt : box or iterable of boxes
        With respect to what.
    grads : sequence of boxes or array_like
        The cotangent of each output, of its shape.
    fallback : {'central differences'}, optional
        How the derivative of a `bprop` that does not run on boxes is taken; by default it is refused.
    unused : {'raise', 'zeros'}, default 'raise'
        What is done with a box of `wrt` on which no output depends: refuse it, or give zeros.

    Returns
    -------
    list of Box
        One gradient per box of `wrt`, of its shape.

    Raises
    ------
    NotDifferentiableError
        If no gradient is defined on the way, such as through integers.
    UnknownBoxError
        If no output depends on a box of `wrt`, unless `unused="zeros"`.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=(2,))
    >>> dx, = fg.gradients([np.sin(x), fg.sum(x)], [x], [[1.0, 2.0], 3.0])
    >>> fg.Graph(dx).fprop(x=[0.0, 0.0])[dx]
    array([4., 5.])
    """
    return sent_back(cast("Sequence[Box]", outputs), cast("Box | Iterable[Box]", wrt), grads, fallback, unused)


def sent_back(
    outputs: Sequence[Box], wrt: Box | Iterable[Box], grads: Sequence[Value], fallback: Fallback | None, unused: str,
    units: bool = False,
) -> list[Box]:  # fmt: skip
    """The gradients of `gradients`; `units` says that `grads` are one-hot arrays.

    An output element to which a unit array sends 0 is not taken, so that 0 times a derivative that is infinite or NaN
    there is 0.
    """
    check_fallback("gradient", fallback)
    if unused not in ("raise", "zeros"):
        raise UsageError(f"gradient: found unused={unused!r}, needs 'raise' or 'zeros'")
    listed = boxes_of("gradient", wrt)
    tape = current()
    if tape is not None and tape.at_once and unused == "zeros" and not units:
        on_tape = gradients_on_tape(tape, outputs, listed, grads, fallback is not None)
        if on_tape is not None:
            return on_tape
    graph = Graph(*outputs)
    boxes = tuple(box for box in listed if isinstance(box, Box) and box in graph)
    cut = graph.cut(boxes)
    if unused == "raise":
        refuse_cut(graph, [*(box for box in listed if box not in graph), *cut])
    refuse_lost(graph, cut)
    reached = tuple(box for box in boxes if box not in cut)
    seeds = seeds_of(graph, [(output, seed_of(output, grad)) for output, grad in zip(outputs, grads, strict=True)])
    sweep_boxes = partial(_sweep_boxes, fallback is not None, units)
    grads_by_box = backward(graph, graph.bsteps(reached), graph.boxes, seeds, reached, sweep_boxes)
    result = [as_box(grads_by_box[box]) if box in grads_by_box else _zeros(box) for box in listed]
    given = set(topological_order([box for box in seeds if box is not None]))
    mark_derivatives(box for box in result if box not in given and box not in graph)
    return result


def check_fallback(who: str, fallback: object) -> None:
    """Refuse what is no way to differentiate a `bprop` that does not run on boxes."""
    if fallback is not None and (not isinstance(fallback, str) or fallback != FALLBACK):
        raise UsageError(f"{who}: found fallback={fallback!r}, needs None or {FALLBACK!r}")


def output_of(who: str, output: object) -> Box:
    """The box that is differentiated; anything else is refused."""
    if not isinstance(output, Box):
        raise UsageError(f"{who}: found a {type(output).__name__} as the output, needs a box")
    return output


def boxes_of(who: str, wrt: object) -> list[Box]:
    """The boxes of a `wrt`, one or several; a name or an array among them is refused."""
    listed = list(wrt) if isinstance(wrt, Iterable) and not isinstance(wrt, Box | str) else [wrt]
    for box in listed:
        if not isinstance(box, Box):
            what = repr(box) if isinstance(box, str | int | float) else f"a {type(box).__name__}"
            raise UsageError(
                f"{who}: found {what} in wrt, needs boxes; fg.Graph(output).box(name) finds a box by its name"
            )
    return cast("list[Box]", listed)


def _sweep_boxes(
    differences: bool, units: bool, graph: Topology, steps: Sequence[Step], values: Sequence[Any],
    seeds: Sequence[Any], wrt: Sequence[Box],
) -> list[Any]:  # fmt: skip
    """The gradients of all boxes, as boxes; branches of np.where are always masked, as values are not known."""
    grads = list(seeds)
    built = [on_boxes(step, differences) for step in steps]
    if units and not are_finite(graph):
        sweep(of_units(built, grads, {graph.slots[box] for box in wrt}), values, grads)
    else:
        sweep(mask_untaken(built, grads), values, grads)
    given = set(topological_order([box for box in seeds if box is not None]))
    _name_grads(graph, grads, given)
    # also those between: where a plan merges the results into other boxes, they tell what is backward
    mark_derivatives(grad for grad in grads if isinstance(grad, Box) and grad not in given and grad not in graph)
    return grads


def _zeros(box: Box) -> Box:
    zeros: Any = np.zeros_like(cast(Any, box))
    return cast(Box, zeros)


def _name_grads(graph: Topology, sent: Sequence[Any], given: Collection[Box]) -> None:
    """Call the gradient of 'layer1/W' layer1/dW, where the sweep has made a box for it that has no name yet."""
    for box, grad in zip(graph.boxes, sent, strict=True):
        if isinstance(grad, Box) and grad.children and grad.name is None and grad not in given and grad not in graph:
            path, slash, last = graph.names[argument_behind(box)].rpartition("/")
            grad._place(f"{path}{slash}d{last}", grad.scope)
