"""What a check varies, its time limit, and whether refusals of bprop beyond the example are failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.target import Inputs, Target, is_float_array
from flowgraph.errors import UsageError


class Effort(NamedTuple):
    """How much a check may take: calls of fprop for one target, and seconds of the processor for the whole of it.

    A function that a framework runs gets more of them, since it may have to be compiled, a class of boxes more for its
    examples, a graph more for its boxes. `explaining` is for making small and telling what is wrong, beside the others.
    """

    budget: int
    function: float
    framework: float
    box: float
    graph: float
    explaining: float


EFFORTS = {
    "fast": Effort(2_000, 0.5, 1.0, 1.0, 4.0, 0.5),
    "normal": Effort(60_000, 3.0, 12.0, 6.0, 30.0, 1.5),
    "thorough": Effort(300_000, 15.0, 60.0, 30.0, 150.0, 3.0),
}
NORMAL = EFFORTS["normal"]
PATIENCE = 10.0  # times longer by the clock on the wall, where code waits or the machine is given to others
FRESH = 0.02  # seconds for which a reading of the processor's clock will do: it can cost as much as many small calls
SPARING = 30  # times what the latest reading took
KINDS = ("values", "shapes", "settings", "dtypes")
Words = str | Iterable[str] | None


@dataclass(frozen=True)
class Scope:
    """The inputs that are varied, those that are fixed, and the rules for notes.

    `vary` and `fixed` hold words of KINDS and names of inputs; an empty `vary` is everything. `without` are the names
    of excuses that are not made for a mismatch, `explaining` the seconds for making a failure small.
    """

    strict: bool = False
    vary: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    explaining: float = NORMAL.explaining

    def demand_known(self, target: Target) -> None:
        """Raise for a word that is neither a kind of change nor an input of this target."""
        for option, words in (("vary", self.vary), ("fixed", self.fixed)):
            for word in words:
                if word not in KINDS and word not in target.names:
                    known = ", ".join(map(repr, KINDS))
                    raise UsageError(
                        f"check: {option}= has {word!r}, but {target.name} has the inputs {', '.join(target.names)}; "
                        f"needs a name of these, or one of {known}"
                    )

    def varies(self, kind: str) -> bool:
        """Whether inputs may be changed in this way."""
        chosen = [word for word in self.vary if word in KINDS]
        return (not chosen or kind in chosen) and kind not in self.fixed

    def moves(self, name: str) -> bool:
        """Whether this input may be another one than in the example."""
        chosen = [word for word in self.vary if word not in KINDS]
        return (not chosen or name in chosen) and name not in self.fixed

    def allows(self, target: Target, example: Inputs, inputs: Inputs) -> bool:
        """Whether derived inputs differ from the example in nothing but what may be varied."""
        if not self.vary and not self.fixed:
            return True
        for name, one, other in zip(target.names, example, inputs, strict=True):
            kind = _change(one, other)
            if kind and not (self.moves(name) and self.varies(kind)):
                return False
        return True


EVERYTHING = Scope()


@dataclass(frozen=True)
class Asked:
    """The options of fg.check, as they were given."""

    order: int = 1
    seed: int = 0
    budget: int | None = None
    valid: Callable[..., Any] | None = None
    names: Sequence[str] | None = None
    strict: bool | None = None
    vary: Words = None
    fixed: Words = None
    effort: Effort = NORMAL

    @property
    def calls(self) -> int:
        """How often fprop may be called for one target."""
        return self.budget or self.effort.budget

    def scope(self, strict: bool) -> Scope:
        """With what holds for this kind of target where `strict` was not given."""
        chosen = strict if self.strict is None else self.strict
        return Scope(chosen, _words(self.vary), _words(self.fixed), explaining=self.effort.explaining)

    def refuse(self, what: str, *options: str) -> None:
        """Refuse an option that has no meaning for this target, since ignoring it would suggest a check not made."""
        for option in options:
            if getattr(self, option) is not None:
                raise UsageError(f"check: found {option}=, but {what}; leave it out")


def _words(words: Words) -> tuple[str, ...]:
    return () if words is None else (words,) if isinstance(words, str) else tuple(words)


def _change(one: Value, other: Value) -> str:
    """The kind of change that makes one input of the other; "" where they are equal."""
    if one is other:
        return ""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape:
            return "shapes"
        if np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            return ""
        return "values" if is_float_array(one) else "settings"
    if type(one) is type(other) and one == other:
        return ""
    return "values" if type(one) is float and type(other) is float else "settings"


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._processor = time.process_time()
        self._next = 0.0
        self._read = 0.0

    def wall(self) -> float:
        """Seconds by the clock on the wall."""
        return time.perf_counter() - self._wall

    def seconds(self) -> float:
        """Seconds of the processor, which counts each thread: never more than on the wall, nor much less."""
        wall = self.wall()
        if wall > self._next:
            self._read = max(min(time.process_time() - self._processor, wall), wall / PATIENCE)
            after = self.wall()
            self._next = after + max(FRESH, SPARING * (after - wall))
        return self._read
