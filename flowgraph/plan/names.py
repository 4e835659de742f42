"""Names for the values of a plan, as in hand-written code: 'layer1/a' becomes a1."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from flowgraph.box import Box, Constant, Leaf

_NUMBERS = {0.0: "zero", 1.0: "one", 2.0: "two", 0.5: "half", -1.0: "minus_one"}


class Names:
    """The identifiers that a source has used."""

    def __init__(self, used: Iterable[str]) -> None:
        self.used = set(used)
        self._counts: dict[str, int] = {}

    def free(self, name: str) -> str:
        """The name, with a number that makes it its own."""
        end = len(name)
        while end and name[end - 1].isdecimal():
            end -= 1
        stem, number = name[:end], name[end:]
        if number and stem not in ("t", "c", "m"):
            stem, number = f"{name}_", ""
        candidate, count = name, self._counts.get(stem, int(number or 1))
        while candidate in self.used:
            count += 1
            candidate = f"{stem}{count}"
        self._counts[stem] = count
        self.used.add(candidate)
        return candidate

    def of_values(self, boxes: Sequence[Box]) -> dict[Box, str]:
        """An identifier for each box: its own name where it has one, short where that is clear."""
        given = {box: _short(box.name) for box in boxes if box.name is not None}
        counts = Counter(given.values())
        result: dict[Box, str] = {}
        for box in sorted(given, key=lambda box: not isinstance(box, Leaf)):
            name = given[box]
            unclear = counts[name] > 1 and name in self.used
            result[box] = self.free(_identifier(box.name or "") if unclear else name)
        for box in boxes:
            if box not in result:
                result[box] = self.free(_constant(box) if isinstance(box, Constant) else "t1")
        return result


def _short(name: str) -> str:
    """The last part of a path, with the number at the end of the scope before it."""
    *scopes, last = name.split("/")
    number = re.search(r"\d+$", scopes[-1]) if scopes else None
    return _identifier(last + (number.group() if number else ""))


def _identifier(text: str) -> str:
    signs = unicodedata.normalize("NFKC", text)  # as Python reads identifiers: other signs would be the same name
    word = "".join(sign if f"_{sign}".isidentifier() else "_" for sign in signs)
    word = word if word.isidentifier() else f"_{word}"
    return word + "_" if keyword.iskeyword(word) else word


def _constant(box: Constant) -> str:
    if box.shape == () and box.dtype.kind == "f" and float(box.value) in _NUMBERS:
        return _NUMBERS[float(box.value)]
    return "ones" if box.shape and (box.value == 1).all() else "c1"
