"""A search space as text, as the command line takes it: name=low..high, name=log:low..high, name=value|value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flowgraph.errors import UsageError
from flowgraph.search.space import POINTS, Choice, LogUniform, Uniform, Whole

_RANGE = re.compile(r"(log:)?([^|]+?)\.\.([^|:]+)(?::(\d+))?")


def read_space(texts: Sequence[str]) -> dict[str, Any]:
    """The space of a command line: l2=log:1e-6..1e-2, dropout=0..0.5, batch_size=16..128, hidden=16|64|64,32.

    Numbers without a point are whole numbers; log: means by factors; :7 at the end makes a grid take 7 points.

    Parameters
    ----------
    texts : sequence of str
        One "name=range" per setting.

    Returns
    -------
    dict
        A range or a choice by setting.

    Raises
    ------
    UsageError
        If a text is no range.

    Examples
    --------
    >>> from flowgraph.search import read_space
    >>> read_space(["dropout=0.0..0.5", "hidden=16|64,32"])
    {'dropout': Uniform(low=0.0, high=0.5, points=5), 'hidden': Choice(values=(16, (64, 32)))}
    """
    space: dict[str, Any] = {}
    for text in texts:
        name, equals, content = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not content:
            raise UsageError(f"space: found {text!r}, needs name=low..high, name=log:low..high or name=value|value")
        if name in space:
            raise UsageError(f"space: found {name!r} twice")
        match = _RANGE.fullmatch(content)
        space[name] = _range(text, *match.groups()) if match else Choice(tuple(map(_value, content.split("|"))))
    return space


def _range(text: str, log: str | None, low: str, high: str, points: str | None) -> Any:
    first, last = _value(low), _value(high)
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (first, last)):
        raise UsageError(f"space: found {text!r}, needs numbers on both sides of ..")
    count = int(points) if points else POINTS
    if isinstance(first, int) and isinstance(last, int):
        return Whole(first, last, points=count, log=bool(log))
    return (LogUniform if log else Uniform)(float(first), float(last), points=count)


def _value(text: str) -> Any:
    """A number, a tuple of whole numbers, none, or the text."""
    text = text.strip()
    if text.lower() in ("none", "true", "false"):
        return {"none": None, "true": True, "false": False}[text.lower()]
    if "," in text:
        return tuple(_value(part) for part in text.split(",") if part)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
