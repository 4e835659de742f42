"""Names for the values of a plan, as one would write them by hand: 'layer1/a' is a1."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from flowgraph.box import Box, Constant, Leaf

_NUMBERS = {0.0: "zero", 1.0: "one", 2.0: "two", 0.5: "half", -1.0: "minus_one"}


def names_of_values(boxes: Sequence[Box], used: set[str]) -> dict[Box, str]:
    """An identifier for each box, added to those used: its own name where it has one, short where that is clear."""
    given = [box for box in boxes if box.name is not None]
    short = [_short(box.name or "") for box in given]
    result: dict[Box, str] = {}
    for box, name in sorted(zip(given, short, strict=True), key=lambda pair: not isinstance(pair[0], Leaf)):
        full = _identifier(box.name or "")
        result[box] = free_name(name if short.count(name) == 1 or name not in used else full, used)
    for box in boxes:
        if box not in result:
            result[box] = free_name(_constant(box) if isinstance(box, Constant) else "t1", used)
    return result


def _short(name: str) -> str:
    """The last part of a path, with the number at the end of the scope before it."""
    *scopes, last = name.split("/")
    number = re.search(r"\d+$", scopes[-1]) if scopes else None
    return _identifier(last + (number.group() if number else ""))


def _identifier(text: str) -> str:
    word = re.sub(r"\W", "_", text)
    word = word if word.isidentifier() else f"_{word}"
    return word + "_" if keyword.iskeyword(word) else word


def _constant(box: Constant) -> str:
    if box.shape == () and box.dtype.kind == "f" and float(box.value) in _NUMBERS:
        return _NUMBERS[float(box.value)]
    return "ones" if box.shape and (box.value == 1).all() else "c1"


def free_name(name: str, used: set[str]) -> str:
    """The name, with a number that makes it its own."""
    stem, number = re.fullmatch(r"(.*?)(\d*)", name).groups()  # type: ignore[union-attr]
    candidate, count = name, int(number or 1)
    while candidate in used:
        count += 1
        candidate = f"{stem}{count}" if stem in ("t", "c", "m") or not number else f"{stem}{number}_{count}"
    used.add(candidate)
    return candidate
