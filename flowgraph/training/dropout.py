"""Dropout: a random leaf draws the mask, a product applies it, so that every box stays pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Random
from flowgraph.box.node import scope
from flowgraph.box.random_draws import Draw
from flowgraph.errors import DtypeError, UsageError
from flowgraph.training.keywords import strict_keywords
from flowgraph.training.settings import is_rate


@dataclass(frozen=True)
class Keep(Draw):
    """A mask: 0 with probability `rate`, else 1 / (1 - rate)."""

    rate: float

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """A mask of this shape."""
        return (generator.random(shape) >= self.rate) / (1 - self.rate)

    def javascript(self) -> str:
        """A function of a source of uniform numbers, which draws one element."""
        return f"(uniform) => (uniform() >= {self.rate} ? {1 / (1 - self.rate)} : 0)"


@strict_keywords
def dropout(h: Box, rate: float, *, name: str | None = None) -> Any:
    """Set each number to 0 with probability `rate`, and divide the others by 1 - rate, so that the mean stays.

    The mask is drawn by the run from its seed: the same seed gives the same mask. For predictions build a graph
    without dropout on the same parameters.

    Parameters
    ----------
    h : Box
        Hidden units, any shape, of floats.
    rate : float
        Probability with which a number becomes 0, from 0 up to 1.
    name : str, optional
        Name of the mask.

    Returns
    -------
    Box
        A box of the shape of `h`; `h` itself for a rate of 0.

    Raises
    ------
    UsageError
        If `rate` is not from 0 up to 1, or `h` is no box.
    DtypeError
        If `h` is not of floats.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> h = fg.Input("h", shape=("N", 4))
    >>> run = fg.Graph(fg.dropout(h, 0.5)).fprop(h=np.ones((2, 4)), seed=3)
    >>> run.outputs[0]
    array([[0., 0., 2., 2.],
           [0., 0., 0., 0.]])

    Source: Srivastava et al. 2014, Dropout.
    """
    if not is_rate(rate):
        raise UsageError(f"dropout: found rate={rate!r}, needs a number from 0 up to, not including, 1")
    if not isinstance(h, Box):
        raise UsageError(f"dropout: found {type(h).__name__}, needs a box; the mask is drawn when a graph runs")
    if h.dtype.kind != "f":
        raise DtypeError(f"dropout: found {h.title} of dtype {h.dtype}, needs floats")
    with scope(name or "dropout"):
        mask = Random(Keep(float(rate)), shape=h.shape, dtype=h.dtype, name="mask" if name else None)
    dropped = h * mask
    return dropped.named(name) if name else dropped
