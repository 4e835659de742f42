"""Scopes of a large graph drawn as one tile each, and equal scopes in a row as one tile with their number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.rendering.kinds import scope_path
from flowgraph.rendering.repetition import steps_of
from flowgraph.rendering.subject import Subject

COLLAPSE_BEYOND = 120
"""Boxes that a picture shows one by one."""


FOLD_BEYOND = 600
"""Boxes of a graph without scopes whose equal steps are one tile; those of a smaller one stand under each other."""


@dataclass
class Module:
    """The boxes of a scope, or of several equal scopes one after the other.

    `of` has the path of each box where that is no scope, but a step of a repetition.
    """

    paths: list[str]
    boxes: list[Box]
    tail: list[Box]
    of: dict[Box, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name of the scope, or of the first and the last."""
        first, last = self.paths[0], self.paths[-1]
        if first == last:
            return first
        stem = len(first.rstrip("0123456789"))
        same = first[:stem] == last[:stem] and last[stem:].isdigit()
        return f"{first}–{last[stem:]}" if same else f"{first} … {last}"


def modules(subject: Subject, collapse: str | bool | Iterable[str] = "auto") -> list[Module]:
    """The scopes to draw as one tile: all, none, those named, or, with "auto", as deep as a large graph allows."""
    scopes = {scope_path(box) for box in subject.graph.boxes} - {""}
    if not scopes and collapse in ("auto", True) and len(subject.graph) > FOLD_BEYOND:
        return _repeated(subject)
    if collapse is False or (collapse == "auto" and len(subject.graph) <= COLLAPSE_BEYOND) or not scopes:
        return []
    if not isinstance(collapse, str | bool):
        return _merged(subject, _convex(subject, _named(scopes, collapse)))
    if collapse not in ("auto", True):
        raise UsageError(f"render: found collapse={collapse!r}, needs 'auto', True, False or a list of scopes")
    found: list[Module] = []
    for depth in range(max(path.count("/") for path in scopes) + 1, 0, -1):
        chosen = {"/".join(path.split("/")[:depth]) for path in scopes}
        found = _merged(subject, _convex(subject, chosen))
        hidden = sum(len(module.boxes) - 1 for module in found)
        if len(subject.graph) - hidden <= COLLAPSE_BEYOND:
            break
    return found


def _repeated(subject: Subject) -> list[Module]:
    """The equal steps of a graph without scopes as modules, where they become few."""
    of = {box: f"step{number}" for number, step in enumerate(steps_of(subject), 1) for box in step}
    tangled = _tangled(subject, of)
    found: dict[str, Module] = {}
    for box, path in of.items():
        if path not in tangled:
            module = found.setdefault(path, Module([path], [], []))
            module.boxes.append(box)
            module.tail += [box] if box.children else []
    merged = _merged(subject, list(found.values()))
    for module in merged:
        module.of = {box: of[box] for box in module.boxes}
    return merged if len(merged) <= COLLAPSE_BEYOND else []


def _named(scopes: set[str], names: Iterable[str]) -> set[str]:
    every = {"/".join(path.split("/")[:depth]) for path in scopes for depth in range(1, path.count("/") + 2)}
    chosen = set(names)
    unknown = chosen - every
    if unknown:
        raise UsageError(f"render: collapse= names the scope {sorted(unknown)[0]!r}; the graph has {sorted(every)[:8]}")
    return chosen


def _convex(subject: Subject, chosen: set[str]) -> list[Module]:
    """The boxes of each chosen scope, without the scopes that would read from themselves through others."""
    of: dict[Box, str] = {}
    for box in subject.graph.boxes:
        parts = scope_path(box).split("/")
        paths = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        path = next((path for path in paths if path in chosen), None)
        if path is not None:
            of[box] = path
    for path in _tangled(subject, of):
        of = {box: other for box, other in of.items() if other != path}
    found: dict[str, Module] = {}
    for box, path in of.items():
        found.setdefault(path, Module([path], [], [])).boxes.append(box)
    for module in found.values():
        module.tail = [box for box in module.boxes if box.children]
    return [module for module in found.values() if len(module.boxes) > 1]


def _tangled(subject: Subject, of: dict[Box, str]) -> set[str]:
    """The scopes left on a cycle when each is drawn as one tile."""
    key: dict[Box, int | str] = {box: of.get(box, slot) for slot, box in enumerate(subject.graph.boxes)}
    left = set(key.values())
    ties = {(key[child], key[box]) for box in subject.graph.boxes for child in box.children}
    after: dict[int | str, list[int | str]] = {}
    count = dict.fromkeys(left, 0)
    for tail, head in ties:
        if tail != head:
            after.setdefault(tail, []).append(head)
            count[head] += 1
    ready = [one for one in left if not count[one]]
    while ready:
        one = ready.pop()
        left.discard(one)
        for head in after.get(one, ()):
            count[head] -= 1
            if not count[head]:
                ready.append(head)
    return {one for one in left if isinstance(one, str)}


def _merged(subject: Subject, found: list[Module]) -> list[Module]:
    """Equal modules of which each reads only the one before become one."""
    of = {box: module for module in found for box in module.boxes}
    feeds: dict[int, set[int]] = {}
    outside: dict[int, int] = {}
    for box in subject.graph.boxes:
        for child in box.children:
            one, other = of.get(child), of.get(box)
            if one is other or subject.kind[box] == "regularizer":
                continue
            if one is not None:
                feeds.setdefault(id(one), set()).add(id(other) if other is not None else id(box))
            if other is not None and subject.kind[child] != "constant":
                outside[id(other)] = outside.get(id(other), 0) + (one is None)
    result: list[Module] = []
    last: Module | None = None
    shape: tuple[object, ...] = ()
    for module in found:
        new = _shape_of(module)
        follows = last is not None and feeds.get(id(last)) == {id(module)} and not outside.get(id(module))
        if follows and new == shape:
            result[-1].paths.extend(module.paths)
            result[-1].boxes.extend(module.boxes)
            result[-1].tail = module.tail
        else:
            result.append(Module([*module.paths], [*module.boxes], module.tail))
        last, shape = module, new
    return result


def _shape_of(module: Module) -> tuple[object, ...]:
    """What makes two modules equal: the same boxes on the same shapes."""
    return tuple((type(box), box.outputs, tuple(map(repr, box.setting_values().values()))) for box in module.boxes)
