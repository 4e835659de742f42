"""The back ends of flowgraph itself, and how a plan falls back to NumPy where another one refuses its graph."""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.errors import PlanError, install_hint
from flowgraph.graph import Graph
from flowgraph.graph.topology import debugging
from flowgraph.plan import equal
from flowgraph.plan.binding import Program, bind
from flowgraph.plan.blas import count_threads
from flowgraph.plan.emitter import Emitter, RefusedError, Request, emitter, emitter_of
from flowgraph.plan.numpy.threads import threads_asked
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.rebuild import is_data
from flowgraph.plan.schedule import Schedule
from flowgraph.plan.store import Layout, Store

# A plan for inputs of given shapes: the simplified graph, its schedule, its program, the functions bound to memory.


class _Wanted(NamedTuple):
    """All that a program is made of."""

    emitter: Emitter
    graph: Graph
    layout: Layout
    leaves: Mapping[Box, Box]
    reads: Sequence[Parameter]
    without: frozenset[str]
    threads: int
    others: Mapping[Box, Box] = MappingProxyType({})
    """Parameters and constants that others stand for."""

    def compiled(self) -> tuple[Schedule, Program]:
        """The graph after all passes, its order and its memory; and the program."""
        request = self.request()
        schedule = self.emitter.schedule(request)
        return schedule, self.emitter.emit(request, schedule)

    def request(self) -> Request:
        """What the emitter is asked for: the graph whose sizes are numbers, where composite boxes are opened."""
        leaves, symbolic = self.leaves, self.emitter.standalone
        new = {**leaves, **self.others}
        opened = open_composites(self.graph, self.emitter.has_rule, symbolic=symbolic, leaves=new)
        given = {box: leaf for box, leaf in leaves.items() if not isinstance(leaf, Constant)}
        own = [box for box in opened.boxes if box.children and box not in self.graph.slots]
        return Request(
            opened, self.layout, list(given.values()), self.reads, self.without, list(given), self.threads, own
        )

    def key(self) -> Hashable:
        """What is the same where one program serves two graphs."""
        others = self.emitter.name, tuple(sorted(self.without)), self.threads, count_threads()
        return equal.key_of(self.graph, self.leaves, (self.layout.parameters, self.reads), others)

    def bound(self) -> list[Box]:
        """The leaves whose values are bound to a program: parameters that it updates, and long constants."""
        constants = [box for box in (*self.graph.boxes, *self.leaves.values()) if is_data(box)]
        return [*self.layout.parameters, *dict.fromkeys(constants)]

    def kept_or_made(self, key: Hashable, bound: Sequence[Box]) -> equal.Made:
        """The program that another process has kept on the disk, or one that is made now, and kept."""
        from flowgraph.plan import kept  # pathlib and hashlib with it, which an import of flowgraph does not need

        file = kept.file_of(key, len(self.graph.boxes))
        made = None if file is None else kept.read(file)
        if made is None:
            alone, leaves = self.anonymous(bound)
            made = equal.Made(alone.compiled()[1], leaves, equal.bytes_of(self.graph, self.leaves.values()))
            if file is not None:
                kept.write(file, made)
        return made

    def anonymous(self, bound: Sequence[Box]) -> tuple[_Wanted, Sequence[Box]]:
        """The same for leaves without values, and those of them that stand for the leaves whose values are bound."""
        leaves = self.leaves
        others: dict[Any, Any] = {box: equal.without_value(box) for box in (*self.reads, *bound)}
        given = {box: others[leaf] if leaf in others else equal.without_value(leaf) for box, leaf in leaves.items()}
        layout = self.layout.of([others[parameter] for parameter in self.layout.parameters])
        reads = [others[parameter] for parameter in self.reads]
        wanted = self._replace(layout=layout, leaves=given, reads=reads, others=others)
        return wanted, [others[box] for box in bound]


class Specialised:
    """The function of a plan for one set of shapes, once for each of the two places of its parameters.

    It takes the `leaves`, but for those that are constants.
    """

    shapes: tuple[tuple[int, ...], ...]

    def __init__(
        self,
        emitter: Emitter,
        graph: Graph,
        store: Store,
        leaves: Mapping[Box, Box],
        reads: Sequence[Parameter],
        without: frozenset[str],
        threads: int = 1,
    ) -> None:
        self.emitter = emitter
        self.leaves = leaves
        self._store = store
        self._wanted = _Wanted(emitter, graph, store, leaves, reads, without, threads)
        self.program, self._own = self._made()
        self.functions = self.bound()
        self.copied = self.program.copied
        self.note = self.program.note
        self.sizes: Mapping[str, int] = {}

    def _made(self) -> tuple[Program, Mapping[Box, Box]]:
        """The program, and the leaves of this plan for its own, where it serves all equal graphs."""
        wanted = self._wanted
        key = wanted.key() if vars(type(self.emitter)).get("shared", False) and not debugging() else None
        if key is None:
            self.schedule, program = wanted.compiled()
            return program, {}
        bound = wanted.bound()
        made = equal.known.get(key)
        if made is None:
            made = wanted.kept_or_made(key, bound)
            equal.known.keep(key, made)
        return made.program, made.own(bound)

    def bound(self) -> tuple[Callable[..., Any], ...]:
        """The functions in memory that is made anew."""
        return bind(self.program, self._store, self._own)

    @functools.cached_property
    def schedule(self) -> Schedule:
        """The lines and their memory, of boxes of this graph; found again where the program was made for another."""
        return self._wanted.compiled()[0]

    @functools.cached_property
    def advice(self) -> str:
        """That Numba would take half the time of NumPy, where its back end would make one function that does."""
        from flowgraph.plan.numba.emitter import NumbaEmitter, halves  # which import no Numba

        if self.emitter.name != "numpy" or self.note:
            return ""
        wanted = self._wanted._replace(emitter=NumbaEmitter())
        with contextlib.suppress(RefusedError):
            if halves(wanted.emitter.schedule(wanted.request())):
                return 'backend="numba" would take about half the time, once it has compiled'
        return ""

    @property
    def graph(self) -> Graph:
        """The simplified graph."""
        return self.schedule.graph

    def of_sizes(self, sizes: Mapping[str, int]) -> Specialised:
        """The same function for names of sizes with these numbers, where it serves all."""
        other = copy.copy(self)
        other.sizes = sizes
        return other


def copies(values: Sequence[Any], copied: Sequence[bool]) -> tuple[Any, ...]:
    """The values, copied where they lie in memory that is not the caller's alone."""
    return tuple([_copy(value) if own else value for value, own in zip(values, copied, strict=True)])


def _copy(value: object) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_copy, value))
    return value.copy()[()] if isinstance(value, np.ndarray) else value


# The back ends of flowgraph itself, and how a plan falls back to NumPy where another one refuses its graph.

BackendName: TypeAlias = Literal["numpy", "numba", "jax", "javascript"]


_CLASSES = {"numpy": "NumPyEmitter", "numba": "NumbaEmitter", "jax": "JaxEmitter", "javascript": "JavaScriptEmitter"}


def _loaded(name: str) -> Emitter:
    if name == "jax":
        try:
            import jax  # noqa: F401
        except ImportError as error:
            raise ImportError(
                f'compile(backend="jax"): needs JAX, which is not installed; {install_hint("jax")}'
            ) from error
    made: Emitter = getattr(importlib.import_module(f"flowgraph.plan.{name}.emitter"), _CLASSES[name])()
    return made


for _name in _CLASSES:
    emitter(_name)(functools.partial(_loaded, _name))


class Backend:
    """Makes the functions of one plan: by the emitter of a name, and by that of NumPy once it has refused a graph."""

    def __init__(self, name: BackendName, placement: Any = None, threads: int | None = None) -> None:
        self.name = name
        self.threads = threads_asked() if threads is None else threads
        self._note = ""
        self._emitter: Any = emitter_of(name)
        if placement is not None:
            self._emitter = cast(Any, self._emitter).placed(placement)
        missing = self._emitter.why_missing()
        if missing:
            self._fall_back(missing)
            self._note = f"NumPy runs it: {missing}"

    def store(self, updates: Mapping[Parameter, Box]) -> Store:
        """Where the parameters live that a plan updates."""
        made: Store = getattr(self._emitter, "store", Store)(updates)
        return made

    @property
    def standalone(self) -> bool:
        """Whether one function serves inputs of all shapes, whose text leaves Python."""
        return bool(self._emitter.standalone)

    def specialised(
        self, graph: Graph, store: Store, leaves: Mapping[Box, Box], reads: Sequence[Parameter], without: frozenset[str]
    ) -> Specialised:
        """The functions for leaves of known shapes."""
        try:
            return Specialised(self._emitter, graph, store, leaves, reads, without, self.threads)
        except RefusedError as reason:
            if self.standalone:
                raise PlanError(f'compile(backend="{self.name}"): {reason}') from None
            instead: Emitter | None = getattr(self._emitter, "instead", None)
            if instead is not None:
                with contextlib.suppress(RefusedError):
                    made = Specialised(instead, graph, store, leaves, reads, without, self.threads)
                    made.program.note = made.note = f"{made.note}: {reason}"  # of all plans that share it
                    return made
            self._fall_back(str(reason))
            self._note = f"NumPy runs it: {reason}"
        made = Specialised(self._emitter, graph, store, leaves, reads, without, self.threads)
        made.note = made.note or self._note
        return made

    def _fall_back(self, reason: str) -> None:
        self._emitter = emitter_of("numpy")
        warnings.warn(f'compile(backend="{self.name}"): {reason}; NumPy runs this plan', UserWarning, stacklevel=2)
