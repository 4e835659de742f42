"""A set of examples: inputs in rows, one target per row, and the words for columns and classes; checked when made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import DataError
from flowgraph.markup import table, text

_MOST_ROWS, _MOST_COLUMNS = 10, 20
"""Rows and columns that a notebook shows of a table, from both ends: enough to see what the columns hold."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs `x`, one row per example, and targets `y`: labels 0, 1, ... of `classes`, or numbers if there are none.

    `columns` names the columns of x, `name` the set in errors. What is not finite, does not fit or is out of range is
    refused with its row and column, counted from 0 as in NumPy. Unpacks as `x, y = examples`.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        Inputs, one row per example.
    y : array_like, shape (N,) or (N, D)
        Labels from 0, as whole numbers, or targets as floats.
    columns : tuple of str, default ()
        Names of the columns of x.
    classes : tuple of str, default ()
        Names of the classes; none for targets that are numbers.
    name : str, default 'examples'
        What errors call the set.

    Raises
    ------
    DataError
        If a value is not finite, a label is no class, or the numbers of rows differ.

    Examples
    --------
    >>> from flowgraph.data import Examples
    >>> Examples([[0.0, 1.0], [1.0, 0.0]], [0, 1], classes=("no", "yes"))
    <Examples: 2 rows of 2 columns, 2 classes>
    """

    x: Any
    y: Any
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    name: str = "examples"

    def __post_init__(self) -> None:
        x = _inputs(self.x, self.columns, self.name)
        columns = tuple(self.columns) or tuple(f"x{i}" for i in range(x.shape[1]))
        y = _targets(self.y, len(x), tuple(self.classes), self.name)
        for array in (x, y):
            array.setflags(write=False)
        self.__dict__.update(x=x, y=y, columns=columns, classes=tuple(map(str, self.classes)))

    @property
    def outputs(self) -> int:
        """The number of outputs that a network for these examples has."""
        return len(self.classes) or 1

    @property
    def fingerprint(self) -> str:
        """The same for the same numbers in the same order, and for no others."""
        total = hashlib.sha256(repr((self.x.shape, self.x.dtype.str, self.y.dtype.str, self.classes)).encode())
        total.update(self.x.tobytes())
        total.update(self.y.tobytes())
        return total.hexdigest()

    def take(self, rows: object, name: str | None = None) -> Examples:
        """Some of the examples.

        Parameters
        ----------
        rows : array_like of int or bool, or slice
            Which rows of x and y.
        name : str, optional
            Name of the result, for errors; by default that of these examples.

        Returns
        -------
        flowgraph.data.Examples
            The chosen rows, with the same columns and classes.
        """
        return Examples(self.x[rows], self.y[rows], self.columns, self.classes, name or self.name)

    def check_outputs(self, outputs: int) -> None:
        """Check that a network fits the classes.

        Parameters
        ----------
        outputs : int
            Number of outputs of the network.

        Raises
        ------
        DataError
            If there are not as many outputs as classes, or a class has no example.
        """
        if self.classes and outputs != len(self.classes):
            raise DataError(
                f"{self.name}: found {len(self.classes)} classes ({_some(self.classes)}), but the network has "
                f"{outputs} outputs; give the network {len(self.classes)}"
            )
        missing = sorted(set(range(len(self.classes))) - set(self.y.tolist())) if self.classes else []
        if missing:
            raise DataError(
                f"{self.name}: found no example of class {_some([self.classes[i] for i in missing])}, so that its "
                f"output would learn nothing; add examples, leave the class out, or split stratified (--stratify)"
            )

    def __len__(self) -> int:
        return len(self.x)

    def __iter__(self) -> Iterator[Array]:
        return iter((self.x, self.y))

    def __repr__(self) -> str:
        what = f"{len(self.classes)} classes" if self.classes else "numbers as targets"
        return f"<Examples: {len(self)} rows of {self.x.shape[1]} columns, {what}>"

    def _repr_html_(self) -> str:
        columns = min(len(self.columns), _MOST_COLUMNS)
        left = len(self.columns) - columns
        names = ["", *self.columns[:columns], *([f"{left:,} more"] if left else []), "target"]
        half, rows = _MOST_ROWS // 2, range(len(self))
        kept = [*rows] if len(self) <= _MOST_ROWS else [*rows[:half], *rows[-half:]]
        cells = [
            [f"{row:,}", *(f"{value:.4g}" for value in self.x[row, :columns]), *[""] * bool(left), self._target(row)]
            for row in kept
        ]
        return f"<div><b>{text(repr(self).strip('<>'))}</b>{table(names, cells, 0)}</div>"

    def _target(self, row: int) -> str:
        return self.classes[int(self.y[row])] if self.classes else f"{self.y[row]:.4g}"


def _inputs(x: object, columns: Sequence[str], name: str) -> Array:
    array = rectangular(x, name)
    if array.ndim != 2:
        raise DataError(
            f"{name}: found inputs of shape {array.shape}, needs (examples, columns); one column is x[:, None], "
            f"images are x.reshape(len(x), -1)"
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: found inputs of dtype {array.dtype}, needs numbers")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise DataError(f"{name}: found {array.shape[0]} examples of {array.shape[1]} columns, needs 1 or more of both")
    if columns and len(columns) != array.shape[1]:
        raise DataError(f"{name}: found {len(columns)} names of columns, but inputs have {array.shape[1]} columns")
    array = np.array(array, array.dtype if array.dtype.kind == "f" else float)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = bad[0]
        word = f"{columns[column]!r}" if columns else f"{column}"
        raise DataError(
            f"{name}: found {array[row, column]} in row {row}, column {word} ({len(bad)} such values in all), needs "
            f"finite numbers; drop these rows or fill them in"
        )
    return array


def rectangular(values: Any, name: str) -> Array:
    """The values as an array; a row of another length than the first is named."""
    try:
        return np.asarray(values)
    except ValueError as error:
        lengths = [np.size(row) for row in values]
        row = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
        if row is None:
            raise DataError(f"{name}: inputs make no array ({error})") from None
        raise DataError(
            f"{name}: found {lengths[row]} values in row {row}, but {lengths[0]} in row 0; needs as many in each"
        ) from None


def _targets(y: object, count: int, classes: tuple[str, ...], name: str) -> Array:
    array = rectangular(y, name)
    if array.shape != (count,):
        raise DataError(f"{name}: found targets of shape {array.shape} for {count} examples, needs ({count},)")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: found targets of dtype {array.dtype}, needs labels 0, 1, ... or numbers")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise DataError(f"{name}: found the target {array[bad[0]]} in row {bad[0]}, needs finite numbers")
    if not classes:
        return np.array(array, float)
    bad = np.flatnonzero((array != np.floor(array)) | (array < 0) | (array >= len(classes)))
    if len(bad):
        raise DataError(
            f"{name}: found the label {array[bad[0]]} in row {bad[0]} ({len(bad)} such labels in all), needs whole "
            f"numbers 0 to {len(classes) - 1}, one per class"
        )
    return np.array(array, np.int64)


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:5]) + (", ..." if len(words) > 5 else "")
