"""From tables to numbers: words become columns of 0 and 1, dates days, and missing values are filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data.tables import CONVERSIONS, Table
from flowgraph.errors import DataError

IMPUTED = ("none", "mean", "median")


@dataclass(frozen=True)
class Column:
    """How a column is read: a number, a date as days since 1970, or one of `words`; `fill` is for a missing value."""

    name: str
    kind: str
    words: tuple[str, ...] = ()
    fill: float | str | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns of numbers that it becomes."""
        return [f"{self.name}={word}" for word in self.words] if self.kind == "text" else [self.name]

    def read(self, table: Table) -> Array:
        """The numbers of this column of a table, (rows, columns); a cell that does not fit is refused with its row."""
        cells = [self.fill if cell is None else cell for cell in table.column(self.name)]
        numbers_or_none = [None if cell is None else self._number(cell) for cell in cells]
        bad = next((row for row, value in enumerate(numbers_or_none) if value is None), None)
        if bad is not None:
            way = "; --drop-missing leaves such rows out, --impute fills them in" if cells[bad] is None else ""
            raise table.refuse(bad, self.name, self._needed() + way)
        numbers = np.array(numbers_or_none, float)
        return np.eye(len(self.words))[numbers.astype(int)] if self.kind == "text" else numbers[:, None]

    def _number(self, cell: object) -> float | None:
        """The number of a cell, or the place of its word in `words`; None where it does not fit."""
        if self.kind == "text":
            word = str(cell)
            return self.words.index(word) if word in self.words else None
        if cell is self.fill and isinstance(self.fill, int | float):
            return float(self.fill)
        return CONVERSIONS[self.kind](cell)

    def _needed(self) -> str:
        if self.kind != "text":
            return f"a finite {self.kind}"
        return f"one of the words of the training table, {', '.join(self.words[:5])}{' ...' * (len(self.words) > 5)}"


@dataclass(frozen=True)
class Preparation:
    """How the inputs of a network are read from a table; it is fitted once, and reads new tables alike."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(
        cls, table: Table, names: Sequence[str], *, rows: Sequence[int], one_hot: bool = False, impute: str = "none"
    ) -> Preparation:
        """The preparation of these columns of a table; values for imputation come from the training rows only.

        A number or date is filled in by the mean or median, a word by the most frequent one.
        """
        training = table.take(rows)
        columns = []
        for name in names:
            kind = table.kind(name)
            if kind == "text" and not one_hot:
                row = next(i for i, cell in enumerate(table.column(name)) if cell is not None and not _fits(cell))
                raise table.refuse(row, name, "a number or a date; --one-hot makes a column of 0 and 1 of each word")
            words = sorted({str(cell) for cell in table.column(name) if cell is not None}) if kind == "text" else []
            fill = None if impute == "none" else _fill(training, name, kind, impute)
            columns.append(Column(name, kind, tuple(words), fill))
        return cls(tuple(columns))

    @classmethod
    def of_numbers(cls, names: Sequence[str]) -> Preparation:
        """For columns of numbers, of which none may be missing."""
        return cls(tuple(Column(name, "number") for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of numbers."""
        return tuple(name for column in self.columns for name in column.names)

    def read(self, table: Table) -> Array:
        """The inputs of a network for the rows of a table."""
        return np.concatenate([column.read(table) for column in self.columns], axis=1)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"columns": [asdict(column) | {"words": list(column.words)} for column in self.columns]}

    @classmethod
    def from_dict(cls, record: object) -> Preparation:
        """Of what `as_dict` gave; anything else is a ValueError."""
        if not isinstance(record, Mapping) or not isinstance(record.get("columns"), list) or not record["columns"]:
            raise ValueError("found no columns in the preparation")
        return cls(tuple(_column(column) for column in record["columns"]))


def _column(record: object) -> Column:
    kinds = ("text", *CONVERSIONS)
    if not isinstance(record, Mapping) or set(record) != {"name", "kind", "words", "fill"}:
        raise ValueError("found a column of the preparation without name, kind, words and fill")
    name, kind, words, fill = (record[key] for key in ("name", "kind", "words", "fill"))
    listed = isinstance(words, list) and all(isinstance(word, str) for word in words)
    right = (str, type(None)) if kind == "text" else (int, float, type(None))
    if not isinstance(name, str) or kind not in kinds or not listed or not isinstance(fill, right):
        raise ValueError(f"found the column {name!r} of the preparation with a wrong kind, words or fill")
    return Column(name, kind, tuple(words), fill)


def without_missing(table: Table, names: Sequence[str]) -> Table:
    """The rows of a table in which none of these columns lacks a value."""
    kept = [row for row in range(len(table)) if all(table.column(name)[row] is not None for name in names)]
    if not kept:
        raise DataError(
            f"{table.name}: found a missing value in every one of {len(table)} rows, so that none is left; impute "
            f"them, or drop columns"
        )
    return table if len(kept) == len(table) else table.take(kept)


def _fits(cell: object) -> bool:
    return any(convert(cell) is not None for convert in CONVERSIONS.values())


def _fill(training: Table, name: str, kind: str, impute: str) -> float | str:
    cells = [cell for cell in training.column(name) if cell is not None]
    if not cells:
        raise DataError(
            f"{training.name}: found no value in the column {name!r} of the training rows, from which to impute; "
            f"drop the column"
        )
    if kind == "text":
        counts = Counter(map(str, cells))
        return min(counts, key=lambda word: (-counts[word], word))
    values = [CONVERSIONS[kind](cell) for cell in cells]
    return float(np.mean(values) if impute == "mean" else np.median(values))  # type: ignore[arg-type]
