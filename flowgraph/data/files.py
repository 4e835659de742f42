"""What CSV and NPZ files hold: rows, arrays and targets; what is wrong is refused with its line and column."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import DataError
from flowgraph.printable import printable, shortened
from flowgraph.saving.limits import check_made, check_size, read_within, reading_foreign, size_of

TRUTHS = {"false": 0.0, "true": 1.0}
"""How a text file writes what other tables keep as booleans."""


def quoted(text: object) -> str:
    """A name or cell of a file as an error quotes it: on one line, and not at any length."""
    return shortened(repr(text), 80)


def no_column(table: object, name: str, known: Iterable[str]) -> DataError:
    """The error for a column that a table does not have."""
    columns = shortened(printable(", ".join(known)))
    return DataError(f"{table}: found no column {quoted(name)}; its columns are {columns}")


def read_targets(values: Array, kind: str, where: str) -> tuple[Any, tuple[str, ...]]:
    """Labels and the names of their classes, or numbers and no names."""
    if values.ndim != 1 or values.dtype.kind not in "biufUSTO" or not len(values):
        raise DataError(f"{where}: found {values.dtype} of shape {values.shape}, needs a number or word per example")
    numbers: Any = None
    values = _written(values, kind) if values.dtype == object else values
    if values.dtype.kind in "biuf" or all(map(_is_number, values)):
        numbers = values.astype(float)
    elif kind == "numbers":
        word = next(str(value) for value in values if not _is_number(value))
        raise DataError(f"{where}: found {quoted(word)}, needs numbers; kind='classes' takes words")
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
        raise DataError(f"{where}: found one class, {quoted(classes[0])}, needs two or more")
    if kind == "auto" and are_many(len(classes), len(values)):
        raise DataError(f"{where}: {MANY.format(len(classes), len(values))}")
    return labels, classes


def _written(values: Array, kind: str) -> Array:
    """Numbers, dates and truth values of a table as a text file has them."""
    words = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    lower = [word.lower() for word in words]
    if all(word in TRUTHS for word in lower):
        if kind == "numbers":
            words = [str(TRUTHS[word]) for word in lower]
        elif len(set(lower)) < len(set(words)):  # one value in two spellings is one class
            words = lower
    return np.array(words, object)


MANY = "found {} different values in {} rows; say which they are, kind='classes' or kind='numbers' (--task)"


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
            f"{path}: found two columns called {quoted(twice)}, needs a name of its own for each; they are the columns "
            f"{shortened(places)} of line {table[0][1]}"
        )
    for row, line in table[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}: line {line}: found {len(row)} values, but there are {len(header)} columns")
    return header, [row for row, _ in table[1:]], [line for _, line in table[1:]]
