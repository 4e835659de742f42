"""Repetition, and scopes of a large graph drawn as one tile each; equal ones in a row are one tile, with a number."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply
from flowgraph.boxes.indexing.index import Index
from flowgraph.errors import UsageError
from flowgraph.rendering.columns import Member, Tie, assign_columns
from flowgraph.rendering.kinds import around, scope_path, tiles_on_cycles
from flowgraph.rendering.picture import Picture, Span, Tile
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.titles import Titles, of_first_call, run_path

LONGEST = 8
"""Columns that a link may pass; dot slows down, and readers lose the thread, on longer ones."""


def with_duplicated_nodes(picture: Picture) -> Picture:
    """The picture with a named stub in place of each link that would pass too many columns."""
    column = columns(picture)
    long = [link for link in picture.links if not link.spine and column[link.head] - column[link.tail] > LONGEST]
    if not long:
        return picture
    tiles = _told_apart(picture, {link.tail for link in long})
    stubs: dict[str, dict[str, Tile]] = {}
    hosts = dict(picture.hosts)
    replaced = {}
    for link in long:
        stub = _stub(tiles[link.tail], tiles[link.head])
        stubs.setdefault(link.head, {})[stub.id] = stub
        hosts[stub.id] = link.head
        replaced[link] = replace(link, tail=stub.id)
    links = (replaced.get(link, link) for link in picture.links)
    every = [part for tile in tiles.values() for part in (*stubs.get(tile.id, {}).values(), tile)]
    return replace(picture, tiles=tuple(every), links=tuple(links), hosts=hosts)


def _told_apart(picture: Picture, named: Set[str]) -> dict[str, Tile]:
    """The tiles by their ids, those that stubs name with a number where another tile is called alike."""
    titles = Counter(tile.title for tile in picture.tiles)
    numbers = itertools.count(1)
    return {
        tile.id: _number_tile(tile, next(numbers)) if tile.id in named and titles[tile.title] > 1 else tile
        for tile in picture.tiles
    }


def _number_tile(tile: Tile, number: int) -> Tile:
    first, *more = tile.rows[0].items
    assert isinstance(first, Span)
    title = replace(tile.rows[0], items=(replace(first, text=f"{first.text} #{number}"), *more))
    return replace(tile, rows=(title, *tile.rows[1:]))


def columns(picture: Picture) -> dict[str, int]:
    """The column of each tile, as the built-in layout would choose it without frames."""
    spine = {end for link in picture.links if link.spine for end in (link.tail, link.head)}
    members = {tile.id: Member(0.0, 0.0, 0.0, tile.id in spine) for tile in picture.tiles}
    number = {id: i for i, id in enumerate(members)}
    assign_columns(list(members.values()), [Tie(number[link.tail], number[link.head]) for link in picture.links])
    return {id: member.column for id, member in members.items()}


def _stub(source: Tile, reader: Tile) -> Tile:
    return replace(
        source,
        id=f"{source.id}@{reader.id}",
        rows=source.rows[:1],
        tooltip=f"here by name: {source.tooltip}",
        dashed=True,
        stacked=False,
        carried="",
        width=1.0,
        frame=reader.frame,
    )


_LONGEST_STEP = 60
"""Boxes of a step along the spine; a step is looked for at each length up to it, so this bounds the time."""

_LEAST_STEPS = 3
"""Of what is called a repetition."""


@dataclass(frozen=True)
class Repetition:
    """A part of the spine in which the same boxes come again and again: where it begins, its period, how often."""

    start: int
    period: int
    count: int


def repetition(spine: Sequence[Box]) -> Repetition | None:
    """The repetition that covers most of a chain of boxes, of the shortest period; None where there is none."""
    signs = [_sign(box) for box in spine]
    best: Repetition | None = None
    covered = 0
    for period in range(1, min(_LONGEST_STEP, len(signs) // _LEAST_STEPS) + 1):
        start, length = _longest_run([signs[i] == signs[i + period] for i in range(len(signs) - period)])
        count = length // period + 1
        if count >= _LEAST_STEPS and count * period > covered:
            best, covered = Repetition(start, period, count), count * period
    return best


def steps_of(subject: Subject) -> list[list[Box]]:
    """The boxes of each step: those on the main path, and those that only one step reads."""
    spine = subject.spine
    repeated = repetition(spine)
    if repeated is None:
        return []
    step: dict[Box, int] = {}
    for place in range(repeated.start, repeated.start + repeated.period * repeated.count):
        step[spine[place]] = (place - repeated.start) // repeated.period
    for box in reversed(subject.graph.boxes):
        readers = {step.get(reader, -1) for reader in subject.parents[box]}
        given = subject.kind[box] in ("input", "target", "random")
        if box not in step and not given and len(readers) == 1 and -1 not in readers:
            step[box] = readers.pop()
    steps: list[list[Box]] = [[] for _ in range(repeated.count)]
    for box in subject.graph.boxes:
        if box in step:
            steps[step[box]].append(box)
    return steps


def line_starts(subject: Subject, picture: Picture, ids: Mapping[Box, str]) -> tuple[str, ...]:
    """The tiles with which steps begin, in each frame and around them, where steps can stand under each other."""
    frame = {tile.id: tile.frame for tile in picture.tiles}
    around = {outer.parent for outer in picture.frames}  # steps that hold frames are not compared
    starts: list[str] = []
    for path in ("", *(inner.path for inner in picture.frames)):
        spine = [box for box in subject.spine if frame.get(ids[box]) == path]
        if path not in around and len(spine) >= _LEAST_STEPS:
            tiles = tuple(tile for tile in picture.tiles if tile.frame == path)
            links = tuple(link for link in picture.links if frame[link.tail] == path == frame[link.head])
            starts += _starts_within(spine, replace(picture, tiles=tiles, links=links), ids)
    return tuple(starts)


def _starts_within(spine: Sequence[Box], picture: Picture, ids: Mapping[Box, str]) -> list[str]:
    """The same of a part of the picture, of which the spine is given; steps begin where fewest links pass."""
    repeated = repetition(spine)
    if repeated is None:
        return []
    column = columns(picture)
    places = [column[ids[box]] for box in spine[repeated.start : repeated.start + repeated.period * repeated.count]]
    width = places[repeated.period] - places[0]
    if any(later - earlier != width for earlier, later in zip(places, places[repeated.period :], strict=False)):
        return []
    ties = [(column[link.tail], column[link.head]) for link in picture.links]
    middle = places[repeated.period * (repeated.count // 2)]

    def passing(phase: int) -> tuple[int, int]:
        cut = middle + places[phase] - places[0]
        return sum(tail < cut <= head for tail, head in ties), phase

    phase = min(range(repeated.period), key=passing)
    first = repeated.start + phase
    return [ids[spine[first + k * repeated.period]] for k in range(repeated.count - (phase > 0))]


def _sign(box: Box) -> Hashable:
    """What makes two boxes of a chain alike; which element is taken may differ from step to step."""
    settings = {name: value for name, value in box.setting_values().items() if name != "index"}
    return type(box), box.outputs, tuple(map(repr, settings.values())), len(box.children)


def _longest_run(same: Sequence[bool]) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    best, start = (0, 0), 0
    for place, equal in enumerate([*same, False]):
        if not equal:
            best = max(best, (start, place - start), key=lambda run: run[1])
            start = place + 1
    return best


_Place = tuple[int, int]
"""A box of a module by its number, and which of its children."""


@dataclass
class _Step:
    """How a module follows the one before: what it carries over, by the place in both, and where it reads others.

    `taken` are those that differ from the ones before, `given` the places of the one before that others read.
    """

    carried: dict[_Place, int] = field(default_factory=dict)
    taken: dict[_Place, Box] = field(default_factory=dict)
    given: set[tuple[int, bool]] = field(default_factory=set)

    def goes_on(self, before: _Step) -> bool:
        """Whether the next step is as this one."""
        return (
            self.carried == before.carried and self.taken.keys() == before.taken.keys() and self.given == before.given
        )


@dataclass(frozen=True)
class Run:
    """Modules that are one: the first, one past the last, and, for steps of a loop, what it carries and takes.

    `given` is what each step gives to others; of a loop without it, what leaves it is of the last step.
    """

    first: int
    past: int
    carried: tuple[Box, ...] = ()
    taken: tuple[Box, ...] = ()
    given: tuple[Box, ...] = ()


_COMMUTE = (Add, Multiply)


class _Steps:
    """The modules of a subject in order, as steps; leaves are no part of them."""

    def __init__(self, subject: Subject, modules: Sequence[tuple[str, Sequence[Box]]]) -> None:
        self.subject = subject
        self.modules = [[box for box in boxes if box.children] for _, boxes in modules]
        self.of = {box: number for number, boxes in enumerate(self.modules) for box in boxes}
        self.children = {box: self._in_order(box) for box in self.of}
        self.place = {box: place for boxes in self.modules for place, box in enumerate(boxes)}
        self.outside = self._dependence()
        self.shapes = [(around, self._shape(number)) for number, (around, _) in enumerate(modules)]

    def _in_order(self, box: Box) -> Sequence[Box]:
        """The children of a box; of a sum or a product those of its own step first, as 0 + a is a + 0."""
        own = self.of[box]
        return (
            sorted(box.children, key=lambda child: self.of.get(child) != own) if type(box) in _COMMUTE else box.children
        )

    def step(self, number: int) -> _Step | None:
        """How a module follows the one before; None if it is no further step."""
        before_it, other = self.modules[number - 1], self.modules[number]
        if self.shapes[number - 1] != self.shapes[number]:
            return None
        step = _Step(given=self._places_given(number - 1, number))
        for place, (box, twin) in enumerate(zip(other, before_it, strict=True)):
            for slot, (child, before) in enumerate(zip(self.children[box], self.children[twin], strict=True)):
                if self.of.get(child) == number - 1:
                    step.carried[place, slot] = self.place[child]
                elif self.of.get(child) == number or child is before:
                    continue
                elif not self._alike(child, before) or number - 1 in self.outside.get(child, ()):
                    return None
                else:
                    step.taken[place, slot] = child
        return step if step.carried else None

    def loop_from(self, start: int) -> list[_Step]:
        """How those modules follow each other that are steps of one loop with the one at `start`.

        What differs from the step before differs from all of them, and no step reads one farther before. Either each
        step gives the same to others, or only the last gives.
        """
        found: list[_Step] = []
        taken: set[tuple[_Place, Box]] = set()
        for number in range(start + 1, len(self.modules)):
            new = self.step(number)
            if new is None or (found and not new.goes_on(found[-1])):
                break
            if not found:
                boxes = self.modules[start]
                taken |= {((place, slot), self.children[boxes[place]][slot]) for place, slot in new.taken}
            if not taken.isdisjoint(new.taken.items()) or any(self.of.get(b, -1) >= start for b in new.taken.values()):
                break
            taken |= new.taken.items()
            found.append(new)
        last = start + len(found)
        goes_on = last + 1 < len(self.modules) and self.step(last + 1) is not None
        if found and found[-1].given and found[-1].given != self._places_given(last, last + goes_on):
            found.pop()
        return found

    def parallel(self) -> Run | None:
        """All modules as one, where they are alike, none reads another, and each gives the same to others."""
        given = self._places_given(0, 0)
        taken: dict[Box, None] = {}
        for number, boxes in enumerate(self.modules):
            if self.shapes[number] != self.shapes[0] or self._places_given(number, number) != given:
                return None
            for box, twin in zip(boxes, self.modules[0], strict=True):
                for child, first in zip(self.children[box], self.children[twin], strict=True):
                    if self.of.get(child) == number or (child is first and child not in self.of):
                        continue
                    if child in self.of or self.outside.get(child) or not self._alike(child, first):
                        return None
                    taken |= {first: None, child: None}
        boxes = self.modules[-1]
        computed = tuple(box for box in taken if box.children)
        return Run(0, len(self.modules), (), computed, tuple(boxes[place] for place in sorted({at for at, _ in given})))

    def _alike(self, child: Box, before: Box) -> bool:
        """Whether two values from outside have the same place in two steps."""
        if child.outputs != before.outputs or type(child) is not type(before):
            return False
        same = not isinstance(child, Constant) or np.array_equal(child.value, before.value, equal_nan=True)
        return same and self.subject.kind[child] == self.subject.kind[before]

    def _shape(self, number: int) -> Hashable:
        """The boxes of a module and how they are wired; which element of what comes from outside may differ."""
        return tuple(
            (
                type(box),
                box.outputs,
                tuple(
                    repr(value) for name, value in box.setting_values().items() if not self._is_turn(box, name, number)
                ),
                tuple(self.place[child] if self.of.get(child) == number else -1 for child in self.children[box]),
            )
            for box in self.modules[number]
        )

    def _is_turn(self, box: Box, setting: str, number: int) -> bool:
        return setting == "index" and not any(self.of.get(child) == number for child in box.children)

    def _places_given(self, number: int, following: int) -> set[tuple[int, bool]]:
        """The places of the boxes of a step that are outputs (True), and of those that not only the next step reads."""
        outputs, parents = self.subject.graph.outputs, self.subject.parents
        given = {(self.place[box], True) for box in self.modules[number] if box in outputs}
        return given | {
            (self.place[box], False)
            for box in self.modules[number]
            if any(self.of.get(reader) not in (number, following) for reader in parents[box])
        }

    def _dependence(self) -> Mapping[Box, set[int]]:
        """For boxes outside of modules, the modules that they read, also through others outside."""
        read_by: dict[Box, set[int]] = {}
        for box in self.subject.graph.boxes:
            if box not in self.of:
                read = [{self.of[child]} if child in self.of else read_by[child] for child in box.children]
                read_by[box] = set().union(*read)
        return read_by


def as_one(subject: Subject, steps: Sequence[Module], within: str | None = None) -> Module | None:
    """Modules as one tile: the steps of one loop, or modules beside each other that are alike; None if they are not."""
    known = [(module.frame if within is None else within, module.boxes) for module in steps]
    runs = fold_loops(subject, known)
    run = runs[0] if len(runs) == 1 else _Steps(subject, known).parallel()
    return None if run is None else replace(_join_steps(subject, steps, run), within=within)


def fold_loops(subject: Subject, modules: Sequence[tuple[str, Sequence[Box]]]) -> list[Run]:
    """The modules, with the scopes around them, in runs of steps; one that is no step of a loop is a run of its own."""
    steps = _Steps(subject, modules)
    runs: list[Run] = []
    start = 0
    while start < len(modules):
        loop = steps.loop_from(start)
        past = start + len(loop) + 1
        boxes = steps.modules[past - 1]
        carried = dict.fromkeys(boxes[place] for step in loop[-1:] for place in step.carried.values())
        given = (boxes[place] for step in loop[-1:] for place in sorted({place for place, _ in step.given}))
        taken = [steps.children[steps.modules[start][place]][slot] for step in loop[:1] for place, slot in step.taken]
        taken += [box for step in loop for box in step.taken.values()]
        computed = dict.fromkeys(box for box in taken if box.children)
        runs.append(Run(start, past, tuple(carried), tuple(computed), tuple(given)))
        start = past
    return runs


COLLAPSE_BEYOND = 120
"""Boxes that a picture shows one by one."""


FOLD_BEYOND = 600
"""Boxes of a graph without scopes whose equal steps are one tile; those of a smaller one stand under each other."""


@dataclass
class Module:
    """The boxes of a scope, or of several equal scopes one after the other; `tail` are those of the last that compute.

    Of several, `stages` has the boxes of each, `carried` those of the last that the next one would read, `elements`
    what each takes of a value that all read, and `given` what each gives to others, as the last does. A module that is
    no scope, but a step of a repetition, is not `scoped`.
    """

    paths: list[str]
    boxes: list[Box]
    tail: list[Box]
    stages: list[list[Box]] = field(default_factory=list)
    carried: tuple[Box, ...] = ()
    elements: Sequence[Box] = field(default_factory=list)
    scoped: bool = True
    given: tuple[Box, ...] = ()
    within: str | None = None

    @property
    def path(self) -> str:
        """The path of its scope, or of the first and the last of several."""
        return run_path(self.paths)

    @property
    def frame(self) -> str:
        """The scope in which its tile stands."""
        return self.paths[0].rpartition("/")[0] if self.within is None else self.within


def modules(
    subject: Subject, collapse: str | bool | Iterable[str] = "auto", titles: Titles | None = None,
    depth: int | None = None,
) -> list[Module]:  # fmt: skip
    """The scopes to draw as one tile: all, none, those named, or, with "auto", as deep as a large graph allows.

    With `titles`, which say what each module of a network is, those that hold no others are one tile in any case; so is
    a network that is such a module itself, if it is long. With `depth`, scopes in so many others are.
    """
    scopes = {*subject.scope.values()} - {""}
    known = titles.modules if titles is not None else {}
    if depth is not None:
        return merge_equal(subject, modules_of_scopes(subject, _in_so_many(scopes, depth, collapse), least=1))
    names: list[Any] = list(collapse) if isinstance(collapse, Iterable) and not isinstance(collapse, str) else [None]
    if all(isinstance(name, str) for name in names):
        return merge_equal(subject, modules_of_scopes(subject, _scopes_by_name(subject, names), least=1))
    if not isinstance(collapse, str | bool) or collapse not in ("auto", True, False):
        raise UsageError(f"render: found collapse={collapse!r}, needs 'auto', True, False or a list of scopes")
    if not scopes and collapse is not False and set(known) == {""} and _is_long(subject):
        own = {box: "" for box in subject.graph.boxes if subject.kind[box] not in ("input", "target")}
        return [replace(module, scoped=False) for module in _by_path(own)]
    if not scopes:
        return _repeated_steps(subject) if collapse is not False and len(subject.graph) > FOLD_BEYOND else []
    if collapse is True or (collapse == "auto" and (known or len(subject.graph) > COLLAPSE_BEYOND)):
        return _choose_closed(subject, scopes, known if collapse == "auto" else {})
    return []


def _is_long(subject: Subject) -> bool:
    """Whether a module that is drawn alone has more boxes than a picture shows one by one, or repeats its steps."""
    return len(subject.graph) > COLLAPSE_BEYOND or repetition(subject.spine) is not None


def _choose_closed(subject: Subject, scopes: set[str], titles: Mapping[str, str]) -> list[Module]:
    """The modules without others, where titles say which these are, else scopes as deep as a picture has room for.

    A module of a network is closed around a single operation too, as a pooling; other scopes are frames around it.
    """
    least = 1 if titles else 2
    found_modules = _leaves(subject, scopes, titles) if titles else []
    if found_modules and _tiles(subject, found_modules) <= COLLAPSE_BEYOND:
        return found_modules
    for depth in range(max(path.count("/") for path in scopes) + 1, 0, -1):
        found_modules = merge_equal(
            subject, modules_of_scopes(subject, {"/".join(path.split("/")[:depth]) for path in scopes}, least)
        )
        if _tiles(subject, found_modules) <= COLLAPSE_BEYOND:
            break
    return found_modules


def _in_so_many(scopes: set[str], depth: int, collapse: object) -> set[str]:
    """The scopes that stand in so many others."""
    if collapse not in ("auto", False) or isinstance(depth, bool) or not isinstance(depth, int) or depth < 0:
        raise UsageError(f"render: found depth={depth!r}, collapse={collapse!r}, needs a depth from 0, or collapse=")
    chosen = {path for path in with_outer_scopes(scopes) if path.count("/") == depth}
    if not chosen:
        deepest = max((path.count("/") for path in scopes), default=None)
        there = "a graph with scopes" if deepest is None else f"a depth of at most {deepest}, the deepest of the graph"
        raise UsageError(f"render: found depth={depth}, needs {there}; collapse=False closes none")
    return chosen


def _tiles(subject: Subject, closed: Iterable[Module]) -> int:
    return len(subject.graph) - sum(len(module.boxes) - 1 for module in closed)


def _leaves(subject: Subject, scopes: set[str], titles: Mapping[str, str]) -> list[Module]:
    """The modules of a network that hold no others, and those that are called as steps of a loop."""
    holding = {path.rpartition("/")[0] for path in titles}
    every = with_outer_scopes(scopes)
    chosen = {path for path in every if of_first_call(path) in titles.keys() - holding}
    for path in sorted(every):
        calls = {called for called in every if of_first_call(called) == of_first_call(path)}
        if "@" in path.rpartition("/")[2] and not calls <= chosen:
            steps = merge_equal(subject, modules_of_scopes(subject, calls))
            chosen |= {path for module in steps if len(module.paths) > 1 for path in module.paths}
    return merge_equal(subject, modules_of_scopes(subject, chosen, least=1))


def _repeated_steps(subject: Subject) -> list[Module]:
    """The equal steps of a graph without scopes as modules, where they become few."""
    of = {box: f"step{number}" for number, step in enumerate(steps_of(subject), 1) for box in step}
    knotted = tiles_on_cycles(subject.graph.boxes, of)
    steps = merge_equal(subject, _by_path({box: path for box, path in of.items() if path not in knotted}))
    for module in steps:
        module.scoped = False
    return steps if len(steps) <= COLLAPSE_BEYOND else []


def _by_path(of: Mapping[Box, str]) -> list[Module]:
    """The boxes of each path as a module, in the order in which the last of them is computed."""
    by_path: dict[str, Module] = {}
    for box, path in of.items():
        module = by_path.setdefault(path, Module([path], [], []))
        module.boxes.append(box)
        module.tail += [box] if box.children else []
    last = {box: place for place, box in enumerate(of)}
    return sorted((module for module in by_path.values() if module.tail), key=lambda module: last[module.tail[-1]])


def _scopes_by_name(subject: Subject, names: Iterable[str]) -> set[str]:
    """The scopes of these names, all parts of one that is drawn in parts."""
    parts: dict[str, set[str]] = {}
    for box, drawn in subject.scope.items():
        for name, part in zip(around(scope_path(box)), around(drawn), strict=True):
            parts.setdefault(name, set()).add(part)
    chosen = set(names)
    if unknown := sorted(chosen - parts.keys()):
        raise UsageError(f"render: collapse= names the scope {unknown[0]!r}; the graph has {sorted(parts)[:8]}")
    return set().union(*(parts[name] for name in chosen))


def with_outer_scopes(scopes: set[str]) -> set[str]:
    """The scopes, and those around them."""
    return set(itertools.chain.from_iterable(map(around, scopes)))


def modules_of_scopes(subject: Subject, chosen: set[str], least: int = 2) -> list[Module]:
    """The boxes of each chosen scope, the outer one of two; a scope of fewer boxes than `least` is not closed."""
    of: dict[Box, str] = {}
    for box in subject.graph.boxes:
        path = next((path for path in around(subject.scope[box]) if path in chosen), None)
        if path is not None:
            of[box] = path
    return [module for module in _by_path(of) if len(module.boxes) >= least]


def merge_equal(subject: Subject, unmerged: list[Module]) -> list[Module]:
    """Equal modules that are steps of one loop become one, with what only they take from a value that all read."""
    runs = fold_loops(subject, [(module.paths[0].rpartition("/")[0], module.boxes) for module in unmerged])
    of = {
        box: str(number)
        for number, run in enumerate(runs)
        for module in unmerged[run.first : run.past]
        for box in module.boxes
    }
    knotted = tiles_on_cycles(subject.graph.boxes, of)
    result: list[Module] = []
    for number, run in enumerate(runs):
        steps = unmerged[run.first : run.past]
        if len(steps) == 1 or str(number) in knotted:
            result += steps
            continue
        result.append(_join_steps(subject, steps, run))
    return result


def _join_steps(subject: Subject, steps: Sequence[Module], run: Run) -> Module:
    """The modules of a run as one, with what only they take from a value that all read."""
    inside = {box for step in steps for box in step.boxes}
    elements = [box for box in run.taken if _is_element(subject, box, inside)]
    boxes = [*elements, *(box for step in steps for box in step.boxes)]
    own = [box for box in steps[-1].tail if isinstance(box, Index) and not box.children[0].children]
    return Module(
        [path for step in steps for path in step.paths],
        boxes,
        steps[-1].tail,
        [step.boxes for step in steps],
        run.carried,
        elements or own,
        given=run.given,
    )


def _is_element(subject: Subject, box: Box, inside: set[Box]) -> bool:
    """Whether a box takes an element of a leaf for the steps of a loop alone."""
    element = isinstance(box, Index) and not scope_path(box) and not box.children[0].children
    return element and all(reader in inside for reader in subject.parents[box])
