"""A run, step by step, in words and numbers: fprop in order, then bprop in reverse, gradients adding up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.errors import RenderError, UsageError
from flowgraph.graph.passes import Step as Bstep
from flowgraph.graph.passes import sweep
from flowgraph.graph.where_masking import mask_untaken
from flowgraph.printable import printable
from flowgraph.rendering.derived_lines import GradientLines, derivative_latex, value_latex
from flowgraph.rendering.formulas import letters, mathml, plain_formula
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.statistics import Statistics, describe, size_text, summary, with_rounding
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import gradient_name, number_text, shape_text, shorten_text

MOST_BOXES = 2000
"""Of a graph whose steps have their lines typeset: the converter takes about a millisecond for each."""


class DerivationLines:
    """Typesets the lines of one graph; where the converter is missing, or the graph is large, there are none."""

    def __init__(self, subject: Subject, wrt: Sequence[Box]) -> None:
        self.graph = subject.graph
        self.letter: Mapping[Box, str] = letters(subject) if len(subject.graph) <= MOST_BOXES else {}
        self.gradients = GradientLines(subject.graph, wrt if self.letter else (), self.letter or letters(subject))

    def value(self, box: Box) -> list[str]:
        """How the value of a box is made."""
        return self._typeset([f"{self.letter[box]} = {value_latex(box, self.letter)}"]) if self.letter else []

    def gradients_sent(self, box: Box, children: Iterable[tuple[Box, bool]]) -> list[str]:
        """The gradients that a bprop sends to its children, and whether each is added to others."""
        return self._typeset([self._sent_line(box, *child) for child in children]) if self.letter else []

    def _sent_line(self, box: Box, child: Box, adds: bool) -> str:
        left = rf"\nabla_{{{self.letter[child]}}}"
        terms = self.gradients.part(box, self.graph.slots[child])
        return rf"{left} \leftarrow {left} + {terms}" if adds else f"{left} = {terms}"

    def _typeset(self, lines: list[str]) -> list[str]:
        try:
            return [mathml(line) for line in lines]
        except RenderError:  # latex2mathml is not installed: steps keep their plain formulas
            self.letter = {}
            return []


LONGEST = 80
"""Characters of an expression; one that is longer is left to the page of `graph.explain`."""

_FIRST = 0xF0000  # the first character of Unicode's private planes, which no formula holds
_BRACED = re.compile("\\{([\U000f0000-\U000ffffd])\\}")
_ALONE = re.compile("\\((-?)([\U000f0000-\U000ffffd]|[\\d.]+)\\)(?=/)|(?<=/)\\(([\U000f0000-\U000ffffd]|[\\d.]+)\\)")
_GRADIENT = re.compile("∇_?([\U000f0000-\U000ffffd])")


class PlainLines:
    """Lines about the boxes of one graph; inside a line, one placeholder character represents each box."""

    def __init__(self, subject: Subject, wrt: Sequence[Box]) -> None:
        names = subject.names
        self.sign = {box: chr(_FIRST + place % 0xFFFD) for place, box in enumerate(names)}
        self.names = {self.sign[box]: shorten_text(printable(name)) for box, name in names.items()}
        self.gradients = {self.sign[box]: _gradient(subject, box) for box in names}
        self.lines = GradientLines(subject.graph, wrt, self.sign)

    def value(self, box: Box) -> str:
        """How the value of a box is made, as in "tanh(a1)"; "" where that says too little or too much."""
        return self._plain(value_latex(box, self.sign)) if type(box).formula else ""

    def gradient_sent(self, box: Box, slot: int) -> str:
        """The gradient that a bprop sends to the child in a slot, as in "xᵀ ∇a⁽¹⁾"."""
        return self._plain(self.lines.part(box, slot))

    def _plain(self, latex: str) -> str:
        text = plain_formula(_BRACED.sub(r"\1", latex))
        text = _GRADIENT.sub(lambda match: self.gradients[match[1]], re.sub(" +", " ", _ALONE.sub(r"\1\2\3", text)))
        whole = "".join(self.names.get(character, character) for character in text)
        return printable(whole) if len(whole) <= LONGEST else ""


def _gradient(subject: Subject, box: Box) -> str:
    """The gradient by a box in words; only what its user called a letter with a number has the number above."""
    name = printable(subject.names[box])
    return gradient_name(name) if subject.is_named(box) else f"∇{shorten_text(name)}"


@dataclass
class Step:
    """One step of the animation: its text, the tiles whose values it computes, and the gradients that it sends.

    `lines` are those of the derivation, as MathML; `values` and `gradients` are what is written on tiles from then on,
    where a box's own tile has its value on it already.
    """

    phase: str
    title: str
    words: str
    place: str
    current: str = ""
    formula: str = ""
    tiles: list[str] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    gradients: dict[str, str] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)


def steps(subject: Subject, owners: Mapping[Box, str]) -> list[Step]:
    """All steps; `owners` gives the tile that shows a box."""
    if subject.run is None or not subject.run.has_all_values:
        raise UsageError("animate: needs the values of every box; give run=graph.fprop(...) with keep='all'")
    return _Teller(subject, owners).tell()


class _Teller:
    """Tells what each box of a run does with the numbers that it sees."""

    def __init__(self, subject: Subject, owners: Mapping[Box, str]) -> None:
        self.subject = subject
        self.graph = subject.graph
        self.owners = owners
        self.values = [subject.array(box) for box in self.graph.boxes]
        wrt = subject.grads.wrt if subject.grads is not None else self.graph.parameters
        self.bsteps = self.graph.bsteps(wrt) if wrt else ()
        self.plain = PlainLines(subject, wrt)
        self.derivation = DerivationLines(subject, wrt)

    def tell(self) -> list[Step]:
        inner = [box for box in self.graph.boxes if box.children]
        told = [self._start()]
        told += [self._fprop(box, f"fprop {i} / {len(inner)}") for i, box in enumerate(inner, 1)]
        return told + self._bprops()

    def _start(self) -> Step:
        leaves = [box for box in self.graph.boxes if not box.children]
        given = [self._with_shape(box) for box in leaves if self.subject.kind[box] in ("input", "target")]
        count = sum(box.value.size for box in self.graph.parameters)
        words = f"the run is given {_join_words(given) or 'nothing'}; {count:,} parameters have their values."
        computed = {self.owners[box] for box in self.graph.boxes if box.children}
        known = [tile for box in leaves if (tile := self.owners[box]) not in computed]
        return Step("start", "Start", words, "start", tiles=known)

    def _fprop(self, box: Box, place: str) -> Step:
        children = list(dict.fromkeys(box.children))
        words = (
            f"reads {_join_words([self._with_shape(child) for child in children])}; gives {self._value_in_words(box)}."
        )
        made = self.plain.value(box)
        formula = f"{self._name(box)} = {made}" if made else ""
        id = self.owners[box]
        values = {id: f"{self._on_tile(box)}  {self._spread(box)}"} if _is_module(id) else {}
        lines = self.derivation.value(box)
        title = f"{self._name(box)}.fprop"
        return Step("fprop", title, words, place, id, formula, tiles=[id], lines=lines, values=values)

    def _bprops(self) -> list[Step]:
        graph = self.graph
        grads: list[Any] = [None] * len(graph)
        for box in graph.outputs:
            value = self.values[graph.slots[box]]
            known = self.subject.grads is not None and box in self.subject.grads
            seed = self.subject.grads[box] if known and self.subject.grads is not None else np.ones_like(value)
            grads[graph.slots[box]] = seed
        reading = {step.slot for step in self.bsteps}
        waiting = dict.fromkeys(range(len(graph)), 0)
        for step in self.bsteps:
            for _, child in step.wanted:
                waiting[child] += 1
        told = []
        for i, step in enumerate(mask_untaken(self.bsteps, grads), 1):
            before = {child: grads[child] for _, child in step.wanted}
            sweep((step,), self.values, grads)
            told.append(self._bprop(step, before, grads, f"bprop {i} / {len(self.bsteps)}"))
            for _, child in step.wanted:
                waiting[child] -= 1
                if not waiting[child] and child not in reading:
                    told[-1].finished.append(self.owners[graph.boxes[child]])
        return told

    def _bprop(self, step: Bstep, before: Mapping[int, Any], grads: list[Any], place: str) -> Step:
        box = step.box
        sent, gradients, texts = [], self._tell_arrival(box, grads[step.slot]), []
        positions: dict[int, list[int]] = {}
        for position, slot in step.wanted:
            positions.setdefault(slot, []).append(position)
        for slot in positions:
            child = self.graph.boxes[slot]
            size = self._size(child, grads[slot])
            name, grad = self._name(child), _gradient(self.subject, child)
            made = self.plain.gradient_sent(box, slot)
            if before[slot] is None:
                texts.append(f"{grad}{made and f' = {made}'} ({size}) to {name}")
            else:
                texts.append(f"{made or 'its part'} to {name}, where it adds up: {grad} is now {size}")
            sent.append((self.owners[child], self.owners[box]))
            gradients[self.owners[child]] = (
                f"{gradient_name(self._on_tile(child))}  {self._summary(child, grads[slot])}"
            )
        others = (child for child in dict.fromkeys(box.children) if not is_number(child))
        spared = [child for child in others if self.graph.slots[child] not in positions]
        words = f"gets {_gradient(self.subject, box)} ({self._size(box, grads[step.slot])}); sends {_join_words(texts)}"
        if spared:
            verb = "needs" if len(spared) == 1 else "need"
            words += f"; {_join_words([self._name(c) for c in spared])} {verb} none"
        derivative = plain_formula(derivative_latex(box))
        formula = f"derivative: {printable(derivative)}" if derivative and len(derivative) <= LONGEST else ""
        arrivals = [(self.graph.boxes[slot], before[slot] is not None) for slot in positions]
        lines = self.derivation.gradients_sent(box, arrivals)
        id, title = self.owners[box], f"{self._name(box)}.bprop"
        return Step("bprop", title, f"{words}.", place, id, formula, sent=sent, lines=lines, gradients=gradients)

    def _size(self, box: Box, grad: Value) -> str:
        """The gradient of a box in words: the number, or the root mean square."""
        statistics = self._statistics(box, grad)
        return "?" if statistics is None else size_text(statistics)

    def _summary(self, box: Box, grad: Value) -> str:
        """The gradient of a box on its tile: the number, or mean and spread."""
        statistics = self._statistics(box, grad)
        return "?" if statistics is None else summary(statistics)

    def _statistics(self, box: Box, grad: Value) -> Statistics | None:
        """Those of what has arrived at a box; once all has, it may be 0 but for rounding."""
        statistics = None if isinstance(grad, tuple) or grad is None else describe(grad)
        grads = self.subject.grads
        if statistics is None or grads is None or box not in self.subject.rounded_zeros:
            return statistics
        return with_rounding(statistics) if np.array_equal(grads[box], grad) else statistics

    def _name(self, box: Box) -> str:
        return printable(self.subject.names[box])

    def _tell_arrival(self, box: Box, grad: Value) -> dict[str, str]:
        """The gradient that bprop begins with, for the tile of an output."""
        if box not in self.graph.outputs:
            return {}
        return {self.owners[box]: f"{gradient_name(self._on_tile(box))}  {self._summary(box, grad)}"}

    def _on_tile(self, box: Box) -> str:
        """The name without the frames around the tile that shows the box; none for a box whose tile shows none."""
        if _is_module(self.owners[box]):
            return shorten_text(printable(self.subject.names[box]))
        return shorten_text(printable(self.subject.local_name(box))) if self.subject.is_named(box) else ""

    def _with_shape(self, box: Box) -> str:
        if not box.outputs[0].shape:
            return f"{self._name(box)} = {self._value_in_words(box)}"
        return f"{self._name(box)} ({shape_text(box.outputs[0].shape, self.subject.sizes)})"

    def _value_in_words(self, box: Box) -> str:
        """A value in words: the number, or shape, mean and spread."""
        value = self.values[self.graph.slots[box]]
        spread = self._spread(box)
        shape = ", ".join(shape_text(spec.shape, self.subject.sizes) for spec in box.outputs)
        return shape if not spread else spread if np.ndim(value) == 0 else f"{shape} of {spread}"

    def _spread(self, box: Box) -> str:
        """A number, or mean and spread; "" where there is neither."""
        value = self.values[self.graph.slots[box]]
        statistics = None if isinstance(value, tuple) else describe(value)
        return "" if statistics is None else number_text(value) if np.ndim(value) == 0 else summary(statistics)


def _is_module(tile: str) -> bool:
    """Whether the tile of that identifier is a folded module."""
    return tile.endswith("@")


def _join_words(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
