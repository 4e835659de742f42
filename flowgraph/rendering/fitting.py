"""A picture that fits the width of a column, a page or a slide with letters that can be read, or an error."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from flowgraph.errors import UsageError
from flowgraph.rendering.closing import Closing, closings
from flowgraph.rendering.columns import GAP
from flowgraph.rendering.compose import Choices, choices_of, compose_picture
from flowgraph.rendering.layering import LINE_GAP, SCREEN, Layout
from flowgraph.rendering.layout import place
from flowgraph.rendering.lines import break_lines
from flowgraph.rendering.measure import PADDING, row_width, text_width, tile_size
from flowgraph.rendering.modules import modules
from flowgraph.rendering.picture import Picture, Row, Span, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.svg_text import paper
from flowgraph.rendering.tikz import MARGIN, POINTS, SMALLEST, inches_of

HIGHEST = 9.5
"""Inches of a page of text, which a picture of a width alone may be high."""

PAGES = {
    "a4": (6.27, 9.69), "letter": (6.5, 9.0),
    "a4 landscape": (9.69, 6.27), "letter landscape": (9.0, 6.5),
}  # fmt: skip
"""Inches between margins of one inch."""

SLIDES = {"16:9": (1400.0, 788.0), "4:3": (1050.0, 788.0)}
"""Pixels of a slide."""

LEAST_PIXELS = 8.0
"""Pixels of the smallest letters on a slide."""

_MOST_ZOOM = 2.0
"""How much larger a picture of a few tiles becomes, so that it does not look like a poster."""

_SHARES = (1.0, 0.93, 0.86, 0.78, 0.65)
"""Of the width that is asked for, how wide lines are aimed at: frames and wires add to them."""


_TILES = (0.75, 0.4, 0.33, 0.27)
"""Of the width that is asked for, how wide tiles are whose rows are broken: for one beside its wires, and for two."""


_FEW = 6
_MOST_FILLED = 0.55
"""Of a room, how much the tiles may fill if they are more than a few: of 36 pictures that fit none fills half of it."""

_NARROW = 800.0
"""Pixels in which a tile and its wires are no small part of the width."""

SMALL = round(SMALLEST)
"""Pixels of the letters of titles where those are as small as all others."""


@dataclass(frozen=True)
class Room:
    """What a picture is to fit: pixels in which its smallest letters have `SMALLEST`, and what was asked for.

    A picture `in_text` has no lines under it but those of what was closed, and is not enlarged.
    """

    width: float
    height: float
    asked: str
    in_text: bool

    def fits(self, size: tuple[float, float]) -> bool:
        """Whether a picture of this size is no larger."""
        return size[0] <= self.width + 0.5 and size[1] <= self.height + 0.5


def room_of(inches: Any = None, page: Any = None, slide: Any = None) -> Room | None:
    """What the settings `inches`, `page` and `slide` of `render` ask for; None without any."""
    given = [name for name, value in (("inches", inches), ("page", page), ("slide", slide)) if value is not None]
    if len(given) > 1:
        raise UsageError(f"render: found {'= and '.join(given)}=, needs one of them")
    if inches is not None:
        width, height = _pair("inches", inches) if isinstance(inches, Sequence) else (_length(inches), HIGHEST)
        return _printed_room(width, height)
    if page is not None:
        return _printed_room(*_size_by_name("page", page, PAGES))
    if slide is not None:
        width, height = _size_by_name("slide", slide, SLIDES) if isinstance(slide, str) else _pair("slide", slide)
        zoom = SMALLEST / LEAST_PIXELS
        asked = f"a slide of {width:g} × {height:g} pixels with letters of {LEAST_PIXELS:g} pixels"
        return Room(width * zoom, height * zoom, asked, in_text=False)
    return None


def _printed_room(width: float, height: float) -> Room:
    pixel = inches_of(1.0)
    asked = f"{width:g} × {height:g} inches with letters of {POINTS:g} pt"
    return Room(width / pixel, height / pixel, asked, in_text=True)


def _size_by_name(setting: str, name: Any, known: dict[str, tuple[float, float]]) -> tuple[float, float]:
    if not isinstance(name, str) or name not in known:
        raise UsageError(f"render: found {setting}={name!r}, needs one of {', '.join(map(repr, known))}")
    return known[name]


def _length(inches: Any) -> float:
    if not isinstance(inches, Real) or isinstance(inches, bool) or not 0 < float(inches) < math.inf:
        raise UsageError(f"render: found inches={inches!r}, needs a positive width, or (width, height)")
    return float(inches)


def _pair(setting: str, pair: Any) -> tuple[float, float]:
    sound = isinstance(pair, Sequence) and not isinstance(pair, str | bytes) and len(pair) == 2
    lengths = list(pair) if sound else []
    sound = sound and all(
        isinstance(one, Real) and not isinstance(one, bool) and 0 < float(one) < math.inf for one in lengths
    )
    if not sound:
        raise UsageError(f"render: found {setting}={pair!r}, needs (width, height), both positive")
    return float(lengths[0]), float(lengths[1])


def fit_picture(
    subject: Subject, room: Room, *, collapse: Any = "auto", depth: int | None = None, **settings: Any
) -> tuple[Picture, Layout]:
    """The picture that fits, with as little closed as can be, and its layout.

    Tried are lines in which frames are broken, one line, and downwards, then the same without the rows of parameters;
    where none fits, equal neighbours are one tile, and modules are closed level by level. What `collapse` or `depth`
    close, or `wrap` and `direction` say, stays so.
    """
    how = choices_of(subject, **settings)
    free = depth is None and isinstance(collapse, str) and collapse == "auto"
    ways = closings(subject, how.titles) if free else [Closing(modules(subject, collapse, how.titles, depth))]
    smallest: tuple[float, tuple[float, float]] | None = None
    for closing in ways:
        choices = replace(how, direction="right", wrap=how.wrap or 0, shells=not closing.legend)
        base = _with_legend(compose_picture(subject, closing.modules, choices), closing.legend, room)
        for whole in _in_other_tiles(base, room):
            found = list(_layouts_to_try(whole, how, room))
            if fitting := [trial for trial in found if room.fits(trial[-1])]:
                return min(fitting, key=lambda trial: _rank(trial[-1], room))[:2]
            over = [(max(size[0] / room.width, size[1] / room.height), size) for *_, size in found]
            smallest = min([*over, *([smallest] if smallest else [])], default=None)
    raise UsageError(_too_large(room, smallest[1] if smallest else None, free))


MOST_RATIO = 2.5
"""Width to height of a picture that nobody asked to be of a size."""

_SMALL_NETWORK = 500.0
"""Pixels of a picture of modules that is left in one line; a graph of boxes is, as it is taught, up to `SCREEN`."""

_LARGE = 400
"""Tiles of a picture of which one layout more is tried, and not ten: each takes a tenth of a second."""


def in_proportion(subject: Subject, *, collapse: Any = "auto", depth: int | None = None, **settings: Any) -> Picture:
    """The picture of a subject that nobody asked to fit, no ribbon and, of a network, readable on a slide.

    What the caller closes, or says of lines, stays so. Else a picture that is far wider than high goes on in lines, and
    of a network of modules as much is closed as a slide needs.
    """
    how = choices_of(subject, **settings)
    picture = compose_picture(subject, modules(subject, collapse, how.titles, depth), how)
    if how.wrap is not None or how.direction == "down":
        return picture
    small = _SMALL_NETWORK if how.titles.modules else SCREEN
    picture, size = _in_good_lines(picture, small)
    slide = room_of(slide="16:9")
    assert slide is not None
    if slide.fits(size) or not how.titles.modules or depth is not None or collapse != "auto":
        return picture
    for closing in itertools.islice(closings(subject, how.titles), 1, None):
        legend = f"{closing.legend}; collapse=False opens all"
        fewer = _with_legend(compose_picture(subject, closing.modules, replace(how, shells=False)), legend, slide)
        fewer, size = _in_good_lines(fewer, small)
        if slide.fits(size):
            return fewer
    return picture


def _in_good_lines(picture: Picture, small: float) -> tuple[Picture, tuple[float, float]]:
    """The picture and its size; one that is wider than it should be, in the lines that a slide shows largest."""
    trial = _place(picture)
    wide, high = trial[2]
    if wide <= max(small, MOST_RATIO * high):
        return picture, trial[2]
    slide = room_of(slide="16:9")
    assert slide is not None
    ideal = math.sqrt(slide.width / slide.height * trial[1].width * (trial[1].height + LINE_GAP))
    factors, ways = ((1.0, 1.2, 0.85, 1.4, 0.7), 2) if len(picture.tiles) <= _LARGE else ((1.0,), 1)
    trials: list[_Trial] = []
    for width in (max(factor * ideal, small / 2) for factor in factors):
        found = [_place(lines) for lines in itertools.islice(break_lines(picture, width), ways)]
        longer = [one[0] for one in found if one[2][0] > 1.1 * width and one[0].frames]
        longer = [*longer, picture] if picture.frames and len(picture.tiles) <= _LARGE else []
        trials += [*found, *(_place(replace(lines, room=width)) for lines in longer)]
    good = [one for one in trials if one[2][0] <= MOST_RATIO * one[2][1]]
    best = max(good or [*trials, trial], key=lambda one: zoom_of(one[2], slide))
    return best[0], best[2]


def _too_large(room: Room, smallest: tuple[float, float] | None, free: bool) -> str:
    closed = "with all modules closed" if free else "with what collapse=, depth= and wrap= say"
    if smallest is None:
        needed = "the tiles alone need more"
    elif room.in_text:
        needed = f"the picture needs {inches_of(smallest[0]):.1f} × {inches_of(smallest[1]):.1f} inches"
    else:
        zoom = LEAST_PIXELS / SMALLEST
        needed = f"the picture needs {smallest[0] * zoom:.0f} × {smallest[1] * zoom:.0f} pixels"
    return f"render: found {room.asked}; {needed} {closed}; ask for more room, or draw a part: fg.Graph(box)"


def zoom_of(size: tuple[float, float], room: Room) -> float:
    """How much larger a picture is on a slide than its letters say."""
    least = LEAST_PIXELS / SMALLEST
    return min(least * room.width / size[0], least * room.height / size[1], _MOST_ZOOM)


def _rank(size: tuple[float, float], room: Room) -> float:
    """What is least for the best picture: its height in a text, and how small its letters are on a slide."""
    return size[1] if room.in_text else -zoom_of(size, room)


_Trial = tuple[Picture, Layout, tuple[float, float]]


def _layouts_to_try(picture: Picture, how: Choices, room: Room) -> Iterator[_Trial]:
    """The layouts that are tried, with their sizes; none where the tiles alone are too large, or fill too much."""
    sizes = [tile_size(tile) for tile in picture.tiles]
    filled = sum((wide + GAP) * (high + GAP) for wide, high in sizes) / ((room.width + GAP) * (room.height + GAP))
    if filled > (1.0 if len(sizes) <= _FEW else _MOST_FILLED):
        return
    if max((wide for wide, _ in sizes), default=0.0) > room.width:
        return
    down = replace(picture, direction="down", frames=tuple(replace(frame, note="") for frame in picture.frames))
    if how.wrap is not None:
        yield _place(down if how.direction == "down" else picture)
        return
    if how.direction != "down":
        yield from _in_lines_of(picture, room)
    yield (trial := _place(down))
    if trial[2][1] > room.height:
        for share in _SHARES[1:]:
            yield _place(replace(down, room=share * (room.height - 2 * picture.margin)))


def _place(picture: Picture) -> _Trial:
    layout = place(picture)
    sheet = paper(picture, layout)
    return picture, layout, (sheet.width, sheet.height)


def _in_lines_of(picture: Picture, room: Room) -> Iterator[_Trial]:
    """In one line, in lines in which frames are broken, and with lines inside of frames.

    Shorter lines are tried until the picture fits, or is too high, which it is with shorter ones too; on a slide they
    may give larger letters.
    """
    yield (trial := _place(picture))
    if room.in_text and trial[2][0] <= room.width:
        return
    inner = room.width - 2 * picture.margin
    for way in range(3):
        for share in _SHARES:
            lines = (
                [replace(picture, room=share * inner)]
                if way == 2
                else list(break_lines(picture, share * inner))[way:][:1]
            )
            found = [_place(one) for one in lines]
            if way < 2 and found and found[0][2][0] > room.width:
                found.append(_place(replace(found[0][0], room=share * inner)))
            yield from found
            if not found or min(size[1] for *_, size in found) > room.height:
                break
            if room.in_text and any(room.fits(size) for *_, size in found):
                break


def _with_legend(picture: Picture, legend: str, room: Room) -> Picture:
    """The picture in a text without the lines under it; in any case with what was closed to fit, in lines that do."""
    if room.in_text:
        picture = replace(picture, caption=(), margin=MARGIN)
    lines: list[str] = []
    for word in legend.split():
        if lines and text_width(f"{lines[-1]} {word}", SMALLEST) <= room.width - 2 * picture.margin:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return replace(picture, caption=(*picture.caption, *(Row((Span(line),)) for line in lines)))


def _in_other_tiles(picture: Picture, room: Room) -> Iterator[Picture]:
    """The picture as it is; with longer rows of its tiles in lines; with smaller titles; without ever more rows.

    Left out are the rows of parameters, then what is inside of closed modules, and what an arrow says again.
    """
    yield picture
    small = tuple(map(_with_small_title, picture.tiles))
    bare = tuple(_without_rows(tile, lambda row: row.fill != "") for tile in small)
    least = tuple(_say_the_least(tile) for tile in bare)
    for tiles in (picture.tiles, small, bare, *([least] if least != bare else [])):
        for share in (_TILES[0], *(_TILES[1:] if room.width < _NARROW else ())):
            if any(tile_size(tile)[0] > share * room.width for tile in tiles) or tiles in (bare, least):
                yield replace(picture, tiles=tuple(_in_lines(tile, share * room.width) for tile in tiles))


def _with_small_title(tile: Tile) -> Tile:
    """The tile with all its letters of the least size."""
    rows = (
        replace(row, items=tuple(replace(one, size=SMALL) if isinstance(one, Span) else one for one in row.items))
        for row in tile.rows
    )
    return replace(tile, rows=tuple(rows))


_WORD = re.compile(r"(?:→ )?\S+")
"""What no line breaks: a word, and an arrow with what it leads to."""


def _in_lines(tile: Tile, width: float) -> Tile:
    """The tile with rows in more lines where it is wider, broken between words."""
    rows: list[Row] = []
    for row in tile.rows:
        most = width - 2 * PADDING[0]
        spans = [item for item in row.items if isinstance(item, Span)]
        words = [replace(span, text=word) for span in spans for word in _WORD.findall(span.text)]
        if row_width(row) <= most or len(spans) < len(row.items):
            rows.append(row)
            continue
        rows.append(replace(row, items=tuple(words[:1])))
        for word in words[1:]:
            longer = _append_word(rows[-1], word)
            rows[-1:] = [longer] if row_width(longer) <= most else [rows[-1], replace(row, items=(word,))]
    return replace(tile, rows=tuple(rows))


def _append_word(row: Row, word: Span) -> Row:
    """A row with one more word: in the same text where it looks alike."""
    *before, last = row.items
    assert isinstance(last, Span)
    alike = replace(last, text="") == replace(word, text="")
    more = (replace(last, text=f"{last.text} {word.text}"),) if alike else (last, word)
    return replace(row, items=(*before, *more))


def _without_rows(tile: Tile, is_left_out: Callable[[Row], bool]) -> Tile:
    return replace(tile, rows=tuple(row for row in tile.rows if not is_left_out(row)) or tile.rows)


def _say_the_least(tile: Tile) -> Tile:
    """The tile without what is inside of it; an arrow that hands on what the tile gives says "same"."""
    again = any(isinstance(item, Span) and item.text == f"→ {tile.carried}" for row in tile.rows for item in row.items)
    return replace(_without_rows(tile, lambda row: row.inside), carried="same" if again else tile.carried)
