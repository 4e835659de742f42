"""A picture as Mermaid, which GitHub, GitLab and many editors draw from text in a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from flowgraph.rendering.palette import KINDS, THEMES
from flowgraph.rendering.picture import Frame, Picture, Row, Span, Tile

_MEANT = re.compile(r"[^\w .,:+*/=()×·→−…-]")
_SHAPES = {"parameter": ("[", "]"), "loss": ("([", "])")}
"""Brackets of tiles; all others have round corners."""

_ARROWS = {"fprop": "-->", "bprop": "<--", "both": "<-->", "none": "---"}
_DASHED = {"fprop": "-.->", "bprop": "<-.-", "both": "<-.->", "none": "-.-"}


def mermaid_text(picture: Picture, theme: str = "light") -> str:
    """The flowchart of a picture: its tiles with their texts, its links and frames, in the colours of a theme."""
    ids = {tile.id: f"n{number}" for number, tile in enumerate(picture.tiles)}
    lines = [f"%% {_plain(picture.description)}", f"flowchart {'LR' if picture.direction == 'right' else 'TB'}"]
    lines += _framed(picture, ids)
    for link in picture.links:
        arrow = (_DASHED if link.dashed or link.dotted else _ARROWS)[link.flow]
        lines.append(f"{ids[link.tail]} {arrow} {ids[link.head]}")
    lines += [f'{ids[tile.id]} -->|"{_plain(tile.carried)}"| {ids[tile.id]}' for tile in picture.tiles if tile.carried]
    colours = THEMES[theme]
    for kind in KINDS:
        members = ",".join(ids[tile.id] for tile in picture.tiles if tile.kind == kind)
        if members:
            style = f"fill:{colours[f'fill {kind}']},stroke:{colours[f'line {kind}']},color:{colours['ink']}"
            lines += [f"classDef {kind}Box {style}", f"class {members} {kind}Box"]
    frame = f"fill:{colours['frame']},stroke:{colours['frame line']},color:{colours['muted']}"
    lines += [f"style f{number} {frame}" for number in range(len(picture.frames))]
    return "\n".join([*lines, ""])


def _framed(picture: Picture, ids: Mapping[str, str]) -> Iterator[str]:
    """The tiles, those of a frame inside of it, and frames in frames."""
    number = {frame.path: place for place, frame in enumerate(picture.frames)}
    children: dict[str, list[Frame | Tile]] = {}
    for tile in picture.tiles:
        children.setdefault(tile.frame, []).append(tile)
    for frame in picture.frames:
        children.setdefault(frame.parent, []).append(frame)
    waiting: list[Frame | Tile | None] = [*reversed(children.get("", []))]
    while waiting:
        item = waiting.pop()
        if item is None:
            yield "end"
        elif isinstance(item, Frame):
            yield f'subgraph f{number[item.path]}["{_plain(item.title)}"]'
            waiting += [None, *reversed(children.get(item.path, []))]
        else:
            before, after = _SHAPES.get(item.kind, ("(", ")"))
            yield f'{ids[item.id]}{before}"{"<br/>".join(_said(item.rows))}"{after}'


def _said(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        text = "  ".join(_plain(item.text) for item in row.items if isinstance(item, Span))
        if text.strip():
            yield f"<b>{text}</b>" if isinstance(row.items[0], Span) and row.items[0].bold else text


def _plain(text: str) -> str:
    """A text in which no sign has a meaning: Mermaid's own entities stand for those that might."""
    return _MEANT.sub(lambda match: f"#{ord(match[0])};", text)
