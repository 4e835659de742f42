"""The graphs of derivatives, ready to run on the arguments of a call, in a cache by what a call built."""

from __future__ import annotations

import functools
import itertools
import threading
import warnings
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, concrete_values
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.box.node import line_of, users_instruction
from flowgraph.errors import RetraceWarning
from flowgraph.functional.arguments import name_of
from flowgraph.functional.compiled import Compiled, Evaluation, FirstOrder, is_bitwise
from flowgraph.functional.record import Captured, Record, captured_copy
from flowgraph.functional.replay import Recording
from flowgraph.functional.transforms import Subject
from flowgraph.graph.topology import Topology, debugging
from flowgraph.loops.containers import LEAF, flatten, mapped, rebuild, text_of

RUNS, FEWEST = 128, 16
"""Runs of a graph of small arrays before it is compiled, and of any graph.

Compiling takes 0.2 ms a box and saves 1 to 1.5 microseconds a box in each later run: 100 to 200 runs pay it back. To
compile once as much was lost as compiling costs takes at most twice the time of the best choice for the true number of
calls.
"""

ELEMENTS = 4096
"""Elements of the values of a graph, in the mean over its boxes, for which a plan saves as much again as for calls:
an MLP of 128-64-10 (1,800 of them) takes 76 runs to pay the compilation back, one of 784-100-10 (19,000) 24."""

LARGEST = 2000
"""Boxes of a graph that is compiled: a bound of about half a second on the one call that compiles."""

MOST_PLANS = 16
"""Graphs of one function that are kept as plans, each with buffers of its own; the one compiled first goes."""

MOST_BYTES = 1 << 25
"""Bytes of the buffers of these plans. A graph that needs more alone runs box by box: it hardly gains by a plan."""

_NEVER = 1 << 62
"""More runs than there will be."""


class Derivation(Evaluation):
    """The graph of a derivative, of which `result` are the boxes, with what its derivation asked of its sources.

    For other values of the `sources` that meet these conditions the derivation would build the same graph.
    """

    passes = 1

    def __init__(self, result: Any, arguments: Mapping[Box, int], sources: Sequence[Box]) -> None:
        outputs: list[Any] = []
        self.structure = flatten(result, outputs)
        self.arguments = arguments
        self.sources = {source: i for i, source in enumerate(sources)}
        super().__init__([v if isinstance(v, Box) else Constant(v) for v in outputs], arguments, self.sources)
        settled = [(i, source.settle()) for i, source in enumerate(sources) if isinstance(source, Captured)]
        self._conditions = [(i, conditions) for i, conditions in settled if conditions]

    def accepts(self, values: Sequence[Any]) -> bool:
        """Whether the derivation would build the same graph for these values of the sources."""
        for i, conditions in self._conditions:
            value = np.asarray(values[i])
            if any(predicate(value) != said for predicate, said in conditions):
                return False
        return True


class Planned:
    """A derivative of arguments and sources: computed step by step at first, by a plan after a number of runs.

    The number follows from the graph alone, so that a program gives the same bits whenever it is run. `derive` makes
    the `derivation` that a plan is compiled of; the steps are that, or those of a first derivative in numbers. Sources
    in `fixed` are constants of the plan as long as they have these values. `room` has the plans of the function, of
    which the oldest goes. A run that fails in the plan is repeated step by step, whose error names the box.
    """

    def __init__(
        self, steps: FirstOrder | Derivation, derive: Callable[[Sequence[Any]], Derivation], fixed: dict[int, Any],
        room: deque[Planned],
    ) -> None:  # fmt: skip
        self.derivation = steps if isinstance(steps, Derivation) else None
        self._steps, self._derive, self._room = steps, derive, room
        self._first = fixed  # the values of the first run: a source that changes later is no constant of a plan
        self._left = self._pause = _runs_before(steps.graph, steps.passes)
        self._lock = threading.Lock()
        self._ready: tuple[Compiled, Derivation] | None = None

    @property
    def plan(self) -> Compiled | None:
        """The plan that runs now, if there is one."""
        ready = self._ready
        return None if ready is None else ready[0]

    @property
    def bytes(self) -> int:
        """Bytes of the buffers of the plan, if there is one."""
        plan = self.plan
        return 0 if plan is None else plan.bytes

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> Any:
        """The outputs for arguments and values of the sources: arrays of the caller's own, in their containers."""
        ready = self._ready
        if ready is None:
            self._left -= 1
            if self._left >= 0 or debugging():
                return self._computed(arrays, values)
            ready = self._compiled(values)
        if ready is None or debugging() or not ready[1].accepts(values):
            return self._computed(arrays, values)
        plan = ready[0]
        if not plan.fits(values):
            self.forget(plan.others(values))
            return self._computed(arrays, values)
        try:
            return plan.call(arrays, values)
        except Exception:
            outputs = self._computed(arrays, values)  # which raises the error of the box
            self._give_up()
            return outputs

    def forget(self, changed: Sequence[int] = ()) -> None:
        """Let go of the plan; the sources by these numbers are not taken for constants in the next one."""
        for i in changed:
            self._first.pop(i, None)
        self._ready, self._left = None, self._pause

    def _computed(self, arrays: Sequence[Any], values: Sequence[Any]) -> Any:
        outputs = self._steps(arrays, values)
        if outputs is None:  # a NaN: which branches are not taken is a matter of the derivation
            outputs = self._derived(values)(arrays, values)
        owned = [np.array(value)[()] for value in outputs]
        return owned[0] if self._steps.structure is LEAF else rebuild(self._steps.structure, iter(owned))

    def _derived(self, values: Sequence[Any]) -> Derivation:
        """The derivation for these values of the sources."""
        derivation = self.derivation
        if derivation is None or not derivation.accepts(values):
            derivation = self.derivation = self._derive(values)
        return derivation

    def _compiled(self, values: Sequence[Any]) -> tuple[Compiled, Derivation] | None:
        """The plan and what it is of, unless another thread makes it, or there is none of this graph."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            fixed = {i: value for i, value in self._first.items() if is_bitwise(value, values[i])}
            self._first = fixed
            of = self._derived(values)
            made = Compiled(of.graph, of.arguments, of.sources, fixed, of.structure)
            if made.bytes > MOST_BYTES:
                self._give_up()
                return None
            self._ready = made, of
            self._make_room()
        except Exception:  # what box classes of a user raise when they are built on other boxes: the graph has run
            self._give_up()
        finally:
            self._lock.release()
        return self._ready

    def _give_up(self) -> None:
        """Run box by box from now on."""
        self._ready, self._left, self._pause = None, _NEVER, _NEVER

    def _make_room(self) -> None:
        """Let go of the plans of the same function that were compiled first, as long as there are too many."""
        room = self._room
        if self in room:
            room.remove(self)
        room.append(self)
        while len(room) > MOST_PLANS or sum([plan.bytes for plan in tuple(room)]) > MOST_BYTES:
            room.popleft().forget()


def _runs_before(graph: Topology, passes: int) -> int:
    """The number of runs after which a graph is compiled; more than there will be for one that is too large.

    Its derivation has about as many times the boxes as there are `passes`.
    """
    if len(graph.boxes) * passes > LARGEST:
        return _NEVER
    sizes = [size for box in graph.boxes for spec in box.outputs for size in [_elements(spec.shape)]]
    return max(min(RUNS, FEWEST), int(RUNS / (1 + sum(sizes) / max(len(sizes), 1) / ELEMENTS)))


def _elements(shape: Any) -> int:
    """The number of elements, where an unknown size counts once."""
    count = 1
    for size in shape:
        count *= size if isinstance(size, int) else 1
    return count


_PARTS = ("output", "by", "vector")
"""What a subject has of boxes."""


class Program:
    """The derivative of one traced call, for all calls with the same record key.

    It keeps copies of the boxes of that call, and none of their values: with them a first derivative is computed in
    numbers, until a plan of its graph pays. `frame` is all that follows from beside boxes: the kind of derivative and
    the containers. `runs` gives the derivative for the arguments and sources of a call. A later call may follow the
    `recording` of one that was `noted`.
    """

    def __init__(
        self, record: Record, values: Sequence[Any], subject: Subject, transform: Callable[[Subject], Any],
        frame: tuple[Any, ...], room: deque[Planned], in_numbers: bool,
    ) -> None:  # fmt: skip
        self.frame = frame
        self.recording: Recording | None = None
        self.noted = False
        copies = _copies(record, [None] * len(values))
        boxes, sources = ([copies[box] for box in listed] for listed in (record.boxes, record.sources))
        self._record = record._replace(boxes=boxes, sources=sources)
        self._subject = _on(copies, subject)._replace(f=_stand_in(subject.f))
        self._transform = transform
        numbers = FirstOrder(transform, self._subject, record.arguments, _numbered(sources)) if in_numbers else None
        fixed = {i: values[i] for i, leaf in enumerate(sources) if not leaf.shape and not isinstance(leaf, Random)}
        self.runs = Planned(numbers or self._derived(values), self._derived, fixed, room)

    def take(self, recording: Recording | None) -> None:
        """Keep the recording of a call, if there is none yet."""
        self.recording, self.noted = self.recording or recording, True

    def accepts(self, values: Sequence[Any]) -> bool:
        """Whether the derivation, if there is one, would build the same graph for these values of the sources."""
        derivation = self.runs.derivation
        return derivation is None or derivation.accepts(values)

    def _derived(self, values: Sequence[Any]) -> Derivation:
        """The graph of the derivative, derived on copies that note what is read of these values of the sources."""
        copies = _copies(self._record, values)
        with concrete_values.traced(None):
            result = self._transform(_on(copies, self._subject))
        return Derivation(result, self._record.arguments, [copies[source] for source in self._record.sources])


def values_of(sources: Sequence[Any], trace: concrete_values.Trace) -> list[Any]:
    """The values of constants and parameters, and what random leaves draw in this call."""
    values = []
    for box in sources:
        value = box.held if isinstance(box, Constant) else trace.value_of(box)
        values.append(value if value.ndim else value[()])
    return values


def _copies(record: Record, values: Sequence[Any]) -> dict[Box, Box]:
    """Copies of the boxes on the same arguments, with constants of these values that note what is read of them."""
    known = dict(zip(record.sources, values, strict=True))
    copies: dict[Box, Box] = {}
    for box in record.boxes:
        if box.children:
            copies[box] = box._copy_with(children=tuple([copies[child] for child in box.children]))
        elif isinstance(box, Constant | Parameter):
            value = known[box]
            copies[box] = captured_copy(box, None if value is None else np.asarray(value))
        else:
            copies[box] = box
    return copies


def _on(copies: Mapping[Box, Box], subject: Subject) -> Subject:
    """The subject with copies in the place of its boxes."""
    own = {part: mapped(lambda leaf: copies.get(leaf, leaf), getattr(subject, part)) for part in _PARTS}
    return subject._replace(**own)


def _numbered(sources: Sequence[Box]) -> dict[Box, int]:
    return {source: i for i, source in enumerate(sources)}


def _stand_in(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the same name, for errors: the user's own can then be freed, with all that it holds."""

    def stand_in() -> None: ...

    stand_in.__qualname__ = name_of(f)
    return stand_in


MOST_WAYS = 16
"""Graphs that are kept of one function for arguments of the same shapes and dtypes."""

MOST = 128
"""Graphs that are kept of one function."""

MOST_KINDS = 32
"""Kinds of calls of one function that are known, with a leaf for each of their arrays."""

MOST_SEEN = 512
"""Kinds of calls, and graphs by their hashes, that are known to have come up; two that share a hash do no harm."""

IN_A_ROW = 8
"""Calls in a row that each needed a new graph, after which a warning says so, and one is looked for in every eighth
call of the kind alone, so that no keys are made for a function that builds another graph each time."""


class Kept(NamedTuple):
    """A program with its key and the shapes that it is for."""

    key: Hashable
    shapes: Hashable
    program: Program


class Kind:
    """The calls of one derivative with arguments of one structure, of the same shapes and dtypes.

    `latest` is the program that ran last for one of them, which is tried first for the next. `missed` are the calls
    since.
    """

    def __init__(self, structure: Hashable, known: Sequence[Input]) -> None:
        self.latest: Program | None = None
        self.missed = 0
        self._structure = structure
        self._states = [{**leaf.__dict__, "of_a_call": True} for leaf in known]
        self._written: Callable[..., tuple[Any, Any]] | None = None

    def leaves(self) -> list[Box]:
        """A leaf for each array, new ones in each call: a box that a function keeps from another is found out."""
        made: list[Box] = []
        for state in self._states:
            made.append(Input._of_state(state))
        return made

    def arguments(self, leaves: Sequence[Box], statics: Sequence[Any]) -> tuple[Any, Any]:
        """The arguments by position and by keyword, with these leaves and statics."""
        if self._written is None:
            arguments: tuple[Any, Any] = rebuild(self._structure, iter(leaves), iter(statics))
            return arguments
        return self._written(leaves, statics)

    def is_looked_for(self) -> bool:
        """Whether the graph of a call that went another way is looked for."""
        self.missed += 1
        return self.missed <= IN_A_ROW or self.missed % IN_A_ROW == 0

    def follow(self, program: Program) -> None:
        """Note the program that ran last; from the first on, code written for their structure builds the arguments."""
        if self._written is None:
            space: dict[str, Any] = {}
            numbered = [map(pattern.format, itertools.count()) for pattern in ("leaves[{}]", "statics[{}]")]
            text = text_of(self._structure, numbered[0], space, numbered[1])
            exec(compile(f"def arguments(leaves, statics): return {text}", "<arguments of a call>", "exec"), space)
            self._written = space["arguments"]
        self.latest = program


class Programs:
    """The programs of one function by their keys: several of a key, where derivations asked for values.

    `kinds` are those of the calls that came last; `room` has the programs that run as plans.
    """

    def __init__(self) -> None:
        self.kinds: dict[Hashable, Kind] = {}
        self.room: deque[Planned] = deque()
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Kept] = OrderedDict()
        self._by_key: dict[Hashable, list[Program]] = {}
        self._row: list[Mapping[str, Any]] = []  # the arguments of calls in a row that were each traced anew
        self._warned = False

    def is_new(self, kind: Hashable) -> bool:
        """Whether calls of this kind, or with this hash of their boxes, are seen for the first time now."""
        with self._lock:
            is_new = kind not in self._seen
            self._seen[kind] = None
            self._seen.move_to_end(kind)
            if len(self._seen) > MOST_SEEN:
                self._seen.popitem(last=False)
            return is_new

    def find(self, key: Hashable, values: Sequence[Any]) -> Program | None:
        """The cached program with this key that fits these captured values."""
        for program in tuple(self._by_key.get(key, ())):
            if program.accepts(values):
                self._row = []
                self._move_to_end(program)
                return program
        return None

    def _move_to_end(self, program: Program) -> None:
        """Let a program be the last to go; if another thread is at it, it stays where it is."""
        if self._lock.acquire(blocking=False):
            try:
                if id(program) in self._kept:
                    self._kept.move_to_end(id(program))
            finally:
                self._lock.release()

    def met(self, key: Hashable, kind: Kind) -> None:
        """Keep a kind of calls, and let go of the oldest where there are too many."""
        with self._lock:
            self.kinds[key] = kind
            if len(self.kinds) > MOST_KINDS:
                del self.kinds[next(iter(self.kinds))]

    def used(self, program: Program, kind: Kind) -> None:
        """Note that a program ran for a call of a kind."""
        kind.missed = 0
        if kind.latest is not program:
            kind.follow(program)
        elif self._row:
            self._row = []

    def add(self, key: Hashable, shapes: Hashable, program: Program) -> None:
        """Keep a program; let go of the oldest of its shapes, and of all, where there are too many."""
        with self._lock:
            self._kept[id(program)] = Kept(key, shapes, program)
            self._by_key.setdefault(key, []).insert(0, program)
            mine = [kept for kept in self._kept.values() if kept.shapes == shapes]
            for dropped in [*mine[:-MOST_WAYS], *list(self._kept.values())[:-MOST]]:
                if self._kept.pop(id(dropped.program), None) is not None:
                    self._by_key[dropped.key].remove(dropped.program)
                    if not self._by_key[dropped.key]:
                        del self._by_key[dropped.key]

    def note(self, f: Callable[..., Any], transform: str, given: Mapping[str, Any]) -> None:
        """A call that needed a new graph: after several in a row a warning names the argument that changes."""
        with self._lock:
            self._row.append(dict(given))
            if self._warned or len(self._row) < IN_A_ROW:
                return
            row, self._row = self._row, []
            named = [name for name in row[0] if _is_new_each_time([call.get(name, self) for call in row])]
            if not named:
                return
            self._warned = True
        values = ", ".join(str(call[named[0]]) for call in row[-3:])
        line = line_of(*users_instruction())
        warnings.warn_explicit(
            f"{transform} of {name_of(f)}: the last {len(row)} calls were each traced anew, as the argument "
            f"{named[0]!r} ({values}) had another value in each of them and the graph follows it, which takes several "
            f"times as long as to run a graph; pass it as a float where it is only computed with, or pass the batch "
            f"that it chooses as an argument",
            RetraceWarning,
            line.path,
            line.number,
        )

    def __len__(self) -> int:
        return len(self._kept)


_of_code: weakref.WeakKeyDictionary[CodeType, Programs] = weakref.WeakKeyDictionary()


def programs_of(f: Callable[..., Any]) -> Programs:
    """The programs of a function: those of its code, so that a function that is made anew finds them again."""
    code = _code_of(f)
    if code is None:
        return Programs()
    programs = _of_code.get(code)
    if programs is None:
        programs = _of_code[code] = Programs()
    return programs


def _code_of(f: Any) -> CodeType | None:
    """The code object of a function, of a derivative or of a partial."""
    while not isinstance(f, FunctionType):
        if isinstance(f, MethodType):
            f = f.__func__
        elif isinstance(f, functools.partial):
            f = f.func
        elif "__wrapped__" in getattr(f, "__dict__", ()):
            f = f.__wrapped__
        else:
            f = next((vars(cls)["__call__"] for cls in type(f).__mro__ if "__call__" in vars(cls)), None)
            if not isinstance(f, FunctionType):
                return None
    return f.__code__


def _is_new_each_time(values: Sequence[Any]) -> bool:
    return len({(type(value), value) for value in values}) == len(values)
