"""The table of confusions: how many examples of each class were taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowgraph.box import Array
from flowgraph.reports.page import scrolling_table

MOST_CLASSES = 20
"""Classes up to which the table fits a page."""


def confusion_counts(classes: int, targets: Array, predicted: Array) -> Array:
    """Whole numbers of shape (classes, classes): row by true class, column by predicted class; both are indices.

    >>> import numpy as np
    >>> from flowgraph.reports.confusion import confusion_counts
    >>> confusion_counts(2, np.array([0, 0, 1]), np.array([0, 1, 1]))
    array([[1, 1],
           [0, 1]])
    """
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (targets, predicted), 1)
    return counts


def confusion_table(classes: Sequence[str], targets: Array, predicted: Array) -> str:
    """A row per true class, a column per predicted class, in HTML; nothing where there are too many to read."""
    if len(classes) > MOST_CLASSES:
        return ""
    counts = confusion_counts(len(classes), targets, predicted)
    rows = [
        (name, *(str(count) if count else "·" for count in row), f"{row[i] / row.sum():.1%}" if row.sum() else "")
        for i, (name, row) in enumerate(zip(classes, counts, strict=True))
    ]
    note = '<p class="muted">A row is a true class, a column the class that the network gave.</p>'
    return note + scrolling_table(("true class", *classes, "found"), rows, 1)
