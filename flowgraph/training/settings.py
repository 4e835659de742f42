"""Settings: numbers are read, and unknown keywords refused, with who has them, what was found and what is needed."""

from __future__ import annotations

import functools
import inspect
import math
import reprlib
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeAlias, TypeVar, get_type_hints

import numpy as np

from flowgraph.box import Value
from flowgraph.box.arrays import read_dtype, refuse_masked
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.saving.limits import excerpt

Rng: TypeAlias = int | np.integer[Any] | np.random.Generator | None
"""A seed from 0 on, or a generator; None draws differently every time."""


def read_number(
    who: str,
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    otherwise: str = "",
) -> float:
    """A Python float, which widens no float32, from `low` on, above `above` and below `below`.

    `otherwise` says what else may be given.
    """
    legal = isinstance(value, Real) and not isinstance(value, bool)
    number: Any = value
    if not legal or not (number >= low and above < number < below and abs(number) <= sys.float_info.max):
        bounds = [
            text
            for text, given in (
                (f"from {low:g}", low > -math.inf),
                (f"above {above:g}", above > -math.inf),
                (f"below {below:g}", below < math.inf),
            )
            if given
        ]
        raise UsageError(f"{who}: found {name}={value!r}, needs a number {' and '.join(bounds)}".rstrip() + otherwise)
    return float(value)


def read_count(who: str, name: str, value: object, *, low: int = 1, otherwise: str = "") -> int:
    """A Python integer, from `low` on; `otherwise` says what else may be given."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
        raise UsageError(f"{who}: found {name}={value!r}, needs a whole number from {low} on{otherwise}")
    return int(value)


def read_result(who: str, value: Any) -> float:
    """The number that a function of the user's returned, of whatever package: also NaN, and an array of one number."""
    refuse_masked(f"{who}: the result", value)
    number = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    try:
        if isinstance(number, str | bytes | bytearray):  # which float() reads, "1e3" too
            raise TypeError
        return float(number)
    except Exception as error:  # whatever its __float__ raises: RuntimeError of PyTorch's for several numbers
        shown = " ".join(excerpt(reprlib.repr(value)).split())  # of an array in several lines
        raise UsageError(
            f"{who}: found a result of type {type(value).__name__}, {shown}, needs one number; "
            f"let the function return a float"
        ) from error


def read_generator(who: str, rng: Rng) -> np.random.Generator:
    """A generator of NumPy's: the given one, or one of a seed; None draws differently every time."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    if isinstance(rng, Integral) and not isinstance(rng, bool) and int(rng) >= 0:
        return np.random.default_rng(int(rng))
    raise UsageError(f"{who}: found rng={rng!r}, needs a seed, a whole number from 0 on, or a NumPy generator")


def is_rate(value: object) -> bool:
    """Whether this is a number from 0 up to, not including, 1."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < 1


@dataclass(frozen=True)
class Number:
    """A setting that is a number in a range, of whole numbers from `low` on; `none` says what None means, if it may be.

    `read` gives the value as it is kept.
    """

    low: float = -math.inf
    above: float = -math.inf
    below: float = math.inf
    whole: bool = False
    none: str = ""

    def read(self, who: str, name: str, value: Any) -> Any:
        """The number of Python, or None."""
        if value is None and self.none:
            return None
        otherwise = f", or None {self.none}" * bool(self.none)
        if self.whole:
            return read_count(who, name, value, low=int(self.low), otherwise=otherwise)
        return read_number(who, name, value, low=self.low, above=self.above, below=self.below, otherwise=otherwise)


@dataclass(frozen=True)
class OneOf:
    """A setting that is one of some words."""

    words: tuple[str, ...]

    def read(self, who: str, name: str, value: Any) -> str:
        """The word itself."""
        if not isinstance(value, str) or value not in self.words:
            raise UsageError(f"{who}: found {name}={value!r}, needs one of {', '.join(self.words)}")
        return value


SETTINGS: Mapping[str, Any] = {
    "epochs": Number(1, whole=True),
    "batch_size": Number(1, whole=True, none="for all examples"),
    "patience": Number(1, whole=True, none="to go on to the end"),
    "steps_per_epoch": Number(1, whole=True, none="for all of an iterable"),
    "seed": Number(0, whole=True),
    "learning_rate": Number(above=0, none="for that of the rule"),
    "decay": Number(0),
    "dropout": Number(0, below=1),
    "l1": Number(0),
    "l2": Number(0),
    "average": Number(0, below=1, none="for no average"),
    "clip_norm": Number(above=0, none="for no limit"),
    "clip_value": Number(above=0, none="for no limit"),
    "watch": OneOf(("objective", "loss", "error")),
}
"""What the settings of a training may be, whoever takes them: `fg.fit`, a trainer, an experiment, a command."""


def read_setting(who: str, name: str, value: Any) -> Any:
    """A setting of a training as it is kept; `who` was given it under that name."""
    return SETTINGS[name].read(who, name, value)


@functools.cache
def kinds_of(settings: Any) -> dict[str, Any]:
    """What the fields of a dataclass may be, by name, where their annotations say so: `Annotated[float, Number(0)]`.

    Other annotations are not evaluated: those of a user's own schedule may name what is known to a type checker alone.
    """
    kinds: dict[str, Any] = {}
    for field in fields(settings):
        hint: Any = field.type
        if isinstance(hint, str) and hint.startswith("Annotated["):
            owners = [c for c in settings.__mro__ if getattr(c, "__dataclass_fields__", {}).get(field.name) is field]
            annotated = SimpleNamespace(__annotations__={field.name: hint})
            known = vars(sys.modules[owners[-1].__module__])
            hint = get_type_hints(annotated, known, include_extras=True)[field.name]
        kinds.update((field.name, kind) for kind in getattr(hint, "__metadata__", ()) if hasattr(kind, "read"))
    return kinds


def read_fields(settings: object, who: str | None = None) -> None:
    """Read the fields of a frozen dataclass as their annotations say, while it is made."""
    owner: Any = type(settings)
    for name, kind in kinds_of(owner).items():
        set_frozen(settings, name, kind.read(who or owner.__name__, name, getattr(settings, name)))


def set_frozen(setting: object, name: str, value: Value) -> None:
    """Store what was read in a frozen dataclass, while it is made."""
    object.__setattr__(setting, name, value)


NOTES: Mapping[str, str] = {
    "lr": "the rate is fg.fit(learning_rate=...)", "learning_rate": "the rate is fg.fit(learning_rate=...)",
    "momentum": "see fg.Momentum", "nesterov": "see fg.Nesterov", "weight_decay": "see fg.AdamW(decay=...) and fg.L2",
}  # fmt: skip
"""Where to find what a function does not take and another does."""

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)

ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "activation": ("hidden",), "betas": ("beta1", "beta2"), "eta_min": ("lowest",), "gamma": ("factor",),
    "lr": ("learning_rate", "alpha"), "max_iter": ("epochs", "steps"), "min_delta": ("minimum_improvement",),
    "momentum": ("beta",), "monitor": ("watch",), "n_trials": ("trials",), "optimizer": ("rule",),
    "random_state": ("seed", "rng"), "sparse": ("lazy",), "step_size": ("every",), "t_max": ("updates",),
    "tol": ("tolerance",), "validation_data": ("valid",), "validation_split": ("valid",), "verbose": ("progress",),
    "weight_decay": ("decay", "l2"),
}  # fmt: skip
"""What PyTorch, Keras and scikit-learn call a setting, and what it is called here, where the spelling does not tell."""


def strict_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which raises a UsageError for a keyword that it does not take and names the nearest it does."""
    return _strict(function, _names(function), lambda arguments: function.__name__)


def strict_settings(cls: C) -> C:
    """The class, whose constructor refuses keywords as `strict_keywords` does, by the name of the class or subclass."""
    init: Any = cls.__init__  # type: ignore[misc]
    cls.__init__ = _strict(init, _names(init)[1:], lambda arguments: type(arguments[0]).__name__)  # type: ignore[misc]
    return cls


def _strict(function: Callable[P, R], known: Collection[str], who: Callable[[Any], str]) -> Callable[P, R]:
    @functools.wraps(function)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R:
        for name in keywords:
            if name not in known:
                raise unknown_keyword(who(arguments), name, known)
        if "dtype" not in keywords:
            return function(*arguments, **keywords)
        dtype: Any = keywords["dtype"]
        try:
            result = function(*arguments, **keywords)
        except FlowgraphError:
            raise
        except Exception:
            read_dtype(who(arguments), dtype)  # NumPy's error does not say whose it is
            raise
        read_dtype(who(arguments), dtype)  # others keep what they are given
        return result

    return call


def unknown_keyword(who: str, keyword: str, known: Collection[str]) -> UsageError:
    """The error for a keyword that is none of those known."""
    near = nearest(keyword, known)
    every = " or ".join(f"{name}=" for name in near) or f"one of {', '.join(f'{name}=' for name in known) or 'none'}"
    note = "" if near or keyword not in NOTES else f"; {NOTES[keyword]}"
    return UsageError(f"{who}: found the keyword {keyword}=, which it does not take; needs {every}{note}")


def nearest(keyword: str, known: Collection[str]) -> list[str]:
    """Known names similar to a name, the most likely first: by another framework's term, then by spelling."""
    words = [name for name in ELSEWHERE.get(keyword.lower(), ()) if name in known]
    plain = {name.replace("_", "").lower(): name for name in known}
    spelt = get_close_matches(keyword.replace("_", "").lower(), plain, n=3, cutoff=0.5)
    return words[:1] or [plain[name] for name in spelt]


def _names(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
