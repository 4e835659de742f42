"""Examples from a user's CSV or NPZ file, with the target named; what is wrong is refused with its line and column."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data.examples import Examples
from flowgraph.data.sets import BUNDLED, circles, moons, spirals
from flowgraph.errors import DataError
from flowgraph.printable import printable, shortened
from flowgraph.saving.limits import check_made, check_size, read_within, reading_foreign, size_of
from flowgraph.saving.replacing import must_exist

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
    words = [str(value) for value in values]
    if all(word.lower() in TRUTHS for word in words):
        words = [str(TRUTHS[word.lower()]) if kind == "numbers" else word.capitalize() for word in words]
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


TOYS = {function.__name__: function for function in (circles, moons, spirals)}
KINDS = ("auto", "classes", "numbers")


def load_examples(
    source: str, target: str | None = None, *, kind: str = "auto", max_bytes: int | None = None
) -> Examples:
    """The examples of a .csv, .tsv or .npz file, or a bundled or generated set by its name.

    `target` is the column, or the array in an NPZ, that is to be predicted. `kind` says what the targets are: classes
    or numbers; "auto" takes texts and whole numbers for classes.

    Parameters
    ----------
    source : str
        The path of a .csv, .tsv or .npz file, or the name of a set, such as 'digits' or 'moons'.
    target : str, optional
        The column or array that is to be predicted; needed for a file.
    kind : {'auto', 'classes', 'numbers'}, default 'auto'
        What the targets are; 'auto' takes texts and whole numbers for classes.
    max_bytes : int, optional
        The most bytes that the file may have, and that are made of it; by default 4 GiB, and 200 for each of the file.

    Returns
    -------
    examples of flowgraph.data
        Inputs and targets.

    Raises
    ------
    DataError
        If `source` is neither a file nor a known set, or has no such target.

    Examples
    --------
    >>> from flowgraph.data import load_examples
    >>> load_examples("iris")
    <Examples: 150 rows of 4 columns, 3 classes>
    """
    if kind not in KINDS:
        raise DataError(f"load_examples: found kind={kind!r}, needs one of {', '.join(KINDS)}")
    if source in BUNDLED:
        return BUNDLED[source]()
    if source in TOYS:
        return TOYS[source]()
    path = Path(source)
    if path.suffix.lower() not in (".csv", ".tsv", ".npz"):
        known = ", ".join(sorted([*BUNDLED, *TOYS]))
        raise DataError(f"{source}: found no .csv, .tsv or .npz file; the sets that have a name are {known}")
    must_exist(path)
    if target is None:
        raise DataError(f"{source}: found no target, needs the name of the column to predict (--target)")
    return (load_npz if path.suffix.lower() == ".npz" else load_csv)(path, target, kind=kind, max_bytes=max_bytes)


def load_csv(
    path: str | os.PathLike[str], target: str, *, kind: str = "auto", max_bytes: int | None = None
) -> Examples:
    """The rows of a CSV file with a header; `target` is the column to predict, all others are inputs.

    Commas, semicolons or tabs, whichever the first line has most of.

    Parameters
    ----------
    path : str or path
        The file.
    target : str
        Name of the column that is to be predicted.
    kind : {'auto', 'classes', 'numbers'}, default 'auto'
        What the targets are; 'auto' takes texts and whole numbers for classes.
    max_bytes : int, optional
        The most bytes that the file may have, and that are made of it; by default 4 GiB, and 200 for each of the file.

    Returns
    -------
    examples of flowgraph.data
        The other columns as floats, and the targets.

    Raises
    ------
    DataError
        If there is no such column, or a cell is empty or no number; its row and column are named.
    MissingPathError
        If there is no such file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from flowgraph.data import load_csv
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fruit.csv"
    >>> _ = path.write_text("weight,round,kind\\n120,1,apple\\n90,0,banana\\n")
    >>> examples = load_csv(path, "kind")
    >>> examples, examples.classes
    (<Examples: 2 rows of 2 columns, 2 classes>, ('apple', 'banana'))
    """
    header, rows, lines = rows_of(Path(path), max_bytes)
    if target not in header:
        raise no_column(path, target, header)
    at = header.index(target)
    columns = [*header[:at], *header[at + 1 :]]
    if not columns:
        raise DataError(f"{path}: found only the target {target!r}, needs columns to predict it from")
    x = _numbers(path, columns, [[*row[:at], *row[at + 1 :]] for row in rows], lines)
    words = [row[at].strip() for row in rows]
    empty = next((i for i, word in enumerate(words) if word.lower() in ("", "nan", "na", "null")), None)
    if empty is not None:
        raise DataError(f"{path}: line {lines[empty]}, column {quoted(target)}: found {words[empty]!r}, needs a target")
    y, classes = read_targets(np.array(words, object), kind, f"{path}: column {quoted(target)}")
    return Examples(x, y, tuple(columns), classes, str(path))


def load_inputs(path: str | os.PathLike[str], columns: Sequence[str], *, max_bytes: int | None = None) -> Array:
    """The numbers of these columns of a CSV file, in this order; the file may have other columns.

    Parameters
    ----------
    path : str or path
        The file.
    columns : sequence of str
        Names of the columns, in the order that is wanted.
    max_bytes : int, optional
        The most bytes that the file may have, and that are made of it; by default 4 GiB, and 200 for each of the file.

    Returns
    -------
    ndarray, shape (N, len(columns))
        The numbers.

    Raises
    ------
    DataError
        If a column is missing, or a cell is empty or no number.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from flowgraph.data import load_inputs
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fruit.csv"
    >>> _ = path.write_text("weight,round\\n120,1\\n90,0\\n")
    >>> load_inputs(path, ["round", "weight"])
    array([[  1., 120.],
           [  0.,  90.]])
    """
    header, rows, lines = rows_of(Path(path), max_bytes)
    place_of = {name: place for place, name in enumerate(header)}
    missing = [column for column in columns if column not in place_of]
    if missing:
        raise no_column(path, missing[0], header)
    places = [place_of[column] for column in columns]
    return _numbers(path, columns, [[row[place] for place in places] for row in rows], lines)


def load_npz(
    path: str | os.PathLike[str], target: str, *, inputs: str | None = None, kind: str = "auto",
    max_bytes: int | None = None,
) -> Examples:  # fmt: skip
    """Two arrays of an .npz file: `target`, and `inputs`, which may be left out if there is only one other array.

    Parameters
    ----------
    path : str or path
        The file.
    target : str
        Name of the array that is to be predicted.
    inputs : str, optional
        Name of the array of inputs; it may be left out if there is only one other array.
    kind : {'auto', 'classes', 'numbers'}, default 'auto'
        What the targets are; 'auto' takes texts and whole numbers for classes.
    max_bytes : int, optional
        The most bytes that the file may have, and that are made of it; by default 4 GiB, and 200 for each of the file.

    Returns
    -------
    examples of flowgraph.data
        Inputs and targets.

    Raises
    ------
    DataError
        If an array is missing, or the file is none of NumPy's.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from flowgraph.data import load_npz
    >>> path = tempfile.mkdtemp() + "/data.npz"
    >>> np.savez(path, X=np.eye(3), y=[0, 1, 1])
    >>> load_npz(path, "y")
    <Examples: 3 rows of 3 columns, 2 classes>
    """
    arrays = read_npz(path, max_bytes)
    others = [name for name in arrays if name != target]
    if target not in arrays or (inputs or "") not in ("", *others):
        wanted = target if target not in arrays else inputs
        raise DataError(f"{path}: found no array {wanted!r}; its arrays are {', '.join(arrays) or 'none'}")
    if inputs is None and len(others) != 1:
        raise DataError(f"{path}: found the arrays {', '.join(others) or 'none'} beside {target!r}, needs inputs=")
    x = arrays[inputs or others[0]]
    x = x.reshape(len(x), -1) if x.ndim > 2 else x
    y, classes = read_targets(arrays[target], kind, f"{path}: array {target!r}")
    return Examples(x, y, (), classes, str(path))


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
        raise DataError(f"{path}: found two columns called {quoted(twice)}, needs a name of its own for each")
    for row, line in table[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}: line {line}: found {len(row)} values, but there are {len(header)} columns")
    return header, [row for row, _ in table[1:]], [line for _, line in table[1:]]


def _numbers(
    path: str | os.PathLike[str], columns: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int]
) -> Array:
    """The cells as finite numbers."""
    x = np.empty((len(rows), len(columns)))
    for i, (cells, line) in enumerate(zip(rows, lines, strict=True)):
        try:
            x[i] = [float(cell) for cell in cells]  # NumPy would give each cell the room of the longest
        except ValueError:
            _refuse_cell(path, line, columns, cells)
    for i in np.flatnonzero(~np.isfinite(x).all(axis=1))[:1]:
        _refuse_cell(path, lines[i], columns, rows[i])
    return x


def _refuse_cell(path: str | os.PathLike[str], line: int, columns: Sequence[str], cells: Sequence[str]) -> None:
    for column, cell in zip(columns, cells, strict=True):
        try:
            finite = bool(np.isfinite(float(cell)))
        except ValueError:
            finite = False
        if not finite:
            raise DataError(
                f"{path}: line {line}, column {quoted(column)}: found {quoted(cell)}, needs a finite number; drop the "
                f"line, fill the value in, or turn words into numbers (one column per word, 0 or 1)"
            )
