"""A picture as text for other programs: DOT of Graphviz, whose layout is steered, and Mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from html import escape

from flowgraph.rendering.measure import text_width
from flowgraph.rendering.nesting import InlineLeaves, place_inline_leaves
from flowgraph.rendering.palette import KINDS, THEMES
from flowgraph.rendering.picture import Frame, Link, Picture, Row, Span, Strip, Swatch, Tile

FONT = "Helvetica"
_SPACER = '<TR><TD HEIGHT="3" FIXEDSIZE="TRUE" WIDTH="3"></TD></TR>'
_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">{rows}</TABLE>'


def dot_text(picture: Picture, theme: str = "light", turns: Set[tuple[str, str]] = frozenset()) -> str:
    """The DOT text of a picture in the colours of a theme; `turns` are the links at which it is folded into lines."""
    spine = {end for link in picture.links if link.spine for end in (link.tail, link.head)}
    writer = _Writer(THEMES[theme], frozenset() if turns else spine, turns)
    return "\n".join([*writer.head(picture), *writer.body(picture), "}", ""])


def quote_text(text: str) -> str:
    """A text as a quoted DOT string in which nothing has a meaning."""
    plain = escape(text, quote=True).replace("\\", "\\\\").replace("\n", "&#10;")
    return f'"{plain}"'


def _markup(text: str) -> str:
    """A text inside an HTML label, where a backslash would begin an escape of DOT."""
    return escape(text).replace("\\", "\\\\")


class _Writer:
    """Writes in the colours of one theme."""

    def __init__(self, colours: Mapping[str, str], spine: Set[str], turns: Set[tuple[str, str]]) -> None:
        self.colours = colours
        self.spine = spine
        self.turns = turns

    def head(self, picture: Picture) -> list[str]:
        rank, colours = "LR" if picture.direction == "right" else "TB", self.colours
        apart = 0.32 if any(link.flow == "both" for link in picture.links) else 0.2
        caption = _TABLE.format(padding=2, rows="".join(map(self._row, picture.caption)))
        return [
            "digraph flowgraph {",
            f'graph [rankdir={rank} bgcolor="{colours["paper"]}" fontname="{FONT}" ranksep=0.4 nodesep={apart} pad=0.25'
            f" tooltip={quote_text(picture.title)} labelloc=b labeljust=l label=<{caption}>];",
            f'node [shape=plain fontname="{FONT}" fontsize=12];',
            f'edge [fontname="{FONT}" fontsize=9 color="{colours["line"]}" arrowsize=0.65 penwidth=1.2];',
        ]

    def body(self, picture: Picture) -> Iterable[str]:
        """Frames with their tiles, tiles outside, then the links and which tiles share a rank."""
        beside = place_inline_leaves(picture, {tile.id: tile.frame for tile in picture.tiles}, picture.hosts)
        yield from self._frames(picture, beside)
        for link in picture.links:
            host = beside.get(link.head)
            yield self._link(link, turned=host is not None and host.above == link.tail)

    def _frames(self, picture: Picture, beside: Mapping[str, InlineLeaves]) -> Iterable[str]:
        lines: dict[str, list[str]] = {}
        for tile in picture.tiles:
            lines.setdefault(tile.frame, []).append(self._tile(tile))
            if tile.id in beside:
                members = "; ".join(f'"{id}"' for id in (tile.id, *beside[tile.id].all))
                lines[tile.frame].append(f"{{ rank=same; {members}; }}")
        inside: dict[str, list[Frame]] = {}
        for frame in picture.frames:
            inside.setdefault(frame.parent, []).append(frame)
        stack: list[Frame | None] = [*reversed(inside.get("", []))]
        yield from lines.get("", [])
        while stack:
            opened = stack.pop()
            if opened is None:
                yield "}"
                continue
            yield self._frame_head(opened)
            yield from lines.get(opened.path, [])
            stack += [None, *reversed(inside.get(opened.path, []))]

    def _frame_head(self, frame: Frame) -> str:
        colours = self.colours
        note = f'<FONT COLOR="{colours["muted"]}" POINT-SIZE="10">   {_markup(frame.note)}</FONT>' if frame.note else ""
        title = f'<FONT COLOR="{colours["muted"]}" POINT-SIZE="10"><B>{_markup(frame.title)}</B></FONT>{note}'
        return (
            f"subgraph {quote_text('cluster ' + frame.path)} {{ label=<{title}> labelloc=t labeljust=l margin=9 "
            f'style="rounded,filled" color="{colours["frame line"]}" fillcolor="{colours["frame"]}" '
            f"tooltip={quote_text(frame.path)};"
        )

    def _tile(self, tile: Tile) -> str:
        first = next((i for i, row in enumerate(tile.rows) if row.fill), None)
        rows = "".join((_SPACER if i == first else "") + self._row(row) for i, row in enumerate(tile.rows))
        words = [word for word, has in (("ROUNDED", not tile.square), ("DASHED", tile.dashed)) if has]
        style = f' STYLE="{",".join(words)}"' if words else ""
        inner = f"<TR><TD>{_TABLE.format(padding=1, rows=rows)}</TD></TR>"
        if tile.stacked:
            return self._stack_tile(tile, _TABLE.format(padding=5, rows=inner))
        label = (
            f'<TABLE BORDER="{tile.width:g}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="5"'
            f' COLOR="{self.colours[tile.line]}" BGCOLOR="{self.colours[tile.fill]}"'
            f"{style}>{inner}</TABLE>"
        )
        group = " group=spine" if tile.id in self.spine else ""
        return (
            f'"{tile.id}" [id="box-{tile.id}" class="box {tile.kind}"{group}'
            f" tooltip={quote_text(tile.tooltip)} label=<{label}>];"
        )

    def _stack_tile(self, tile: Tile, label: str) -> str:
        """A module, drawn as a stack."""
        return (
            f'"{tile.id}" [id="box-{tile.id}" class="box module" shape=box3d style=filled margin="0.06,0.04"'
            f' penwidth={tile.width:g} color="{self.colours[tile.line]}" fillcolor="{self.colours[tile.fill]}"'
            f" tooltip={quote_text(tile.tooltip)} label=<{label}>];"
        )

    def _row(self, row: Row) -> str:
        """One cell of text; several cells where a row has more than text or a fill."""
        fill = f' BGCOLOR="{self.colours[row.fill]}" CELLPADDING="3"' if row.fill else ""
        if all(isinstance(item, Span) for item in row.items):
            text = " ".join(self._item(item) for item in row.items)
            return f'<TR><TD ALIGN="LEFT"{fill}>{text}</TD></TR>'
        cells = "".join(
            self._item(item) if isinstance(item, Swatch) else f'<TD ALIGN="LEFT">{self._item(item)}</TD>'
            for item in row.items
        )
        width = round(sum(map(_width, row.items)) + 6 * len(row.items))
        table = (
            f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="0" FIXEDSIZE="TRUE" ALIGN="LEFT"'
            f' WIDTH="{width}" HEIGHT="18"><TR>{cells}</TR></TABLE>'
        )
        if len(row.items) == 1:
            table = self._item(row.items[0])
        return f'<TR><TD ALIGN="LEFT"{fill}>{table}</TD></TR>'

    def _item(self, item: Span | Strip | Swatch) -> str:
        colours = self.colours
        if isinstance(item, Swatch):
            return (
                f'<TD BGCOLOR="{colours[item.fill]}" COLOR="{colours[item.line]}" BORDER="{item.width:g}" '
                f'WIDTH="14" HEIGHT="10" FIXEDSIZE="TRUE"></TD>'
            )
        if isinstance(item, Strip):
            cells = "".join(
                f'<TD WIDTH="6" HEIGHT="7" FIXEDSIZE="TRUE" BGCOLOR="{colours[role]}"></TD>' for role in item.cells
            )
            return (
                f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE" ALIGN="LEFT"'
                f' WIDTH="{6 * len(item.cells)}" HEIGHT="7"><TR>{cells}</TR></TABLE>'
            )
        size = "" if item.size == 12 else f' POINT-SIZE="{item.size}"'
        text = f"<B>{_markup(item.text)}</B>" if item.bold else _markup(item.text)
        return f'<FONT COLOR="{colours[item.role]}"{size}>{text}</FONT>'

    def _link(self, link: Link, turned: bool) -> str:
        """An edge; a reversed one is written from its head, so that its tail is drawn above."""
        colours, attributes = self.colours, []
        tail, head = (link.head, link.tail) if turned else (link.tail, link.head)
        arrows = {"fprop": (False, True), "bprop": (True, False), "both": (True, True), "none": (False, False)}
        at_tail, at_head = arrows[link.flow][::-1] if turned else arrows[link.flow]
        if (link.tail, link.head) in self.turns:
            attributes.append("constraint=false")
        elif link.spine:
            attributes.append("weight=30")
        if (at_tail, at_head) != (False, True):
            attributes.append(f"dir={['none', 'forward', 'back', 'both'][2 * at_tail + at_head]}")
        if link.flow == "both":
            pair = (colours["line"], colours["gradient"])
            attributes.append(f'color="{":".join(pair[::-1] if turned else pair)}"')
        elif link.role != "line":
            attributes.append(f'color="{colours[link.role]}"')
        if link.dashed or link.dotted:
            attributes.append(f"style={'dashed' if link.dashed else 'dotted'}")
        if link.width != 1.2:
            attributes.append(f"penwidth={link.width:g}")
        return f'"{tail}" -> "{head}" [{" ".join(attributes)}];'


def _width(item: Span | Strip | Swatch) -> float:
    if isinstance(item, Span):
        return text_width(item.text, item.size, item.bold)
    return 14 if isinstance(item, Swatch) else 6 * len(item.cells)


_MEANT = re.compile(r"[^\w .,:+*/=()×·→−…-]")
_SHAPES = {"parameter": ("[", "]"), "loss": ("([", "])")}
"""Brackets of tiles; all others have round corners."""

_ARROWS = {"fprop": "-->", "bprop": "<--", "both": "<-->", "none": "---"}
_DASHED = {"fprop": "-.->", "bprop": "<-.-", "both": "<-.->", "none": "-.-"}


def mermaid_text(picture: Picture, theme: str = "light") -> str:
    """The flowchart of a picture: its tiles with their texts, its links and frames, in the colours of a theme."""
    ids = {tile.id: f"n{number}" for number, tile in enumerate(picture.tiles)}
    lines = [f"%% {_plain(picture.description)}", f"flowchart {'LR' if picture.direction == 'right' else 'TB'}"]
    lines += _lines_in_frames(picture, ids)
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


def _lines_in_frames(picture: Picture, ids: Mapping[str, str]) -> Iterator[str]:
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
            yield f'{ids[item.id]}{before}"{"<br/>".join(_lines_of_rows(item.rows))}"{after}'


def _lines_of_rows(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        text = "  ".join(_plain(item.text) for item in row.items if isinstance(item, Span))
        if text.strip():
            yield f"<b>{text}</b>" if isinstance(row.items[0], Span) and row.items[0].bold else text


def _plain(text: str) -> str:
    """A text in which no sign has a meaning: Mermaid's own entities stand for those that might."""
    return _MEANT.sub(lambda match: f"#{ord(match[0])};", text)
