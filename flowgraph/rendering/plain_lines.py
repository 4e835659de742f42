"""The lines of a derivation as plain text with the names of the graph, for the steps of an animation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flowgraph.box import Box, Constant
from flowgraph.printable import printable
from flowgraph.rendering.formula_of_box import backward, forward
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.wording import exact_text, shortened

LONGEST = 80
"""Characters of an expression; one that is longer is left to the page of `graph.explain`."""

_FIRST = 0xF0000  # the first character of Unicode's private planes, which no formula holds
_BRACED = re.compile("\\{([\U000f0000-\U000ffffd])\\}")
_ALONE = re.compile("\\((-?)([\U000f0000-\U000ffffd]|[\\d.]+)\\)(?=/)|(?<=/)\\(([\U000f0000-\U000ffffd]|[\\d.]+)\\)")
_GRADIENT = re.compile("∇_?([\U000f0000-\U000ffffd])")


class PlainLines:
    """Lines about the boxes of one graph; inside a line, one placeholder character represents each box."""

    def __init__(self, names: Mapping[Box, str]) -> None:
        self.sign = {box: chr(_FIRST + place % 0xFFFD) for place, box in enumerate(names)}
        self.names = {self.sign[box]: _shown(box, name) for box, name in names.items()}

    def value(self, box: Box) -> str:
        """How the value of a box is made, as in "tanh(a1)"; "" where that says too little or too much."""
        return self._plain([forward(box, self.sign)]) if type(box).formula else ""

    def sent(self, box: Box, positions: Iterable[int]) -> str:
        """The gradient that a bprop sends to the child at these positions, as in "xᵀ ∂L/∂a1"."""
        return self._plain([backward(box, place, self.sign) for place in positions]) if type(box).derivative else ""

    def _plain(self, terms: list[str]) -> str:
        text = plain_formula(" + ".join(_BRACED.sub(r"\1", term) for term in terms))
        text = _GRADIENT.sub(r"∂L/∂\1", re.sub(" +", " ", _ALONE.sub(r"\1\2\3", text)))
        whole = "".join(self.names.get(character, character) for character in text)
        return printable(whole) if len(whole) <= LONGEST else ""


def _shown(box: Box, name: str) -> str:
    if isinstance(box, Constant) and is_number(box):
        return exact_text(box.value)
    return shortened(printable(name))
