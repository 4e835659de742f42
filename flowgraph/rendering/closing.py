"""What of a network is closed so that its picture fits: equal neighbours first, then modules level by level."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from flowgraph.box import Box
from flowgraph.rendering.kinds import around, tiles_on_cycles
from flowgraph.rendering.modules import Module, as_one, merge_equal, modules, modules_of_scopes, with_outer_scopes
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.titles import Titles, kind_of, of_first_call

_NAMED = 6
"""Kinds of modules, or names of scopes, that a legend has."""


class Closing(NamedTuple):
    """What is closed, and what a legend says of it: nothing of what is closed in any picture of the subject."""

    modules: list[Module]
    legend: str = ""


def closings(subject: Subject, titles: Titles) -> Iterator[Closing]:
    """Ever fewer tiles: as the picture is without being asked to fit, then equal neighbours as one tile, then modules.

    Modules are closed level by level from the inside, in the whole network alike; at last those around rows.
    What is usual has closed modules of a large network already: what shows more than that is left out.
    """
    usual = modules(subject, "auto", titles)
    yield Closing(usual)
    height = heights(subject, titles)
    seen, is_less = {_signature(usual)}, False
    rows: list[Module] = []
    for level in range(max(height.values(), default=-1) + 1):
        shut = {path for path, high in height.items() if high < level or (high == 0 and titles.modules)}
        rows = _rows(subject, height, level)
        for chosen in (shut, {path for path, high in height.items() if high <= level}):
            closed = _close_scopes(subject, chosen, rows)
            is_less = is_less or _count_hidden(closed) > _count_hidden(usual)
            if is_less and (signature := _signature(closed)) not in seen:
                seen.add(signature)
                yield Closing(closed, _legend(closed, usual, titles))
    closed = _close_scopes(subject, {*height}, _rows_outside(rows, {*height}))
    if _count_hidden(closed) > _count_hidden(usual) and _signature(closed) not in seen:
        yield Closing(closed, _legend(closed, usual, titles))


def _rows_outside(rows: Sequence[Module], chosen: Set[str]) -> list[Module]:
    """The rows that stand in none of the chosen scopes: one that is closed around a row hides it."""
    return [row for row in rows if chosen.isdisjoint(around(row.frame))]


def _signature(closed: Sequence[Module]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(module.paths) for module in closed)


def _count_hidden(closed: Sequence[Module]) -> int:
    """How many operations stand in closed modules beyond one for each; rows of modules list no leaves."""
    return sum(sum(1 for box in module.boxes if box.children) - 1 for module in closed)


def heights(subject: Subject, titles: Titles) -> dict[str, int]:
    """For each scope how many levels of scopes it holds; 0 for a module without others, whatever scopes it has."""
    scopes = with_outer_scopes({*subject.scope.values()} - {""})
    holding = {path.rpartition("/")[0] for path in titles.modules}
    leaves = titles.modules.keys() - holding
    height: dict[str, int] = {}
    for path in sorted(scopes, key=lambda path: -path.count("/")):
        height[path] = 0 if of_first_call(path) in leaves else height.get(path, 0)
        outer = path.rpartition("/")[0]
        if outer:
            height[outer] = max(height.get(outer, 0), height[path] + 1)
    inside_leaves = {path for path in scopes if any(f"{path}/".startswith(f"{leaf}/") for leaf in leaves - {path})}
    return {path: high for path, high in height.items() if of_first_call(path) in leaves or path not in inside_leaves}


_COUNTED = re.compile(r"(.*?)(\d+)")


def _rows(subject: Subject, height: Mapping[str, int], level: int) -> list[Module]:
    """Scopes that stand beside each other and are alike, each row as one module.

    They are scopes of up to this level with numbers, as the experts of a mixture, or the calls of one module as steps
    of a loop.
    """
    series: dict[tuple[str, bool], dict[int, str]] = {}
    for path, high in height.items():
        calls = of_last_call(path)
        if high <= level and (calls in height and (path != calls or f"{path}@1" in height)):
            series.setdefault((calls, True), {})[int(path.rpartition("@")[2]) if path != calls else 0] = path
        elif 0 < high <= level and (match := _COUNTED.fullmatch(path)) is not None:
            series.setdefault((match[1], False), {})[int(match[2])] = path
    found: list[Module] = []
    taken: set[Box] = set()
    for (stem, called), numbered in sorted(series.items(), key=lambda item: item[0][0].count("/")):
        paths = [numbered[number] for number in sorted(numbered)]
        row = _row(subject, stem.rpartition("/")[0], paths, taken) if len(paths) > 1 else None
        if row is not None and (row.carried or not called):
            found.append(row)
            taken |= {*row.boxes}
    return found


def of_last_call(path: str) -> str:
    """The path of the first of the calls to which one belongs, within the same call of what is around it."""
    outer, slash, name = path.rpartition("/")
    return f"{outer}{slash}{name.partition('@')[0]}"


def _row(subject: Subject, outer: str, paths: Sequence[str], taken: Set[Box]) -> Module | None:
    """These scopes as one module, with the operations outside that belong to one of them each, where there are any."""
    inside = [
        [box for box in subject.graph.boxes if f"{subject.scope[box]}/".startswith(f"{path}/") and box.children]
        for path in paths
    ]
    grown = _grow_steps(subject, outer, inside)
    for steps in (grown, inside):
        within = _common([*(subject.scope[box] for boxes in steps for box in boxes), f"{outer}/_"])
        parts = [Module([path], own, own) for path, own in zip(paths, steps, strict=True)]
        free = taken.isdisjoint(box for boxes in steps for box in boxes)
        if free and all(steps) and (row := as_one(subject, parts, within)) is not None:
            return row
    return None


def _common(paths: Sequence[str]) -> str:
    """The innermost scope that holds all of these."""
    shared: list[str] = []
    for names in zip(*(path.split("/") for path in paths), strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return "/".join(shared)


def _grow_steps(subject: Subject, outer: str, steps: Sequence[Sequence[Box]]) -> list[list[Box]]:
    """The steps with the operations around them that read one step each, and with what only these read.

    Each is taken in all steps or in none: a weight times what an expert gives, and the sum of these. Modules are taken
    as a whole or not at all.
    """
    if len({len(boxes) for boxes in steps}) > 1:
        return [list(boxes) for boxes in steps]
    ranks = list(zip(*steps, strict=True))
    of = {box: number for number, boxes in enumerate(steps) for box in boxes}
    own = {*of}
    while True:
        before = _before(subject, ranks, of)
        following = before or _following(subject, len(steps), of)
        if not following:
            break
        ranks.append(following)
        of |= {box: number for number, box in enumerate(following)}
    cut = _cut(subject, outer, of)
    grown: list[list[Box]] = [[] for _ in steps]
    for box in subject.graph.boxes:
        if box in own or (box in of and subject.scope[box] not in cut):
            grown[of[box]].append(box)
    return grown


def _before(subject: Subject, ranks: Sequence[Sequence[Box]], of: Mapping[Box, int]) -> tuple[Box, ...]:
    """A box for each step that only this step reads, at the same place of the same operation."""
    for boxes in ranks:
        for found in zip(*(box.children for box in boxes), strict=False):
            alike = len({(type(box), box.outputs) for box in found}) == 1 and all(box.children for box in found)
            if alike and all(
                box not in of and {of.get(reader, -1) for reader in subject.parents[box]} == {number}
                for number, box in enumerate(found)
            ):
                return found
    return ()


def _following(subject: Subject, count: int, of: Mapping[Box, int]) -> tuple[Box, ...]:
    """The one operation after each step, where all of them are of one kind."""
    readers: list[set[Box]] = [set() for _ in range(count)]
    for box, number in of.items():
        readers[number].update(one for one in subject.parents[box] if one not in of)
    found = tuple(next(iter(read)) for read in readers if len(read) == 1)
    alike = len(set(found)) == count and len({(type(box), box.outputs) for box in found}) == 1
    return found if alike else ()


def _cut(subject: Subject, outer: str, of: Mapping[Box, int]) -> set[str]:
    """The scopes of which a part alone belongs to a step, but those in which all steps stand."""
    steps: dict[str, set[int]] = {}
    for box in subject.graph.boxes:
        for path in around(subject.scope[box]):
            if box.children and not f"{outer}/".startswith(f"{path}/"):
                steps.setdefault(path, set()).add(of.get(box, -1))
    bad = {path for path, found in steps.items() if len(found) > 1 and found & set(of.values())}
    return {path for path in steps if any(f"{path}/".startswith(f"{one}/") for one in bad)}


def _close_scopes(subject: Subject, chosen: Set[str], rows: Sequence[Module]) -> list[Module]:
    """The chosen scopes and these rows as modules; a row is left out that would read itself through others."""
    kept = list(rows)
    closable = _without_shells(subject, chosen)
    while True:
        inside = {box for row in kept for box in row.boxes}
        others = [module for module in modules_of_scopes(subject, closable, least=1) if inside.isdisjoint(module.boxes)]
        every = [*kept, *merge_equal(subject, others)]
        of = {box: str(number) for number, module in enumerate(every) for box in module.boxes}
        knotted = {int(number) for number in tiles_on_cycles(subject.graph.boxes, of)}
        if not knotted & set(range(len(kept))):
            return every
        kept = [row for number, row in enumerate(kept) if number not in knotted]


def _without_shells(subject: Subject, chosen: Set[str]) -> set[str]:
    """The chosen scopes but those that hold nothing else than another of them."""
    held_in: Counter[str] = Counter(path for box in subject.graph.boxes for path in around(subject.scope[box]))
    shells = {path.rpartition("/")[0] for path in chosen if held_in[path.rpartition("/")[0]] == held_in[path]}
    return {*chosen} - shells


def _legend(closed: Sequence[Module], usual: Sequence[Module], titles: Titles) -> str:
    """What is closed beyond what usually is: kinds of modules with their numbers, or names of scopes."""
    before = {path for module in usual for path in module.paths}
    paths = [path for module in closed for path in module.paths if path not in before]
    counts = Counter(kind_of(titles.of_module(path)) or path for path in paths)
    words = [f"{name} ×{count}" if count > 1 else name for name, count in counts.items()]
    more = [f"{len(words) - _NAMED} more"] if len(words) > _NAMED else []
    said = [f"closed to fit: {', '.join([*words[:_NAMED], *more])}"] if words else []
    rows = {tuple(module.paths) for module in closed if len(module.paths) > 1} - {tuple(one.paths) for one in usual}
    return "; ".join([*said, *(["×n: n equal modules as one tile"] if rows else [])])
