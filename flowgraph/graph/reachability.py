"""Reachability: which boxes lead from the outputs to `wrt`, and where a path is cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowgraph.box import Box
from flowgraph.boxes.elementwise.arithmetic import Positive
from flowgraph.errors import NotDifferentiableError
from flowgraph.graph.order import Boxes, topological_order
from flowgraph.graph.topology import Topology


def leading(boxes: Sequence[Box], slots: Mapping[Box, int], wrt: Iterable[Box]) -> bytearray:
    """For each slot, whether a differentiable path leads from it down to one of `wrt`."""
    leads = bytearray(len(boxes))
    for box in wrt:
        leads[slots[box]] = 1
    for slot, box in enumerate(boxes):
        for child, free in zip(box.children, box.differentiable_wrt, strict=True):
            if free and leads[slots[child]]:
                leads[slot] = 1
    return leads


def unreached(graph: Topology, wrt: Iterable[Box]) -> Boxes:
    """Those of `wrt` to which no differentiable path leads from an output."""
    found = reached(graph.boxes, graph.outputs)
    return Boxes(box for box in wrt if box not in found)


def reached(boxes: Sequence[Box], outputs: Iterable[Box]) -> set[Box]:
    """Those of the boxes, which are in topological order, to which a differentiable path leads from an output."""
    found = {box for box in outputs if box.outputs[0].dtype.kind in "fc"}
    for box in reversed(boxes):
        if box in found:
            found.update([child for child, free in zip(box.children, box.differentiable_wrt, strict=True) if free])
    return found


def mark_derivatives(boxes: Iterable[Box]) -> None:
    """Note of boxes that they are derivatives."""
    for box in boxes:
        box._mark_derivative()


def refuse_cut(graph: Topology, cut: Sequence[Box]) -> None:
    """Refuse to give zeros in silence for boxes that no gradient reaches, or that the graph does not hold.

    A derivative that does not read a box, or only its shape, or that compares it, is constant there: its own derivative
    is 0, and there is nothing in the user's graph to mend.
    """
    derivatives = [box for box in reached(graph.boxes, graph.outputs) if box.is_derivative] if cut else []
    below = set(topological_order(derivatives))
    for box in cut:
        if box not in graph and not derivatives:
            graph.box(box)
        elif box in graph and (box not in below or box.dtype.kind not in "fc"):
            raise cut_error(graph, box)


def refuse_underived(boxes: Iterable[Box], slots: Mapping[Box, int], leads: bytearray) -> None:
    """Refuse to leave out in silence a derivative that exists and that a box does not implement.

    `boxes` are those that a gradient reaches: of others no derivative is asked.
    """
    for box in boxes:
        if not box.not_implemented_children:
            continue
        for name, child in zip(box.names_of_children(), box.children, strict=True):
            if name in box.not_implemented_children and leads[slots[child]]:
                way = child
                while type(way) is Positive and way.name is None:  # what `functional` puts before each argument
                    way = way.children[0]
                raise NotDifferentiableError(
                    f"{box.title}: its derivative by {name!r} is not implemented, and what is differentiated by "
                    f"leads there by way of {way.title}\n"
                    f"  built at {box.built_at}\n"
                    f"  give {name!r} as a number or a constant, or leave what it is made of out of wrt"
                )


def refuse_lost(graph: Topology, cut: Sequence[Box]) -> None:
    """Refuse a gradient of zeros if a box on the way does not implement the derivative that would be needed."""
    if cut:
        passed = reached(graph.boxes, graph.outputs)
        leads = leading(graph.boxes, graph.slots, cut)
        refuse_underived([box for box in graph.boxes if box in passed], graph.slots, leads)


def cut_error(graph: Topology, box: Box) -> NotDifferentiableError:
    """Why no gradient reaches a box: the first box above it through which none passes."""
    title = f"{type(box).__name__} {graph.names[box]!r}"
    if not any(spec.dtype.kind in "fc" for spec in box.outputs):
        return NotDifferentiableError(
            f"{title}: has dtype {box.dtype}, and only real or complex values have a gradient"
        )
    above = {box}
    cut = box
    for parent in graph.boxes:
        for child, free in zip(parent.children, parent.differentiable_wrt, strict=True):
            if child in above:
                if free:
                    above.add(parent)
                else:
                    cut = parent
    why = "takes it as a constant child"
    if cut.not_implemented_children:
        why = f"has no derivative by {' or '.join(map(repr, sorted(cut.not_implemented_children)))} that is implemented"
    if not any(spec.dtype.kind in "fc" for spec in cut.outputs):
        why = f"has the dtype {cut.outputs[0].dtype}, which no gradient passes"
    return NotDifferentiableError(
        f"{title}: no gradient reaches it; the path is cut at {type(cut).__name__} {graph.names[cut]!r}, which {why}\n"
        f"  built at {cut.built_at}\n"
        f"  ask for an array of zeros with unused='zeros', or leave it out of wrt"
    )
