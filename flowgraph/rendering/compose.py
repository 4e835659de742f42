"""A graph becomes a picture: which boxes are tiles or rows of others, what links and frames them, its caption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.graph.table import Flops, total_flops
from flowgraph.printable import printable
from flowgraph.rendering import labels
from flowgraph.rendering.kinds import is_number, is_operand
from flowgraph.rendering.module_tile import module_tile
from flowgraph.rendering.modules import Module, line_starts, modules, with_duplicated_nodes
from flowgraph.rendering.palette import HEAT, KINDS, LEVELS
from flowgraph.rendering.picture import Frame, Link, Picture, Row, Span, Strip, Swatch, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.titles import Titles, parameters_text, titles_of
from flowgraph.rendering.wording import amount_text, identifier, shorten_text
from flowgraph.shapes.size import Size, add, multiply, product
from flowgraph.shapes.spec import Spec

DETAILS = ("auto", "boxes", "rows")
DIRECTIONS = ("right", "down")

_SAID = 12
"""Boxes of the longest path that the description of a picture names."""

SEPARATE_UP_TO = 40
"""Boxes of a graph whose parameters are tiles of their own; beyond, they are rows of the boxes that read them."""


def compose(
    subject: Subject, *, direction: str = "right", detail: str = "auto", collapse: Any = "auto",
    wrap: int | None = None, stubs: bool = True, titles: Any = None, depth: int | None = None,
    **unknown: Any,
) -> Picture:  # fmt: skip
    """The picture of a subject.

    `detail` "boxes" draws parameters as tiles, "rows" inside the boxes that read them; `collapse` says which scopes
    are one tile each: "auto" for those of a large graph, True, False, or a list of their names; `wrap` folds the
    picture after so many columns, 0 never, None where it would be far wider than high; `stubs` puts a child that is
    far away beside its reader once more; `titles` say what scopes are, by their paths, or are the network of PyTorch
    from which the graph was made: its modules have their kinds in their titles, and those that hold no others are one
    tile each; `depth` closes the scopes that stand in so many others, 0 those that stand in none.
    """
    choices = choices_of(subject, direction=direction, detail=detail, wrap=wrap, stubs=stubs, titles=titles, **unknown)
    return compose_picture(subject, modules(subject, collapse, choices.titles, depth), choices)


def choices_of(
    subject: Subject, *, direction: str = "right", detail: str = "auto", wrap: int | None = None, stubs: bool = True,
    titles: Any = None, **unknown: Any,
) -> Choices:  # fmt: skip
    """The settings of `compose` that do not say what is closed, once they are checked."""
    if unknown:
        raise UsageError(
            f"render: found {next(iter(unknown))}=, needs view=, run=, grads=, direction=, detail=, collapse=, wrap=, "
            f"titles=, depth=, inches=, page=, slide=, theme=, engine= or timeout="
        )
    if not isinstance(detail, str) or detail not in DETAILS:
        raise UsageError(f"render: found detail={detail!r}, needs one of {', '.join(DETAILS)}")
    if not isinstance(direction, str) or direction not in DIRECTIONS:
        raise UsageError(f"render: found direction={direction!r}, needs one of {', '.join(DIRECTIONS)}")
    if wrap is not None and (isinstance(wrap, bool) or not isinstance(wrap, int) or wrap < 0):
        raise UsageError(f"render: found wrap={wrap!r}, needs a number of columns, 0 for one line, or None")
    if not isinstance(stubs, bool):
        raise UsageError(f"render: found stubs={stubs!r}, needs True or False")
    return Choices(titles_of(subject, titles), direction, detail, wrap, stubs)


@dataclass(frozen=True)
class Choices:
    """How a subject is drawn, whatever of it is closed: settings of `compose`; whether frames of one tile are drawn."""

    titles: Titles
    direction: str = "right"
    detail: str = "auto"
    wrap: int | None = None
    stubs: bool = True
    shells: bool = True


def compose_picture(subject: Subject, closed: list[Module], how: Choices) -> Picture:
    """The picture of a subject with these modules closed."""
    rows = how.detail == "rows" or (how.detail == "auto" and len(subject.graph) > SEPARATE_UP_TO)
    composer = _Composer(subject, rows, closed, how.titles)
    picture = replace(composer.picture(how.direction), wrap=how.wrap)
    picture = picture if how.shells else _without_shells(picture)
    picture = with_duplicated_nodes(picture) if how.stubs else picture
    return replace(picture, steps=line_starts(subject, picture, composer.ids)) if how.wrap is None else picture


def _without_shells(picture: Picture) -> Picture:
    """The picture without frames that hold one tile, whose title has their names instead."""
    held_in = Counter(tile.frame for tile in picture.tiles) + Counter(frame.parent for frame in picture.frames)
    shells = {frame.path: frame for frame in picture.frames if held_in[frame.path] == 1}
    inner = {frame.parent for frame in picture.frames}
    tiles = []
    for tile in picture.tiles:
        names: list[str] = []
        path = tile.frame
        while path in shells and (not names or path in inner):
            names.insert(0, shells[path].title.partition(" · ")[0])
            path = shells[path].parent
        first, *more = tile.rows[0].items
        if names and isinstance(first, Span) and not first.text.startswith(f"{names[0]}/"):
            first = replace(first, text=shorten_text("/".join([*names, first.text])))
        tiles.append(replace(tile, frame=path, rows=(Row((first, *more), tile.rows[0].fill), *tile.rows[1:])))
    kept = {tile.frame for tile in tiles}
    parent = {frame.path: frame.parent for frame in picture.frames}
    for path in [*kept]:
        while path:
            kept.add(path)
            path = parent[path]
    return replace(picture, tiles=tuple(tiles), frames=tuple(frame for frame in picture.frames if frame.path in kept))


class _Composer:
    """One composition: what each box of the subject becomes."""

    def __init__(self, subject: Subject, rows: bool, modules: list[Module], titles: Titles) -> None:
        self.subject = subject
        self.titles = titles
        self.graph = subject.graph
        self.module_of = {box: module for module in modules for box in module.boxes}
        self.ids = {box: identifier(name) for box, name in self.graph.names.items()}
        self.ids |= {box: f"{identifier(module.path)}@" for box, module in self.module_of.items()}
        self.inside = {box for box in self.graph.boxes if self._is_inside(box, rows)}
        self.shown = [box for box in self.graph.boxes if box not in self.inside]
        self.on_spine = set(zip(subject.spine, subject.spine[1:], strict=False))

    def picture(self, direction: str) -> Picture:
        tiles = tuple(self._tiles())
        outputs = ", ".join(printable(self.subject.names[box]) for box in self.graph.outputs[:4])
        return Picture(
            title=f"flow graph of {outputs}",
            description=self._description(),
            tiles=tiles,
            links=tuple(self._links()),
            frames=self._frames(direction),
            caption=_caption(self.subject, tiles, self.titles.unread_in([""])),
            direction=direction,
            hosts=self._hosts(),
            owners=self._owners(),
        )

    def _description(self) -> str:
        """The picture in words, for who cannot see it: what leads to what along the longest path."""
        path = list(dict.fromkeys(self.ids[box] for box in self.subject.spine if box not in self.inside))
        box_of = {id: box for box, id in self.ids.items()}  # one of each module, whose steps may be many
        names = {
            id: printable(
                self.titles.of_run(module.paths) if (module := self.module_of.get(box)) else self.subject.names[box]
            )
            for id, box in box_of.items()
        }
        said = [names[id] for id in path]
        shown = said if len(said) <= _SAID else [*said[: _SAID - 2], "…", said[-1]]
        return f"{len(self.graph)} boxes; the longest path leads from {', to '.join(shown)}"

    def _tiles(self) -> Iterator[Tile]:
        """A tile for each box; for a module, where its last box stands."""
        last = {module.tail[-1]: module for module in self.module_of.values() if module.tail}
        for box in self.shown:
            if box in last:
                yield module_tile(self.subject, last[box], self.ids[box], self.titles)
            elif box not in self.module_of:
                yield self._tile(box)

    def _is_inside(self, box: Box, rows: bool) -> bool:
        """Whether a leaf is written inside the boxes that read it."""
        if box in self.graph.outputs:
            return False
        readers = self.subject.parents[box]
        if box in self.module_of:
            return not box.children
        if is_number(box):
            return all(any(not is_number(child) for child in reader.children) for reader in readers)
        leaf = self.subject.kind[box] in ("parameter", "constant")
        return rows and leaf and any(self.subject.kind[reader] != "regularizer" for reader in readers)

    def _tile(self, box: Box) -> Tile:
        subject, kind = self.subject, self.subject.kind[box]
        faded = not subject.stepped and subject.look.links != "fprop" and box not in subject.receivers
        fill = "faded fill" if faded else f"fill {kind}"
        if subject.look.fill == "heat" and not faded and kind != "loss" and box not in subject.totals:
            fill = labels.heat_of(subject, box)
        rows = [labels.title_row(subject, box), labels.shape_row(subject, box)]
        rows += self._rows_of_view(box, faded)
        rows += self._rows_inside(box)
        rows += labels.memory_rows(subject, box)
        return Tile(
            id=self.ids[box],
            kind=kind,
            rows=labels.readable(rows, fill),
            tooltip=labels.tooltip(subject, box),
            fill=fill,
            line="no gradient" if faded else "line output" if box in subject.marked else f"line {kind}",
            width=3.0 if kind == "loss" else 2.4 if box in subject.marked and kind != "output" else 1.4,
            square=kind == "parameter",
            frame=subject.scope[box],
        )

    def _rows_of_view(self, box: Box, faded: bool) -> list[Row]:
        subject = self.subject
        if len(box.outputs) != 1:
            return []
        if subject.stepped:
            return labels.stepped_rows(subject, box)
        if subject.look.rows == "values":
            return [*labels.value_rows(subject, box), *labels.gradient_rows(subject, box)]
        if subject.look.rows == "derivative" and box not in self.graph.outputs:
            return [labels.derivative_row(subject, box)]
        if subject.look.rows == "sizes" and not faded and subject.kind[box] != "loss":
            return labels.heat_rows(subject, box)
        return []

    def _rows_inside(self, box: Box) -> list[Row]:
        if self.subject.kind[box] == "regularizer":
            hidden = sum(child in self.inside and not is_operand(child, box) for child in box.children)
            return [Row((Span(f"of {hidden} parameters"),))] if hidden else []
        rows = []
        for child in box.children:
            if child in self.inside and not is_operand(child, box):
                readers = self.subject.parents[child]
                badges = [type(b).symbol for b in readers if self.subject.kind[b] == "regularizer"]
                name = self.subject.names[child].removeprefix(box.scope)
                rows.append(labels.parameter_row(self.subject, child, name, badges))
        return rows

    def _links(self) -> list[Link]:
        """A link for each child of a box, for x · x two; to the tile of a module one from each tile that it reads."""
        links: dict[tuple[str, str, int], Link] = {}
        for box in self.shown:
            for place, (child, passes) in enumerate(zip(box.children, box.differentiable_wrt, strict=True)):
                ends = self.ids[child], self.ids[box], 0 if box in self.module_of else place
                if child not in self.inside and ends[0] != ends[1]:
                    link = self._link(child, box, passes)
                    if ends not in links or (links[ends].flow == "none") or link.spine:
                        links[ends] = link
        return list(links.values())

    def _link(self, child: Box, box: Box, passes: bool) -> Link:
        subject = self.subject
        spine = (child, box) in self.on_spine
        penalty = "regularizer" in (subject.kind[child], subject.kind[box])
        ends: dict[str, Any] = {"tail": self.ids[child], "head": self.ids[box], "spine": spine}
        if subject.memory is not None and subject.memory.in_place.get(box) is child:
            return Link(**ends, role="value", width=3.2)
        if subject.look.links == "fprop":
            role = "gradient" if box in subject.backward else "line regularizer" if penalty else "line"
            return Link(**ends, role=role, dashed=penalty)
        if not (passes and child in subject.receivers and box in subject.receivers):
            return Link(**ends, flow="none", role="no gradient", dotted=True)
        if subject.look.links == "both":
            return Link(**ends, flow="both", dashed=penalty)
        return Link(**ends, flow="bprop", role="gradient", dashed=penalty, width=self._width(child))

    def _width(self, child: Box) -> float:
        """Thicker where more gradient flows, in steps."""
        if self.subject.look.fill != "heat":
            return 2.0
        role = labels.heat_of(self.subject, child)
        return 2.0 if not role.startswith("heat") else round(2.0 + int(role.split()[1]) / 12, 1)

    def _hosts(self) -> dict[str, str]:
        """For each leaf that only one box reads (regularizers aside), that box."""
        hosts = {}
        for box in self.shown:
            readers = [b for b in self.subject.parents[box] if self.subject.kind[b] != "regularizer"]
            leaf = self.subject.kind[box] in ("parameter", "constant", "random", "target")
            if leaf and len(readers) == 1 and readers[0] not in self.module_of and box not in self.module_of:
                hosts[self.ids[box]] = self.ids[readers[0]]
        return hosts

    def _owners(self) -> dict[str, str]:
        """The tile that shows each box: its own, its module's, or that of the box in which it is written."""
        owners = {}
        for box in self.graph.boxes:
            readers = [] if box in self.module_of else self.subject.parents[box]
            shown = next((reader for reader in readers if self.subject.kind[reader] != "regularizer"), box)
            owners[self.graph.names[box]] = self.ids[shown if box in self.inside else box]
        return owners

    def _frames(self, direction: str) -> tuple[Frame, ...]:
        """The scopes that hold a tile, outer before inner, with the number of parameters in each."""
        counts: dict[str, int] = {}
        held: set[str] = set()
        for box in self.graph.boxes:
            path = self.subject.scope[box]
            if box in self.module_of:
                path = self.module_of[box].frame
            while path:
                own = box.value.size if self.subject.kind[box] == "parameter" else 0
                counts[path] = counts.get(path, 0) + own
                held.update([] if box in self.inside else [path])
                path = path.rpartition("/")[0]
        return tuple(
            Frame(
                path=path,
                title=shorten_text(self.titles.of(path)),
                note=self._note(path, counts[path]) if direction == "right" else "",
                parent=path.rpartition("/")[0],
            )
            for path in sorted(counts, key=lambda path: (path.count("/"), list(counts).index(path)))
            if path in held
        )

    def _note(self, path: str, count: int) -> str:
        unread = self.titles.unread_in([path])
        return parameters_text(count, unread) if count or unread else ""


def _caption(subject: Subject, tiles: Sequence[Tile], unread: int) -> tuple[Row, ...]:
    """Boxes, parameters, FLOP, bytes and dtype; the legend; the scale of the gradient view."""
    rows = [Row((Span(" · ".join(_facts(subject, unread)), size=11),)), _legend(tiles)]
    if subject.look.fill == "heat":
        rows.append(_scale())
    if subject.look.rows == "values":
        rows += [*_strips(subject, tiles), *_of_modules(subject, tiles), *_missing(subject)]
    if subject.memory is not None:
        rows.append(Row((Span(subject.memory.summary, "value"),)))
    return tuple(rows)


def _facts(subject: Subject, unread: int) -> list[str]:
    graph = subject.graph
    flops, memory = _amounts(subject)
    count = sum(box.value.size for box in graph.parameters)
    facts = [f"{len(graph):,} boxes" if len(graph) > 1 else "1 box"]
    facts += [parameters_text(count, unread)] if count + unread else []
    known = amount_text(flops.known, "FLOP", subject.sizes) if flops.known else ""
    operations, values = flops.mark_incomplete(known), amount_text(memory, "B", subject.sizes)
    facts += [f"fprop {operations}"] if operations else []
    facts += [f"values {values}"] if memory and values else []
    return [*facts, subject.dtype]


def _amounts(subject: Subject) -> tuple[Flops, Any]:
    """FLOP of an fprop and bytes of its values; boxes that are alike are counted before they are added up."""
    alike: dict[Any, list[Box]] = {}
    specs: Counter[Spec] = Counter()
    for box in subject.graph.boxes:
        if box.children:
            specs.update(box.outputs)
            settings = id(box) if box.settings else 0
            key = (type(box), settings, box.outputs, tuple(child.outputs for child in box.children))
            alike.setdefault(key, []).append(box)
    flops = total_flops((boxes[0], len(boxes)) for boxes in alike.values())
    memory: int | Size = 0
    for spec, times in specs.items():
        memory = add(memory, multiply(times * spec.dtype.itemsize, product(spec.shape)))
    return flops, memory


def _legend(tiles: Sequence[Tile]) -> Row:
    """The kinds that are seen: of tiles, and of rows in them."""
    occur = {tile.kind for tile in tiles}
    occur |= {tile.line.removeprefix("line ") for tile in tiles}
    occur |= {row.fill.removeprefix("fill ") for tile in tiles for row in tile.rows}
    items: list[Span | Strip | Swatch] = []
    for kind in KINDS:
        if kind in occur:
            items.append(Swatch(f"fill {kind}", f"line {kind}", square=kind == "parameter", width=_border(kind)))
            items.append(Span(f"{kind}   "))
    return Row(tuple(items))


def _border(kind: str) -> float:
    return 2.0 if kind == "loss" else 1.0


def _strips(subject: Subject, tiles: Sequence[Tile]) -> list[Row]:
    """The legend of the strips on tiles that occur; none for a graph of numbers."""
    if subject.run is None and subject.grads is None:
        return [Row((Span("no values: draw with run= and grads="),))]
    strips = [item for tile in tiles if not tile.stacked for row in tile.rows for item in row.items]
    cells = {cell for strip in strips if isinstance(strip, Strip) for cell in strip.cells}
    items: list[Span | Strip | Swatch] = []
    for name in ("value", "gradient"):
        if any(cell.startswith(name) for cell in cells):
            items.append(Strip(tuple(f"{name} {level}" for level in (1, 5, 9, LEVELS, 9, 5, 1))))
            items.append(Span(f"how many elements of the {name} lie where, from the smallest to the largest   "))
    return [Row((*items, Span("± standard deviation")))] if items else []


def _of_modules(subject: Subject, tiles: Sequence[Tile]) -> list[Row]:
    """The legend of the strips on folded modules, if there are any."""
    if subject.run is None or not any(tile.stacked for tile in tiles):
        return []
    scale = Strip(tuple(f"value {level}" for level in range(0, LEVELS + 1, 3)))
    words = "largest, over three powers of ten or more; NaN and exact zero win"
    return [Row((Span("in a module, from first to last: rms from smallest"), scale, Span(words)))]


def _missing(subject: Subject) -> list[Row]:
    """How many boxes have no value or gradient in a picture that shows those of others."""
    rows = []
    boxes = [box for box in subject.graph.boxes if len(box.outputs) == 1]
    if subject.run is not None and not subject.run.has_all_values:
        count = sum(subject.array(box) is None for box in boxes)
        rows.append(f"values of {count} of {len(boxes)} boxes not computed or not kept: fprop(keep='all')")
    receivers = [box for box in boxes if box in subject.receivers]
    if subject.grads is not None:
        count = sum(box not in subject.grads for box in receivers)
        rows += [f"∇ of {count} of {len(receivers)} boxes not kept: bprop(keep='all')"] if count else []
    return [Row((Span(text),)) for text in rows]


def _scale() -> Row:
    return Row(
        (
            Span("rms ∇ against the output layer:  vanishing (÷1000)   "),
            Strip(tuple(f"heat {step}" for step in range(-HEAT, HEAT + 1, 2))),
            Span("(×1000) exploding   "),
            Swatch("not a number", "not a number"),
            Span("NaN or Inf   "),
            Swatch("not computed", "not computed"),
            Span("not computed"),
        )
    )
