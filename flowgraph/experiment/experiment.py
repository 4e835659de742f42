"""An experiment: examples, split and standardised, the network for them, its trainer, predictions and trade-off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from flowgraph.box import Array
from flowgraph.box.leaves import Input
from flowgraph.data import BUNDLED, Examples, Split, Standardiser, load_examples, split
from flowgraph.data.loading import TOYS
from flowgraph.data.preparation import (
    COMMAS,
    CONVERSIONS,
    Preparation,
    Table,
    Undecided,
    Words,
    account_of,
    are_many,
    comma_problem,
    kind_of,
    number,
    problems_of,
    read_table,
    read_targets,
    refuse_all,
    too_many,
    without_missing,
)
from flowgraph.errors import DataError, UsageError
from flowgraph.experiment.settings import BALANCED, COMPARED, ClassWeights, TrainSettings
from flowgraph.graph import Graph
from flowgraph.remedies import Remedy
from flowgraph.saving.limits import check_room
from flowgraph.training.bias_variance import BiasVariance, bias_variance
from flowgraph.training.evaluation import predict
from flowgraph.training.mlp import MLP, Activation
from flowgraph.training.objective import mlp_problem
from flowgraph.training.problem import Problem
from flowgraph.training.settings import strict_keywords
from flowgraph.training.trainer import Trainer


class Loaded(NamedTuple):
    """Examples; of a table the preparation that new rows need, and what was done to each column."""

    examples: Examples
    preparation: Preparation | None
    account: Sequence[tuple[str, Words]] = ()


def load(settings: TrainSettings) -> Loaded:
    """The examples of the settings.

    What stands for missing values is taken of the rows that the settings give to training: validation and test
    examples must not have a part in it.
    """
    suffix = Path(settings.source).suffix.lower()
    if settings.source not in (*BUNDLED, *TOYS) and suffix in (".csv", ".tsv", ".parquet"):
        return _of_table(settings)
    for name in OF_TABLES:
        if getattr(settings, name) != getattr(TrainSettings, name):
            raise DataError(
                f"{settings.source}: found ",
                Remedy({name: ...}),
                " for what is no table; needs a .csv, .tsv or .parquet file",
            )
    return Loaded(load_examples(settings.source, settings.target, kind=settings.kind), None)


OF_TABLES = ("drop_missing", "impute", "one_hot", "drop", "decimal")
"""Settings that say how the columns of a table are read."""


def _of_table(settings: TrainSettings) -> Loaded:
    table, target = read_table(settings.source), settings.target
    if target is None:
        raise DataError(
            f"{settings.source}: found no target, needs the name of the column to predict, ", Remedy(target=...)
        )
    for name in (target, *settings.drop):
        table.column(name)  # refuses one that is not there
    if target in settings.drop:
        raise DataError(
            f"{settings.source}: found the target {target!r} among what is left out; give another ", Remedy(drop=...)
        )
    names = [name for name in table.cells if name not in (target, *settings.drop)]
    if not names:
        raise DataError(f"{settings.source}: found only the target {target!r}, needs columns to predict it from")
    table = Table(table.name, {name: table.cells[name] for name in (*names, target)}, table.places)
    whole, impute = len(table), settings.impute
    ways: Any = {"one_hot": settings.one_hot, "impute": impute, "decimal": settings.decimal}
    if settings.drop_missing:
        table = without_missing(table, [*(names if impute == "none" else ()), target])
    refuse_all(table, [*_target_problems(table, target, settings), *problems_of(table, names, **ways)])
    y, classes = read_targets(_targets(table, target, settings), settings.kind, f"{settings.source}: column {target!r}")
    rows = _training_rows(Examples(np.arange(len(y))[:, None], y, ("row",), classes, settings.source), settings)
    preparation = Preparation.fit(table, names, rows=rows, **ways)
    examples = Examples(preparation.numbers_of(table), y, preparation.names, classes, settings.source)
    account: list[tuple[str, Words]] = [
        *account_of(table, preparation.columns),
        *((name, ("left out",)) for name in settings.drop),
        (target, (f"the target, {_target_account(examples)}",)),
    ]
    if whole > len(table):
        account.append(("rows", (f"{whole - len(table):,} of {whole:,} lack a value and are left out",)))
    return Loaded(examples, preparation, account)


def _targets(table: Table, name: str, settings: TrainSettings) -> Array:
    """The cells of the target as an array of objects, whatever they are."""
    cells = table.column(name)
    kind = kind_of(table, name, settings.decimal)
    if kind in COMMAS and settings.decimal != "ask":
        cells = [CONVERSIONS[kind](cell) for cell in cells]
    return np.fromiter(cells, object, len(table))


def _target_problems(table: Table, target: str, settings: TrainSettings) -> Iterator[Undecided]:
    cells, kind = table.column(target), settings.kind
    empty = next((row for row, cell in enumerate(cells) if cell is None), None)
    if empty is not None:
        leave_out = Remedy(drop_missing=True)
        yield Undecided((table.place(empty, target, "a target; "), leave_out, " leaves such rows out"), leave_out)
    present = [str(cell) for cell in cells if cell is not None]
    found = kind_of(table, target, settings.decimal)
    if found in COMMAS and settings.decimal == "ask" and kind != "classes":
        yield comma_problem(table, target)
        return
    numbers = found in ("number", *COMMAS)
    whole = found == "number" and all((number(cell) or 0.0).is_integer() for cell in present)
    if kind == "auto" and (whole or not numbers) and are_many(len(set(present)), len(present)):
        words = (f"column {target!r}: ", *too_many(len(set(present)), len(present)))
        yield Undecided(words, Remedy(kind="numbers" if whole else "classes"))


def _target_account(examples: Examples) -> str:
    """The classes with their shares, the rarest last, or the range of the numbers."""
    y = examples.y
    if not examples.classes:
        return f"a number from {y.min():.6g} to {y.max():.6g}"
    counts = np.bincount(y, minlength=len(examples.classes))
    order = np.argsort(-counts, kind="stable")
    shown = [f"{examples.classes[label]!r} {counts[label] / len(y):.1%}" for label in order]
    between = ["..."] * (len(shown) > MOST_SHOWN)
    return f"{len(shown)} classes: {', '.join([*shown[: MOST_SHOWN - 1], *between, *shown[MOST_SHOWN - 1 :][-1:]])}"


MOST_SHOWN = 6
"""Classes that a line of text names."""


def _training_rows(numbered: Examples, settings: TrainSettings) -> list[int]:
    """The rows that the settings give to training; which these are does not depend on the inputs."""
    parts = split(numbered, valid=settings.valid, test=settings.test, stratify=settings.stratify, seed=settings.seed)
    return [int(row) for row in parts.train.x[:, 0]]


def class_weights(settings: TrainSettings, y: Array, classes: Sequence[str]) -> Array | None:
    """The weight of each class: what is given for it, or the inverse of its share of these labels; None for none."""
    if not settings.class_weight:
        return None
    if not classes:
        raise UsageError("settings: found class_weight for numbers, which have no classes; leave it out")
    if settings.class_weight == (BALANCED,):
        weights: Array = len(y) / (len(classes) * np.bincount(y, minlength=len(classes)).clip(1))
        return weights
    given = ClassWeights().by_class("settings", settings.class_weight)
    strange = next((label for label in given if label not in classes), None)
    if strange is not None:
        raise UsageError(f"settings: found class_weight for {strange!r}, needs one of the classes {', '.join(classes)}")
    return np.array([given.get(label, 1.0) for label in classes])


COPIES = 4
"""Arrays as large as the parameters that a training holds, at least: they, their gradients, what the rule remembers."""


class Experiment:
    """Everything that settings fix before the first step.

    `predictor` is the graph from raw inputs to probabilities or numbers: it holds the standardisation, so that what is
    saved reads what the user's file has.

    Parameters
    ----------
    settings : TrainSettings
        What fixes the training.
    examples : Examples, optional
        The examples; by default those that `settings.source` names.
    raw : Split, optional
        Their parts, where they are split already.

    Raises
    ------
    UsageError
        If the settings do not fit the examples.

    Examples
    --------
    >>> from flowgraph.experiment import Experiment, TrainSettings
    >>> experiment = Experiment(TrainSettings("iris", hidden=(8,), epochs=5))
    >>> history = experiment.trainer().run(5)
    >>> len(history), experiment.predictor.outputs[0]
    (5, <Softmax 'f', axis=-1: (N, 3) float64>)
    """

    def __init__(self, settings: TrainSettings, examples: Examples | None = None, raw: Split | None = None) -> None:
        self.settings = settings
        self.preparation: Preparation | None = None
        self.account: Sequence[tuple[str, Words]] = ()
        if examples is None:
            examples, self.preparation, self.account = load(settings)
        self.examples = examples
        if settings.watch == "error" and not examples.classes:
            raise UsageError(f"{examples.name}: found watch='error' for numbers, which have none; watch the objective")
        self.raw: Split = raw or split(
            examples, valid=settings.valid, test=settings.test, stratify=settings.stratify, seed=settings.seed
        )
        self.class_weights = class_weights(settings, self.raw.train.y, examples.classes)
        self.standardise = Standardiser.of(self.raw.train.x) if settings.standardise else None
        numbers = not self.examples.classes
        self.scale = Standardiser.of(self.raw.train.y[:, None]) if numbers and settings.standardise else None
        sizes = [self.examples.x.shape[1], *settings.hidden, self.examples.outputs]
        count = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
        check_room(
            f"a network of {count:,} parameters", COPIES * count * np.dtype(settings.dtype).itemsize,
            f"make the hidden layers {settings.hidden} smaller", UsageError,
        )  # fmt: skip
        self.mlp = MLP(
            sizes,
            hidden=cast(Activation, settings.activation),
            output="linear" if numbers else "softmax",
            rng=settings.seed,
            dtype=settings.dtype,
            dropout=settings.dropout,
        )
        self.problem: Problem = mlp_problem(self.mlp, self._pair(self.raw.train)[1], settings.l1, settings.l2)

    @property
    def classes(self) -> tuple[str, ...]:
        """The words for the outputs, none for numbers."""
        return self.examples.classes

    def trainer(self, *, validated: bool = True) -> Trainer:
        """A trainer at the start of training.

        Parameters
        ----------
        validated : bool, default True
            Whether it gets the validation examples; without them there is no early stopping.

        Returns
        -------
        Trainer
            The trainer.
        """
        settings, train = self.settings, self._pair(self.raw.train)
        valid: Any = self._pair(self.raw.valid)
        weighted: Any = {}
        if self.class_weights is not None:
            weighted["sample_weight"] = self.class_weights[train[1]]
            valid = (*valid, self.class_weights[valid[1]])
        return Trainer(
            self.problem,
            train,
            valid if validated else None,
            rule=settings.update_rule,
            learning_rate=settings.schedule,
            batch_size=settings.batch_size,
            early_stopping=settings.early_stopping if validated else None,
            seed=settings.seed,
            **weighted,
        )

    @property
    def predictor(self) -> Graph:
        """From raw inputs to the probabilities of the classes, or to numbers in their own unit."""
        dtype = np.dtype(self.settings.dtype)
        columns = self.examples.x.shape[1]
        if self.standardise is None:
            f = self.mlp(Input("x", shape=("N", columns), dtype=dtype))
        else:  # in the precision of the table, as for training: a date in milliseconds has more digits than a float32
            f = self.mlp(self.standardise(Input("x", shape=("N", columns))).astype(dtype))
        if not self.classes:
            f = f[:, 0]
            if self.scale is not None:
                f = f * dtype.type(self.scale.scale[0]) + dtype.type(self.scale.mean[0])
        return Graph(f.named("f"))

    def _pair(self, examples: Examples) -> tuple[Array, Array]:
        """Inputs and targets as the network is trained on them."""
        x = examples.x if self.standardise is None else self.standardise(examples.x)
        y = examples.y if self.scale is None else self.scale(examples.y[:, None])[:, 0]
        dtype = np.dtype(self.settings.dtype)
        return x.astype(dtype), y if self.classes else y.astype(dtype)


def error_of(output: Array, examples: Examples) -> float:
    """The share of the examples whose most probable class is not theirs; for numbers the root of the mean square."""
    if examples.classes:
        return float(np.mean(output.argmax(axis=1) != examples.y))
    return float(np.sqrt(np.mean((output - examples.y) ** 2)))


@strict_keywords
def trade_off(
    settings: TrainSettings,
    name: str,
    values: Iterable[Any],
    *,
    training_sets: int = 20,
    on_training: Callable[[], Any] | None = None,
) -> BiasVariance:
    """Squared bias and variance of the network for each value of one setting, at the validation examples.

    The training examples are drawn from with replacement, and each network is trained on what was drawn, from other
    first weights, through all epochs. The truth is the target, one row per example with a 1 for its class: what no
    input tells of it counts as squared bias. The test examples stay closed.

    Parameters
    ----------
    settings : TrainSettings
        The settings that stay.
    name : str
        The setting that is varied.
    values : iterable
        Its values.
    training_sets : int, default 20
        Number of resampled training sets.
    on_training : function, optional
        It is called before each training.

    Returns
    -------
    BiasVariance
        A decomposition for each value.

    Raises
    ------
    UsageError
        If the setting cannot be varied, since it says what is compared.

    Examples
    --------
    >>> from flowgraph.experiment import TrainSettings, trade_off
    >>> settings = TrainSettings("moons", epochs=4, learning_rate=0.01)
    >>> found = trade_off(settings, "hidden", [(1,), (16,)], training_sets=4)
    >>> found.rows[0].squared_bias > found.rows[1].squared_bias
    True
    """
    if name in (*COMPARED, "patience"):  # training to the end has no use for patience
        raise UsageError(f"trade_off: found {name!r}, which says what is compared; vary another, such as hidden")
    whole = Experiment(settings)
    classes = whole.classes

    def fit(x: Array, y: Array, value: Any, number: int) -> Callable[[Array], Array]:
        drawn = Examples(x, y, whole.examples.columns, classes, whole.examples.name)
        varied = settings.with_values({name: value, "seed": number})
        experiment = Experiment(varied, whole.examples, replace(whole.raw, train=drawn))
        trainer = experiment.trainer(validated=False)
        trainer.run(varied.epochs)
        if trainer.interrupted:
            raise KeyboardInterrupt  # a network that was trained for less says nothing of the setting
        if on_training is not None:
            on_training()
        predictor = experiment.predictor
        return lambda points: predict(predictor, points)

    valid = whole.raw.valid
    truth = np.eye(len(classes))[valid.y] if classes else valid.y
    return bias_variance(
        fit, values, tuple(whole.raw.train), valid.x, truth, training_sets=training_sets, seed=settings.seed
    )
