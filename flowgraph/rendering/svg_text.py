"""A laid-out picture as SVG text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import NamedTuple

from flowgraph.rendering import measure
from flowgraph.rendering.layering import Layout, Place, Point
from flowgraph.rendering.layout import BESIDE, LOOP, STACK, place
from flowgraph.rendering.measure import text_width
from flowgraph.rendering.palette import THEMES
from flowgraph.rendering.picture import Frame, Link, Picture, Row, Span, Strip, Swatch, Tile
from flowgraph.rendering.routing import ARROW_ROOM, arrow, curve, placed_links, shorten_line, sideways

_BELOW = 12.0  # between the picture and its caption
TITLE_BASE = 15.0  # between the top of a frame and the base line of its title
_FONT = "Helvetica,Arial,'Liberation Sans',sans-serif"


def draw_builtin(picture: Picture, theme: str = "light") -> str:
    """The picture as SVG by the built-in layout, without any program."""
    return svg_text(picture, place(picture), theme)


def svg_text(picture: Picture, layout: Layout, theme: str = "light", short: Callable[[str], str] = str) -> str:
    """The SVG text of a picture in the colours of a theme; `short` is given each part, and gives what is written."""
    writer = _Writer(THEMES[theme], picture.direction)
    whole = paper(picture, layout)
    colours = writer.colours
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole.width:.0f}" height="{whole.height:.0f}" '
        f'viewBox="{whole.x:.0f} {whole.y:g} {whole.width:.0f} {whole.height:.0f}" role="graphics-document document" '
        f'font-family="{_FONT}">',
        f"<title>{escape(picture.title)}</title>",
        *([f"<desc>{escape(picture.description)}</desc>"] if picture.description else []),
        f'<rect class="paper" x="{whole.x:.0f}" y="{whole.y:g}" width="{whole.width:.0f}" '
        f'height="{whole.height:.0f}" fill="{colours["paper"]}"/>',
    ]
    frames = [frame for frame in picture.frames if frame.path in layout.frames]
    lines += [short(writer.frame(frame, layout.frames[frame.path], layout.titles[frame.path])) for frame in frames]
    right = picture.direction == "right"
    lines += [short(writer.tile(tile, layout.tiles[tile.id])) for tile in picture.tiles]
    lids = [lid for path, lid in picture.lids.items() if path in layout.frames]
    lines += [f'<g class="lid" style="display:none">{short(writer.lid(lid))}</g>' for lid in lids]
    lines += [short(writer.link(link, points, right)) for link, points in layout.routes]
    lines += [short(writer.link(link, points, not right)) for link, points in placed_links(picture, layout)]
    lines += [
        '<g class="caption">',
        *writer.caption(picture.caption, whole.x + picture.margin, layout.height + 18),
        "</g>",
    ]
    return "\n".join([*lines, "</svg>", ""])


def paper(picture: Picture, layout: Layout) -> Place:
    """The rectangle of the whole picture with its caption."""
    caption_width = max(map(measure.row_width, picture.caption), default=0.0)
    caption_height = sum(map(measure.row_height, picture.caption)) + 6 * len(picture.caption)
    width, over = max(layout.width, caption_width), max(0.0, caption_width - layout.width)
    below = caption_height + _BELOW if picture.caption else 0.0
    around = picture.margin
    return Place(-around - over / 2, -around, width + 2 * around, layout.height + below + 2 * around)


class Loop(NamedTuple):
    """The arrow from the end of a tile to its beginning: its path, its tip and the point before, text, and its room."""

    path: str
    before: Point
    tip: Point
    text: Point
    room: Place


def loop(tile: Tile, at: Place, right: bool) -> Loop:
    """The arrow over a tile that flows to the right, or beside one that flows down, with what it carries."""
    off = STACK if tile.stacked else 0.0
    wide = text_width(tile.carried, 10)
    if right:
        start, x, y = at.x + at.width - 16, at.x + 16, at.y - off
        path = f"M{start:.1f} {y:.1f}v-7q0 -5 -5 -5H{x + 5:.1f}q-5 0 -5 5V{y - ARROW_ROOM:.1f}"
        middle, reach = (start + x) / 2, max(wide, start - x) / 2
        room = Place(middle - reach, y - LOOP + STACK, 2 * reach, LOOP - STACK)
        return Loop(path, (x, y - 12), (x, y), (middle - wide / 2, y - 15), room)
    x, y = at.x + at.width + off, at.y + 10
    path = f"M{x:.1f} {at.y + at.height - 10:.1f}h7q5 0 5 -5V{y + 5:.1f}q0 -5 -5 -5H{x + ARROW_ROOM:.1f}"
    room = Place(x, y - 4, BESIDE - STACK + wide, at.height - 12)
    return Loop(path, (x + 12, y), (x, y), (x + 16, at.y + at.height / 2 + 3.5), room)


class _Writer:
    """Writes in the colours of one theme, for one direction."""

    def __init__(self, colours: Mapping[str, str], direction: str) -> None:
        self.colours = colours
        self.right = direction == "right"

    def frame(self, frame: Frame, at: Place, title: float) -> str:
        """A scope: a rounded ground with its title, which begins there."""
        path = escape(frame.path)
        note = f'<tspan dx="8" font-weight="normal">{escape(frame.note)}</tspan>' if frame.note else ""
        return (
            f'<g class="frame" data-frame="{path}"><title>{path}</title>'
            f"{self._rect(at, 'frame', 'frame line', 1.0, 10)}"
            f'<text x="{title:.1f}" y="{at.y + TITLE_BASE:.1f}" font-size="10" font-weight="bold" '
            f'fill="{self.colours["muted"]}">{escape(frame.title)}{note}</text></g>'
        )

    def tile(self, tile: Tile, at: Place) -> str:
        """A box: its tooltip, which a screen reader says of what has the focus, its border, its rows."""
        opening = f'<g id="box-{tile.id}" class="box {tile.kind}" tabindex="0" role="img">'
        parts = [f"{opening}<title>{escape(tile.tooltip)}</title>"]
        radius = 0 if tile.square else 9
        if tile.stacked:
            behind = Place(at.x + STACK, at.y - STACK, at.width, at.height)
            parts.append(self._rect(behind, tile.fill, tile.line, tile.width, radius, tile.dashed))
        parts.append(self._rect(at, tile.fill, tile.line, tile.width, radius, tile.dashed))
        y = at.y + measure.PADDING[1] - 1
        for row in tile.rows:
            height = measure.row_height(row)
            if row.fill:
                band = f'x="{at.x + 6:.1f}" y="{y:.1f}" width="{at.width - 12:.1f}" height="{height:.1f}"'
                parts.append(f'<rect {band} fill="{self.colours[row.fill]}"/>')
            items = self._row(row, at.x + measure.PADDING[0], y, height)
            parts += [f'<g class="{row.since}">', *items, "</g>"] if row.since else items
            y += height
        parts += [self._loop(tile, at)] if tile.carried else []
        return "".join([*parts, "</g>"])

    def _loop(self, tile: Tile, at: Place) -> str:
        colour, drawn = self.colours["line"], loop(tile, at, self.right)
        head = arrow(drawn.before, drawn.tip, not self.right)
        return (
            f'<g class="loop"><path d="{drawn.path}" fill="none" stroke="{colour}" stroke-width="1.2"/>'
            f'<polygon points="{head}" fill="{colour}"/><text x="{drawn.text[0]:.1f}" y="{drawn.text[1]:.1f}" '
            f'font-size="10" fill="{self.colours["ink"]}">{escape(tile.carried)}</text></g>'
        )

    def lid(self, tile: Tile) -> str:
        """The tile of a closed frame, which a page shows in its place."""
        return self.tile(tile, Place(0.0, 0.0, *measure.tile_size(tile)))

    def caption(self, rows: Iterable[Row], x: float, y: float) -> list[str]:
        """The lines under the picture."""
        lines = []
        for row in rows:
            height = measure.row_height(row)
            lines.append("".join(self._row(row, x, y, height)))
            y += height + 6
        return lines

    def link(self, link: Link, points: list[Point], along_x: bool) -> str:
        """A curve with its arrows."""
        if link.flow == "both":
            forth, other = sideways(points, 1.5, along_x)
            there = self._curve(link, forth, "line", (False, True), along_x)
            back = self._curve(link, other, "gradient", (True, False), along_x)
            drawn = f'<g class="there">{there}</g><g class="back">{back}</g>'
        else:
            drawn = self._curve(link, points, link.role, (link.flow == "bprop", link.flow == "fprop"), along_x)
        return f'<g class="link" data-tail="{link.tail}" data-head="{link.head}">{drawn}</g>'

    def _curve(self, link: Link, points: list[Point], role: str, arrows: tuple[bool, bool], along_x: bool) -> str:
        colour = self.colours[role]
        dash = ' stroke-dasharray="5 3"' if link.dashed else ' stroke-dasharray="1.5 4"' if link.dotted else ""
        heads = []
        if arrows[1]:
            heads.append(arrow(points[-2], points[-1], along_x))
        if arrows[0]:
            heads.append(arrow(points[1], points[0], along_x))
        path = curve(shorten_line(points, *arrows, along_x), along_x)
        drawn = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{link.width:g}"{dash}/>'
        return drawn + "".join(f'<polygon points="{head}" fill="{colour}"/>' for head in heads)

    def _rect(self, at: Place, fill: str, line: str, width: float, radius: float, dashed: bool = False) -> str:
        rounded = f' rx="{radius:g}"' if radius else ""
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        return (
            f'<rect x="{at.x:.1f}" y="{at.y:.1f}" width="{at.width:.1f}" height="{at.height:.1f}"{rounded} '
            f'fill="{self.colours[fill]}" stroke="{self.colours[line]}" stroke-width="{width:g}"{dash}/>'
        )

    def _row(self, row: Row, x: float, y: float, height: float) -> list[str]:
        parts = []
        x += 4 if row.fill else 0
        for item in row.items:
            parts.append(self._item(item, x, y, height))
            x += measure.item_width(item) + measure.SPACE
        return parts

    def _item(self, item: Span | Strip | Swatch, x: float, y: float, height: float) -> str:
        colours = self.colours
        if isinstance(item, Span):
            bold = ' font-weight="bold"' if item.bold else ""
            return (
                f'<text x="{x:.1f}" y="{y + height / 2 + 0.35 * item.size:.1f}" font-size="{item.size}"{bold} '
                f'fill="{colours[item.role]}" xml:space="preserve">{escape(item.text)}</text>'
            )
        if isinstance(item, Swatch):
            wide, high = measure.SWATCH
            at = Place(x, y + (height - high) / 2, wide, high)
            return self._rect(at, item.fill, item.line, item.width, 0 if item.square else 3, item.dashed)
        wide, high = measure.CELL
        top = y + (height - high) / 2
        return "".join(
            f'<rect x="{x + i * wide:.1f}" y="{top:.1f}" width="{wide:g}" height="{high:g}" fill="{colours[role]}"/>'
            for i, role in enumerate(item.cells)
        )
