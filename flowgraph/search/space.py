"""A search space: for each setting values or a range, for grids, draws and zooming in; as text and as a record."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np

from flowgraph.errors import SavedFileError, UsageError, optional
from flowgraph.printable import why_not_a_name
from flowgraph.saving.limits import excerpt, reading_foreign
from flowgraph.training.settings import read_count, read_number, strict_settings

POINTS = 5
"""Points of a range in a grid, unless it says how many: two settings give 25 trials, about the default of a search."""


@strict_settings
@dataclass(frozen=True)
class Choice:
    """One of these values.

    Parameters
    ----------
    values : tuple
        The values, each as likely.

    Examples
    --------
    >>> from flowgraph.search import Choice
    >>> Choice((16, 64))
    Choice(values=(16, 64))
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        given = self.values
        if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
            raise UsageError(f"Choice: found {reprlib.repr(given)}, needs values in a tuple, Choice((16, 64))")
        object.__setattr__(self, "values", tuple(given))
        if not self.values:
            raise UsageError("Choice: found no value, needs one or more")
        for value in self.values:
            _check_value(value)
        if len(set(self.labels)) < len(self.values):
            raise UsageError(f"Choice: found a value twice in {self.values!r}")

    @property
    def labels(self) -> list[str]:
        """The values as texts, as a database keeps them."""
        return [json.dumps(value) for value in self.values]

    @property
    def distribution(self) -> Any:
        """What a sampler of Optuna's draws one of `labels` from."""
        return optional("optuna", "a search needs optuna", "search").distributions.CategoricalDistribution(self.labels)

    def at(self, share: float) -> str:
        """The label up to which a share of them lies, from 0 to 1.

        Parameters
        ----------
        share : float
            From 0 to, not including, 1.

        Returns
        -------
        str
            One of `labels`.
        """
        return self.labels[int(share * len(self.values))]

    def value_of(self, stored: Any) -> Any:
        """The value that an entry of the database stands for.

        Parameters
        ----------
        stored : str
            One of `labels`.

        Returns
        -------
        object
            One of `values`.

        Raises
        ------
        SavedFileError
            If the entry is no label of this choice.
        """
        known = dict(zip(self.labels, self.values, strict=True))
        if stored not in known:
            raise SavedFileError(f"study: found the value {excerpt(stored)}, which is none of {', '.join(known)}")
        return known[stored]

    def grid(self) -> list[Any]:
        """The points of a grid search.

        Returns
        -------
        list of str
            All labels.
        """
        return self.labels

    def zoom_in(self, best: Any, factor: float, whole: Any) -> Choice:
        """The choice itself: values without an order have no smaller range around the best.

        Parameters
        ----------
        best : object
            The best value so far; not read.
        factor : float
            Not read.
        whole : Choice
            Not read.

        Returns
        -------
        Choice
            The choice itself.
        """
        return self


def _check_value(value: object) -> None:
    """Refuse what a database cannot keep."""
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"Choice: found the value {reprlib.repr(value)} of type {type(value).__name__}, needs numbers of Python, "
            f"texts, None, or tuples of these; give a function by its name, a number of NumPy's as .item()"
        ) from error


@strict_settings
@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; a grid takes `points` of them."""

    low: float
    high: float
    points: int = POINTS

    log = False

    def __post_init__(self) -> None:
        who = type(self).__name__
        low, high = (read_number(who, name, getattr(self, name)) for name in ("low", "high"))
        for name in ("low", "high"):
            end = getattr(self, name)
            object.__setattr__(self, name, int(end) if isinstance(end, Integral) else float(end))
        if not (0.0 if self.log else -math.inf) < low <= high:
            need = "0 < low <= high" if self.log else "low <= high"
            raise UsageError(f"{who}: found {self.low} to {self.high}, needs finite numbers, {need}")
        object.__setattr__(self, "points", read_count(who, "points", self.points))

    @property
    def distribution(self) -> Any:
        """What a sampler of Optuna's draws a number from."""
        distributions = optional("optuna", "a search needs optuna", "search").distributions
        return distributions.FloatDistribution(self.low, self.high, log=self.log)

    def at(self, share: float) -> Any:
        """The number up to which a share of the range lies, in its logarithm if it counts by factors.

        Parameters
        ----------
        share : float
            From 0 to, not including, 1.

        Returns
        -------
        float
            A number from `low` to `high`.
        """
        low, high = self._place(self.low), self._place(self.high)
        return min(max(self._number(low + share * (high - low)), self.low), self.high)

    def value_of(self, stored: Any) -> Any:
        """The number that an entry of the database stands for.

        Parameters
        ----------
        stored : float
            The entry.

        Returns
        -------
        float
            The entry itself.

        Raises
        ------
        SavedFileError
            If it is no number of this range.
        """
        number = isinstance(stored, int | float) and not isinstance(stored, bool)
        if not number or not self.low <= stored <= self.high:
            raise SavedFileError(f"study: found the value {excerpt(stored)}, needs {self.low} to {self.high}")
        return stored

    def grid(self) -> list[Any]:
        """The points of a grid search, equally spaced, or in equal ratios on a logarithmic range.

        Returns
        -------
        list of float
            As many as `points`.
        """
        if self.points == 1:
            return [self._number((self._place(self.low) + self._place(self.high)) / 2)]
        ends = np.linspace(self._place(self.low), self._place(self.high), self.points)
        return [self.low, *(self._number(place) for place in ends[1:-1]), self.high]

    def zoom_in(self, best: Any, factor: float, whole: Any) -> Any:
        """A narrower range around the best value, inside the original range.

        Parameters
        ----------
        best : float
            The best value so far; the middle of the new range if that fits.
        factor : float
            The new width as a part of the old one.
        whole : Range
            The original range.

        Returns
        -------
        Range
            The narrower range.
        """
        low, high = (self._place(end) for end in (whole.low, whole.high))
        half = (self._place(self.high) - self._place(self.low)) * factor / 2
        middle = min(max(self._place(best), low + half), high - half)
        ends = [self._number(max(low, middle - half)), self._number(min(high, middle + half))]
        return replace(self, low=max(ends[0], whole.low), high=min(ends[1], whole.high))

    def _place(self, number: float) -> float:
        return math.log(number) if self.log else number

    def _number(self, place: float) -> Any:
        return math.exp(place) if self.log else float(place)


class Uniform(Range):
    """A number from `low` to `high`, each as likely.

    Parameters
    ----------
    low : float
        The smallest number.
    high : float
        The largest number.
    points : int, default 5
        Number of points that a grid takes.

    Examples
    --------
    >>> from flowgraph.search import Uniform
    >>> Uniform(0.0, 0.5)
    Uniform(low=0.0, high=0.5, points=5)
    """


class LogUniform(Range):
    """A number from `low` to `high` whose logarithm is uniform: for what counts by factors, as learning rates.

    Parameters
    ----------
    low : float, above 0
        The smallest number.
    high : float
        The largest number.
    points : int, default 5
        Number of points that a grid takes.

    Examples
    --------
    >>> from flowgraph.search import LogUniform
    >>> LogUniform(1e-4, 1e-1).points
    5
    """

    log = True


@strict_settings
@dataclass(frozen=True)
class Whole(Range):
    """A whole number from `low` to `high`, both among them; by factors if `log`.

    Parameters
    ----------
    low : int
        The smallest number.
    high : int
        The largest number.
    points : int, default 5
        Number of points that a grid takes.
    log : bool, default False
        Whether its logarithm is uniform.

    Examples
    --------
    >>> from flowgraph.search import Whole
    >>> Whole(16, 128, log=True).log
    True
    """

    log: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low != int(self.low) or self.high != int(self.high):
            raise UsageError(f"Whole: found {self.low} to {self.high}, needs whole numbers")
        object.__setattr__(self, "low", int(self.low))
        object.__setattr__(self, "high", int(self.high))

    @property
    def distribution(self) -> Any:
        """What a sampler of Optuna's draws a whole number from."""
        distributions = optional("optuna", "a search needs optuna", "search").distributions
        return distributions.IntDistribution(self.low, self.high, log=self.log)

    def at(self, share: float) -> Any:
        """The whole number up to which a share of the range lies, each as wide as its neighbours."""
        low, high = self._place(self.low - 0.5), self._place(self.high + 0.5)
        return min(max(self._number(low + share * (high - low)), self.low), self.high)

    def grid(self) -> list[Any]:
        """The points of a grid search, rounded, without repetitions."""
        return sorted(set(super().grid()))

    def _number(self, place: float) -> Any:
        return round(math.exp(place) if self.log else place)


Space = Mapping[str, Any]


_KINDS = {kind.__name__: kind for kind in (Choice, Uniform, LogUniform, Whole)}


def check_space(space: object) -> None:
    """Refuse what is no space of a search."""
    example = "{'learning_rate': LogUniform(1e-4, 1e-1), 'hidden': Choice((16, 64))}"
    if not isinstance(space, Mapping):
        raise UsageError(f"search: found {type(space).__name__} as the space, needs a dict, {example}")
    if not space:
        raise UsageError(f"search: found an empty space, needs a setting with values or a range, {example}")
    for name, part in space.items():
        if (problem := why_not_a_name(name)) is not None:
            raise UsageError(f"search: found the name {reprlib.repr(name)} of a setting, {problem}")
        if type(part) not in _KINDS.values():
            values = part if isinstance(part, list | tuple) and part else (part,)
            raise UsageError(
                f"search: found {reprlib.repr(part)} for the setting {name!r}, needs a range, Uniform, LogUniform or "
                f"Whole, or a choice, Choice({reprlib.repr(tuple(values))})"
            )


def space_record(space: Space) -> dict[str, Any]:
    """A space as JSON has it."""
    record = {name: {"kind": type(part).__name__, **asdict(part)} for name, part in space.items()}
    return dict(json.loads(json.dumps(record)))


def space_of_record(record: Any, first: Space) -> dict[str, Any]:
    """The space that `space_record` wrote, in a round after the first; one that is no part of that is refused."""
    with reading_foreign("study: its stored search space cannot be read; begin another study", SavedFileError):
        space = {name: _part_of_record(part) for name, part in record.items()}
        inside = space.keys() == first.keys() and all(_is_inside(space[name], first[name]) for name in first)
    if not inside:
        raise SavedFileError(
            "study: its stored search space is not inside that of its first round; begin another study"
        )
    return space


def _part_of_record(part: Any) -> Any:
    values = {key: value for key, value in part.items() if key != "kind"}
    if part["kind"] == "Choice":
        values["values"] = tuple(tuple(v) if isinstance(v, list) else v for v in values["values"])
    return _KINDS[part["kind"]](**values)


def _is_inside(part: Any, first: Any) -> bool:
    """Whether a range is inside another of its kind with as many points; whether two sets are equal."""
    if type(part) is not type(first) or isinstance(part, Choice):
        return bool(part == first)
    alike = (part.points, part.log) == (first.points, first.log)
    return bool(alike and first.low <= part.low <= part.high <= first.high)


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
