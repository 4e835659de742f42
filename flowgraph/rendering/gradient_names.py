"""The gradient of a box as the lecture writes it, in plain signs: ∇W⁽¹⁾ for that of W1."""

from __future__ import annotations

import re

from flowgraph.printable import printable
from flowgraph.rendering.wording import shortened

_LETTER = re.compile(r"([^\W\d_])_?(\d+)")
_RAISED = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")


def gradient_name(name: str) -> str:
    """The name of the gradient: that of a letter with a number has the number above; "" gives ∇ alone."""
    match = _LETTER.fullmatch(name)
    if match is None:
        return f"∇{shortened(printable(name))}"
    return f"∇{match[1]}" + f"({match[2]})".translate(_RAISED)
