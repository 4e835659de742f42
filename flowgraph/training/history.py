"""The history of a training: what was measured after each epoch, as a table, a picture, a frame or a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from flowgraph.errors import UsageError, install_hint
from flowgraph.saving.replacing import replace_table
from flowgraph.training.diagnosis import Diagnosis, diagnose
from flowgraph.training.display import cell_html, drawn_or_none, numbers_table
from flowgraph.training.picture_style import (
    BLUE,
    GREY,
    STYLE,
    VERMILION,
    figure_bytes,
    logarithmic,
    plain,
    write_picture,
)

DECADE = 10
"""How many times the smallest value the largest is where a logarithmic axis shows more than a linear one."""

MOST_LAYERS = 12
"""Layers that a legend names; more would cover their curves."""


def plot_history(history: History, path: Path, *, width: float = 7.0, log: bool = True) -> Path:
    """Write the picture; the objective above, loss, error and gradient norms below, the best epoch marked."""
    return write_picture(path, lambda suffix: history_picture(history, suffix, width=width, log=log))


def history_picture(history: History, suffix: str, *, width: float = 7.0, log: bool = True) -> bytes:
    """The content of that file, by its suffix."""
    if not len(history):
        raise UsageError("plot: found a history without an epoch; train for one at least")
    try:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise ImportError(f"plot: needs matplotlib; run: {install_hint('training')}") from None
    panels = _panels(history)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, 1.9 * len(panels) + 0.8), layout="constrained")
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, curves) in zip(rows, panels.items(), strict=True):
            _draw(axes, history, label, curves)
            values = [value for values in curves.values() for value in values if value is not None]
            if label != "error" and log and min(values) > 0 and max(values) >= DECADE * min(values):
                logarithmic(axes.yaxis, max(values) / min(values))
        figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        rows[-1].set_xlabel("epoch")
        rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.patch.set_alpha(0)
        return figure_bytes(figure, suffix)


def _panels(history: History) -> dict[str, dict[str, list[Any]]]:
    """What each part of the picture shows: name of the axis, curves by name."""
    found = {measure: curves for measure in MEASURES if (curves := history.shown(measure))}
    norms = {c.removeprefix("gradient_norm "): history[c] for c in history.columns if c.startswith("gradient_norm ")}
    return found | ({"gradient norm": norms} if norms else {})


def _draw(axes: Any, history: History, label: str, curves: dict[str, list[Any]]) -> None:
    numbers = history["number"]
    for name, values in curves.items():
        shown = [100 * value for value in values] if label == "error" else values
        said, settings = _LINES.get(name, (plain(name), {"linewidth": 1.0}))
        axes.plot(numbers, shown, label=said, marker="." if len(numbers) == 1 else None, **settings)
    if history.best_epoch is not None:
        best = f"best {history.watch}: epoch {history.best_epoch}"
        axes.axvline(history.best_epoch, color=GREY, linestyle=":", label=best)
    if label == "error":
        axes.set_ylim(bottom=0)
    axes.set_ylabel(_UNITS.get(label, label))
    if label == "gradient norm":
        lines = axes.get_lines()[: len(curves)]
        axes.legend(
            lines[:MOST_LAYERS], list(map(plain, curves))[:MOST_LAYERS], frameon=False, fontsize="small", ncols=3
        )
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)


_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "train": ("train (mean over the epoch)", {"color": BLUE}),
    "valid": ("valid (at its end)", {"color": VERMILION}),
}
"""What is said of the two curves: the first starts above the second, because parameters improve during an epoch."""

_UNITS = {"error": "error in %", "gradient norm": "gradient norm\n(mean over steps)"}


MEASURES = ("objective", "loss", "error")
PARTS = ("train", "valid")
BY_NAME = ("gradient_norms", "metrics")
"""Fields that hold a number for each of some names."""


@dataclass(frozen=True)
class Epoch:
    """The measures after an epoch.

    The objective is what is minimised, the loss is the objective without its regularizers (or what `fg.Problem` was
    told to show), the error the share of examples whose class is wrong. Those of the training examples are means over
    the batches as they were trained on, those of the validation examples are taken at the end of the epoch.
    `gradient_norms` has one number per layer, the mean over the steps; `learning_rate` is that of the last step.
    `metrics` holds those of `fg.fit(metrics=...)`, of the validation examples where there are any, "valid_f1_score".
    What does not apply is None.

    Parameters
    ----------
    number : int
        Number of the epoch, counted from 0.
    updates : int
        Steps since training began.
    learning_rate : float
        The rate of the last step.
    seconds : float
        Time that the epoch took, in seconds.
    train_objective, train_loss, train_error : float
        Means over the batches, as they were trained on; losses of classes in nats per example.
    valid_objective, valid_loss, valid_error : float, optional
        Those of the validation examples at the end of the epoch.
    gradient_norms : dict of str to float
        Mean Euclidean norm of the gradient of each layer over the steps.
    metrics : dict of str to float
        What `fg.fit(metrics=...)` measured.

    Examples
    --------
    >>> from flowgraph.training import Epoch
    >>> Epoch(0, updates=7, learning_rate=0.1, seconds=0.5, train_objective=1.2, train_loss=1.1).train_loss
    1.1
    """

    number: int
    updates: int
    learning_rate: float
    seconds: float
    train_objective: float
    train_loss: float
    train_error: float | None = None
    valid_objective: float | None = None
    valid_loss: float | None = None
    valid_error: float | None = None
    gradient_norms: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    def valid(self, measure: str) -> float | None:
        """A measure of the validation examples.

        Parameters
        ----------
        measure : {"objective", "loss", "error"}
            The measure.

        Returns
        -------
        float or None
            None without validation data, or where there is no such measure.

        Raises
        ------
        UsageError
            If the measure is none of these.
        """
        if measure not in MEASURES:
            raise UsageError(f"Epoch: found the measure {measure!r}, needs one of {', '.join(map(repr, MEASURES))}")
        found: float | None = getattr(self, f"valid_{measure}")
        return found

    def row(self) -> dict[str, Any]:
        """The epoch as a record; each metric and the gradient norm of each layer has a column of its own.

        Returns
        -------
        dict
            Values by the names of the columns.
        """
        row = {name: value for name, value in asdict(self).items() if name not in BY_NAME}
        return row | self.metrics | {f"gradient_norm {layer}": norm for layer, norm in self.gradient_norms.items()}

    def record(self) -> dict[str, Any]:
        """The fields as JSON has them.

        Returns
        -------
        dict
            Copies of the fields by name, without `metrics` if there are none.
        """
        record = vars(self) | {name: dict(getattr(self, name)) for name in BY_NAME}
        return record if self.metrics else {name: value for name, value in record.items() if name != "metrics"}


class History:
    """The epochs of a training, in order, why it ended and which epoch was the best by the validation data.

    `watch` is the measure of the validation data by which it was the best.

    `history["valid_objective"]` is a list of that measure; `print(history)` shows a table, `plot` draws the curves,
    `to_csv` and `to_frame` export them. Table and picture leave out the loss where it is the objective.

    Parameters
    ----------
    epochs : iterable of Epoch, default ()
        What was measured after each epoch.
    best_epoch : int, optional
        Number of the best one, counted from 0.
    ended : str, default ''
        Why training ended.
    watch : {'objective', 'loss', 'error'}, default 'objective'
        The measure of the validation data by which it was the best.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> history = fg.fit(fg.MLP([2, 2], rng=0), (np.eye(2), [0, 1]), epochs=3, checks=False, progress=False)
    >>> len(history), len(history["train_objective"])
    (3, 3)
    """

    def __init__(
        self,
        epochs: Iterable[Epoch] = (),
        *,
        best_epoch: int | None = None,
        ended: str = "",
        watch: str = "objective",
    ) -> None:
        self.epochs = list(epochs)
        self.best_epoch = best_epoch
        self.ended = ended
        self.watch = watch

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.columns:
            raise UsageError(f"History: found {name!r}, needs one of {', '.join(self.columns)}")
        return [epoch.row().get(name) for epoch in self.epochs]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        if not self.epochs:
            return [entry.name for entry in fields(Epoch) if entry.name not in BY_NAME]
        return list(self.epochs[0].row())

    def shown(self, measure: str) -> dict[str, list[Any]]:
        """The curves of one measure.

        Parameters
        ----------
        measure : {"objective", "loss", "error"}
            The measure.

        Returns
        -------
        dict of str to list
            Values by epoch, by part ("train", "valid"); empty for a loss that equals the objective.
        """
        curves = {part: self[f"{part}_{measure}"] for part in PARTS}
        if measure == "loss" and all(repr(curves[part]) == repr(self[f"{part}_objective"]) for part in PARTS):
            return {}
        return {part: values for part, values in curves.items() if any(value is not None for value in values)}

    @property
    def best(self) -> Epoch:
        """The epoch whose parameters the model has now: the best one, or the last one without validation data.

        Raises
        ------
        UsageError
            If no epoch was trained.
        """
        if not self.epochs:
            raise UsageError("History: found no epoch; train for one at least")
        return self.epochs[(self.best_epoch or len(self.epochs)) - 1]

    @property
    def diagnosis(self) -> Diagnosis:
        """Whether training converged, whether it over-fits, and what to try next."""
        return diagnose(self)

    def rows(self) -> list[dict[str, Any]]:
        """The history as a list of records.

        Returns
        -------
        list of dict
            One per epoch, by the names of the columns.
        """
        return [epoch.row() for epoch in self.epochs]

    def to_frame(self) -> Any:
        """The history as a table of pandas.

        Returns
        -------
        pandas.DataFrame
            One row per epoch, indexed by its number.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped]
        except ImportError:
            raise ImportError(f"to_frame: needs pandas; run: {install_hint('pandas')}, or to_csv") from None
        return pandas.DataFrame(self.rows(), columns=self.columns).set_index("number")

    def to_csv(self, path: str | Path) -> Path:
        """Write the history as a CSV file with a header and one line per epoch.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Path
            The file that was written; cells of measures that do not apply are empty.
        """
        return replace_table(path, self.columns, self.rows())

    def plot(self, path: str | Path, **settings: Any) -> Path:
        """Draw objective, loss, error and gradient norms by epoch.

        Parameters
        ----------
        path : str or path
            A .svg, .png or .pdf file.
        **settings
            `width` in inches, default 7.0; `log`, default True: a logarithmic axis where values span a decade.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        UsageError
            If the suffix is none of these.
        """
        return plot_history(self, Path(path), **settings)

    def __str__(self) -> str:
        shown = [f"{part}_{measure}" for part in PARTS for measure in MEASURES if part in self.shown(measure)]
        names = ["epoch", *(name.replace("_", " ") for name in shown), "learning rate", "seconds"]
        lines = [[*_cells(epoch, shown), "* best" * (epoch.number == self.best_epoch)] for epoch in self.epochs]
        if len(lines) > 24:
            lines = [*lines[:10], ["..."] + [""] * len(names), *lines[-10:]]
        widths = [max(map(len, column)) for column in zip([*names, ""], *lines, strict=True)]
        table = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in ([*names, ""], *lines)
        ]
        return "\n".join([*table, self.ended] if self.ended else table)

    def _repr_html_(self) -> str:
        if not len(self):
            return cell_html(self, None)
        drawn = drawn_or_none(lambda: history_picture(self, ".svg"))
        epochs = numbers_table(self.columns, [row.values() for row in self.rows()])
        return cell_html(self, drawn, self.diagnosis._repr_html_(), details=("epochs", epochs))

    def __repr__(self) -> str:
        return f"<History of {len(self)} epoch{'s' * (len(self) != 1)}: {self.ended or 'not ended'}>"


def _cells(epoch: Epoch, shown: Iterable[str]) -> list[str]:
    cells = [str(epoch.number)]
    for name in shown:
        value = getattr(epoch, name)
        cells.append("" if value is None else f"{value:.2%}" if name.endswith("error") else f"{value:.4g}")
    return [*cells, f"{epoch.learning_rate:.3g}", f"{epoch.seconds:.2f}"]
