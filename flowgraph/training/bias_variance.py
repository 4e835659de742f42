"""Bias and variance: train on many training sets, and split the squared error of the predictions into its parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Array, Value
from flowgraph.errors import DataError, UsageError
from flowgraph.saving.replacing import replace_table
from flowgraph.training.display import (
    BLUE,
    GREY,
    MOST_LABELS,
    MOST_POINTS,
    VERMILION,
    align_columns,
    bare,
    cell_html,
    drawn_or_none,
    numbers_table,
    picture,
    plain,
    write_picture,
)
from flowgraph.training.settings import read_count, read_number, strict_keywords

GREEN = "#009E73"


def decomposition_picture(result: BiasVariance, suffix: str, label: str, log: bool) -> bytes:
    """The picture as a file of this suffix; bands are a standard error wide on both sides, the best is marked."""
    numbers = all(isinstance(row.setting, int | float) and not isinstance(row.setting, bool) for row in result)
    places: list[Any] = [row.setting if numbers else i for i, row in enumerate(result)]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for name, colour in (("squared bias", BLUE), ("variance", VERMILION), ("error", GREEN)):
            _draw_curve(axes, result, places, name, colour)
        best = places[result.rows.index(result.best)]
        axes.axvline(best, color=GREY, linestyle=":", label=f"smallest error: {plain(result.best.setting)}")
        axes.set(xlabel=plain(label), ylabel="squared error", xscale="log" if log and numbers else "linear")
        axes.set_ylim(0)
        if not numbers:
            every = -(-len(places) // MOST_LABELS)
            axes.set_xticks(places[::every], [plain(row.setting) for row in result][::every])
        axes.legend(frameon=False)
        bare(axes)

    return picture((6.2, 4), draw, suffix)


def _draw_curve(axes: Any, result: BiasVariance, places: list[Any], name: str, colour: str) -> None:
    key = name.replace(" ", "_")
    values = [getattr(row, key) for row in result]
    spread = [row.uncertainty[key] for row in result]
    lower = [value - error for value, error in zip(values, spread, strict=True)]
    upper = [value + error for value, error in zip(values, spread, strict=True)]
    marks: dict[str, Any] = {"marker": "o", "markersize": 4} if len(places) <= MOST_POINTS else {}
    axes.plot(places, values, color=colour, label=name, **marks)
    axes.fill_between(places, lower, upper, color=colour, alpha=0.2, linewidth=0)


Predict = Callable[[Array], Any]
PARTS = ("squared_bias", "variance", "error")
COLUMNS = ("squared_bias", "variance", "squared_error")
"""The parts as a file calls them, in which an error without a word is the share of wrong classes."""


@dataclass(frozen=True)
class Decomposition:
    """The parts for one setting, as means over the points: error = squared bias + variance; and the noise.

    `error` is the mean squared distance to the truth; against noisy targets it is larger by `noise`. Each part has
    its standard error by the jackknife over the training sets, in `uncertainty`.
    """

    setting: Any
    squared_bias: float
    variance: float
    noise: float | None
    uncertainty: dict[str, float]

    @property
    def error(self) -> float:
        """Squared bias and variance together."""
        return self.squared_bias + self.variance

    @property
    def expected_error(self) -> float:
        """The error on new, noisy targets, where the noise is known."""
        return self.error + (self.noise or 0.0)


class BiasVariance:
    """The decompositions of all settings; `print` shows a table, `plot` draws the curve of each part.

    Parameters
    ----------
    rows : iterable of Decomposition
        Squared bias, variance and noise for each setting, in the squared unit of the targets.
    training_sets : int
        Number of training sets over which they were taken.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.training import bias_variance
    >>> def fit(X, y, setting, seed):
    ...     return lambda x: np.full(len(x), y.mean() * setting)
    >>> x = np.linspace(0, 1, 20)
    >>> found = bias_variance(fit, [0.0, 1.0], (x, 1 + x), x, 1 + x, training_sets=5)
    >>> len(found), found.best.setting
    (2, 1.0)
    """

    def __init__(self, rows: Iterable[Decomposition], training_sets: int) -> None:
        self.rows = tuple(rows)
        self.training_sets = training_sets

    @property
    def best(self) -> Decomposition:
        """The setting with the smallest error."""
        return min(self.rows, key=lambda row: row.error)

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write a CSV file with one line per setting.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Path
            The file that was written: squared bias, variance, squared error, and the standard error of each.
        """
        rows = [
            [row.setting, *(getattr(row, part) for part in PARTS), *(row.uncertainty[part] for part in PARTS)]
            for row in self.rows
        ]
        columns = ["setting", *COLUMNS, *(f"{column}_uncertainty" for column in COLUMNS)]
        return replace_table(path, columns, [dict(zip(columns, row, strict=True)) for row in rows])

    def plot(self, path: str | os.PathLike[str], *, label: str = "capacity", log: bool = False) -> Path:
        """Draw squared bias, variance and error by setting.

        Parameters
        ----------
        path : str or path
            A .svg, .png or .pdf file.
        label : str, default "capacity"
            The label of the horizontal axis.
        log : bool, default False
            Whether that axis is logarithmic; for settings that are numbers.

        Returns
        -------
        Path
            The file that was written.
        """
        return write_picture(path, lambda suffix: decomposition_picture(self, suffix, label, log))

    def __repr__(self) -> str:
        return f"<BiasVariance of {len(self)} settings, {self.training_sets} training sets>"

    def _repr_html_(self) -> str:
        names = ("setting", *PARTS)
        rows = numbers_table(names, [[str(row.setting), *(getattr(row, part) for part in PARTS)] for row in self])
        return cell_html(self, drawn_or_none(lambda: decomposition_picture(self, ".svg", "setting", False)), rows)

    def __iter__(self) -> Iterator[Decomposition]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [("setting", "bias²", "variance", "squared error", "")]
        for row in self.rows:
            cells = [f"{getattr(row, part):.4g} ± {row.uncertainty[part]:.1g}" for part in PARTS]
            lines.append((str(row.setting), *cells, "* best" if row is self.best else ""))
        return "\n".join([*align_columns(lines, 0), f"{self.training_sets} training sets"])


@strict_keywords
def bias_variance(
    fit: Callable[[Array, Array, Any, int], Predict],
    settings: Iterable[Any],
    training: object,
    x: Value,
    truth: object,
    *,
    noise: float | None = None,
    training_sets: int = 50,
    seed: int = 0,
) -> BiasVariance:
    """Decompose the squared error of a way to train, at the points `x`, for each setting.

    `fit(X, y, setting, seed)` trains and returns a function from points to predictions, numbers or one row of
    probabilities per point. `training` draws a training set, `training(generator) -> (X, y)`, or is one, (X, y), from
    which as many examples are drawn with replacement. Every setting sees the same training sets.

    `truth` is what the predictions should be at `x`, without noise; with noisy targets in its place their noise is
    part of the squared bias. `noise` is the variance of the targets, where it is known. The parts are estimated without
    bias: the variance divides by one less than the number of sets, and the share of it that the mean prediction of
    so many sets still has is taken off the squared bias.

    Parameters
    ----------
    fit : function
        `fit(X, y, setting, seed)` returns a function from points to predictions.
    settings : iterable
        What is varied, such as sizes of a hidden layer.
    training : function or (X, y)
        What draws a training set, or the examples from which sets are drawn with replacement.
    x : array_like, shape (P, D)
        The points at which the error is decomposed.
    truth : array_like, shape (P,) or (P, C)
        What the predictions should be there, without noise.
    noise : float, optional
        Variance of the targets, in their squared unit.
    training_sets : int, default 50
        Number of training sets.
    seed : int, default 0
        What fixes the training sets, and the seeds that `fit` gets.

    Returns
    -------
    BiasVariance
        A decomposition for each setting.

    Raises
    ------
    UsageError
        If there is no setting, or predictions are not finite or not of the shape of `truth`.
    DataError
        If a training set has not as many targets as inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.training import bias_variance
    >>> def draw(generator):
    ...     X = generator.uniform(-1, 1, 30)
    ...     return X, np.sin(3 * X) + generator.normal(0, 0.3, 30)
    >>> def fit(X, y, degree, seed):
    ...     return np.polynomial.Polynomial.fit(X, y, degree, domain=[-1, 1])
    >>> x = np.linspace(-0.9, 0.9, 40)
    >>> found = bias_variance(fit, [0, 1, 3, 9], draw, x, np.sin(3 * x), noise=0.09)
    >>> found.best.setting
    3
    >>> [row.squared_bias > row.variance for row in found]
    [True, True, False, False]

    Source: Larochelle, Training neural networks, "bias-variance trade-off".
    """
    count = read_count("bias_variance", "training_sets", training_sets, low=3)
    seed = read_count("bias_variance", "seed", seed, low=0)
    if noise is not None:
        noise = read_number("bias_variance", "noise", noise, low=0)
    known = list(settings)
    if not known:
        raise UsageError("bias_variance: found no setting, needs one or more, such as sizes of a hidden layer")
    x, truth = np.asarray(x), np.asarray(truth, float)
    drawn = [_training_set(training, np.random.default_rng([seed, number])) for number in range(count)]
    rows = []
    for setting in known:
        predictions = np.stack([
            _predict_points(fit(X, y, setting, number), x, truth, setting) for number, (X, y) in enumerate(drawn)
        ])  # fmt: skip
        rows.append(_decompose_error(setting, predictions, truth, noise))
    return BiasVariance(rows, count)


def _training_set(training: Any, generator: np.random.Generator) -> tuple[Array, Array]:
    if callable(training):
        X, y = training(generator)
        return np.asarray(X), np.asarray(y)
    X, y = (np.asarray(part) for part in training)
    if len(X) != len(y) or len(X) == 0:
        raise DataError(f"bias_variance: found {len(X)} inputs and {len(y)} targets, needs as many, 1 or more")
    rows = generator.integers(0, len(X), len(X))
    return X[rows], y[rows]


def _predict_points(predict: Predict, x: Array, truth: Array, setting: object) -> Array:
    predictions = np.asarray(predict(x), float)
    if predictions.shape != truth.shape:
        raise UsageError(
            f"bias_variance: found predictions of shape {predictions.shape} for the setting {setting!r}, but the truth "
            f"has {truth.shape}; labels become rows of probabilities with np.eye(classes)[labels]"
        )
    if not np.all(np.isfinite(predictions)):
        raise UsageError(f"bias_variance: found predictions that are not finite for the setting {setting!r}")
    return predictions


def _decompose_error(setting: object, predictions: Array, truth: Array, noise: float | None) -> Decomposition:
    """The parts by their unbiased estimates; for a point with several outputs they are summed over these."""
    deviations = (predictions - truth).reshape(len(predictions), len(truth), -1)
    total, squares = deviations.sum(axis=0), (deviations**2).sum(axis=0)
    count = len(deviations)
    squared_bias, variance, _ = _parts(count, total, squares)
    left = np.array([_parts(count - 1, total - deviation, squares - deviation**2) for deviation in deviations])
    spread = np.sqrt((count - 1) * left.var(axis=0))
    uncertainty = dict(zip(PARTS, map(float, spread), strict=True))
    return Decomposition(setting, squared_bias, variance, noise, uncertainty)


def _parts(count: int, total: Array, squares: Array) -> tuple[float, float, float]:
    """Squared bias, variance and their sum, means over the points, from sums over the training sets."""
    mean = total / count
    variance = np.maximum(squares - count * mean**2, 0) / (count - 1)
    bias = mean**2 - variance / count
    parts = [float(part.sum(axis=1).mean()) for part in (bias, variance)]
    return parts[0], parts[1], parts[0] + parts[1]
