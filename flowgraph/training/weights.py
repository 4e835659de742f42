"""Which parameters are weights and which are biases, read off the graph of an objective."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple

from flowgraph.box import Box
from flowgraph.box.leaves import Input, Parameter
from flowgraph.derivatives.bprop_on_boxes import on_boxes
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.passes import step_of
from flowgraph.graph.steps import derived_bprop

SHAPE_ONLY = ("like", "likes")
"""Names of children that are read for their shape and dtype."""


class Use(IntEnum):
    """How a parameter is combined with values that depend on the inputs; its largest use decides."""

    ADDED = 0
    UNCLEAR = 1
    FACTOR = 2


class Found(NamedTuple):
    """The use of a parameter, and the box where it was found."""

    use: Use
    box: Box | None


def weights_of(graph: Graph, parameters: Iterable[Parameter], who: str) -> list[Parameter]:
    """The parameters that are factors of a product with something that depends on the inputs; `who` asks for them.

    A parameter that is only added to such things is a bias. One that enters in another way (a divisor, an exponent,
    the exponential of it as a factor) is neither, and refused with a request to name the weights.
    """
    use_of = uses(graph, parameters)
    weights = [parameter for parameter, usage in use_of.items() if usage.use is Use.FACTOR]
    for parameter, (use, box) in use_of.items():
        if use is Use.UNCLEAR and box is not None:
            known = ", ".join(graph.names[weight] for weight in weights) or "W"
            raise UsageError(
                f"{who}: found {parameter.title}, which enters {box.title} neither as a factor, as weights do, nor as "
                f"a term, as biases do; needs the parameters to act on, parameters=[{known}, ...]\n"
                f"  built at {box.built_at}"
            )
    if not weights:
        names = ", ".join(graph.names[parameter] for parameter in use_of)
        raise UsageError(
            f"{who}: found no weights in the objective, none of its parameters ({names}) is a factor of a product "
            f"with something that depends on the inputs; needs parameters=[...], those to act on, or a rule that "
            f"treats all parameters alike, fg.SGD() or fg.Adam()"
        )
    return weights


def uses(graph: Graph, parameters: Iterable[Parameter]) -> dict[Parameter, Found]:
    """The use of each parameter in a graph.

    Boxes that depend on no input carry along the parameters that they are made of, and whether they are linear in each
    of them. Where such a box meets one that depends on an input, in a box above both, the parameter is a term if the
    local gradient is not made of the other child; if it is, a factor where it is not made of the parameter too.
    """
    use_of = {parameter: Found(Use.ADDED, None) for parameter in parameters}
    carried: dict[Box, dict[Parameter, bool]] = {parameter: {parameter: True} for parameter in use_of}
    varying: set[Box] = set(graph.inputs)
    for box in graph.boxes:
        read = [child for place, child in enumerate(box.children) if not reads_shape_only(box, place)]
        inside = {child: carried[child] for child in read if carried.get(child)}
        varies = any(child in varying for child in read)
        if varies:
            varying.add(box)
        if not inside:
            continue
        for child, parts in inside.items():
            needed = local_dependence(box, child)
            if needed is None:
                continue
            for parameter, linear in parts.items():
                linear = linear and not any(parameter in carried.get(factor, ()) for factor in needed)
                if not varies:
                    own = carried.setdefault(box, {})
                    own[parameter] = own.get(parameter, True) and linear
                    continue
                product = any(factor in varying for factor in needed)
                use = Use.ADDED if not product else Use.FACTOR if linear else Use.UNCLEAR
                use_of[parameter] = max(use_of[parameter], Found(use, box), key=lambda usage: usage.use)
    return use_of


def local_dependence(box: Box, child: Box) -> set[Box] | None:
    """The children by whose values the gradient that a box sends to a child is made; None where it sends none.

    The bprop is called on boxes, and what it builds is followed down to the children. All children count where the
    gradient is made of the box's own value, or where the bprop runs on arrays only.
    """
    wanted = tuple(
        (place, place) for place, other in enumerate(box.children) if other is child and box.differentiable_wrt[place]
    )
    if not wanted:
        return None
    bprop = box.bprop if box.has_bprop else derived_bprop(box)
    if box.takes_needs:
        bprop = partial(bprop, needs=tuple(other is child for other in box.children))
    step = on_boxes(step_of(box, 0, bprop, tuple, wanted), False)
    arriving = tuple(Input(f"arriving{i}", shape=s.shape, dtype=s.dtype) for i, s in enumerate(box.outputs))
    parts = step.bprop(arriving if len(arriving) > 1 else arriving[0], box, *box.children)
    needed = _ends_reached([parts[place] for place, _ in wanted], {box, *box.children})
    return set(box.children) if box in needed else needed


def _ends_reached(parts: Iterable[Any], ends: Collection[Box]) -> set[Box]:
    """Those of `ends` whose values, not only their shapes, the parts depend on."""
    reached: set[Box] = set()
    seen: set[Box] = set()
    stack = list(parts)
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack += part
        elif isinstance(part, Box) and part not in seen:
            seen.add(part)
            if part in ends:
                reached.add(part)
            else:
                stack += [child for place, child in enumerate(part.children) if not reads_shape_only(part, place)]
    return reached


def reads_shape_only(box: Box, place: int) -> bool:
    """Whether a box reads a child for its shape and dtype only."""
    if not box.constant_children:
        return False
    name = box.names_of_children()[place].partition("[")[0]
    return name in SHAPE_ONLY and name in box.constant_children
