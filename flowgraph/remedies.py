"""What reads what cannot be read as it stands: settings, which Python says as keywords and a command as options."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import Any


class Remedy(dict[str, Any]):
    """Settings that read what cannot be read as it stands, by name; `...` is a value that the user chooses.

    >>> from flowgraph.remedies import Remedy
    >>> str(Remedy(one_hot=True, drop=("id", "a b"))), Remedy(one_hot=True, drop=("id", "a b")).as_options()
    ("one_hot=True, drop=('id', 'a b')", "--one-hot --drop id --drop 'a b'")
    """

    def __str__(self) -> str:
        return ", ".join(f"{name}={'...' if value is ... else repr(value)}" for name, value in self.items())

    def as_options(self) -> str:
        """The same as options of the command line; a tuple is an option for each of its values."""
        options = []
        for name, value in self.items():
            option = f"--{name.replace('_', '-')}"
            bare = value is True or value is ...
            each = value if isinstance(value, tuple) else (value,)
            options += [option] if bare else [f"{option} {shlex.quote(str(one))}" for one in each]
        return " ".join(options)


def merge_remedies(remedies: Iterable[Remedy]) -> Remedy:
    """All of them as one; of several tuples for a setting, the values of all."""
    merged = Remedy()
    for remedy in remedies:
        for name, value in remedy.items():
            merged[name] = (*merged.get(name, ()), *value) if isinstance(value, tuple) else value
    return merged


def words_of(parts: Iterable[Any], say: Callable[[Remedy], str]) -> str:
    """Texts, and remedies between them, as one text."""
    return "".join(say(part) if isinstance(part, Remedy) else str(part) for part in parts)
