"""A page to move about in a picture: pan, zoom, search, a panel for each box, modules to close and open; no network."""

from __future__ import annotations

import json
import linecache
import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from flowgraph.box import Box
from flowgraph.errors import RenderError
from flowgraph.printable import printable
from flowgraph.rendering.channels import STEEP
from flowgraph.rendering.columns import GAP, WIRE, WIRE_SIZE
from flowgraph.rendering.compose import compose
from flowgraph.rendering.derived_lines import derivative_latex
from flowgraph.rendering.formulas import mathml, plain_formula
from flowgraph.rendering.layering import LANE, LINE_GAP, TURN, Arrangement, Layout, Place, Placed
from flowgraph.rendering.layout import MARGIN, TITLE, TITLE_CLEAR, TITLE_INSET, Placer, loop_room
from flowgraph.rendering.measure import row_width, tile_size
from flowgraph.rendering.module_tile import module_tile
from flowgraph.rendering.modules import Module, modules
from flowgraph.rendering.nesting import FRAME, PORTS, InlineLeaves, way
from flowgraph.rendering.palette import adaptive, check_theme, drawn_theme, html_page
from flowgraph.rendering.picture import Frame, Picture, Tile
from flowgraph.rendering.routing import APART, CORNER, STRAIGHT
from flowgraph.rendering.statistics import Statistics
from flowgraph.rendering.subject import Memory, Subject
from flowgraph.rendering.svg_text import svg_text
from flowgraph.rendering.titles import Titles, run_path, titles_of
from flowgraph.rendering.wording import identifier, number_text

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.graph.graph import Grads, Run

_PLACES = re.compile(r' (x|y)="(-?[\d.]+)"| (d|points)="([^"]*)"')
_PAIR = re.compile(r"(-?[\d.]+)([ ,])(-?[\d.]+)")
_TEXT = re.compile(r">([^<]+)<")


class Alike:
    """Shortens the parts of a picture, in the order in which they are drawn."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[int, float, float, list[str]]] = {}

    def shorten_part(self, part: str) -> str:
        """A part `<g ...>...</g>`: as it is if none before it is like it, else empty, with what is its own."""
        end = part.index(">")
        body = part[end + 1 : -len("</g>")]
        texts: list[str] = []
        blank = _TEXT.sub(lambda match: f">{_note_texts(match[1], texts)}<", body)
        x, y = _first_place(body)
        shape = _PLACES.sub(lambda match: _relative(match, x, y), blank)
        known = self._models.get(shape)
        if known is None:
            self._models[shape] = (len(self._models), x, y, texts)
            return part
        number, first_x, first_y, said = known
        own = "\n".join(f"{i} {text}" for i, (text, other) in enumerate(zip(texts, said, strict=True)) if text != other)
        at = f"{round(x - first_x, 1):g} {round(y - first_y, 1):g}"
        words = f' data-said="{own}"' if own else ""
        return f'{part[:end]} data-like="{number}" data-at="{at}"{words}></g>'


def round_layout(layout: Layout) -> Layout:
    """A layout in tenths of a pixel, as they are written: then what is alike is alike to the last digit."""
    return Layout(
        layout.width,
        layout.height,
        layout.folded,
        {name: _round_place(at) for name, at in layout.tiles.items()},
        {name: _round_place(at) for name, at in layout.frames.items()},
        {name: round(x, 1) for name, x in layout.titles.items()},
        [(link, [(round(x, 1), round(y, 1)) for x, y in points]) for link, points in layout.routes],
    )


def _round_place(at: Place) -> Place:
    return Place(round(at.x, 1), round(at.y, 1), at.width, at.height)


def _note_texts(text: str, texts: list[str]) -> str:
    """Note the lines of a text; what is left of it in the shape is how many there are."""
    lines = text.split("\n")
    texts += lines
    return "\n" * (len(lines) - 1) + "."


def _first_place(body: str) -> tuple[float, float]:
    first_of: dict[str, float] = {}
    for name, number, outline, points in _PLACES.findall(body):
        if outline:
            pair = _PAIR.search(points)
            return (float(pair[1]), float(pair[3])) if pair else (0.0, 0.0)
        first_of.setdefault(name, float(number))
        if len(first_of) == 2:
            return first_of["x"], first_of["y"]
    return 0.0, 0.0


def _relative(match: re.Match[str], x: float, y: float) -> str:
    name, number, outline, points = match.groups()
    if outline:
        moved = _PAIR.sub(lambda pair: f"{float(pair[1]) - x:.1f}{pair[2]}{float(pair[3]) - y:.1f}", points)
        return f' {outline}="{moved}"'
    return f' {name}="{float(number) - (x if name == "x" else y):.1f}"'


def panel_data(subject: Subject, picture: Picture) -> dict[str, Any]:
    """Formulas by class, histograms by tile, source lines by place; boxes are those that have a tile of their own."""
    tiles = {tile.id for tile in picture.tiles}
    shown = {identifier(name): box for box, name in subject.graph.names.items() if identifier(name) in tiles}
    derivatives = {type(box): derivative_latex(box) for box in shown.values()}
    classes = set(derivatives)
    return {
        "formulas": {
            cls.__name__: [_typeset(cls.formula), _typeset(derivatives[cls])] for cls in _sort_classes(classes)
        },
        "histograms": {id: bars for id, box in shown.items() if (bars := _histograms(subject, box))},
        "sources": {str(box.built_at): _source(box) for box in shown.values()},
    }


def panel_script(data: dict[str, Any]) -> str:
    """The data as a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'\n<script type="application/json" id="details">{text}</script>'


def _sort_classes(classes: set[type[Box]]) -> list[type[Box]]:
    return sorted(classes, key=lambda cls: cls.__name__)


def _typeset(latex: str) -> str:
    """A declared formula as HTML: MathML, or plain where its converter is not installed."""
    try:
        return mathml(latex) if latex else ""
    except RenderError:
        return escape(printable(plain_formula(latex)))


def _histograms(subject: Subject, box: Box) -> dict[str, list[Any]]:
    both = {"value": subject.value(box), "gradient": subject.gradient(box)}
    return {
        name: _bars(known)
        for name, known in both.items()
        if known is not None and known.histogram and not known.is_zero
    }


def _bars(statistics: Statistics) -> list[Any]:
    """The levels of the bins, and what their ends are."""
    return [list(statistics.histogram), number_text(statistics.low), number_text(statistics.high)]


def _source(box: Box) -> str:
    return printable(linecache.getline(box.built_at.path, box.built_at.number).strip())


MOST_BOXES = 25_000
"""Of a graph whose modules a page can open, some 10 MB; those of a larger one stay closed, as in any other picture."""


def openable(
    subject: Subject, *, collapse: Any = "auto", titles: Any = None, depth: Any = None, **settings: Any
) -> Picture:
    """The picture in which modules can be opened; those that `collapse` names are closed to begin with."""
    known = titles_of(subject, titles)
    found = modules(subject, collapse, known, depth) if len(subject.graph) <= MOST_BOXES else []
    if len(subject.graph) > MOST_BOXES or any(module.paths == [""] for module in found):
        return compose(subject, collapse=collapse, titles=known, depth=depth, **settings)
    closed = [module for module in found if module.scoped]  # steps of a loop have no frame to open
    picture = compose(subject, collapse=False, titles=known, **settings)
    rows = [module for module in closed if len(module.paths) > 1]
    lids = {path: _lid(subject, path, module, known) for path, module in _scopes(subject).items() if module.tail}
    lids |= {_row_path(module): _lid(subject, _row_path(module), module, known) for module in rows}
    shut = [path for module in closed for path in module.paths] + [_row_path(module) for module in rows]
    picture = replace(picture, frames=_with_rows(picture.frames, rows), lids=lids, closed=tuple(shut))
    return _with_elements_inside(subject, picture, rows)


def _scopes(subject: Subject) -> dict[str, Module]:
    """Every scope with all that it holds, inner scopes too."""
    scopes: dict[str, Module] = {}
    for box in subject.graph.boxes:
        path = subject.scope[box]
        while path:
            _hold(scopes.setdefault(path, Module([path], [], [])), box)
            path = path.rpartition("/")[0]
    return scopes


def _hold(module: Module, box: Box) -> None:
    module.boxes.append(box)
    if box.children:
        module.tail.append(box)


def _lid(subject: Subject, path: str, module: Module, titles: Titles) -> Tile:
    """The tile of a closed frame."""
    return module_tile(subject, module, f"{identifier(path)}@lid", titles)


def _row_path(module: Module) -> str:
    """A name for a row of equal scopes, which no scope has."""
    return f"{module.paths[0]}//{module.paths[-1]}"


def _with_rows(frames: tuple[Frame, ...], rows: list[Module]) -> tuple[Frame, ...]:
    """The frames, with one more around each row of equal ones."""
    around = {path: module for module in rows for path in module.paths}
    result: list[Frame] = []
    for frame in frames:
        module = around.get(frame.path)
        if module is None:
            result.append(frame)
            continue
        if frame.path == module.paths[0]:
            row = Frame(_row_path(module), run_path(module.paths), f"×{len(module.paths)}", frame.parent)
            result.append(row)
        result.append(replace(frame, parent=_row_path(module)))
    return tuple(result)


def _with_elements_inside(subject: Subject, picture: Picture, rows: list[Module]) -> Picture:
    """What the steps of a row alone take of a leaf stands in the frame of the row, as it is part of its closed tile."""
    inside = {
        picture.owners[subject.graph.names[box]]: _row_path(module)
        for module in rows
        for box in set(module.boxes).difference(*module.stages)
    }
    inside |= {stub: inside[host] for stub, host in picture.hosts.items() if host in inside}
    tiles = (replace(tile, frame=inside[tile.id]) if tile.id in inside else tile for tile in picture.tiles)
    return replace(picture, tiles=tuple(tiles))


_CONSTANTS = {
    "gap": GAP, "wire": WIRE, "wireSize": WIRE_SIZE, "margin": MARGIN, "title": TITLE,
    "titleInset": TITLE_INSET, "titleClear": TITLE_CLEAR, "line": LINE_GAP, "turn": TURN,
    "lane": LANE, "apart": APART, "corner": CORNER, "straight": STRAIGHT, "steep": STEEP,
}  # fmt: skip


def relayout_data(placer: Placer) -> dict[str, Any]:
    """The layout as data for relayout.js, which moves the parts of the SVG of the same layout.

    A tile is its number in the picture, a frame its number among `paths`; as a member of a level, -1 less that. A port
    is a pair: 0 where a wire enters and 1 where it leaves, and the tile that is its source.
    """
    picture, result, nesting = placer.picture, placer.result, placer.nesting
    ids = {tile.id: place for place, tile in enumerate(picture.tiles)}
    paths = {path: place for place, path in enumerate(result.frames)}
    return {
        "turned": placer.turned,
        "gap": placer.gap,
        "size": [round(result.width, 2), round(result.height, 2)],
        "caption": round(max(map(row_width, picture.caption), default=0.0), 2),
        "constants": {**_CONSTANTS, "inset": placer.inset},
        "links": _links(placer, ids),
        "tiles": [_tile(placer, id, ids) for id in ids],
        "paths": list(paths),
        "lids": [
            [paths[path], lid.id, *tile_size(lid), *loop_room(lid, placer.turned)]
            for path, lid in picture.lids.items()
            if path in result.frames
        ],
        "closed": [paths[path] for path in picture.closed if path in result.frames],
        "inside": [paths.get(nesting.frame.get(id, ""), -1) for id in ids],
        "frames": [
            [paths.get(nesting.parent[path], -1), round(placer.title_width(path), 2), round(at.x, 2), round(at.y, 2)]
            for path, at in result.frames.items()
        ],
        "levels": [[paths.get(path, -1), *_level(placer.placed[path], ids, paths)] for path in nesting.levels],
    }


def _links(placer: Placer, ids: Mapping[str, int]) -> list[list[Any]]:
    """Tail, head and spine of each link, and its wires: level and number; none where it joins a leaf and its host."""
    nesting, hosted = placer.nesting, placer.nesting.hosted
    number = {path: place for place, path in enumerate(nesting.levels)}
    wires = {path: {wire: place for place, wire in enumerate(level.wires)} for path, level in nesting.levels.items()}
    links = []
    for link in placer.picture.links:
        pieces: list[list[int]] = []
        if hosted.get(link.tail) != link.head:
            chains = (nesting.chain(hosted.get(end, end)) for end in (link.tail, link.head))
            pieces = [[number[path], wires[path][wire]] for path, wire in way(link.tail, *chains)]
        links.append([ids[link.tail], ids[link.head], int(link.spine), pieces])
    return links


def _tile(placer: Placer, id: str, ids: Mapping[str, int]) -> list[float]:
    """The size of a tile, its place, and the tiles that stand above and below it, -1 for none."""
    at, leaves = placer.result.tiles[id], placer.nesting.inline_leaves.get(id, InlineLeaves())
    placed = [*(round(length, 2) for length in placer.sizes[id]), round(at.x, 2), round(at.y, 2)]
    return [*placed, ids.get(leaves.above, -1), ids.get(leaves.below, -1)] if leaves.all else placed


def _level(placed: Placed, ids: Mapping[str, int], paths: Mapping[str, int]) -> list[Any]:
    """Members, wires in columns, links, gaps, lines, margin and steps of a level."""

    def number(name: str) -> Any:
        if name.startswith(PORTS):
            side, _, source = name.partition(" ")
            return [int(side == "out"), ids[source]]
        return -1 - paths[name.removeprefix(FRAME)] if name.startswith(FRAME) else ids[name]

    arrangement = placed.arrangement
    passers: dict[int, int] = {}
    passing: list[list[float]] = []
    ties = []
    for (source, tail, head), route in zip(placed.level.wires, arrangement.routes, strict=True):
        for member in route[1:-1]:
            if id(member) not in passers:
                passers[id(member)] = len(passing)
                passing.append(
                    [member.column, round(member.y - _base(arrangement, member.column), 2), int(member.pinned)]
                )
        ties.append([ids[source], number(tail), number(head), [passers[id(member)] for member in route[1:-1]]])
    members = [
        [number(name), m.column, round(m.width, 2), round(m.up, 2), round(m.down, 2),
         round(m.y - _base(arrangement, m.column), 2), int(m.pinned)]
        for name, m in placed.members.items()
    ]  # fmt: skip
    steps = arrangement.steps and arrangement.steps[:3]
    return [members, passing, ties, _gaps(arrangement), arrangement.line_of, arrangement.margin, steps]


def _gaps(arrangement: Arrangement) -> list[float]:
    """Between each column and the next, 0 where a new line begins."""
    edges, line_of = arrangement.edges, arrangement.line_of
    return [
        round(edges[c + 1][0] - edges[c][1], 2) if line_of[c] == line_of[c + 1] else 0.0 for c in range(len(edges) - 1)
    ]


def _base(arrangement: Arrangement, column: int) -> float:
    return arrangement.lines[arrangement.line_of[column]][0]


_BODY = """<div class="controls" role="group" aria-label="view">
<input id="search" type="search" placeholder="find a box" aria-label="find a box by name, operation or shape">
<span id="count" aria-live="polite"></span><span class="gap"></span>
<button id="out" type="button" aria-label="zoom out">−</button>
<button id="in" type="button" aria-label="zoom in">+</button>
<button id="fit" type="button">whole</button>{modules}
</div>
<div id="main">
<ol id="hits" role="listbox" aria-label="boxes that were found" hidden></ol>
<div id="stage" tabindex="0" role="application" aria-label="{keys}">{svg}</div>
<aside id="panel" aria-label="the box" aria-live="polite" hidden></aside>
</div>{details}{plan}"""

_KEYS = "the graph; arrows move it, plus and minus zoom, 0 shows all, slash searches, escape closes"

_MODULES = """
<button id="close" type="button">close all</button>
<button id="open" type="button">open all</button>"""


MANY = 300
"""Tiles that a browser moves in a frame of 16.7 ms while their texts are large; of more, a page holds those in view."""


class Interactive:
    """The page in a cell of a notebook."""

    def __init__(self, text: str, height: int = 480) -> None:
        self.text = text
        self.height = height

    def _repr_html_(self) -> str:
        framed = escape(self.text, quote=True)
        style = f"width:100%;height:{self.height}px;border:0"
        return f'<iframe srcdoc="{framed}" title="flow graph" style="{style}"></iframe>'


def interactive(
    graph: Graph, view: str = "forward", run: Run | None = None, grads: Grads | None = None,
    memory: Memory | None = None, *, theme: str = "auto", height: int = 480, **settings: Any,
) -> Interactive:  # fmt: skip
    """A graph to move about in, for a notebook; settings as in `render`."""
    subject = Subject(graph, view, run, grads, memory=memory)
    return Interactive(viewer_page(subject, openable(subject, **settings), theme), height)


def viewer_page(subject: Subject, picture: Picture, theme: str = "auto") -> str:
    """The text of the page."""
    check_theme(theme)
    placer = Placer(picture)
    layout, colours = placer.layout(), drawn_theme(theme)
    many = len(picture.tiles) > MANY
    svg = (
        svg_text(picture, round_layout(layout), colours, Alike().shorten_part)
        if many
        else svg_text(picture, layout, colours)
    )
    svg = adaptive(svg) if theme == "auto" else svg
    svg = f'<template id="kept">{svg}</template>' if many else svg
    details = panel_script(panel_data(subject, picture))
    if not picture.lids:
        body = _BODY.format(svg=svg, modules="", details=details, plan="", keys=_KEYS)
        return html_page(picture.title, "viewer", body, "alike", "viewer", "panel", "large", "asked", theme=theme)
    data = json.dumps(relayout_data(placer), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    plan = f'\n<script type="application/json" id="plan">{data}</script>'
    body = _BODY.format(svg=svg, modules=_MODULES, details=details, plan=plan, keys=_KEYS)
    return html_page(
        picture.title, "viewer", body, "alike", "viewer", "panel", "relayout", "modules", "large", "asked", theme=theme
    )
