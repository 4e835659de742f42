"""What is untrue in a picture, and how much of it there is: the same judge for a layout and for an SVG in a browser.

A picture claims that its edges join the tiles at their ends and no others. `of_layout` reads a drawing off the layout,
without a browser; `of_svg` asks Chromium where all that is painted stands.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flowgraph.rendering import measure
from flowgraph.rendering.layering import Place, Point
from flowgraph.rendering.layout import place
from flowgraph.rendering.measure import text_width
from flowgraph.rendering.picture import Link, Picture, Tile
from flowgraph.rendering.routing import arrow, curve, placed_links, shorten_line, sideways
from flowgraph.rendering.svg_text import TITLE_BASE, loop, paper
from tools.chromium import Page

STEP = 2.0
"""Pixels between two samples of an edge."""

TOUCH = 1.0
"""Pixels by which a line may touch a border, as wide as one is."""

SAME = 1.3
"""Pixels between two edges that look like one, less than the two lines of an edge that carries value and gradient."""

TOGETHER = 32.0
"""Pixels that two edges of different sources may run as one: the height of a tile of two rows."""

KINDS = ("behind", "outside", "text", "overlap", "together", "arrow", "title")


class Untrue(NamedTuple):
    """A claim that does not hold: its kind, and what it is about."""

    kind: str
    what: str


@dataclass
class Edge:
    """An edge as it is painted: samples of its lines, and the tips of its arrows with the tile that each names."""

    tail: str
    head: str
    lines: list[list[Point]]
    tips: list[tuple[Point, str]] = field(default_factory=list)

    @property
    def points(self) -> Iterator[Point]:
        """The samples of all lines."""
        return itertools.chain.from_iterable(self.lines)

    @property
    def pieces(self) -> Iterator[tuple[Point, Point]]:
        """From each sample to the next."""
        return itertools.chain.from_iterable(map(itertools.pairwise, self.lines))


@dataclass
class Drawing:
    """What is painted, in pixels: rectangles, edges and texts with the tile that they belong to.

    `frame_of` has for each tile the frames around it, `loops` for a tile the rectangle of the arrow over it, `titles`
    those of the titles of frames, `captions` those of the texts under the picture, which a browser alone knows.
    """

    whole: Place
    tiles: dict[str, Place]
    frames: dict[str, Place] = field(default_factory=dict)
    frame_of: dict[str, set[str]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    texts: list[tuple[str, Place]] = field(default_factory=list)
    loops: dict[str, Place] = field(default_factory=dict)
    titles: dict[str, Place] = field(default_factory=dict)
    captions: list[Place] = field(default_factory=list)


def untrue(drawing: Drawing) -> list[Untrue]:
    """Every claim of a picture that does not hold."""
    checks = (_behind, _outside, _texts, _overlaps, _together, _arrows, _through_titles)
    return [found for check in checks for found in check(drawing)]


def figures(drawing: Drawing) -> dict[str, float]:
    """How much there is to follow: tiles, edges, pixels of lines, and the area in millions of pixels."""
    length = sum(math.dist(*pair) for edge in drawing.edges for pair in edge.pieces)
    return {
        "tiles": len(drawing.tiles),
        "edges": len(drawing.edges),
        "length": length,
        "area": drawing.whole.width * drawing.whole.height / 1e6,
    }


def _behind(drawing: Drawing) -> Iterator[Untrue]:
    """Edges that run behind a tile or a frame with which they have nothing to do."""
    boxes = _Grid(drawing.tiles | {f"frame {path}": at for path, at in drawing.frames.items()})
    for edge in drawing.edges:
        around = {f"frame {path}" for end in (edge.tail, edge.head) for path in drawing.frame_of.get(end, ())}
        allowed = {edge.tail, edge.head} | around
        passed = {name for point in edge.points for name in boxes.at(point)} - allowed
        yield from (Untrue("behind", f"{edge.tail} -> {edge.head} behind {name}") for name in sorted(passed))


def _outside(drawing: Drawing) -> Iterator[Untrue]:
    for edge in drawing.edges:
        if not all(_within(point, drawing.whole) for point in edge.points):
            yield Untrue("outside", f"{edge.tail} -> {edge.head}")
    for name, at in itertools.chain(drawing.tiles.items(), drawing.frames.items(), drawing.loops.items()):
        if not _holds(drawing.whole, at):
            yield Untrue("outside", name)
    for at in drawing.captions:
        if not _holds(drawing.whole, at):
            yield Untrue("outside", "a text under the picture")


def _texts(drawing: Drawing) -> Iterator[Untrue]:
    for tile, at in drawing.texts:
        if not _holds(drawing.tiles[tile], at):
            yield Untrue("text", tile)


def _overlaps(drawing: Drawing) -> Iterator[Untrue]:
    """Tiles over each other, or over the border of a frame, or under the arrow of a loop; frames over each other."""
    every = [*drawing.tiles.items(), *((f"loop {tile}", at) for tile, at in drawing.loops.items())]
    for (one, at), (other, there) in itertools.combinations(every, 2):
        if f"loop {one}" != other and _meet(at, there):
            yield Untrue("overlap", f"{one} and {other}")
    for tile, at in drawing.tiles.items():
        for path, frame in drawing.frames.items():
            inside = path in drawing.frame_of.get(tile, ())
            if (inside and not _holds(frame, at)) or (not inside and _meet(at, frame)):
                yield Untrue("overlap", f"{tile} and the frame {path}")
    for (one, at), (other, there) in itertools.combinations(drawing.frames.items(), 2):
        if _meet(at, there) and not _holds(at, there) and not _holds(there, at):
            yield Untrue("overlap", f"the frames {one} and {other}")


def _together(drawing: Drawing) -> Iterator[Untrue]:
    """Edges of different sources that run as one for longer than a tile is high; those of one source are a bundle."""
    seen: dict[tuple[int, int], dict[int, list[Point]]] = {}
    for number, edge in enumerate(drawing.edges):
        longest: Counter[int] = Counter()
        for line in edge.lines:
            run: dict[int, int] = {}
            for point in line:
                beside = {o for o in _beside(point, seen) if drawing.edges[o].tail != edge.tail}
                run = {other: run.get(other, 0) + 1 for other in beside}
                longest |= Counter(run)
        for point in edge.points:
            seen.setdefault(_cell(point), {}).setdefault(number, []).append(point)
        for other, count in longest.items():
            if count * STEP > TOGETHER:
                there = drawing.edges[other]
                yield Untrue("together", f"{there.tail} -> {there.head} and {edge.tail} -> {edge.head}")


def _cell(point: Point) -> tuple[int, int]:
    return int(point[0] // STEP), int(point[1] // STEP)


def _beside(point: Point, seen: Mapping[tuple[int, int], Mapping[int, Sequence[Point]]]) -> set[int]:
    """The edges that have a sample so near that both look like one line."""
    x, y = _cell(point)
    return {
        other
        for cell in itertools.product((x - 1, x, x + 1), (y - 1, y, y + 1))
        for other, places in seen.get(cell, {}).items()
        if any(math.dist(point, place) < SAME for place in places)
    }


def _arrows(drawing: Drawing) -> Iterator[Untrue]:
    """Arrowheads that do not end at the border of the tile that they name."""
    for edge in drawing.edges:
        for (x, y), name in edge.tips:
            at = drawing.tiles[name]
            across = max(at.x - x, x - at.x - at.width), max(at.y - y, y - at.y - at.height)
            if abs(max(across)) > 1.5 * TOUCH:
                yield Untrue("arrow", f"{edge.tail} -> {edge.head} at {name}")


def _through_titles(drawing: Drawing) -> Iterator[Untrue]:
    """Edges, tiles and titles that run through the title of a frame, and titles that end outside of their frame."""
    titles = _Grid(drawing.titles)
    for edge in drawing.edges:
        for path in sorted({path for point in edge.points for path in titles.at(point)}):
            yield Untrue("title", f"{edge.tail} -> {edge.head} through that of {path}")
    for path, at in drawing.titles.items():
        if not _holds(drawing.frames[path], at):
            yield Untrue("title", f"{path} is too narrow")
        for tile, there in drawing.tiles.items():
            if _meet(at, there):
                yield Untrue("title", f"{tile} over that of {path}")
    for (one, at), (other, there) in itertools.combinations(drawing.titles.items(), 2):
        if _meet(at, there):
            yield Untrue("title", f"those of {one} and {other}")


def _within(point: Point, at: Place) -> bool:
    return at.x <= point[0] <= at.x + at.width and at.y <= point[1] <= at.y + at.height


def _holds(outer: Place, inner: Place) -> bool:
    corners = (inner.x + TOUCH, inner.y + TOUCH), (inner.x + inner.width - TOUCH, inner.y + inner.height - TOUCH)
    return all(_within(corner, outer) for corner in corners)


def _meet(one: Place, other: Place) -> bool:
    across = one.x < other.x + other.width - TOUCH and other.x < one.x + one.width - TOUCH
    return across and one.y < other.y + other.height - TOUCH and other.y < one.y + one.height - TOUCH


class _Grid:
    """Rectangles by the cells of a grid, to find those around a point."""

    SIZE = 64.0

    def __init__(self, boxes: dict[str, Place]) -> None:
        self.cells: dict[tuple[int, int], list[tuple[str, Place]]] = {}
        for name, at in boxes.items():
            for x in range(int(at.x // self.SIZE), int((at.x + at.width) // self.SIZE) + 1):
                for y in range(int(at.y // self.SIZE), int((at.y + at.height) // self.SIZE) + 1):
                    self.cells.setdefault((x, y), []).append((name, at))

    def at(self, point: Point) -> Iterator[str]:
        """The names of the rectangles that hold a point, their borders aside."""
        for name, at in self.cells.get((int(point[0] // self.SIZE), int(point[1] // self.SIZE)), ()):
            inner = Place(at.x + TOUCH, at.y + TOUCH, at.width - 2 * TOUCH, at.height - 2 * TOUCH)
            if _within(point, inner):
                yield name


def of_layout(picture: Picture) -> Drawing:
    """The drawing of the built-in layout, without a browser."""
    layout = place(picture)
    parent = {frame.path: frame.parent for frame in picture.frames}
    drawing = Drawing(
        paper(picture, layout),
        dict(layout.tiles),
        dict(layout.frames),
        {tile.id: set(_around(tile.frame, parent)) & layout.frames.keys() for tile in picture.tiles},
    )
    for frame in picture.frames:
        if frame.path in layout.frames:
            words = text_width(frame.title, 10, bold=True) + (8 + text_width(frame.note, 10) if frame.note else 0)
            top = layout.frames[frame.path].y + TITLE_BASE - 8
            drawing.titles[frame.path] = Place(layout.titles[frame.path], top, words, 11)
    along = picture.direction == "right"
    for along_x, routes in ((along, layout.routes), (not along, placed_links(picture, layout))):
        for link, points in routes:
            drawing.edges.append(_edge(link, points, along_x))
    for tile in picture.tiles:
        at = layout.tiles[tile.id]
        drawing.texts += [(tile.id, place) for place in _texts_of(tile, at)]
        if tile.carried:
            drawing.loops[tile.id] = loop(tile, at, along).room
    return drawing


def _around(path: str, parent: dict[str, str]) -> Iterable[str]:
    while path:
        yield path
        path = parent[path]


def _edge(link: Link, points: list[Point], along_x: bool) -> Edge:
    at_start, at_end = link.flow in ("bprop", "both"), link.flow in ("fprop", "both")
    edge = Edge(link.tail, link.head, [])
    ways = sideways(points, 1.5, along_x) if link.flow == "both" else (points,)
    for way in ways:
        start, end = (at_start and way is ways[-1], at_end and way is ways[0])
        edge.lines.append(sampled(curve(shorten_line(way, start, end, along_x), along_x)))
        tips = [(way[-2], way[-1], link.head)] * end + [(way[1], way[0], link.tail)] * start
        edge.tips += [(_tip(arrow(before, tip, along_x)), name) for before, tip, name in tips]
    return edge


def _tip(corners: str) -> Point:
    x, y = corners.split()[0].split(",")
    return float(x), float(y)


_COMMAND = re.compile(r"([MLCQ])([-\d. ]+)")


def sampled(path: str) -> list[Point]:
    """Points on a path of our own, `STEP` pixels apart or a little less."""
    found: list[Point] = []
    for command, text in _COMMAND.findall(path):
        numbers = [float(one) for one in text.split()]
        ends = list(zip(numbers[::2], numbers[1::2], strict=True))
        control = [*found[-1:], *ends]
        count = max(1, math.ceil(sum(itertools.starmap(math.dist, itertools.pairwise(control))) / STEP))
        found += [_bezier(control, k / count) for k in range(command != "M", count + 1)] if found else ends
    return found


def _bezier(control: list[Point], at: float) -> Point:
    """De Casteljau's algorithm."""
    while len(control) > 1:
        control = [(x1 + (x2 - x1) * at, y1 + (y2 - y1) * at) for (x1, y1), (x2, y2) in itertools.pairwise(control)]
    return control[0]


def _texts_of(tile: Tile, at: Place) -> Iterator[Place]:
    """The rows of a tile as wide as their letters."""
    y = at.y + measure.PADDING[1] - 1
    for row in tile.rows:
        height = measure.row_height(row)
        yield Place(at.x + measure.PADDING[0], y, measure.row_width(row), height)
        y += height


_TITLE = "a picture that is judged"


def of_svg(page: Page, svg: str) -> Drawing:
    """The drawing of an SVG, as Chromium paints it; `page` is a browser."""
    if page.tell("document.title") != _TITLE:  # a page that is loaded anew takes ten times as long
        page.show(f'<!doctype html><meta charset="utf-8"><title>{_TITLE}</title><body style="margin:0">', (1600, 900))
    page.tell(f"document.body.innerHTML = {json.dumps(svg[svg.index('<svg') :])}; 0")
    found = page.tell(_SEEN)
    frames = {path: Place(*at) for path, at in found["frames"]}
    tiles = {name: Place(*at) for name, at in found["tiles"]}
    around = {name: {path for path, frame in frames.items() if _holds(frame, at)} for name, at in tiles.items()}
    edges = [
        Edge(tail, head, [[tuple(p) for p in line] for line in lines], [(tuple(at), name) for at, name in tips])
        for tail, head, lines, tips in found["edges"]
    ]
    texts = [(name, Place(*at)) for name, at in found["texts"]]
    loops = {name: Place(*at) for name, at in found["loops"]}
    titles = {path: Place(*at) for path, at in found["titles"]}
    captions = [Place(*at) for at in found["captions"]]
    return Drawing(Place(*found["whole"]), tiles, frames, around, edges, texts, loops, titles, captions)


def painted_size(page: Page) -> tuple[float, float, float]:
    """The width and height of the SVG that a browser shows, and of its smallest letters, in CSS pixels."""
    width, height, letters = page.tell(_LETTERS)
    return width, height, letters


_LETTERS = """(() => {
  const svg = document.querySelector("svg"), size = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")];
  const shown = texts.filter((text) => text.textContent.trim() && text.getClientRects().length);
  const sizes = shown.map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a);
  return [size.width, size.height, Math.min(...sizes)];
})()"""

_SEEN = """(() => {
  const svg = document.querySelector("svg");
  const still = (part) => svg.getScreenCTM().inverse().multiply(part.getScreenCTM());
  const shown = (part) => !part.closest(".lid") && part.getClientRects().length > 0;
  const at = (part) => {
    const b = part.getBBox(), m = still(part);
    const [p, q] = [[b.x, b.y], [b.x + b.width, b.y + b.height]].map(([x, y]) => new DOMPoint(x, y).matrixTransform(m));
    return [Math.min(p.x, q.x), Math.min(p.y, q.y), Math.abs(q.x - p.x), Math.abs(q.y - p.y)];
  };
  const body = (box) => {
    const rects = [...box.querySelectorAll(":scope > rect")];
    const stacked = rects.length > 1 && rects[1].getAttribute("width") === rects[0].getAttribute("width");
    return at(rects[stacked ? 1 : 0]);
  };
  const name = (box) => box.id.slice(4);
  const boxes = [...svg.querySelectorAll(".box")].filter(shown);
  const tiles = boxes.map((box) => [name(box), body(box)]);
  const written = (text) => !text.closest(".loop") && text.textContent.trim() && shown(text);
  const texts = boxes.flatMap((box) =>
    [...box.querySelectorAll("text")].filter(written).map((text) => [name(box), at(text)]));
  const piece = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const line = (path) => {  // piece by piece: a browser measures the whole path for each of its points
    const m = still(path), found = [];
    let start = "";
    for (const [drawn, command, numbers] of path.getAttribute("d").matchAll(/([A-Za-z])([^A-Za-z]*)/g)) {
      if (!"MLCQ".includes(command)) throw new Error(`no line of a picture has ${command}`);
      piece.setAttribute("d", `M${start}${drawn}`);
      start = numbers.trim().split(/[ ,]+/).slice(-2).join(" ");
      if (command === "M") continue;
      const n = piece.getTotalLength(), count = Math.max(1, Math.ceil(n / %STEP%));
      for (let i = found.length ? 1 : 0; i <= count; i++) {
        const { x, y } = piece.getPointAtLength(n * i / count).matrixTransform(m);
        found.push([x, y]);
      }
    }
    return found;
  };
  const edges = [...svg.querySelectorAll(".link")].filter(shown).map((edge) => {
    const { tail, head } = edge.dataset, paths = [...edge.querySelectorAll("path")].map(line);
    const tips = [...edge.querySelectorAll("polygon")].map((arrow) => {
      const tip = arrow.getAttribute("points").split(" ")[0].split(",").map(Number);
      const nearest = (points) => Math.min(...points.map(([x, y]) => Math.hypot(x - tip[0], y - tip[1])));
      const atTail = nearest(paths.map((path) => path[0])) < nearest(paths.map((path) => path[path.length - 1]));
      return [tip, atTail ? tail : head];
    });
    return [tail, head, paths, tips];
  });
  const frames = [...svg.querySelectorAll(".frame")].filter(shown).map((frame) =>
    [frame.dataset.frame, at(frame.querySelector("rect"))]);
  const titles = [...svg.querySelectorAll(".frame")].filter(shown).map((frame) =>
    [frame.dataset.frame, at(frame.querySelector("text"))]);
  const loops = [...svg.querySelectorAll(".loop")].filter(shown).map((loop) => [name(loop.closest(".box")), at(loop)]);
  const v = svg.viewBox.baseVal;
  const beside = (text) => !text.closest(".box, .frame, .lid") && text.textContent.trim() && shown(text);
  const captions = [...svg.querySelectorAll("text")].filter(beside).map(at);
  return { whole: [v.x, v.y, v.width, v.height], tiles, texts, edges, frames, loops, titles, captions };
})()""".replace("%STEP%", str(STEP))
