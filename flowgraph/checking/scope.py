"""What a check varies, and whether what bprop refuses beyond the example is a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.target import Inputs, Target, is_float_array
from flowgraph.errors import UsageError

KINDS = ("values", "shapes", "settings", "dtypes")
Words = str | Iterable[str] | None


@dataclass(frozen=True)
class Scope:
    """What is varied, what is kept, and what is excused.

    `vary` and `fixed` hold words of KINDS and names of inputs; an empty `vary` is everything. `without` are the names
    of excuses that are not made for a mismatch.
    """

    strict: bool = False
    vary: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()

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

    def scope(self, strict: bool) -> Scope:
        """With what holds for this kind of target where `strict` was not given."""
        return Scope(strict if self.strict is None else self.strict, _words(self.vary), _words(self.fixed))

    def refuse(self, what: str, *options: str) -> None:
        """Raise where an option was given that means nothing here: to ignore it would promise what is not done."""
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
