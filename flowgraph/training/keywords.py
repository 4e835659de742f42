"""Keywords that a function does not take: refused with the nearest that it does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flowgraph.errors import UsageError

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
    known = _names(function)

    @wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> R:
        for name in keywords:
            if name not in known:
                raise unknown_keyword(function.__name__, name, known)
        return function(*args, **keywords)

    return call


def strict_settings(cls: C) -> C:
    """The class, whose constructor refuses keywords as `strict_keywords` does, by the name of the class or subclass."""
    init: Any = cls.__init__  # type: ignore[misc]
    known = _names(init)[1:]

    @wraps(init)
    def start(self: Any, *args: Any, **keywords: Any) -> None:
        for name in keywords:
            if name not in known:
                raise unknown_keyword(type(self).__name__, name, known)
        init(self, *args, **keywords)

    cls.__init__ = start  # type: ignore[misc]
    return cls


def unknown_keyword(who: str, found: str, known: Collection[str]) -> UsageError:
    """The error for a keyword that is none of those known."""
    near = nearest(found, known)
    every = " or ".join(f"{name}=" for name in near) or f"one of {', '.join(f'{name}=' for name in known) or 'none'}"
    note = "" if near or found not in NOTES else f"; {NOTES[found]}"
    return UsageError(f"{who}: found the keyword {found}=, which it does not take; needs {every}{note}")


def nearest(found: str, known: Collection[str]) -> list[str]:
    """Known names similar to a name, the most likely first: by another framework's term, then by spelling."""
    words = [name for name in ELSEWHERE.get(found.lower(), ()) if name in known]
    plain = {name.replace("_", "").lower(): name for name in known}
    spelt = get_close_matches(found.replace("_", "").lower(), plain, n=3, cutoff=0.5)
    return words[:1] or [plain[name] for name in spelt]


def _names(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
