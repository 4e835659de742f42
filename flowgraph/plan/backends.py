"""The back ends of flowgraph itself, and how a plan falls back to NumPy where another one refuses its graph."""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.errors import PlanError, optional
from flowgraph.graph import Graph
from flowgraph.plan.binding import bind
from flowgraph.plan.emitter import Emitter, RefusedError, emitter, emitter_of
from flowgraph.plan.numpy.threads import threads_asked
from flowgraph.plan.programs import PROGRAMS, Compilation
from flowgraph.plan.schedule import Schedule
from flowgraph.plan.store import Store

# The functions of a plan for inputs of given shapes: its program, bound to memory.


class Specialised:
    """The function of a plan for one set of shapes, once for each of the two places of its parameters.

    It takes the leaves of the compilation, but for those that are constants.
    """

    shapes: tuple[tuple[int, ...], ...]

    def __init__(self, compilation: Compilation, store: Store) -> None:
        self.emitter = compilation.emitter
        self.leaves = compilation.leaves
        self._compilation, self._store = compilation, store
        shared = PROGRAMS.program_for(compilation)
        if shared is None:
            self.schedule, program = compilation.run()
            shared = program, {}
        self.program, self._own = shared
        self.functions = self.bind_functions()
        self.copied = self.program.copied
        self.note = self.program.note
        self.sizes: Mapping[str, int] = {}

    def bind_functions(self) -> tuple[Callable[..., Any], ...]:
        """The functions in memory that is made anew."""
        return bind(self.program, self._store, self._own)

    @functools.cached_property
    def schedule(self) -> Schedule:
        """The lines and their memory, of boxes of this graph; found again where the program was made for another."""
        try:
            return self._compilation.run()[0]
        except RefusedError:  # the program is that of the back end which runs instead
            return self._compilation._replace(emitter=cast(Any, self.emitter).instead).run()[0]

    @functools.cached_property
    def advice(self) -> str:
        """That Numba would take half the time of NumPy, where its back end would make one function that does."""
        from flowgraph.plan.numba.emitter import NumbaEmitter, halves  # which import no Numba

        if self.emitter.name != "numpy" or self.note:
            return ""
        compilation = self._compilation._replace(emitter=NumbaEmitter())
        with contextlib.suppress(RefusedError):
            if halves(compilation.emitter.schedule(compilation.request())):
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


def _load(name: str) -> Emitter:
    if name == "jax":
        optional("jax", 'compile(backend="jax"): needs JAX', "jax")
    made: Emitter = getattr(importlib.import_module(f"flowgraph.plan.{name}.emitter"), _CLASSES[name])()
    return made


for _name in _CLASSES:
    emitter(_name)(functools.partial(_load, _name))


class Backend:
    """Makes the functions of one plan: by the emitter of a name, and by that of NumPy once it has refused a graph."""

    def __init__(self, name: BackendName, placement: Any = None, threads: int | None = None) -> None:
        self.name = name
        self.threads = threads_asked() if threads is None else threads
        self._note = ""
        self._emitter: Any = emitter_of(name)
        if placement is not None:
            self._emitter = cast(Any, self._emitter).place_on(placement)
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

    def specialise_graph(
        self, graph: Graph, store: Store, leaves: Mapping[Box, Box], reads: Sequence[Parameter], without: frozenset[str]
    ) -> Specialised:
        """The functions for leaves of known shapes."""
        compilation = Compilation(self._emitter, graph, store, leaves, reads, without, self.threads)
        try:
            return Specialised(compilation, store)
        except RefusedError as reason:
            if self.standalone:
                raise PlanError(f'compile(backend="{self.name}"): {reason}') from None
            instead: Emitter | None = getattr(self._emitter, "instead", None)
            if instead is not None:
                with contextlib.suppress(RefusedError):
                    made = Specialised(compilation._replace(emitter=instead), store)
                    made.program.note = made.note = f"{made.note}: {reason}"  # of all plans that share it
                    return made
            self._fall_back(str(reason))
            self._note = f"NumPy runs it: {reason}"
        made = Specialised(compilation._replace(emitter=self._emitter), store)
        made.note = made.note or self._note
        return made

    def _fall_back(self, reason: str) -> None:
        self._emitter = emitter_of("numpy")
        warnings.warn(f'compile(backend="{self.name}"): {reason}; NumPy runs this plan', UserWarning, stacklevel=2)
