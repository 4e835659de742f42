"""The functions of `kernels/`: those that a text calls, with what they call themselves, in the order of their files."""

from __future__ import annotations

import functools
import re
from importlib import resources

_FILES = ("arrays", "numbers", "shapes", "indexing", "reductions", "products", "neural", "random", "loops")
_START = re.compile(r"^(?:function|const) (\w+)", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")


@functools.cache
def functions() -> dict[str, str]:
    """Every function by name, with the comment above it."""
    found: dict[str, str] = {}
    for name in _FILES:
        text = resources.files(__package__).joinpath("kernels", f"{name}.js").read_text("utf-8")
        for part in text.split("\n\n"):
            start = _START.search(part)
            if start:
                found[start[1]] = part.strip()
    return found


def called_by(text: str) -> list[str]:
    """The texts of the functions that a text needs."""
    known, needed, stack = functions(), set[str](), [text]
    while stack:
        for word in _WORD.findall(stack.pop()):
            if word in known and word not in needed:
                needed.add(word)
                stack.append(known[word])
    return [part for name, part in known.items() if name in needed]
