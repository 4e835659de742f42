"""Examples from a user's CSV or NPZ file, with the target named, or of a set by its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flowgraph.box import Array
from flowgraph.data.examples import BUNDLED, Examples, circles, moons, spirals
from flowgraph.data.preparation import Preparation, no_target, quote_cell, read_npz, read_table, read_targets
from flowgraph.errors import DataError
from flowgraph.saving.replacing import must_exist

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
        raise no_target(source)
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
    table = read_table(path, max_bytes)
    columns = [name for name in table.cells if name != target]
    cells = table.column(target)
    if not columns:
        raise DataError(f"{path}: found only the target {target!r}, needs columns to predict it from")
    x = Preparation.of_numbers(columns).numbers_of(table)
    empty = next((row for row, cell in enumerate(cells) if cell is None), None)
    if empty is not None:
        raise table.refuse(empty, target, "a target")
    y, classes = read_targets(np.fromiter(cells, object), kind, f"{path}: column {quote_cell(target)}")
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
    return Preparation.of_numbers(columns).numbers_of(read_table(path, max_bytes))


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
