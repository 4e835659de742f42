"""The picture of a page: all boxes of the graph, and for each scope the tile that stands for it while it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flowgraph.box import Box
from flowgraph.rendering.compose import compose
from flowgraph.rendering.kinds import scope_path
from flowgraph.rendering.module_tile import module_tile
from flowgraph.rendering.modules import Module, modules
from flowgraph.rendering.picture import Frame, Picture, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.titles import titles_of
from flowgraph.rendering.wording import identifier

MOST_BOXES = 25_000
"""Of a graph whose modules a page can open, some 10 MB; those of a larger one stay closed, as in any other picture."""


def openable(
    subject: Subject, *, collapse: Any = "auto", titles: Any = None, depth: Any = None, **settings: Any
) -> Picture:
    """The picture in which modules can be opened; those that `collapse` names are closed to begin with."""
    if len(subject.graph) > MOST_BOXES:
        return compose(subject, collapse=collapse, titles=titles, depth=depth, **settings)
    known = titles_of(titles)
    closed = [one for one in modules(subject, collapse, known, depth) if one.scoped]  # steps have no frame to open
    picture = compose(subject, collapse=False, titles=titles, **settings)
    rows = [module for module in closed if len(module.paths) > 1]
    lids = {path: _lid(subject, path, module, known) for path, module in _scopes(subject).items() if module.tail}
    lids |= {_row_path(module): _lid(subject, _row_path(module), module, known) for module in rows}
    shut = [path for module in closed for path in module.paths] + [_row_path(module) for module in rows]
    return replace(picture, frames=_with_rows(picture.frames, rows), lids=lids, closed=tuple(shut))


def _scopes(subject: Subject) -> dict[str, Module]:
    """Every scope with all that it holds, inner scopes too."""
    found: dict[str, Module] = {}
    for box in subject.graph.boxes:
        path = scope_path(box)
        while path:
            _hold(found.setdefault(path, Module([path], [], [])), box)
            path = path.rpartition("/")[0]
    return found


def _hold(module: Module, box: Box) -> None:
    module.boxes.append(box)
    if box.children:
        module.tail.append(box)


def _lid(subject: Subject, path: str, module: Module, titles: Mapping[str, str]) -> Tile:
    """The tile of a closed frame; what its steps hand on is seen when it is open."""
    return replace(module_tile(subject, module, f"{identifier(path)}@lid", titles), carried="")


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
            row = Frame(_row_path(module), module.title, f"×{len(module.paths)}", frame.parent)
            result.append(row)
        result.append(replace(frame, parent=_row_path(module)))
    return tuple(result)
