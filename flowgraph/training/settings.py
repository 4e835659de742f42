"""Settings: numbers are read, and unknown keywords refused, with who has them, what was found and what is needed."""

from __future__ import annotations

import functools
import inspect
import reprlib
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from difflib import get_close_matches
from math import inf
from numbers import Integral
from typing import Annotated, Any, ParamSpec, TypeAlias, TypeVar, get_origin

import numpy as np

from flowgraph.box import Value
from flowgraph.box.arrays import read_dtype, refuse_masked
from flowgraph.box.kinds import Kind, Number, OneOf, kind_of
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.saving.limits import excerpt

Rng: TypeAlias = int | np.integer[Any] | np.random.Generator | None
"""A seed from 0 on, or a generator; None draws differently every time."""


def read_number(
    who: str, name: str, value: Any, *, low: float = -inf, above: float = -inf, below: float = inf, otherwise: str = ""
) -> float:
    """A Python float, which widens no float32, within bounds; `otherwise` says what else may be given."""
    number: float = Number(low, above, below, otherwise=otherwise).read_setting(who, name, value)
    return number


def read_count(who: str, name: str, value: object, *, low: int = 1, otherwise: str = "") -> int:
    """A Python integer, from `low` on; `otherwise` says what else may be given."""
    count: int = Number(low, whole=True, otherwise=otherwise).read_setting(who, name, value)
    return count


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


SETTINGS: Mapping[str, Kind] = {
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
    return SETTINGS[name].read_setting(who, name, value)


@functools.cache
def kinds_of(settings: Any) -> dict[str, Kind]:
    """What the fields of a dataclass may be, by name, where their annotations say so: `Annotated[float, Number(0)]`.

    Other annotations are not evaluated: those of a user's own schedule may name what is known to a type checker alone.
    """
    kinds: dict[str, Kind] = {}
    for field in fields(settings):
        hint: Any = field.type
        if isinstance(hint, str) and hint.startswith("Annotated["):
            owners = [c for c in settings.__mro__ if getattr(c, "__dataclass_fields__", {}).get(field.name) is field]
            hint = eval(hint, dict(vars(sys.modules[owners[-1].__module__])))
        kind = kind_of(hint) if get_origin(hint) is Annotated else None
        if kind is not None:
            kinds[field.name] = kind
    return kinds


def read_fields(settings: object, who: str | None = None) -> None:
    """Read the fields of a frozen dataclass as their annotations say, while it is made."""
    owner: Any = type(settings)
    for name, kind in kinds_of(owner).items():
        set_frozen(settings, name, kind.read_setting(who or owner.__name__, name, getattr(settings, name)))


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
