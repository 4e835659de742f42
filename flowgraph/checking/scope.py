"""What was asked of a check: its options, what it varies, its time limit, and the arguments that were given by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.reproduce import definition_of
from flowgraph.checking.target import Inputs, Target, annotations_of, is_float_array, parameters_of
from flowgraph.errors import UsageError


class Effort(NamedTuple):
    """How much a check may take.

    `test_cases` multiplies the number of test cases of each family. Where these take too long, the check ends with
    `budget`, calls of fprop for one target, or with the seconds of the processor for the whole check of a function, a
    class of boxes (`box`, which has several examples) or a graph. `explaining` are seconds beside these, for making
    small and telling what is wrong.
    """

    test_cases: float
    budget: int
    function: float
    box: float
    graph: float
    explaining: float


EFFORTS = {
    "fast": Effort(0.5, 2_000, 1.0, 1.0, 4.0, 0.5),
    "normal": Effort(1.0, 60_000, 3.0, 6.0, 30.0, 1.5),
    "thorough": Effort(5.0, 300_000, 15.0, 30.0, 150.0, 3.0),
}
NORMAL = EFFORTS["normal"]
KINDS = ("values", "shapes", "settings", "dtypes")
Words = str | Iterable[str] | None


@dataclass(frozen=True)
class Scope:
    """The inputs that are varied, those that are fixed, and the rules for notes.

    `vary` and `fixed` hold words of KINDS and names of inputs; an empty `vary` is everything. `without` are the names
    of exemptions that are not made for a mismatch, `explaining` the seconds for making a failure small, `test_cases`
    how many times as many are tried as usual where it is not strict.
    """

    strict: bool = False
    vary: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    explaining: float = NORMAL.explaining
    test_cases: float = NORMAL.test_cases

    def most(self, usual: int) -> float:
        """How many test cases there are of a family that usually has so many."""
        return math.inf if self.strict else self.test_cases * usual

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

    def varies(self, word: str) -> bool:
        """Whether inputs may be changed in this way, or the input of this name may be another one."""
        chosen = [other for other in self.vary if (other in KINDS) is (word in KINDS)]
        return (not chosen or word in chosen) and word not in self.fixed

    def allows(self, target: Target, example: Inputs, inputs: Inputs) -> bool:
        """Whether derived inputs differ from the example in nothing but what may be varied."""
        if not self.vary and not self.fixed:
            return True
        kinds = map(_change, example, inputs)
        changed = [(name, kind) for name, kind in zip(target.names, kinds, strict=True) if kind]
        return all(self.varies(name) and self.varies(kind) for name, kind in changed)


EVERYTHING = Scope()


def _change(before: Value, after: Value) -> str:
    """The kind of change that makes one input of the other; "" where they are equal."""
    arrays = isinstance(before, np.ndarray) and isinstance(after, np.ndarray)
    if arrays and before.shape != after.shape:
        return "shapes"
    same_type = type(before) is type(after)
    if before is after or (np.array_equal(before, after) if arrays else same_type and before == after):
        return ""
    floats = is_float_array(before) if arrays else same_type and type(before) is float
    return "values" if floats else "settings"


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 0)


def _are_texts(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, Sequence | Set) and all(isinstance(word, str) for word in value)


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
    surrogate: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        """Refuse an option of another kind."""
        whole, texts = "a whole number from 0 on", "a text or a sequence of texts"
        for name, fits, needed in (
            ("order", _is_whole(self.order) and self.order in (1, 2), "1 or 2"),
            ("seed", _is_whole(self.seed), whole),
            ("budget", self.budget is None or (_is_whole(self.budget) and self.budget > 0), "a whole number from 1 on"),
            ("strict", self.strict is None or isinstance(self.strict, bool), "True, False or None"),
            ("surrogate", self.surrogate is None or callable(self.surrogate), "a function, or None"),
            *((name, _are_texts(getattr(self, name)), texts) for name in ("names", "vary", "fixed")),
        ):
            if not fits:
                raise UsageError(f"check: found {name}={getattr(self, name)!r}, needs {needed}")

    @property
    def calls(self) -> int:
        """How often fprop may be called for one target."""
        return self.budget or self.effort.budget

    def scope(self, strict: bool) -> Scope:
        """With what holds for this kind of target where `strict` was not given."""
        chosen = strict if self.strict is None else self.strict
        vary, fixed = ((words,) if isinstance(words, str) else tuple(words or ()) for words in (self.vary, self.fixed))
        return Scope(chosen, vary, fixed, explaining=self.effort.explaining, test_cases=self.effort.test_cases)

    def refuse(self, what: str, *options: str) -> None:
        """Refuse an option that has no meaning for this target, since ignoring it would suggest a check not made."""
        for option in options:
            if getattr(self, option) is not None:
                raise UsageError(f"check: found {option}=, but {what}; leave it out")


@dataclass(frozen=True)
class WithSettings:
    """A function whose last arguments go by name, those alone that it takes."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    taken: frozenset[str]

    def __call__(self, *arguments: Any) -> Any:
        """The function's value, given those of its last arguments by name that it takes."""
        count = len(arguments) - len(self.names)
        settings = zip(self.names, arguments[count:], strict=True)
        return self.function(*arguments[:count], **{name: x for name, x in settings if name in self.taken})


def with_settings(target: Target, keywords: Mapping[str, Any], defaults: bool = False) -> Target:
    """The target with keyword arguments as further inputs, which are settings; itself if there are none.

    With `defaults` also the floats, strings and booleans that fprop and bprop both have as a default. bprop is given
    what it takes, and returns no gradient for any of them.
    """
    for name, value in keywords.items():
        if is_float_array(value) and np.ndim(value):
            raise UsageError(
                f"check: {target.name} was given the float array {name}= by name, but what is given by name is a "
                f"setting; give {name} by its position, to be differentiated"
            )
    settings = {**keywords, **(_shared_defaults(target, keywords) if defaults else {})}
    if not settings:
        return target
    if target.second is not None:
        raise UsageError(f"check: found {next(iter(settings))}= beside second=; give it by its position")
    names, hints = tuple(settings), annotations_of(target.fprop)
    return replace(
        target,
        fprop=WithSettings(target.fprop, names, frozenset(names)),
        bprop=given_by_name(target.bprop, names),
        inputs=(*target.inputs, *settings.values()),
        names=(*target.names, *names),
        defaulted=len(names),
        valid=None if target.valid is None else given_by_name(target.valid, names),
        annotations={**target.annotations, **{name: hints[name] for name in keywords if name in hints}},
        definition=(*definition_of("fprop", target.fprop), *definition_of("bprop", target.bprop)),
    )


def given_by_name(function: Callable[..., Any], names: tuple[str, ...]) -> WithSettings:
    """The function, which takes its last arguments by name, those of these that it has."""
    parameters = parameters_of(function)
    taken = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return WithSettings(function, names, frozenset(names) if any_name else frozenset(names) & taken)


def _shared_defaults(target: Target, keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    """The floats, strings and booleans that fprop and bprop have as the same default."""
    count = len(target.inputs)
    of_fprop, of_bprop = _defaults(target.fprop, count), _defaults(target.bprop, count + 2)
    beside = [of_bprop[name] for name in of_bprop.keys() - of_fprop.keys()]
    if target.second is not None or any(not isinstance(x, bool | str | None) for x in beside):
        return {}  # `lambda g, y, x, k2=k * k` would not follow k
    given = {name: x for name, x in of_bprop.items() if name in of_fprop and name not in keywords}
    same = {name: x for name, x in given.items() if type(x) in (float, str, bool) and of_fprop[name] == x}
    return {} if set(same) & set(target.names) else same


def _defaults(function: Callable[..., Any], given: int) -> Mapping[str, Any]:
    """The parameters that have a default and can be given by name, beyond the first `given` positions."""
    parameters = parameters_of(function)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    left = [p for p in parameters if p not in positional[:given] and p.kind is not p.POSITIONAL_ONLY]
    return {p.name: p.default for p in left if p.default is not p.empty}
