"""The steps of the passes over a graph, each made once: which boxes a pass visits, what it calls and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input
from flowgraph.boxes.elementwise.arithmetic import Positive
from flowgraph.errors import NotDifferentiableError
from flowgraph.graph.passes import Fstep, Step, guard_values, reader, step_of, sweep
from flowgraph.graph.topology import Boxes, Topology, topological_order


def leading(boxes: Iterable[Box], wrt: Iterable[Box]) -> set[Box]:
    """Those of the boxes, which are in topological order, from which a differentiable path leads to one of `wrt`."""
    leads = set(wrt)
    for box in boxes:
        if not leads.isdisjoint([c for c, free in zip(box.children, box.differentiable_wrt, strict=True) if free]):
            leads.add(box)
    return leads


def boxes_reached(boxes: Sequence[Box], outputs: Iterable[Box]) -> set[Box]:
    """Those of the boxes, which are in topological order, to which a differentiable path leads from an output."""
    passed = {box for box in outputs if box.outputs[0].dtype.kind in "fc"}
    for box in reversed(boxes):
        if box in passed:
            passed.update([child for child, free in zip(box.children, box.differentiable_wrt, strict=True) if free])
    return passed


def mark_derivatives(boxes: Iterable[Box]) -> None:
    """Note of boxes that they are derivatives."""
    for box in boxes:
        box._mark_derivative()


def refuse_cut(graph: CachedSteps, cut: Sequence[Box]) -> None:
    """Refuse to give zeros in silence for boxes that no gradient reaches, or that the graph does not hold.

    A derivative that does not read a box, or only its shape, or that compares it, is constant there: its own derivative
    is 0, and there is nothing in the user's graph to mend.
    """
    derivatives = [box for box in graph.passed if box.is_derivative] if cut else []
    below = set(topological_order(derivatives))
    for box in cut:
        if box not in graph and not derivatives:
            graph.box(box)
        elif box in graph and (box not in below or box.dtype.kind not in "fc"):
            raise cut_error(graph, box)


def separate_box(argument: Box) -> Any:
    """A box that stands for an argument of one call, so that only the uses in that call are differentiated."""
    box: Any = np.positive(argument)
    box._mark_argument()
    return box


def argument_behind(box: Box) -> Box:
    """What a `separate_box` stands for; any other box itself."""
    while box.is_argument:
        box = box.children[0]
    return box


def refuse_underived(box: Box, leads: Collection[Box]) -> None:
    """Refuse to leave out in silence a derivative that exists and that a box, which a gradient reaches, lacks."""
    for name, child in zip(box.names_of_children(), box.children, strict=True):
        if name in box.not_implemented_children and child in leads:
            way = child
            while type(way) is Positive and way.name is None:  # a copy, as stands for each argument in `functional`
                way = way.children[0]
            raise NotDifferentiableError(
                f"{box.title}: its derivative by {name!r} is not implemented, and what is differentiated by "
                f"leads there by way of {way.title}\n"
                f"  built at {box.built_at}\n"
                f"  give {name!r} as a number or a constant, or leave what it is made of out of wrt"
            )


def refuse_lost(graph: CachedSteps, cut: Sequence[Box]) -> None:
    """Refuse a gradient of zeros if a box on the way does not implement the derivative that would be needed."""
    if cut:
        leads = leading(graph.boxes, cut)
        for box in graph.boxes:
            if box in graph.passed:
                refuse_underived(box, leads)


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


def backward_steps(
    boxes: Sequence[Box], slots: Mapping[Box, int], wrt: Iterable[Box], passed: Collection[Box]
) -> tuple[Step, ...]:
    """The bprops from the outputs to `wrt`, parents before children, of boxes that a gradient passes."""
    leads = leading(boxes, wrt)
    steps = []
    for box in reversed(boxes):
        if box not in passed:
            continue
        if box.not_implemented_children:
            refuse_underived(box, leads)
        needs = [free and child in leads for child, free in zip(box.children, box.differentiable_wrt, strict=True)]
        if not any(needs):
            continue
        bprop = guard_values(box, box.bprop) if box.has_bprop else derived_bprop(box)
        if box.takes_needs and not all(needs):
            bprop = partial(bprop, needs=tuple(needs))
        children = [slots[child] for child in box.children]
        wanted = [pair for pair, need in zip(enumerate(children), needs, strict=True) if need]
        steps.append(step_of(box, slots[box], bprop, reader(children), wanted))
    return tuple(steps)


def derived_bprop(box: Box) -> Callable[..., tuple[Any, ...]]:
    """A bprop that opens the box: its fprop run on boxes is a graph, and that graph is swept."""
    leaves = [Input(f"child{i}", shape=child.shape, dtype=child.dtype) for i, child in enumerate(box.children)]
    try:
        inside = box.fprop(*leaves)
    except Exception as error:
        raise _no_bprop(box, f"its fprop does not run on boxes ({type(error).__name__}: {error})") from error
    if not isinstance(inside, Box):
        raise _no_bprop(box, f"its fprop returned {type(inside).__name__} when called on boxes")
    boxes = topological_order([inside])
    slots = {box: slot for slot, box in enumerate(boxes)}
    wanted = [leaf for leaf, free in zip(leaves, box.differentiable_wrt, strict=True) if free and leaf in slots]
    steps = backward_steps(boxes, slots, wanted, boxes_reached(boxes, [inside]))

    def bprop(grad: Value, value: Value, *children: Value) -> tuple[Any, ...]:
        known = dict(zip(leaves, children, strict=True))
        values = replay(boxes, slots, known)
        grads: list[Any] = [None] * len(boxes)
        grads[slots[inside]] = grad
        sweep(steps, values, grads)
        return tuple(grads[slots[leaf]] if leaf in slots else None for leaf in leaves)

    return bprop


def replay(boxes: Sequence[Box], slots: Mapping[Box, int], known: Mapping[Any, Any]) -> list[Any]:
    """The values of boxes in order with these values of the leaves: from arrays, arrays; from boxes, boxes anew."""
    symbolic = any(isinstance(value, Box) for value in known.values())
    values: list[Any] = []
    for box in boxes:
        children = [values[slots[child]] for child in box.children]
        if box in known:
            values.append(known[box])
        elif not box.children:
            values.append(box if symbolic else box.value)
        else:
            values.append(box.with_children(*children) if symbolic else box.fprop(*children))
    return values


def replace_leaves(boxes: Sequence[Box], slots: Mapping[Box, int], instead: Mapping[Box, Box]) -> list[Box]:
    """Boxes in order with others in the place of some leaves; what reads none that changes stays as it is."""
    touched = {leaf for leaf, box in instead.items() if box is not leaf}
    for box in boxes:
        if not touched.isdisjoint(box.children):
            touched.add(box)
    return replay(boxes, slots, {box: instead.get(box, box) for box in boxes if box in instead or box not in touched})


def copy_on(outputs: Sequence[Box], copies: dict[Box, Box]) -> list[Box]:
    """The outputs with others in the place of some boxes, of the same shapes and dtypes.

    What reads these is copied, with its name, line and mark of a derivative, and entered in `copies`, so that what is
    copied later reads the same copies.
    """
    for box in topological_order(outputs):
        if box not in copies and any(child in copies for child in box.children):
            copies[box] = box._copy_with(children=tuple([copies.get(child, child) for child in box.children]))
    return [copies.get(box, box) for box in outputs]


def _no_bprop(box: Box, why: str) -> NotDifferentiableError:
    return NotDifferentiableError(
        f"{box.title}: declares no bprop, and none can be derived: {why}; write a bprop, "
        f"or keep the box out of the paths to what you differentiate\n  built at {box.built_at}"
    )


def forward_steps(graph: Topology, kept: frozenset[int] | None, dirty: frozenset[int] | None) -> tuple[Fstep, ...]:
    """The fprops, children before parents: all, or those of the descendants of the slots `dirty`.

    A value that is not `kept` is dropped behind the last step that reads it; None keeps all.
    """
    children = {slot: [graph.slots[child] for child in box.children] for slot, box in enumerate(graph.boxes)}
    visited = children if dirty is None else _descendants(children, dirty)
    boxes = [(slot, graph.boxes[slot]) for slot in visited if children[slot]]
    steps = [Fstep(slot, guard_values(box, box.fprop), reader(children[slot]), ()) for slot, box in boxes]
    return tuple(steps if kept is None else _dropping(steps, children, kept))


def _descendants(children: Mapping[int, Sequence[int]], dirty: frozenset[int]) -> list[int]:
    """The slots that read one of these, or what reads one, in topological order."""
    changed, descendants = set(dirty), []
    for slot, read in children.items():
        if not changed.isdisjoint(read):
            changed.add(slot)
            descendants.append(slot)
    return descendants


def _dropping(steps: Sequence[Fstep], children: Mapping[int, Sequence[int]], kept: frozenset[int]) -> list[Fstep]:
    """The steps, each with the slots that no later step reads and nobody keeps."""
    last = {child: number for number, step in enumerate(steps) for child in children[step.slot]}
    dead: list[list[int]] = [[] for _ in steps]
    for slot, number in last.items():
        if slot not in kept:
            dead[number].append(slot)
    return [step._replace(done=tuple(slots)) for step, slots in zip(steps, dead, strict=True)]


class CachedSteps(Topology):
    """A topology that keeps the steps that were made of it."""

    def __init__(self, outputs: Iterable[Box], along: Iterable[Box] = ()) -> None:
        super().__init__(outputs, along)
        self._fsteps: dict[Any, tuple[Fstep, ...]] = {}
        self._bsteps: dict[tuple[Box, ...], tuple[Step, ...]] = {}

    @cached_property
    def passed(self) -> set[Box]:
        """The boxes to which a differentiable path leads from an output."""
        return boxes_reached(self.boxes, self.outputs)

    def fsteps(self, kept: frozenset[int] | None, dirty: frozenset[int] | None = None) -> tuple[Fstep, ...]:
        """The steps of the forward pass.

        Parameters
        ----------
        kept : frozenset of int or None
            Slots whose values the run keeps; others are freed after their last reader. None keeps all.
        dirty : frozenset of int, optional
            Slots that changed: only their descendants are computed. By default everything is.

        Returns
        -------
        tuple of Fstep
            In topological order.
        """
        if (kept, dirty) not in self._fsteps:
            self._fsteps[kept, dirty] = forward_steps(self, kept, dirty)
        return self._fsteps[kept, dirty]

    def bsteps(self, wrt: tuple[Box, ...]) -> tuple[Step, ...]:
        """The steps of the backward pass: the boxes on a path from an output to one of `wrt`.

        Parameters
        ----------
        wrt : tuple of Box
            The boxes to differentiate by.

        Returns
        -------
        tuple of Step
            In reverse topological order.
        """
        if wrt not in self._bsteps:
            self._bsteps[wrt] = backward_steps(self.boxes, self.slots, wrt, self.passed)
        return self._bsteps[wrt]

    def cut(self, wrt: tuple[Box, ...]) -> Boxes:
        """The boxes of `wrt` that no differentiable path from an output reaches.

        Parameters
        ----------
        wrt : tuple of Box
            The boxes to differentiate by.

        Returns
        -------
        Boxes
            Empty if all are reached.
        """
        return Boxes([box for box in wrt if box not in self.passed])
