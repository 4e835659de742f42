"""A graph becomes a picture: which boxes are tiles, which are rows of others, what links them, what frames them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.printable import printable
from flowgraph.rendering import labels
from flowgraph.rendering.caption import caption
from flowgraph.rendering.kinds import is_number, scope_path
from flowgraph.rendering.labels import titles_of
from flowgraph.rendering.module_tile import module_tile
from flowgraph.rendering.modules import Module, modules, of_first_call
from flowgraph.rendering.picture import Frame, Link, Picture, Row, Span, Tile
from flowgraph.rendering.repetition import line_starts, with_duplicated_nodes
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.wording import identifier, shortened

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
    if unknown:
        raise UsageError(
            f"render: found {next(iter(unknown))}=, needs view=, run=, grads=, direction=, detail=, collapse=, wrap=, "
            f"titles=, depth=, inches=, theme=, engine= or timeout="
        )
    if detail not in DETAILS:
        raise UsageError(f"render: found detail={detail!r}, needs one of {', '.join(DETAILS)}")
    if direction not in DIRECTIONS:
        raise UsageError(f"render: found direction={direction!r}, needs one of {', '.join(DIRECTIONS)}")
    if wrap is not None and (isinstance(wrap, bool) or not isinstance(wrap, int) or wrap < 0):
        raise UsageError(f"render: found wrap={wrap!r}, needs a number of columns, 0 for one line, or None")
    rows = detail == "rows" or (detail == "auto" and len(subject.graph) > SEPARATE_UP_TO)
    known = titles_of(titles)
    composer = _Composer(subject, rows, modules(subject, collapse, known, depth), known)
    picture = replace(composer.picture(direction), wrap=wrap)
    picture = with_duplicated_nodes(picture) if stubs else picture
    return replace(picture, steps=line_starts(subject, picture, composer.ids)) if wrap is None else picture


class _Composer:
    """One composition: what each box of the subject becomes."""

    def __init__(self, subject: Subject, rows: bool, modules: list[Module], titles: Mapping[str, str]) -> None:
        self.subject = subject
        self.titles = titles
        self.graph = subject.graph
        self.module_of = {box: module for module in modules for box in module.boxes}
        self.ids = {box: identifier(name) for box, name in self.graph.names.items()}
        self.ids |= {box: f"{identifier(module.title)}@" for box, module in self.module_of.items()}
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
            caption=caption(self.subject, tiles),
            direction=direction,
            hosts=self._hosts(),
            owners=self._owners(),
        )

    def _description(self) -> str:
        """The picture in words, for who cannot see it: what leads to what along the longest path."""
        path = list(dict.fromkeys(self.ids[box] for box in self.subject.spine if box not in self.inside))
        names = {id: printable(module.title if (module := self.module_of.get(box)) else self.subject.names[box])
                 for box, id in self.ids.items()}  # fmt: skip
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
        backward = subject.view in ("backward", "both", "gradients")
        faded = not subject.stepped and backward and box not in subject.receivers
        fill = "faded fill" if faded else f"fill {kind}"
        if subject.view == "gradients" and not faded and kind != "loss" and box not in subject.totals:
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
            line="no gradient" if faded else f"line {kind}",
            width=3.0 if kind == "loss" else 2.4 if kind == "backward" and box in self.graph.outputs else 1.4,
            square=kind == "parameter",
            frame=scope_path(box),
        )

    def _rows_of_view(self, box: Box, faded: bool) -> list[Row]:
        subject = self.subject
        if len(box.outputs) != 1:
            return []
        if subject.stepped:
            return labels.stepped_rows(subject, box)
        if subject.view == "values":
            return [*labels.value_rows(subject, box), *labels.gradient_rows(subject, box)]
        if subject.view in ("backward", "both") and box not in self.graph.outputs:
            return [labels.derivative_row(subject, box)]
        if subject.view == "gradients" and not faded and subject.kind[box] != "loss":
            return labels.heat_rows(subject, box)
        return []

    def _rows_inside(self, box: Box) -> list[Row]:
        if self.subject.kind[box] == "regularizer":
            hidden = sum(child in self.inside and not is_number(child) for child in box.children)
            return [Row((Span(f"of {hidden} parameters"),))] if hidden else []
        rows = []
        for child in dict.fromkeys(box.children):
            if child in self.inside and not is_number(child):
                readers = self.subject.parents[child]
                badges = [type(b).symbol for b in readers if self.subject.kind[b] == "regularizer"]
                name = self.subject.names[child].removeprefix(box.scope)
                rows.append(labels.parameter_row(self.subject, child, name, badges))
        return rows

    def _links(self) -> list[Link]:
        links: dict[tuple[str, str], Link] = {}
        for box in self.shown:
            free: dict[Box, bool] = {}
            for child, passes in zip(box.children, box.differentiable_wrt, strict=True):
                free[child] = free.get(child, False) or passes
            for child, passes in free.items():
                ends = self.ids[child], self.ids[box]
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
        if subject.view in ("forward", "values"):
            role = "gradient" if box in subject.backward else "line regularizer" if penalty else "line"
            return Link(**ends, role=role, dashed=penalty)
        if not (passes and child in subject.receivers and box in subject.receivers):
            return Link(**ends, flow="none", role="no gradient", dotted=True)
        if subject.view == "both":
            return Link(**ends, flow="both", dashed=penalty)
        return Link(**ends, flow="bprop", role="gradient", dashed=penalty, width=self._width(child))

    def _width(self, child: Box) -> float:
        """Thicker where more gradient flows, in steps."""
        if self.subject.view != "gradients":
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
        """The scopes, outer before inner, with the number of parameters in each."""
        counts: dict[str, int] = {}
        for box in self.graph.boxes:
            path = scope_path(box)
            if box in self.module_of:
                path = self.module_of[box].paths[0].rpartition("/")[0]
            while path:
                own = box.value.size if self.subject.kind[box] == "parameter" else 0
                counts[path] = counts.get(path, 0) + own
                path = path.rpartition("/")[0]
        return tuple(
            Frame(
                path=path,
                title=shortened(self.titles.get(of_first_call(path)) or path.rpartition("/")[2]),
                note=f"{counts[path]:,} parameters" if counts[path] and direction == "right" else "",
                parent=path.rpartition("/")[0],
            )
            for path in sorted(counts, key=lambda path: (path.count("/"), list(counts).index(path)))
        )
