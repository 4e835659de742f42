"""Targets of a file as labels of classes or as numbers, by their values or as the user says."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import DataError


def read_targets(values: Array, kind: str, where: str) -> tuple[Any, tuple[str, ...]]:
    """Labels and the names of their classes, or numbers and no names."""
    numbers: Any = None
    try:
        numbers = values.astype(float)
    except ValueError:
        if kind == "numbers":
            word = next(str(value) for value in values if not _is_number(value))
            raise DataError(f"{where}: found {word!r}, needs numbers; kind='classes' takes words") from None
    if numbers is not None and not np.all(np.isfinite(numbers)):
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DataError(f"{where}: found {numbers[row]} in row {row}, needs finite numbers")
    whole = numbers is not None and np.array_equal(numbers, np.floor(numbers))
    if kind == "numbers" or (kind == "auto" and numbers is not None and not whole):
        return numbers, ()
    if whole:
        found, labels = np.unique(numbers, return_inverse=True)
        classes = tuple(str(int(number)) for number in found)
    else:
        found, labels = np.unique(values if values.dtype == object else values.astype(str), return_inverse=True)
        classes = tuple(map(str, found))
    if len(classes) < 2:
        raise DataError(f"{where}: found one class, {classes[0]!r}, needs two or more")
    # a class of which most have fewer than three examples is rather a name, a date, or a number in words
    if kind == "auto" and len(classes) > max(20, len(values) // 3):
        raise DataError(
            f"{where}: found {len(classes)} different values in {len(values)} rows; say which they are, "
            f"kind='classes' or kind='numbers' (--kind)"
        )
    return labels, classes


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
