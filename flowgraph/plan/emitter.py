"""What a back end gives, and the back ends that there are by the names that `fg.compile(..., backend=)` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.plan.binding import Program
from flowgraph.plan.rebuild import owner_of
from flowgraph.plan.schedule import Schedule
from flowgraph.plan.store import Layout


class Request(NamedTuple):
    """What a function is wanted of, for inputs of given shapes.

    The last outputs of the graph are the new values of the parameters of the store; its sizes are numbers, and no
    composite box is left in it for which the back end has no rule. The function takes `leaves`, inputs and random
    draws, and after them the values of `reads`, the parameters that no update changes.
    """

    graph: Graph
    store: Layout
    leaves: Sequence[Box]
    reads: Sequence[Parameter]
    without: frozenset[str]
    given: Sequence[Box] = ()
    """The leaves as the user has them, with names for sizes."""
    threads: int = 1
    """In how many threads shards of the batch are computed."""
    own: Sequence[Box] = ()
    """Boxes of the graph that were made for this request: a pass may give them other children where they stand."""

    @property
    def returned(self) -> int:
        """How many outputs the function returns; the others are the new values."""
        return len(self.graph.outputs) - len(self.store.parameters)


class Emitter(Protocol):
    """A back end: from a graph to source text that computes it.

    A new back end is one class with these four methods, registered by `@emitter("its name")`. The rest is shared: sizes
    become numbers and composite boxes are opened before, parameters live in a `Store`, and the program is bound twice
    after, to either side of the store (`bind`). `schedule` says in which order and where in memory values are computed;
    a back end whose compiler decides that itself, as XLA does, may return `schedule(graph, updated)` of the graph as it
    is, from which pictures are drawn, and emit from `schedule.graph` alone.

    Its values must be those of the graph, to rounding, and it must write new values of parameters into the arrays
    `memory.new` and nothing else that outlives the call. A graph that it cannot compute it refuses with `RefusedError`,
    in any of its methods: NumPy runs that plan, and a warning says why.

    A back end whose programs may serve the plans of all equal graphs says so by `shared = True` on its own class, and
    is not believed on a subclass: whatever belongs to one graph, its program reads through `Memory`, and its text knows
    nothing of a long constant but shape, dtype and strides. Its program may be that of the back end of the same name
    that runs `instead` of it.

    A back end that keeps parameters in memory of its own has a method `store(updates)` too, which makes a `Store`; its
    graphs are then run by nobody else, and it raises an error of flowgraph for what it cannot compute.
    """

    name: ClassVar[str]
    standalone: ClassVar[bool]
    """Whether its text leaves Python: sizes stay names in it, one function serves all, and a refusal is an error."""

    def why_missing(self) -> str | None:
        """Why the back end cannot be used on this machine, and how to install it; None where it can."""

    def has_rule(self, box: Box) -> bool:
        """Whether it writes the box by a rule of its own, so that the box is not opened into what its fprop builds."""

    def schedule(self, request: Request) -> Schedule:
        """The graph after the rewriting passes that suit the back end, and where its values are kept."""

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The program that computes the graph of the schedule."""


class RefusedError(Exception):
    """Why a back end does not take a graph: the reason, and the box of the user that it is about."""

    def __init__(self, reason: str, box: Box | None = None) -> None:
        owner = None if box is None else owner_of(box)
        super().__init__(reason if owner is None else f"{owner.title} {reason}, built at {owner.built_at}")


Loader = Callable[[], Emitter]
_loaders: dict[str, Loader] = {}


def emitter(name: str) -> Callable[[Loader], Loader]:
    """Register what makes the emitter of a back end; it is called when a plan asks for the name, so it may import."""

    def register(loader: Loader) -> Loader:
        _loaders[name] = loader
        return loader

    return register


_rules: dict[str, list[Callable[[], None]]] = {}


def rules_of(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register what imports more rules of a back end; it is called when the back end is first asked for."""

    def register(load: Callable[[], None]) -> Callable[[], None]:
        _rules.setdefault(name, []).append(load)
        return load

    return register


def emitter_of(name: str) -> Emitter:
    """The emitter of that name."""
    if not isinstance(name, str) or name not in _loaders:
        *most, last = map(repr, _loaders)
        raise UsageError(f"compile: found backend={name!r}, needs {', '.join(most)} or {last}")
    made = _loaders[name]()
    while _rules.get(name):
        _rules[name].pop()()
    return made
