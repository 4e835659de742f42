"""A picture before layout: tiles, edges and frames, which every engine and theme can draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """A piece of text; `role` is the role of its colour."""

    text: str
    role: str = "muted"
    bold: bool = False
    size: int = 10


@dataclass(frozen=True)
class Strip:
    """A strip of cells, given by the roles of their colours: a histogram or a scale."""

    cells: tuple[str, ...]


@dataclass(frozen=True)
class Swatch:
    """A sample of a kind in the legend."""

    fill: str
    line: str
    square: bool = False
    dashed: bool = False
    width: float = 1.0


@dataclass(frozen=True)
class Row:
    """A line of a tile or of the caption: its items from left to right.

    `since` says when an animation shows it: "value" once the box is computed, "gradient" once one has reached it.
    `inside` is set of what a closed module holds, which is left out at last where a picture has to fit.
    """

    items: tuple[Span | Strip | Swatch, ...]
    fill: str = ""
    since: str = ""
    inside: bool = False


@dataclass(frozen=True)
class Tile:
    """A box as it is drawn; `carried` is what an arrow from its end to its beginning hands to the next step."""

    id: str
    kind: str
    rows: tuple[Row, ...]
    tooltip: str
    fill: str
    line: str
    width: float = 1.4
    square: bool = False
    dashed: bool = False
    stacked: bool = False
    carried: str = ""
    frame: str = ""

    @property
    def title(self) -> str:
        """Its first line."""
        return "  ".join(item.text for item in self.rows[0].items if isinstance(item, Span))


@dataclass(frozen=True)
class Link:
    """An edge from a child (tail) to the box that reads it (head).

    `flow` says where arrows point: "fprop" to the head, "bprop" to the tail, "both", or "none".
    """

    tail: str
    head: str
    flow: str = "fprop"
    role: str = "line"
    dashed: bool = False
    dotted: bool = False
    spine: bool = False
    width: float = 1.2


@dataclass(frozen=True)
class Frame:
    """A scope drawn around its boxes; `parent` is the path of the frame around it."""

    path: str
    title: str
    note: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Picture:
    """Everything to draw, tiles in the order of the graph.

    `description` is for who cannot see it, `margin` what is left free around. `hosts` names the tile that a leaf stands
    above or below.
    `owners` gives for the name of each box the tile that shows it; after `wrap` columns a new line begins, or with each
    of the tiles and frames `breaks`, or where a level would be wider than `room` pixels.
    `steps` are tiles that begin equal steps, which stand under each other where the picture is folded.
    `lids` has for frames that can be closed the tile that then stands for them, `closed` those that are to begin with.
    """

    title: str
    tiles: tuple[Tile, ...]
    links: tuple[Link, ...]
    frames: tuple[Frame, ...] = ()
    caption: tuple[Row, ...] = ()
    direction: str = "right"
    description: str = ""
    margin: float = 18.0
    hosts: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    wrap: int | None = None
    breaks: tuple[str, ...] = ()
    room: float | None = None
    steps: tuple[str, ...] = ()
    lids: Mapping[str, Tile] = field(default_factory=dict)
    closed: tuple[str, ...] = ()
