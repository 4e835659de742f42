"""A large picture in fewer letters: a part that another one resembles says which, where it is and what it calls itself.

A page of thousands of boxes is mostly repetition. The first part of a shape is written in full; for the others the
page, by alike.js, copies it, moved to their place, with their own words.
"""

from __future__ import annotations

import re

from flowgraph.rendering.placement import Layout, Place

_PLACES = re.compile(r' (x|y)="(-?[\d.]+)"| (d|points)="([^"]*)"')
_PAIR = re.compile(r"(-?[\d.]+)([ ,])(-?[\d.]+)")
_TEXT = re.compile(r">([^<]+)<")


class Alike:
    """Shortens the parts of a picture, in the order in which they are drawn."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[int, float, float, list[str]]] = {}

    def shortened(self, part: str) -> str:
        """A part `<g ...>...</g>`: as it is if none before it is like it, else empty, with what is its own."""
        end = part.index(">")
        body = part[end + 1 : -len("</g>")]
        texts: list[str] = []
        blank = _TEXT.sub(lambda found: f">{_noted(found[1], texts)}<", body)
        x, y = _first_place(body)
        shape = _PLACES.sub(lambda found: _relative(found, x, y), blank)
        known = self._models.get(shape)
        if known is None:
            self._models[shape] = (len(self._models), x, y, texts)
            return part
        number, first_x, first_y, said = known
        own = "\n".join(f"{i} {text}" for i, (text, other) in enumerate(zip(texts, said, strict=True)) if text != other)
        at = f"{round(x - first_x, 1):g} {round(y - first_y, 1):g}"
        words = f' data-said="{own}"' if own else ""
        return f'{part[:end]} data-like="{number}" data-at="{at}"{words}></g>'


def rounded(layout: Layout) -> Layout:
    """A layout in tenths of a pixel, as they are written: then what is alike is alike to the last digit."""
    return Layout(
        layout.width,
        layout.height,
        layout.folded,
        {name: _rounded(at) for name, at in layout.tiles.items()},
        {name: _rounded(at) for name, at in layout.frames.items()},
        [(link, [(round(x, 1), round(y, 1)) for x, y in points]) for link, points in layout.routes],
    )


def _rounded(at: Place) -> Place:
    return Place(round(at.x, 1), round(at.y, 1), at.width, at.height)


def _noted(text: str, texts: list[str]) -> str:
    """Note the lines of a text; what is left of it in the shape is how many there are."""
    lines = text.split("\n")
    texts += lines
    return "\n" * (len(lines) - 1) + "."


def _first_place(body: str) -> tuple[float, float]:
    found: dict[str, float] = {}
    for name, number, outline, points in _PLACES.findall(body):
        if outline:
            pair = _PAIR.search(points)
            return (float(pair[1]), float(pair[3])) if pair else (0.0, 0.0)
        found.setdefault(name, float(number))
        if len(found) == 2:
            return found["x"], found["y"]
    return 0.0, 0.0


def _relative(found: re.Match[str], x: float, y: float) -> str:
    name, number, outline, points = found.groups()
    if outline:
        moved = _PAIR.sub(lambda pair: f"{float(pair[1]) - x:.1f}{pair[2]}{float(pair[3]) - y:.1f}", points)
        return f' {outline}="{moved}"'
    return f' {name}="{float(number) - (x if name == "x" else y):.1f}"'
