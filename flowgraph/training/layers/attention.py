"""Multi-head attention: each position of a sequence reads all positions of another, weighted by query and key."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.neural.softmax import softmax
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.training.keywords import strict_settings
from flowgraph.training.layers.layer import Layer, glorot_bound, uniform
from flowgraph.training.settings import Rng, read_count, read_generator


@strict_settings
class MultiHeadAttention(Layer):
    """softmax(q kᵀ / √d) v in each head, of width d = size / heads, from linear functions of the inputs.

    Called as `attention(x)` a sequence attends to itself, as `attention(x, memory)` to another, as
    `attention(x, keys, values)` to one by the keys of another. `mask` is an array or box of booleans that is
    broadcast to (N, heads, T, S): True where a place may be read. A query that may read no place reads 0, so that its
    output is bo, and no gradient comes from it; PyTorch's `scaled_dot_product_attention` does the same, while its
    `MultiheadAttention` gives NaN.

    The parameters are Wq, Wk, Wv (size, heads, d), Wo (heads, d, size), bq, bk, bv (heads, 1, d) and bo (size).

    Shapes: x (N, T, size), keys and values (N, S, size), h (N, T, size).

    Parameters
    ----------
    size : int
        Features of the input and the output.
    heads : int
        Number of heads, a divisor of `size`.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the weights; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Raises
    ------
    UsageError
        If `heads` does not divide `size`.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x = fg.Input("x", shape=("N", 10, 16))
    >>> fg.MultiHeadAttention(16, 4, rng=0)(x, mask=np.tri(10, dtype=bool))
    <Add 'h': (N, 10, 16) float64>

    Source: Vaswani et al. 2017, Attention is all you need.
    """

    def __init__(self, size: int, heads: int, *, rng: Rng = None, dtype: Any = float) -> None:
        super().__init__()
        size, heads = (read_count("MultiHeadAttention", n, v) for n, v in (("size", size), ("heads", heads)))
        if size % heads:
            raise UsageError(f"MultiHeadAttention: found heads={heads}, needs a divisor of size={size}")
        self.size, self.heads = size, heads
        generator, width, bound = read_generator("MultiHeadAttention", rng), size // heads, glorot_bound(size, size)
        for one in "qkv":
            W = uniform(generator, bound, (size, heads, width), dtype)
            setattr(self, f"W{one}", Parameter(W, name=f"W{one}"))
            setattr(self, f"b{one}", Parameter(np.zeros((heads, 1, width), dtype), name=f"b{one}"))
        self.Wo = Parameter(uniform(generator, bound, (heads, width, size), dtype), name="Wo")
        self.bo = Parameter(np.zeros(size, dtype), name="bo")

    def __call__(self, x: Value, keys: Value = None, values: Value = None, *, mask: Value = None) -> Any:
        """The output, (N, T, size), for queries from x; keys are x, and values are the keys, unless given."""
        keys = x if keys is None else keys
        values = keys if values is None else values
        for one in (x, keys, values):
            self._check(one)
        with self._built(x, 3):
            q, k, v = (self._part(name, box) for name, box in (("q", x), ("k", keys), ("v", values)))
            scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(self.size // self.heads)
            read = _weights(scores, None if mask is None else _booleans(mask)).named("attention") @ v
            return (np.einsum("nhtd,hds->nts", read, self.Wo) + self.bo).named("h")

    def _check(self, x: Any) -> None:
        with self._built(x, 3):
            if x.shape[-1] != self.size:
                raise ShapeError(f"MultiHeadAttention: found {x.title} of shape {x.shape}, needs (N, T, {self.size})")

    def _part(self, name: str, x: Value) -> Any:
        """The queries, keys or values of all heads, (N, heads, T, d)."""
        return np.einsum("nts,shd->nhtd", x, getattr(self, f"W{name}")) + getattr(self, f"b{name}")


def _weights(scores: Any, mask: Any) -> Any:
    """How much each query reads of each place: the softmax of the scores, 0 in rows where the mask is nowhere true."""
    if mask is None:
        return softmax(scores, axis=-1)
    some = np.any(mask, axis=-1, keepdims=True)
    if not isinstance(some, Box) and some.all():
        return softmax(np.where(mask, scores, -np.inf), axis=-1)
    return np.where(some, softmax(np.where(mask | ~some, scores, -np.inf), axis=-1), 0.0)


def _booleans(mask: Any) -> Any:
    """The mask; one that is added to the scores, 0 where a query may read and -inf elsewhere, says the opposite."""
    read = mask if isinstance(mask, Box) else np.asarray(mask)
    if read.dtype != bool:
        raise DtypeError(
            f"MultiHeadAttention: found a mask of dtype {read.dtype}, needs booleans, true where a query may read; of "
            f"a mask that is added to the scores that is mask == 0"
        )
    return read
