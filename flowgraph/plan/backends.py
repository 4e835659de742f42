"""The back ends of flowgraph itself, and how a plan falls back to NumPy where another one refuses its graph."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.errors import PlanError, install_hint
from flowgraph.graph import Graph
from flowgraph.plan.emitter import Emitter, RefusedError, emitter, emitter_of
from flowgraph.plan.specialised import Specialised
from flowgraph.plan.store import Store

BackendName: TypeAlias = Literal["numpy", "numba", "jax", "javascript"]


@emitter("numpy")
def _numpy() -> Emitter:
    from flowgraph.plan.numpy.emitter import NumPyEmitter

    return NumPyEmitter()


@emitter("numba")
def _numba() -> Emitter:
    from flowgraph.plan.numba.emitter import NumbaEmitter

    return NumbaEmitter()


@emitter("jax")
def _jax() -> Emitter:
    try:
        import jax  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'compile(backend="jax"): needs JAX, which is not installed; {install_hint("jax")}'
        ) from error
    from flowgraph.plan.jax.emitter import JaxEmitter

    return JaxEmitter()


@emitter("javascript")
def _javascript() -> Emitter:
    from flowgraph.plan.javascript.emitter import JavaScriptEmitter

    return JavaScriptEmitter()


class Backend:
    """Makes the functions of one plan: by the emitter of a name, and by that of NumPy once it has refused a graph."""

    def __init__(self, name: BackendName, placement: Any = None) -> None:
        self.name = name
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
            return Specialised(self._emitter, graph, store, leaves, reads, without)
        except RefusedError as reason:
            if self.standalone:
                raise PlanError(f'compile(backend="{self.name}"): {reason}') from None
            instead: Emitter | None = getattr(self._emitter, "instead", None)
            if instead is not None:
                with contextlib.suppress(RefusedError):
                    found = Specialised(instead, graph, store, leaves, reads, without)
                    found.note = f"{found.note}: {reason}"
                    return found
            self._fall_back(str(reason))
            self._note = f"NumPy runs it: {reason}"
        found = Specialised(self._emitter, graph, store, leaves, reads, without)
        found.note = found.note or self._note
        return found

    def _fall_back(self, reason: str) -> None:
        self._emitter = emitter_of("numpy")
        warnings.warn(f'compile(backend="{self.name}"): {reason}; NumPy runs this plan', UserWarning, stacklevel=2)
