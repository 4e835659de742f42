"""The examples that settings name, and how a table was made numbers for them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from flowgraph.data import BUNDLED, Examples, load_examples, split
from flowgraph.data.files import TOYS
from flowgraph.data.preparation import Preparation, without_missing
from flowgraph.data.tables import read_table
from flowgraph.data.targets import read_targets
from flowgraph.errors import DataError
from flowgraph.experiment.settings import TrainSettings


class Loaded(NamedTuple):
    """Examples, and the preparation that new rows need; None where they are numbers as they stand."""

    examples: Examples
    preparation: Preparation | None


def load(settings: TrainSettings) -> Loaded:
    """The examples of the settings.

    What stands for missing values is taken of the rows that the settings give to training: validation and test
    examples must not have a part in it.
    """
    prepared = settings.drop_missing or settings.one_hot or settings.impute != "none"
    suffix = Path(settings.source).suffix.lower()
    if settings.source in (*BUNDLED, *TOYS) or suffix not in (".csv", ".tsv", ".parquet"):
        if prepared:
            raise DataError(
                f"{settings.source}: found --drop-missing, --impute or --one-hot for what is no table; needs a .csv, "
                f".tsv or .parquet file"
            )
    elif prepared or suffix == ".parquet":
        return _of_table(settings)
    return Loaded(load_examples(settings.source, settings.target, kind=settings.kind), None)


def _of_table(settings: TrainSettings) -> Loaded:
    table, target = read_table(settings.source), settings.target
    if target is None:
        raise DataError(f"{settings.source}: found no target, needs the name of the column to predict (--target)")
    cells = table.column(target)
    names = [name for name in table.cells if name != target]
    if not names:
        raise DataError(f"{settings.source}: found only the target {target!r}, needs columns to predict it from")
    if settings.drop_missing:
        table = without_missing(table, [*names, target])
        cells = table.column(target)
    empty = next((row for row, cell in enumerate(cells) if cell is None), None)
    if empty is not None:
        raise table.refuse(empty, target, "a target; --drop-missing leaves such rows out")
    y, classes = read_targets(np.array(cells, object), settings.kind, f"{settings.source}: column {target!r}")
    rows = _training_rows(Examples(np.arange(len(y))[:, None], y, ("row",), classes, settings.source), settings)
    preparation = Preparation.fit(table, names, rows=rows, one_hot=settings.one_hot, impute=settings.impute)
    return Loaded(Examples(preparation.read(table), y, preparation.names, classes, settings.source), preparation)


def _training_rows(numbered: Examples, settings: TrainSettings) -> list[int]:
    """The rows that the settings give to training; which these are does not depend on the inputs."""
    parts = split(numbered, valid=settings.valid, test=settings.test, stratify=settings.stratify, seed=settings.seed)
    return [int(row) for row in parts.train.x[:, 0]]
