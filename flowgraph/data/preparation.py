"""Tables of named columns from files and frames, and the numbers made of them: words become columns of 0 and 1."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import DataError, optional
from flowgraph.printable import printable, shorten_text
from flowgraph.remedies import Remedy, merge_remedies
from flowgraph.saving.limits import check_made, check_size, read_within, reading_foreign, size_of
from flowgraph.saving.replacing import must_exist

Words: TypeAlias = tuple[str | Remedy, ...]
"""A sentence: texts, and the remedies that it names."""

TRUTHS = {"false": 0.0, "true": 1.0}
"""How a text file writes what other tables keep as booleans."""


def quote_cell(text: object) -> str:
    """A name or cell of a file as an error quotes it: on one line, and not at any length."""
    return shorten_text(repr(text), 80)


def no_column(table: object, name: str, known: Iterable[str]) -> DataError:
    """The error for a column that a table does not have."""
    columns = shorten_text(printable(", ".join(known)))
    return DataError(f"{table}: found no column {quote_cell(name)}; its columns are {columns}")


def no_target(source: str) -> DataError:
    """The error where it is not said which column is to be predicted."""
    return DataError(f"{source}: found no target, needs the name of the column to predict, ", Remedy(target=...))


def read_targets(values: Array, kind: str, where: str) -> tuple[Any, tuple[str, ...]]:
    """Labels and the names of their classes, or numbers and no names."""
    if values.ndim != 1 or values.dtype.kind not in "biufUSTO" or not len(values):
        raise DataError(f"{where}: found {values.dtype} of shape {values.shape}, needs a number or word per example")
    numbers: Any = None
    values = _write_as_text(values, kind) if values.dtype == object else values
    if values.dtype.kind in "biuf" or all(map(_is_number, values)):
        numbers = values.astype(float)
    elif kind == "numbers":
        word = next(str(value) for value in values if not _is_number(value))
        raise DataError(f"{where}: found {quote_cell(word)}, needs numbers; kind='classes' takes words")
    if numbers is not None and not np.all(np.isfinite(numbers)):
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DataError(f"{where}: found {numbers[row]} in row {row}, needs finite numbers")
    whole = numbers is not None and np.array_equal(numbers, np.floor(numbers))
    if kind == "numbers" or (kind == "auto" and numbers is not None and not whole):
        return numbers, ()
    if whole:
        distinct, labels = np.unique(numbers, return_inverse=True)
        classes = tuple(str(int(number)) for number in distinct)
    else:
        distinct, labels = np.unique(
            np.array([str(value) for value in values], object) if numbers is None else numbers, return_inverse=True
        )
        classes = tuple(str(word).removesuffix(".0") for word in distinct)
    if len(classes) < 2:
        raise DataError(f"{where}: found one class, {quote_cell(classes[0])}, needs two or more")
    if kind == "auto" and are_many(len(classes), len(values)):
        raise DataError(f"{where}: ", *too_many(len(classes), len(values)))
    return labels, classes


def _write_as_text(values: Array, kind: str) -> Array:
    """Numbers, dates and truth values of a table as a text file has them."""
    words = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    lower = [word.lower() for word in words]
    if all(word in TRUTHS for word in lower):
        if kind == "numbers":
            words = [str(TRUTHS[word]) for word in lower]
        elif len(set(lower)) < len(set(words)):  # one value in two spellings is one class
            words = lower
    return np.array(words, object)


def too_many(values: int, rows: int) -> Words:
    """That so many different targets may be no classes."""
    found = f"found {values} different values in {rows} rows; say which they are, "
    return found, Remedy(kind="classes"), " or ", Remedy(kind="numbers")


def are_many(values: int, rows: int) -> bool:
    """Whether so many different targets may be no classes.

    Most of them have fewer than three examples, as names, dates, or whole numbers that count something.
    """
    return values > max(20, rows // 3)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def read_npz(path: str | os.PathLike[str], max_bytes: int | None = None) -> dict[str, Array]:
    """The arrays of an .npz file by name; one that is none, holds objects or unpacks out of proportion is refused."""
    size = size_of(path, "an .npz file", DataError)
    with reading_foreign(f"{path}: no .npz file of plain arrays, as np.savez writes it", DataError):
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        check_size(path, max(size, unpacked), DataError, max_bytes)
        check_made(path, unpacked, size, DataError, max_bytes)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        strange = [name for name, array in arrays.items() if not isinstance(array, np.ndarray) or not array.itemsize]
        if strange:
            raise TypeError(f"{strange[0]!r} is no array")
        elements = {name: array.size * _EACH.get(array.dtype.kind, 32) for name, array in arrays.items()}
        check_made(path, unpacked + sum(elements.values()), size, DataError, max_bytes)
    return arrays


_EACH = {"S": 100, "U": 100}
"""Bytes beside those of an element that are taken for it while targets are read: texts of Python, copies as floats."""


def rows_of(path: Path, max_bytes: int | None = None) -> tuple[list[str], list[list[str]], list[int]]:
    """The names of the columns, the rows, and the line of the file that each row ends in."""
    content = read_within(path, "a table", DataError, max_bytes)
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is no UTF-8; save the file as UTF-8") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        table = [(row, reader.line_num) for row in reader if row]
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}") from None
    if len(table) < 2:
        raise DataError(f"{path}: found {len(table)} lines, needs a line of column names and examples below it")
    header = [name.strip() for name in table[0][0]]
    twice = next((name for name, count in Counter(header).items() if count > 1), None)
    if twice is not None:
        places = ", ".join(str(place) for place, name in enumerate(header, 1) if name == twice)
        raise DataError(
            f"{path}: found two columns called {quote_cell(twice)}, needs a name of its own for each; they are the "
            f"columns {shorten_text(places)} of line {table[0][1]}"
        )
    for row, line in table[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}: line {line}: found {len(row)} values, but there are {len(header)} columns")
    return header, [row for row, _ in table[1:]], [line for _, line in table[1:]]


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
        content = "no value" if cell is None else quote_cell(cell)
        return f"{self.places[row]}, column {quote_cell(column)}: found {content}, needs {needed}"

    def refuse(self, row: int, column: str, needed: str, *words: str | Remedy) -> DataError:
        """The error for a cell; the words say what to do."""
        return DataError(f"{self.name}: {self.place(row, column, needed)}", *words)


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
        with reading_foreign(f"{name}: column {quote_cell(column)} has a value that Python does not have", DataError):
            cells[str(column)] = _values(known[column])
    return Table(name, cells, [f"row {row}" for row in range(len(known))])


def _values(column: Any) -> list[Any]:
    """The cells of a column, None where they are null or NaN."""
    empty = column.is_null().to_list()
    return [None if null else cell_of(value) for value, null in zip(column.to_list(), empty, strict=True)]


def _parquet(path: Path, max_bytes: int | None = None) -> Any:
    """Read by pyarrow alone: polars ends the process where a damaged file asks for more memory than there is."""
    parquet = optional("pyarrow.parquet", f"{path}: a Parquet file needs pyarrow", "tables")
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
    return optional("narwhals.stable.v2", "a table needs narwhals", "tables")


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

    def numbers_of(self, table: Table) -> Array:
        """The numbers of this column of a table, (rows, columns); a cell that does not fit is refused with its row."""
        convert = self._place if self.kind == "text" else CONVERSIONS[self.kind]
        fill = convert(self.fill) if isinstance(self.fill, str) else self.fill
        cells = table.column(self.name)
        numbers_or_none = [fill if cell is None else convert(cell) for cell in cells]
        bad = next((row for row, value in enumerate(numbers_or_none) if value is None), None)
        if bad is not None:
            way: Words = ("; leave the row out, or train with ", Remedy(impute=...), ", which fills gaps in")
            raise table.refuse(bad, self.name, self._what_is_needed(), *(way if cells[bad] is None else ()))
        numbers = np.array(numbers_or_none, float)
        return np.eye(len(self.words))[numbers.astype(int)] if self.kind == "text" else numbers[:, None]

    def _place(self, cell: object) -> float | None:
        """The place of a cell in `words`, None where it is none of them."""
        word = str(cell)
        return self.words.index(word) if word in self.words else None

    def _what_is_needed(self) -> str:
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
        is refused at once, with the settings that read it.
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

    def numbers_of(self, table: Table) -> Array:
        """The inputs of a network for the rows of a table."""
        return np.concatenate([column.numbers_of(table) for column in self.columns], axis=1)

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


class Undecided(NamedTuple):
    """What cannot be read as it stands, in words, and the settings that read it."""

    words: Words
    remedy: Remedy


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
    """That the numbers of a column have commas, how one is read, and what reads all columns of the table."""
    cells = table.column(name)
    row = next(i for i, cell in enumerate(cells) if isinstance(cell, str) and "," in cell)
    comma, point = (
        f"{CONVERSIONS[kind](cells[row]):.10g}" if table.fits(name, kind) else "a word" for kind in COMMAS
    )  # fmt: skip
    by_comma, by_point = Remedy(decimal="comma"), Remedy(decimal="point")
    decimals = any(table.kind(n) == "decimal comma" and not table.fits(n, "decimal point") for n in table.cells)
    place = table.place(row, name, "a number without commas; ")
    words = (place, by_comma, f" reads it as {comma}, ", by_point, f" as {point}")
    return Undecided(words, by_comma if decimals else by_point)


def _problems(table: Table, name: str, one_hot: bool, impute: str, decimal: str) -> Iterator[Undecided]:
    cells, drop = table.column(name), Remedy(drop=(name,))
    present = [cell for cell in cells if cell is not None]
    if not present:
        yield Undecided((f"column {name!r}: found no value in the column {name!r}; ", drop, " leaves it out"), drop)
        return
    kind = kind_of(table, name, decimal)
    if kind in COMMAS and decimal == "ask":
        problem = comma_problem(table, name)
        yield problem
        kind = kind_of(table, name, problem.remedy["decimal"])
    if kind == "text" and not one_hot:
        row = next(i for i, cell in enumerate(cells) if cell is not None and not _fits(cell))
        words = len(set(map(str, present)))
        useless = words == 1 or (len(present) >= FEWEST and words > MOST_WORDS * len(present))
        counts = _mixture(present) or f"different words: {words:,} in {len(present):,} rows"
        one_hot_of_all = Remedy(one_hot=True)
        said = (
            table.place(row, name, "a number or a date such as 2024-12-31; "), one_hot_of_all,
            " makes a column of 0 and 1 of each word, ", drop, f" leaves the column out ({counts})",
        )  # fmt: skip
        yield Undecided(said, drop if useless else one_hot_of_all)
        if useless:
            return
    if impute == "none" and len(present) < len(cells):
        row = next(i for i, cell in enumerate(cells) if cell is None)
        count = f"{len(cells) - len(present):,} of {len(cells):,}"
        leave_out, fill_in = Remedy(drop_missing=True), Remedy(impute=...)
        place = table.place(row, name, f"{NEEDED[kind]}; ")
        said = (place, leave_out, " leaves such rows out, ", fill_in, f" fills them in ({count})")
        yield Undecided(said, Remedy(impute="median"))


def _mixture(present: Sequence[Any]) -> str:
    """What is said of a column of words most of which are numbers."""
    numbers = sum(any(CONVERSIONS[kind](cell) is not None for kind in ("number", *COMMAS)) for cell in present)
    return f"{numbers:,} of {len(present):,} values are numbers" if 2 * numbers > len(present) else ""


def refuse_all(table: Table, problems: Sequence[Undecided]) -> None:
    """One error for all that cannot be read, with the settings that together read the table."""
    if problems:
        several = f"{len(problems)} things to decide" if len(problems) > 1 else ""
        lines = [part for problem in problems for part in ("\n  " if several else "", *problem.words)]
        together = merge_remedies(problem.remedy for problem in problems)
        raise DataError(f"{table.name}: {several}", *lines, "\nall is read with: ", together)


def account_of(table: Table, columns: Sequence[Column]) -> list[tuple[str, Words]]:
    """What was done to each column, and what may be wrong with it."""
    return [(column.name, _account(table.column(column.name), column)) for column in columns]


def _account(cells: Sequence[Any], column: Column) -> Words:
    present = [cell for cell in cells if cell is not None]
    different, drop = len(set(map(str, present))), Remedy(drop=(column.name,))
    text = column.kind == "text"
    parts = [f"{len(column.words):,} words, a column of 0 and 1 for each" if text else READ[column.kind]]
    if text and _mixture(present):
        parts.append(_mixture(present))
    if len(present) < len(cells):
        fill = f"{column.fill:.6g}" if isinstance(column.fill, float) else repr(column.fill)
        parts.append(f"{len(cells) - len(present):,} missing values filled with {fill}")
    whole = column.kind == "number" and all((number(cell) or 0.0).is_integer() for cell in present)
    if different == len(present) >= FEWEST and (whole or text):
        return "; ".join([*parts, "differs in every row; if it identifies rows, leave it out: "]), drop
    if different < 2:
        return "; ".join([*parts, "the same in every row, so nothing is learnt from it: "]), drop
    return ("; ".join(parts),)


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
            f"{table.name}: found a missing value in every one of {len(table)} rows, so that none is left; ",
            Remedy(impute=...),
            " fills them in, ",
            Remedy(drop=...),
            f" leaves columns out, and {emptiest!r} lacks most",
        )
    return table if len(kept) == len(table) else table.take(kept)


def _fits(cell: object) -> bool:
    return number(cell) is not None or days(cell) is not None


def _fill(training: Table, name: str, kind: str, impute: str) -> float | str:
    cells = [cell for cell in training.column(name) if cell is not None]
    if not cells:
        raise DataError(
            f"{training.name}: found no value in the column {name!r} of the training rows, from which to impute; ",
            Remedy(drop=(name,)),
            " leaves the column out",
        )
    if kind == "text":
        counts = Counter(map(str, cells))
        return min(counts, key=lambda word: (-counts[word], word))
    values = [CONVERSIONS[kind](cell) for cell in cells]
    return float(np.mean(values) if impute == "mean" else np.median(values))  # type: ignore[arg-type]
