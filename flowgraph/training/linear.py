"""A linear layer: the lecture's pre-activation with its parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.box.node import current_scope, reopened
from flowgraph.boxes.linear_algebra.products import Affine
from flowgraph.training.display import cell_html, parameters_table
from flowgraph.training.initialisers import Initialiser, InitialiserName, find_initialiser
from flowgraph.training.keywords import strict_settings
from flowgraph.training.settings import Rng, read_count, read_generator


@strict_settings
class Linear:
    """a = b + h W: an Affine box with its parameters, weights of shape (fan_in, fan_out) and biases of zeros.

    Called on a box, it builds the pre-activation; every call shares `W` and `b`.

    Parameters
    ----------
    fan_in : int
        Features of the input.
    fan_out : int
        Features of the output.
    init : str or function, default 'glorot_uniform'
        What draws the weights: a name, or a function of (fan_in, fan_out).
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the weights; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import flowgraph as fg
    >>> with fg.scope("layer1"):
    ...     layer = fg.Linear(784, 128, rng=0)
    >>> layer(fg.Input("x", shape=("N", 784))), layer.W.name
    (<Affine 'layer1/a': (N, 128) float64>, 'layer1/W')

    Source: Larochelle, Training neural networks, "pre-activation".
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        init: InitialiserName | Initialiser = "glorot_uniform",
        rng: Rng = None,
        dtype: DTypeLike | None = float,
    ) -> None:
        fan_in, fan_out = read_count("Linear", "fan_in", fan_in, low=0), read_count("Linear", "fan_out", fan_out, low=0)
        generator = read_generator("Linear", rng)
        self.W = Parameter(find_initialiser(init)(fan_in, fan_out, rng=generator, dtype=dtype), name="W")
        self.b = Parameter(np.zeros(fan_out, dtype), name="b")
        self.scope = current_scope()

    def __call__(self, h: Box) -> Box:
        """The layer applied: h @ W + b, (N, fan_out) of (N, fan_in)."""
        with reopened(self.scope):
            return Affine(h, self.W, self.b, name="a")

    def _repr_html_(self) -> str:
        return cell_html(self, None, parameters_table([self.W, self.b]))

    def __repr__(self) -> str:
        fan_in, fan_out = self.W.shape
        return f"<Linear {self.scope}{fan_in} -> {fan_out}>"
