"""The value of each box of a graph and what its bprop sends to its children, written from the boxes that it builds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.box.leaves import Input
from flowgraph.box.opening import inside_of
from flowgraph.derivatives.bprop_on_boxes import on_boxes
from flowgraph.errors import FlowgraphError
from flowgraph.graph import Graph
from flowgraph.graph.passes import Step, sweep
from flowgraph.rendering.boxes_in_symbols import Symbols, axes_repeated, operations_in
from flowgraph.rendering.expressions import (
    ONE,
    ZERO,
    Declared,
    Expression,
    Letter,
    Operation,
    Sum,
    add,
    conjugate,
    has,
    is_gradient,
    over_axes,
    product,
    real_part,
    size,
)
from flowgraph.rendering.formula_of_box import ALSO, declared_derivative, forward, is_closed, words
from flowgraph.rendering.formulas import name_latex
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.operations import settings_in_words
from flowgraph.rendering.typesetting import latex_of

MOST_TERMS = 6
"""Terms of a sum that are written; of a longer one the first, and the last."""

_LONGEST = 60
"""Nodes of the expression of a value; one that is longer is said in words."""


def value_latex(box: Box, letter: Mapping[Box, str]) -> str:
    """The value of a box by its formula, by what it is made of where settings change that, or in words."""
    by_formula = forward(box, letter) if is_closed(box) else None
    if by_formula is not None:
        return by_formula
    inside = inside_of(box) if is_closed(box) and type(box).formula and len(box.outputs) == 1 else (box,)
    if inside is not None and all(len(child.outputs) == 1 for child in box.children):
        expression = Symbols({child: letter_of(child, letter) for child in box.children}).of(inside[0])
        if size(expression) < _LONGEST and not has(expression, lambda part: isinstance(part, Operation)):
            return latex_of(expression)
    return words(box, [letter[child] for child in box.children])


def letter_of(box: Box, letter: Mapping[Box, str]) -> Expression:
    """A box as a letter; a number as it is."""
    if is_number(box):
        return Symbols({}).of(box)
    spec = box.outputs[0]
    return Letter(letter[box], spec.dtype.kind != "c", is_scalar=spec.shape == ())


class GradientLines:
    """The gradients of one graph as expressions: in letters of its boxes, and of the gradients that arrive.

    A gradient that is another one goes by its name from then on: where ∇u = ∇a, what u sends is said by ∇a. Gradients
    are those that a user sees: of complex boxes the conjugates of what the sweep carries.
    """

    def __init__(self, graph: Graph, wrt: Iterable[Box], letter: Mapping[Box, str], in_words: bool = False) -> None:
        self.graph = graph
        self.in_words = in_words
        self.symbols = {box: letter_of(box, letter) for box in graph.boxes if len(box.outputs) == 1}
        self.letter = letter
        self.sent: dict[Box, dict[int, Expression]] = {}
        self._arrived: dict[int, list[Any]] = {}
        self._shapes: dict[str, Any] = {}
        self.constants: list[Any] = []
        reached = tuple(dict.fromkeys(wrt))
        for box in graph.outputs:
            seeds = tuple(ONE if spec.shape == () else Letter(r"\text{given}") for spec in box.outputs)
            self._arrived[graph.slots[box]] = [seeds if len(seeds) > 1 else seeds[0]]
        for step in graph.bsteps(reached) if reached else ():
            self._take(step)

    def gradient(self, box: Box) -> str:
        """The gradient of a box: what all its parents send, added up; of many terms the first and the last."""
        total = self.total(box)
        if not isinstance(total, Sum) or len(total.terms) <= MOST_TERMS or self.in_words:
            return self._latex(total)
        first, last = (Sum(terms) for terms in (total.terms[: MOST_TERMS - 2], total.terms[-2:]))
        return rf"{self._latex(first)} + \cdots + {self._latex(last.terms[1])}"

    def part(self, box: Box, slot: int) -> str:
        """What the bprop of a box sends to the child in a slot."""
        return self._latex(self.sent[box][slot])

    def operations(self) -> Iterator[Box]:
        """The boxes inside of gradients that have no sign of their own."""
        for sent in self.sent.values():
            for whole in sent.values():
                for part in whole if isinstance(whole, tuple) else (whole,):
                    yield from (operation.box for operation in operations_in(part))

    def total(self, box: Box) -> Any:
        """The gradient of a box as an expression; of several outputs, a tuple of them."""
        arrived = self._arrived.get(self.graph.slots[box], [])
        if len(box.outputs) == 1:
            return _add_terms(arrived)
        return tuple(_add_terms([parts[place] for parts in arrived]) for place in range(len(box.outputs)))

    def _latex(self, expression: Any) -> str:
        if isinstance(expression, tuple):
            return rf"\left({', '.join(map(self._latex, expression))}\right)"
        return latex_of(expression, self.in_words)

    def _take(self, step: Step) -> None:
        """Let a bprop send boxes, and keep them as expressions."""
        total, box = self.total(step.box), step.box
        parts = self._part_names(box, total) if isinstance(total, tuple) else (self._name(step, total),)
        leaves = [Input(f"grad{i}", shape=s.shape, dtype=s.dtype) for i, s in enumerate(box.outputs)]
        symbols = Symbols(
            {**self.symbols, **dict(zip(leaves, map(_conjugate_complex, box.outputs, parts), strict=True))},
            self.constants,
        )
        carried = [None if part == ZERO and len(parts) > 1 else leaf for part, leaf in zip(parts, leaves, strict=True)]
        grads: list[Any] = [None] * len(self.graph)
        grads[step.slot] = carried[0] if len(carried) == 1 else tuple(carried)
        sweep((on_boxes(step, False),), self.graph.boxes, grads)
        self.sent[box] = {}
        for slot in dict.fromkeys(slot for _, slot in step.wanted):
            child = self.graph.boxes[slot]
            positions = [position for position, own in step.wanted if own == slot]
            declared = [self._declared_terms(box, position, parts[0]) for position in positions]
            known = [part for part in declared if part is not None]
            self.sent[box][slot] = add(known) if known else self._expression(symbols, child, grads[slot])
            self._arrived.setdefault(slot, []).append(self.sent[box][slot])

    def _declared_terms(self, box: Box, position: int, arriving: Expression) -> Expression | None:
        """What the class of a box declares for a child, summed over the axes along which that is broadcast.

        A class declares the derivative dh/da, which the gradient of a complex number takes with conjugate letters.
        """
        declared = type(box).derivative
        if not declared:
            return None
        child, is_whole, is_real = box.children[position], r"\nabla" in declared, box.dtype.kind != "c"
        letter = self.letter
        if not is_real:
            letter = {one: latex_of(conjugate(self.symbols[one])) for one in (box, *box.children)}
            if is_whole:  # the letter of the box stands below ∇ alone
                letter[box] = self.letter[box]
        latex = declared_derivative(box, position, letter)
        if latex is None or latex == "0":  # 0 is declared for real numbers; of complex ones the bprop is written
            return ZERO if latex and is_real else None
        part = Declared(latex, is_real)
        sent = part if is_whole else product([arriving, part])
        sent = real_part(sent) if child.dtype.kind != "c" else sent
        if is_whole or not isinstance(box, Elementwise):
            return sent
        lead = box.ndim - child.ndim
        axes = (*range(lead), *(axis + lead for axis in axes_repeated(box.shape[lead:], child.shape)))
        return over_axes(None if len(axes) == box.ndim else axes, sent) if axes else sent

    def _part_names(self, box: Box, total: tuple[Expression, ...]) -> tuple[Expression, ...]:
        """The gradients of several outputs: by those of the boxes that are the parts, or by their numbers."""
        return tuple(
            part
            if part == ZERO or (isinstance(part, Letter) and part.is_gradient)
            else Letter(rf"\nabla_{{{self.letter[box]}, {place}}}", box.outputs[place].dtype.kind != "c", True)
            for place, part in enumerate(total)
        )

    def _expression(self, symbols: Symbols, child: Box, grad: Any) -> Any:
        if isinstance(grad, tuple):
            return tuple(ZERO if part is None else self._expression(symbols, child, part) for part in grad)
        if not isinstance(grad, Box):
            array = np.asarray(grad)
            return ZERO if not array.any() else Letter(r"\text{constant}")
        return _conjugate_complex(child.outputs[0], symbols.of(grad))

    def _name(self, step: Step, total: Expression) -> Expression:
        """The gradient of a box by its own name, or by that of the one that it is; and how it is repeated."""
        box = step.box
        latex = rf"\nabla_{{{self.letter[box]}}}"
        named = Letter(latex, box.dtype.kind != "c", is_gradient=True, is_scalar=box.shape == ())
        note = _repetition(box)
        if note:
            return replace(named, note=note)
        if isinstance(total, Letter) and total.is_gradient and self._shapes.get(total.latex) == box.shape:
            named = total
        self._shapes[named.latex] = box.shape
        return named


def _add_terms(terms: Sequence[Expression]) -> Expression:
    """What several boxes send, a term for each."""
    kept = [term for term in terms if term != ZERO]
    return Sum(tuple(kept)) if len(kept) > 1 else kept[0] if kept else ZERO


def _conjugate_complex(spec: Any, part: Expression) -> Expression:
    """A gradient as the sweep carries it from that which a user sees, and the reverse."""
    return conjugate(part) if spec.dtype.kind == "c" else part


def _repetition(box: Box) -> str:
    """Along which axes the gradient of a box that reduces is repeated, unless these are the first ones."""
    axis = box.setting_values().get("axis")
    if len(box.children) != 1 or axis is None or box.ndim >= box.children[0].ndim or "keepdims" not in box.settings:
        return ""
    ndim = box.children[0].ndim
    axes = sorted({one % ndim for one in (axis if isinstance(axis, tuple) else (axis,))})
    if axes == list(range(len(axes))):
        return ""
    return f"along {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def derivative_latex(box: Box) -> str:
    """The derivative of a box by each child that has one, in the letters of its class; of a user's own as declared."""
    of_several = any(len(child.outputs) != 1 for child in box.children)  # a part of it has no formula
    if type(box).derivative or not box.built_in or not box.children or of_several:
        return type(box).derivative
    key = (type(box), *settings_in_words(box), *((c.outputs[0].shape, c.outputs[0].dtype) for c in box.children))
    if key not in _DERIVATIVES:
        _DERIVATIVES[key] = _derivative(box)
    return _DERIVATIVES[key]


_DERIVATIVES: dict[tuple[Any, ...], str] = {}
"""What has been written already, by class, settings and children."""


def _derivative(box: Box) -> str:
    names = [name.replace("[", "").replace("]", "") for name in box.names_of_children()]
    leaves: list[Box] = [
        child if is_number(child) else Input(name, shape=child.outputs[0].shape, dtype=child.outputs[0].dtype)
        for name, child in zip(names, box.children, strict=True)
    ]
    graph = Graph(box.with_children(*leaves))
    twin = graph.outputs[0]
    letter = {leaf: ALSO.get(name, name_latex(name)) for name, leaf in zip(names, leaves, strict=True)}
    letter[twin] = "a" if "h" in type(box).child_names else "h"
    wanted = [leaf for leaf, free in zip(leaves, box.differentiable_wrt, strict=True) if free and leaf in graph.passed]
    try:
        lines = GradientLines(graph, wanted, letter)
    except FlowgraphError:  # it needs what is only known in a run
        return ""
    if not wanted:
        return ""
    arriving = Letter(rf"\nabla_{{{letter[twin]}}}", is_gradient=True, is_scalar=twin.outputs[0].shape == ())
    sent = [lines.sent[twin][graph.slots[leaf]] for leaf in dict.fromkeys(wanted)]
    slopes = [product([part], [arriving]) for part in sent] if isinstance(box, Elementwise) else sent
    plain = not any(map(is_gradient, slopes))
    return ", ".join(latex_of(part) for part in (slopes if plain else sent))
