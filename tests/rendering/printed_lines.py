"""The lines that a derivation prints of a graph, of values and of gradients, each held against the run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.rendering.boxes_in_symbols import constant_latex, operations_in, said_children, size_latex
from flowgraph.rendering.derivation import derive
from flowgraph.rendering.derived_lines import GradientLines
from flowgraph.rendering.expressions import Expression
from flowgraph.rendering.expressions import Operation as InSymbols
from flowgraph.rendering.formula_of_box import name_of_operation
from flowgraph.rendering.formulas import number_latex, text_latex
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.operations import settings_in_words
from flowgraph.shapes.size import Size, evaluate
from tests.cases import Case
from tests.rendering.latex_reader import Meaning, Operation, judge

_FIRST = 0xF0000  # the first character of Unicode's private planes, which no formula holds


@dataclass(frozen=True)
class Printed:
    """A line, what is found about it, and the boxes that it is of: that of the value, or those that send a gradient."""

    what: str
    latex: str
    found: str
    boxes: tuple[fg.Box, ...]


def graph_of(case: Case, complex_too: bool = False) -> fg.Graph:
    """The box of a case on parameters and inputs, each named as fprop names it; its parts are outputs."""
    names = case.box.names_of_children()
    constant = case.box.constant
    leaves: list[Any] = []
    for number, (name, array, fixed) in enumerate(zip(names, case.children, constant, strict=True)):
        given = name.replace("[", "").replace("]", "") or f"c{number}"
        trained = array.dtype.kind in "fc" and not fixed
        leaves.append(
            fg.Parameter(array, name=given) if trained else fg.Input(given, shape=array.shape, dtype=array.dtype)
        )
    try:
        box = case.cls(*leaves, **case.settings)
    except fg.FlowgraphError:  # it asks for the values of a child when it is built
        pairs = zip(leaves, case.children, strict=True)
        leaves = [leaf if isinstance(leaf, fg.Parameter) else fg.Constant(a, name=leaf.name) for leaf, a in pairs]
        box = case.cls(*leaves, **case.settings)
    return fg.Graph(*box) if len(box.outputs) > 1 else fg.Graph(box)


def lines_of_case(case: Case) -> list[Printed]:
    """The lines of the graph of a case, on its arrays."""
    graph = graph_of(case)
    names = [name.replace("[", "").replace("]", "") for name in case.box.names_of_children()]
    arrays = dict(zip(names, case.children, strict=True))
    return lines_of(graph, {box.name: arrays[str(box.name)] for box in graph.inputs}, 0)


def lines_of(graph: fg.Graph, feeds: Mapping[Any, Any], seed: int) -> list[Printed]:
    """The lines of a graph, held against its run for a random cotangent."""
    return _Lines(graph, feeds, seed).judge()


class _Lines:
    """The derivation of a graph and a run of it."""

    def __init__(self, graph: fg.Graph, feeds: Mapping[Any, Any], seed: int) -> None:
        self.graph = graph
        self.letter = {
            box: number_latex(box.value.item()) if is_number(box) else chr(_FIRST + place)
            for place, box in enumerate(graph.boxes)
        }
        self.run = run = graph.fprop(feeds)
        self.wrt = [box for box in graph.parameters if box in graph.passed]
        self.seeds = _cotangents(graph, run, seed)
        kept = run.bprop(self.seeds, wrt=self.wrt, keep="all") if self.wrt else {}
        self.grads = {box: kept[box] for box in graph.boxes if box in kept}
        self.derivation = derive(graph, self.wrt or None, self.letter)
        self.derived = GradientLines(graph, self.wrt, self.letter, in_words=True)
        sizes = {size_latex(size): number for size, number in _sizes(graph, run).items()}
        self.known = Meaning(
            {sign: run[box] for box, sign in self.letter.items() if not is_number(box) and len(box.outputs) == 1},
            {self.letter[box]: grad for box, grad in self.grads.items() if len(box.outputs) == 1},
            _operations(graph.boxes, run, self.derived),
            {**sizes, **{constant_latex(place): array for place, array in enumerate(self.derived.constants)}},
        )

    def judge(self) -> list[Printed]:
        """All lines, but those of several outputs and of a gradient that is given."""
        box_of = {sign: box for box, sign in self.letter.items()}
        lines = [self._value(box_of[line.left], line.right) for line in self.derivation.values]
        for line in self.derivation.gradients if self.wrt else ():
            if line.right not in ("1", r"\text{given}"):
                box = box_of[line.left.removeprefix(r"\nabla_{").removesuffix("}")]
                lines.append(self._gradient(box, line.right))
        return [line for line in lines if line is not None]

    def _value(self, box: fg.Box, latex: str) -> Printed | None:
        if len(box.outputs) > 1 or isinstance(box, fg.boxes.Part):
            return None
        known = replace(self.known, operations={**self.known.operations, **_operation(box, self.run)})
        found = _judged(latex, known, self.run[box])
        if found.startswith("wrong") and _is_outside(box, self.run):
            found = "outside"
        return Printed("value", latex, found, (box,))

    def _gradient(self, box: fg.Box, latex: str) -> Printed | None:
        if len(box.outputs) > 1:
            return None
        own = _operations([box], self.run, self.derived)
        known = replace(
            self.known,
            operations={key: [*own.get(key, ()), *others] for key, others in self.known.operations.items()},
            words={**self.known.words, r"\text{given}": self.seeds.get(box, 0.0)},
        )
        senders = tuple(parent for parent in self.graph.boxes if any(child is box for child in parent.children))
        found = _judged(latex, known, self.grads[box])
        if found.startswith("wrong") and any(_is_outside(parent, self.run) for parent in senders):
            found = "outside"
        if found.startswith("unread") and _judged(self.derived.gradient(box), known, self.grads[box]) == "right":
            found = "right in words"
        return Printed("gradient", latex, found, (*senders, box))


def _sizes(graph: fg.Graph, run: Any) -> dict[Any, int]:
    """The sizes of axes that have a name, and what is made of them, with their numbers in a run."""
    return {
        size: evaluate(size, run.sizes)
        for box in graph.boxes
        for spec in box.outputs
        for size in spec.shape
        if isinstance(size, Size) and set(size.names) <= set(run.sizes)
    }


def _is_outside(box: fg.Box, run: Any) -> bool:
    """Whether a child is NaN, or outside of the domain of a box, where its formula says nothing, or all rounding."""
    if isinstance(box, fg.boxes.Std) and np.min(run[box], initial=1) < 1e-5 * np.max(np.abs(run[box.children[0]])):
        return True
    if any(np.isnan(run[child]).any() for child in box.children if len(child.outputs) == 1):
        return True
    if isinstance(box, fg.boxes.Remainder | fg.boxes.Fmod | fg.boxes.FloorDivide):
        quotients = np.divide(*(run[child] for child in box.children))
        return bool(np.any(np.abs(quotients - np.round(quotients)) < 1e-2))  # which rounding may turn over
    for name, child in zip(box.names_of_children(), box.children, strict=True):
        interval = box.domain.get(name.partition("[")[0])
        if interval is not None and not all(number in interval for number in np.ravel(run[child]).real):
            return True
    return False


def _judged(latex: str, known: Meaning, needed: Any) -> str:
    if r"\partial" in latex:
        return "opaque"
    if latex.startswith(r"\text{such that }"):
        return judge(latex, known, 0.0)
    return judge(latex, known, needed)


def _operation(box: fg.Box, run: Any) -> dict[tuple[str, ...], list[Operation]]:
    """The value of a box in words."""
    key = (name_of_operation(box), *map(text_latex, settings_in_words(box)))
    return {key: [Operation(box.fprop, [run[child] for child in box.children])]}


def _operations(boxes: Sequence[fg.Box], run: Any, derived: GradientLines) -> dict[tuple[str, ...], list[Operation]]:
    """The operations of the gradients that are printed in words, by these."""
    found: dict[tuple[str, ...], list[Operation]] = {}
    for box in boxes:
        for part in _parts_of(derived.total(box)):
            for operation in operations_in(part):
                key, computed = _named(operation, run)
                found.setdefault(key, []).append(computed)
    return found


def _parts_of(total: Any) -> Sequence[Expression]:
    return total if isinstance(total, tuple) else (total,)


def _zeros(spec: Any, sizes: Mapping[str, int]) -> Any:
    """An array of the shape of a box; None where that is only known in a run."""
    with contextlib.suppress(KeyError):
        return np.zeros(tuple(evaluate(size, sizes) for size in spec.shape), spec.dtype)
    return None


def _named(operation: InSymbols, run: Any) -> tuple[tuple[str, ...], Operation]:
    """An operation by its words, and what computes it from what is said of its children."""
    box, index = operation.box, operation.index
    said = said_children(box)
    sizes = getattr(run, "sizes", {})
    arrays = [_zeros(child.outputs[0], sizes) for child in box.children]
    for place, child in enumerate(box.children):
        if place not in said and isinstance(child, fg.Constant):
            arrays[place] = np.asarray(child.value)

    def fprop(*values: Any) -> Any:
        given = list(arrays)
        for place, value in zip(said, values, strict=True):
            given[place] = value
        result = box.fprop(*given)
        return result if index is None else result[index]

    part = [rf"\text{{part {index}}}"] if index is not None else []
    key = (name_of_operation(box), *map(text_latex, settings_in_words(box)), *part)
    return key, Operation(fprop, [arrays[place] for place in said])


def _cotangents(graph: fg.Graph, run: Any, seed: int) -> dict[fg.Box, Any]:
    """A random gradient for each output that has one; 1 for a number, as is printed."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for box in graph.outputs:
        if box.dtype.kind in "fc":
            shape = np.shape(run[box])
            if not shape:
                drawn[box] = np.ones((), box.dtype)
                continue
            numbers = rng.normal(size=shape) + (1j * rng.normal(size=shape) if box.dtype.kind == "c" else 0)
            drawn[box] = np.asarray(numbers).astype(box.dtype)
    return drawn
