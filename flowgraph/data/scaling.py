"""Standardisation by the statistics of the training examples alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data.examples import Examples


@dataclass(frozen=True, eq=False)
class Standardiser:
    """(x - mean) / scale, column by column; a column that never changes is only centred.

    Works on arrays and on boxes, so that a saved network can hold it and read raw inputs.

    Parameters
    ----------
    mean : ndarray, shape (D,)
        What is subtracted, in the units of the columns.
    scale : ndarray, shape (D,)
        What is divided by, in the units of the columns.

    Examples
    --------
    >>> from flowgraph.data import Standardiser
    >>> standardise = Standardiser.of([[0.0, 5.0], [2.0, 5.0]])
    >>> standardise([[4.0, 6.0]])
    array([[3., 1.]])
    """

    mean: Array
    scale: Array

    @classmethod
    def of(cls, x: object) -> Standardiser:
        """The standardisation by the mean and standard deviation of these inputs.

        Parameters
        ----------
        x : array_like, shape (n, d)
            Inputs, one example per row.

        Returns
        -------
        Standardiser
            A column of equal values is only centred.
        """
        x = np.asarray(x)
        scale = x.std(axis=0)
        # a column of equal numbers has a standard deviation of rounding errors, 1e-16 of their size, in place of 0
        return cls(x.mean(axis=0), np.where(scale > 1e-12 * np.abs(x).max(axis=0), scale, 1).astype(x.dtype))

    def __call__(self, x: object) -> Any:
        """Inputs with mean 0 and standard deviation 1, as the inputs had from which this was made."""
        return (x - self.mean) / self.scale

    def examples(self, examples: Examples) -> Examples:
        """Examples with standardised inputs.

        Parameters
        ----------
        examples : Examples
            The examples.

        Returns
        -------
        flowgraph.data.Examples
            With x replaced by (x − mean) / scale.
        """
        return Examples(self(examples.x), examples.y, examples.columns, examples.classes, examples.name)
