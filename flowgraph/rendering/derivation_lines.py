"""The line of the derivation that belongs to each step of an animation, as MathML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowgraph.box import Box
from flowgraph.errors import RenderError
from flowgraph.rendering.formula_of_box import backward, forward
from flowgraph.rendering.mathml import mathml
from flowgraph.rendering.notation import letters
from flowgraph.rendering.subject import Subject

MOST_BOXES = 2000
"""Of a graph whose steps have their lines typeset: the converter takes about a millisecond for each."""


class DerivationLines:
    """Typesets the lines of one graph; where the converter is missing, or the graph is large, there are none."""

    def __init__(self, subject: Subject) -> None:
        self.letter: Mapping[Box, str] = letters(subject) if len(subject.graph) <= MOST_BOXES else {}

    def value(self, box: Box) -> list[str]:
        """How the value of a box is made."""
        return self._typeset([f"{self.letter[box]} = {forward(box, self.letter)}"]) if self.letter else []

    def sent(self, box: Box, children: Iterable[tuple[Box, list[int], bool]]) -> list[str]:
        """The gradients that a bprop sends to its children: the positions, and whether each is added to others."""
        return self._typeset([self._sent(box, *child) for child in children]) if self.letter else []

    def _sent(self, box: Box, child: Box, positions: list[int], adds: bool) -> str:
        left = rf"\nabla_{{{self.letter[child]}}}"
        places = positions if type(box).derivative else positions[:1]  # a Jacobian is that of all places
        terms = " + ".join(backward(box, place, self.letter) for place in places)
        return rf"{left} \leftarrow {left} + {terms}" if adds else f"{left} = {terms}"

    def _typeset(self, lines: list[str]) -> list[str]:
        try:
            return [mathml(line) for line in lines]
        except RenderError:  # latex2mathml is not installed: steps keep their plain formulas
            self.letter = {}
            return []
