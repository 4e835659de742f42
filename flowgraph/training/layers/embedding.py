"""Embeddings: a vector of parameters for each of so many numbers."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Value
from flowgraph.box.leaves import Parameter
from flowgraph.errors import DtypeError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.layers.layer import Layer
from flowgraph.training.settings import Rng, read_count, read_generator


@strict_settings
class Embedding(Layer):
    """h = W[number]: a row of a table for each number from 0 to count - 1, drawn from a normal distribution.

    A negative number counts from the end, as in an index of NumPy.

    Shapes: numbers (...) of whole numbers, h (..., size).

    Parameters
    ----------
    count : int
        Number of rows of the table.
    size : int
        Length of a row.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the table; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the table.

    Examples
    --------
    >>> import flowgraph as fg
    >>> words = fg.Input("words", shape=("N", 7), dtype=int)
    >>> fg.Embedding(1000, 16, rng=0)(words)
    <Index 'h', index=('array',): (N, 7, 16) float64>

    Source: Bengio et al. 2003, A neural probabilistic language model.
    """

    def __init__(self, count: int, size: int, *, rng: Rng = None, dtype: Any = float) -> None:
        super().__init__()
        shape = read_count("Embedding", "count", count), read_count("Embedding", "size", size)
        self.W = Parameter(read_generator("Embedding", rng).normal(size=shape).astype(dtype), name="W")

    def __call__(self, numbers: Value) -> Any:
        """The row of each number: one axis more than `numbers`."""
        with self._built(numbers):
            if numbers.dtype.kind not in "iu":
                raise DtypeError(f"Embedding: found {numbers.title} of dtype {numbers.dtype}, needs whole numbers")
            table: Any = self.W
            return table[numbers].named("h")
