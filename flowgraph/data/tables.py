"""Tables: named columns of cells, from CSV and Parquet files and from frames of pandas, polars and others."""

from __future__ import annotations

import importlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from flowgraph.data.files import TRUTHS, no_column, quoted, rows_of
from flowgraph.errors import DataError, install_hint
from flowgraph.saving.limits import check_made, reading_foreign, size_of
from flowgraph.saving.replacing import must_exist

MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", "null", "none")
"""Texts that stand for no value."""

LONGEST = max(map(len, MISSING))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Table:
    """Columns of cells by name, None where there is no value; `places` says where each row stands, for errors."""

    name: str
    cells: Mapping[str, Sequence[Any]]
    places: Sequence[str]

    def __len__(self) -> int:
        return len(self.places)

    def column(self, name: str) -> Sequence[Any]:
        """The cells of a column."""
        if name not in self.cells:
            raise no_column(self.name, name, self.cells)
        return self.cells[name]

    def take(self, rows: Sequence[int]) -> Table:
        """Some of the rows."""
        cells = {name: [column[row] for row in rows] for name, column in self.cells.items()}
        return Table(self.name, cells, [self.places[row] for row in rows])

    def kind(self, name: str) -> str:
        """The kind of the cells of a column: "number", "decimal comma", "decimal point", "date" or "text"."""
        return next((kind for kind in CONVERSIONS if self.fits(name, kind)), "text")

    def fits(self, name: str, kind: str) -> bool:
        """Whether all cells of a column that have a value can be read as this kind."""
        return all(CONVERSIONS[kind](cell) is not None for cell in self.column(name) if cell is not None)

    def place(self, row: int, column: str, needed: str) -> str:
        """What is wrong with a cell: its row and column, its text, and what is needed."""
        cell = self.column(column)[row]
        content = "no value" if cell is None else quoted(cell)
        return f"{self.places[row]}, column {quoted(column)}: found {content}, needs {needed}"

    def refuse(self, row: int, column: str, needed: str) -> DataError:
        """The error for a cell."""
        return DataError(f"{self.name}: {self.place(row, column, needed)}")


def number(cell: Any) -> float | None:
    """A finite number, or None; booleans are 0 and 1, also where they are written out."""
    try:
        value = float(cell)
    except ValueError:
        return TRUTHS.get(str(cell).lower())
    except (TypeError, OverflowError):
        return None
    return value if math.isfinite(value) else None


DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+(?=,))(,\d+)?([eE][+-]?\d+)?")
"""A number as 0,5 or 1.234,50; a point without a comma behind it may be of either kind, and makes it none."""


def comma_number(cell: Any) -> float | None:
    """A number whose decimals, if it has any, stand behind a comma, or None."""
    if not isinstance(cell, str):
        return number(cell)
    return number(cell.replace(".", "").replace(",", ".")) if DECIMAL_COMMA.fullmatch(cell) else None


DECIMAL_POINT = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?")
"""A number as 0.5, 13,600 or 1,234.50."""


def point_number(cell: Any) -> float | None:
    """A number in which commas stand between thousands, if at all, or None."""
    if not isinstance(cell, str):
        return number(cell)
    return number(cell.replace(",", "")) if DECIMAL_POINT.fullmatch(cell) else None


def days(cell: object) -> float | None:
    """The days from the beginning of 1970 to a date or time, None for anything else; times without a zone are UTC."""
    if isinstance(cell, str):
        try:
            cell = datetime.fromisoformat(cell)
        except ValueError:
            return None
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime(cell.year, cell.month, cell.day)
    if not isinstance(cell, datetime):
        return None
    aware = cell if cell.tzinfo is not None else cell.replace(tzinfo=UTC)
    return (aware - EPOCH).total_seconds() / 86400


CONVERSIONS = {"number": number, "decimal comma": comma_number, "decimal point": point_number, "date": days}
COMMAS = ("decimal comma", "decimal point")
"""The kinds of numbers with commas, of which `decimal=` says the one that is meant: 13,600 may be 13.6 or 13600."""


def read_table(path: str | os.PathLike[str], max_bytes: int | None = None) -> Table:
    """The table in a .parquet file, or in a text file with a line of names."""
    path = must_exist(path)
    if path.suffix.lower() == ".parquet":
        return table_of(_parquet(path, max_bytes), str(path))
    header, rows, lines = rows_of(path, max_bytes)
    cells = {name: [cell_of(row[at]) for row in rows] for at, name in enumerate(header)}
    return Table(str(path), cells, [f"line {line}" for line in lines])


def cell_of(value: Any) -> Any:
    """A value as every table has it: None where there is none, a text without spaces around it."""
    if isinstance(value, str):
        value = value.strip()
        return None if len(value) <= LONGEST and value.lower() in MISSING else value
    return value if value == value else None  # NaN is not itself


def table_of(frame: object, name: str = "table") -> Table:
    """The table that a frame of pandas, polars, pyarrow or another library that narwhals knows is; a null is None."""
    narwhals = _narwhals()
    known = narwhals.from_native(frame, eager_only=True)
    if len(known) == 0 or not known.columns:
        raise DataError(f"{name}: found {len(known)} rows of {len(known.columns)} columns, needs 1 or more of both")
    cells = {}
    for column in known.columns:
        with reading_foreign(f"{name}: column {quoted(column)} has a value that Python does not have", DataError):
            cells[str(column)] = _values(known[column])
    return Table(name, cells, [f"row {row}" for row in range(len(known))])


def _values(column: Any) -> list[Any]:
    """The cells of a column, None where they are null or NaN."""
    empty = column.is_null().to_list()
    return [None if null else cell_of(value) for value, null in zip(column.to_list(), empty, strict=True)]


def _parquet(path: Path, max_bytes: int | None = None) -> Any:
    """Read by pyarrow alone: polars ends the process where a damaged file asks for more memory than there is."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as missing:
        raise ImportError(f"{path}: a Parquet file needs pyarrow; run: {install_hint('tables')}") from missing
    narwhals = _narwhals()
    size = size_of(path, "a Parquet file", DataError)
    with reading_foreign(f"{path}: no Parquet file", DataError):
        declared = parquet.read_metadata(path)
        check_made(path, _CELL * int(declared.num_rows * declared.num_columns), size, DataError, max_bytes)
        frame = narwhals.from_native(parquet.read_table(path), eager_only=True)
        texts = [column for column in frame.iter_columns() if column.dtype == narwhals.String]
        check_made(path, sum(column.str.len_chars().sum() for column in texts), size, DataError, max_bytes)
    return frame


_CELL = 100
"""Bytes that a cell takes in lists of Python, texts counted apart."""


def _narwhals() -> Any:
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError as missing:
        raise ImportError(f"a table needs narwhals; run: {install_hint('tables')}") from missing
    return narwhals
