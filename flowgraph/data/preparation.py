"""From tables to numbers: words become columns of 0 and 1, dates days, and missing values are filled in."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data.tables import COMMAS, CONVERSIONS, Table, days, number
from flowgraph.errors import DataError

IMPUTED = ("none", "mean", "median")
DECIMALS = ("ask", "point", "comma")


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
        convert = self._place if self.kind == "text" else CONVERSIONS[self.kind]
        fill = convert(self.fill) if isinstance(self.fill, str) else self.fill
        cells = table.column(self.name)
        numbers_or_none = [fill if cell is None else convert(cell) for cell in cells]
        bad = next((row for row, value in enumerate(numbers_or_none) if value is None), None)
        if bad is not None:
            way = "; leave the row out, or train with --impute, which fills gaps in" if cells[bad] is None else ""
            raise table.refuse(bad, self.name, self._needed() + way)
        numbers = np.array(numbers_or_none, float)
        return np.eye(len(self.words))[numbers.astype(int)] if self.kind == "text" else numbers[:, None]

    def _place(self, cell: object) -> float | None:
        """The place of a cell in `words`, None where it is none of them."""
        word = str(cell)
        return self.words.index(word) if word in self.words else None

    def _needed(self) -> str:
        if self.kind != "text":
            return NEEDED[self.kind]
        return f"one of the words of the training table, {', '.join(self.words[:5])}{' ...' * (len(self.words) > 5)}"


@dataclass(frozen=True)
class Preparation:
    """How the inputs of a network are read from a table; it is fitted once, and reads new tables alike."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(
        cls,
        table: Table,
        names: Sequence[str],
        *,
        rows: Sequence[int],
        one_hot: bool = False,
        impute: str = "none",
        decimal: str = "ask",
    ) -> Preparation:
        """The preparation of these columns of a table; values for imputation come from the training rows only.

        A number or date is filled in by the mean or median, a word by the most frequent one. All that cannot be read
        is refused at once, with the options of `flowgraph train` that read it.
        """
        refuse_all(table, problems_of(table, names, one_hot=one_hot, impute=impute, decimal=decimal))
        training = table.take(rows)
        columns = []
        for name in names:
            kind = kind_of(table, name, decimal)
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


MOST_WORDS = 0.5
"""Share of the values of a column up to which different words are kinds of things; more of them are names or texts."""

FEWEST = 10
"""Rows from which on it says something that all of them differ."""

Undecided = tuple[str, str]
"""What cannot be read as it stands, and the option that reads it."""


def problems_of(
    table: Table, names: Sequence[str], *, one_hot: bool, impute: str, decimal: str = "ask"
) -> list[Undecided]:
    """What of these columns becomes no numbers."""
    return [problem for name in names for problem in _problems(table, name, one_hot, impute, decimal)]


def kind_of(table: Table, name: str, decimal: str) -> str:
    """The kind of a column; of numbers with commas the one that `decimal` says, or text."""
    kind = table.kind(name)
    if kind not in COMMAS or decimal == "ask":
        return kind
    return f"decimal {decimal}" if table.fits(name, f"decimal {decimal}") else "text"


def comma_problem(table: Table, name: str) -> Undecided:
    """That the numbers of a column have commas, how one is read, and the option that reads all columns of the table."""
    cells = table.column(name)
    row = next(i for i, cell in enumerate(cells) if isinstance(cell, str) and "," in cell)
    read = {
        kind: f"{CONVERSIONS[kind](cells[row]):.10g}" if table.fits(name, kind) else "a word" for kind in COMMAS
    }  # fmt: skip
    comma, point = read.values()
    needed = f"a number without commas; --decimal comma reads it as {comma}, --decimal point as {point}"
    decimals = any(
        table.kind(other) == "decimal comma" and not table.fits(other, "decimal point") for other in table.cells
    )
    return table.place(row, name, needed), f"--decimal {'comma' if decimals else 'point'}"


def _problems(table: Table, name: str, one_hot: bool, impute: str, decimal: str) -> Iterator[Undecided]:
    cells, drop = table.column(name), f"--drop {shlex.quote(name)}"
    present = [cell for cell in cells if cell is not None]
    if not present:
        yield f"column {name!r}: found no value in the column {name!r}; {drop} leaves it out", drop
        return
    kind = kind_of(table, name, decimal)
    if kind in COMMAS and decimal == "ask":
        problem, option = comma_problem(table, name)
        yield problem, option
        kind = kind_of(table, name, option.rpartition(" ")[2])
    if kind == "text" and not one_hot:
        row = next(i for i, cell in enumerate(cells) if cell is not None and not _fits(cell))
        words = len(set(map(str, present)))
        useless = words == 1 or (len(present) >= FEWEST and words > MOST_WORDS * len(present))
        needed = (
            f"a number or a date such as 2024-12-31; --one-hot makes a column of 0 and 1 of each word, {drop} leaves "
            f"the column out ({_mixture(present) or f'different words: {words:,} in {len(present):,} rows'})"
        )
        yield table.place(row, name, needed), drop if useless else "--one-hot"
        if useless:
            return
    if impute == "none" and len(present) < len(cells):
        row = next(i for i, cell in enumerate(cells) if cell is None)
        count = f"{len(cells) - len(present):,} of {len(cells):,}"
        way = f"--drop-missing leaves such rows out, --impute fills them in ({count})"
        yield table.place(row, name, f"{NEEDED[kind]}; {way}"), FILL


FILL = "--impute median"


def _mixture(present: Sequence[Any]) -> str:
    """What is said of a column of words most of which are numbers."""
    numbers = sum(any(CONVERSIONS[kind](cell) is not None for kind in ("number", *COMMAS)) for cell in present)
    return f"{numbers:,} of {len(present):,} values are numbers" if 2 * numbers > len(present) else ""


def refuse_all(table: Table, problems: Sequence[Undecided]) -> None:
    """One error for all that cannot be read, with the options that together read the table."""
    if problems:
        options = " ".join(dict.fromkeys(option for _, option in problems))
        lines = [what for what, _ in problems]
        found = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} things to decide", *lines])
        raise DataError(f"{table.name}: {found}\nall is read with: {options}")


def account_of(table: Table, columns: Sequence[Column]) -> list[tuple[str, str]]:
    """What was done to each column, and what may be wrong with it."""
    return [(column.name, _account(table.column(column.name), column)) for column in columns]


def _account(cells: Sequence[Any], column: Column) -> str:
    present = [cell for cell in cells if cell is not None]
    different, drop = len(set(map(str, present))), f"--drop {shlex.quote(column.name)}"
    text = column.kind == "text"
    parts = [f"{len(column.words):,} words, a column of 0 and 1 for each" if text else READ[column.kind]]
    if text and _mixture(present):
        parts.append(_mixture(present))
    if len(present) < len(cells):
        fill = f"{column.fill:.6g}" if isinstance(column.fill, float) else repr(column.fill)
        parts.append(f"{len(cells) - len(present):,} missing values filled with {fill}")
    whole = column.kind == "number" and all((number(cell) or 0.0).is_integer() for cell in present)
    if different == len(present) >= FEWEST and (whole or text):
        parts.append(f"differs in every row; if it identifies rows, leave it out: {drop}")
    elif different < 2:
        parts.append(f"the same in every row, so nothing is learnt from it: {drop}")
    return "; ".join(parts)


READ = {
    "number": "a number", "decimal comma": "a number with a decimal comma", "decimal point": "a number with a decimal "
    "point, and commas between thousands", "date": "days since 1970",
}  # fmt: skip
NEEDED = {
    "number": "a finite number", "decimal comma": "a finite number with a decimal comma", "decimal point": "a finite "
    "number with a decimal point", "date": "a finite date", "text": "a word",
}  # fmt: skip


def without_missing(table: Table, names: Sequence[str]) -> Table:
    """The rows of a table in which none of these columns lacks a value."""
    kept = [row for row in range(len(table)) if all(table.column(name)[row] is not None for name in names)]
    if not kept:
        emptiest = max(names, key=lambda name: sum(cell is None for cell in table.column(name)))
        raise DataError(
            f"{table.name}: found a missing value in every one of {len(table)} rows, so that none is left; --impute "
            f"fills them in, --drop leaves columns out, and {emptiest!r} lacks most"
        )
    return table if len(kept) == len(table) else table.take(kept)


def _fits(cell: object) -> bool:
    return number(cell) is not None or days(cell) is not None


def _fill(training: Table, name: str, kind: str, impute: str) -> float | str:
    cells = [cell for cell in training.column(name) if cell is not None]
    if not cells:
        raise DataError(
            f"{training.name}: found no value in the column {name!r} of the training rows, from which to impute; "
            f"--drop {shlex.quote(name)} leaves the column out"
        )
    if kind == "text":
        counts = Counter(map(str, cells))
        return min(counts, key=lambda word: (-counts[word], word))
    values = [CONVERSIONS[kind](cell) for cell in cells]
    return float(np.mean(values) if impute == "mean" else np.median(values))  # type: ignore[arg-type]
