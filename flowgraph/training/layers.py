"""Layers, boxes with the parameters that every call shares: embedding, convolution, normalisation, attention."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Parameter
from flowgraph.box.node import current_scope, reopen_scope
from flowgraph.boxes.engine.passing_on import InTraining
from flowgraph.boxes.engine.shape_like import count_like
from flowgraph.boxes.neural.convolution import Conv1d, Conv2d, Conv3d
from flowgraph.boxes.neural.softmax import softmax
from flowgraph.boxes.numpy_api.constructors import as_box
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.training.display import cell_html, parameters_table
from flowgraph.training.settings import Rng, read_count, read_generator, read_number, strict_settings


class Layer:
    """Boxes with parameters: called on a box or an array it builds its output, and every call shares the parameters."""

    def __init__(self) -> None:
        self.scope = current_scope()

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that are trained."""
        return [attribute for attribute in vars(self).values() if isinstance(attribute, Parameter)]

    @contextmanager
    def _build_in_scope(self, x: Value, axes: int | None = None) -> Iterator[Any]:
        """Build boxes in the scope of the layer on the input, an array as a constant, once its axes are counted."""
        with reopen_scope(self.scope):
            box = as_box(x)
            if axes is not None and len(box.shape) != axes:
                raise ShapeError(f"{type(self).__name__}: found {box.title} of shape {box.shape}, needs {axes} axes")
            yield box

    def _repr_html_(self) -> str:
        return cell_html(self, None, parameters_table(self.parameters))

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{(parameter.name or '').rpartition('/')[2]} {parameter.value.shape}" for parameter in self.parameters
        )
        return f"<{type(self).__name__} {self.scope}{shapes}>"


def uniform(generator: np.random.Generator, bound: float, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
    """Uniform on [-bound, bound]."""
    return generator.uniform(-bound, bound, shape).astype(dtype)


def glorot_bound(fan_in: int, fan_out: int) -> float:
    """The bound of `fg.glorot_uniform`, for weights that are no matrix."""
    return math.sqrt(6 / max(fan_in + fan_out, 1))


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
        """The row of each number: one axis more than `numbers`.

        A number below 0 counts from the end of the table, as where NumPy indexes an array; PyTorch's layer refuses it.
        """
        with self._build_in_scope(numbers) as numbers:
            if numbers.dtype.kind not in "iu":
                raise DtypeError(f"Embedding: found {numbers.title} of dtype {numbers.dtype}, needs whole numbers")
            table: Any = self.W
            return table[numbers].named("h")


BOXES = {1: Conv1d, 2: Conv2d, 3: Conv3d}


@strict_settings
class ConvLayer(Layer):
    """a = x ∗ W + b: a convolution with its parameters, filters uniform on ±√(6 / fan_in) and biases of zeros.

    It is called so since `fg.Conv2d` is the box, which takes its filters as a child. `size` is that of the filters, one
    number per axis: three make it a `Conv3d`; one number alone is a square for images. `stride`, `padding`, `dilation`
    and `groups` are those of the box.

    Shapes: x (N, channels, ...), a (N, filters, ...).

    Parameters
    ----------
    channels : int
        Channels of the input.
    filters : int
        Channels of the output.
    size : int or sequence of int
        Size of the filters in elements, one number per axis; one number alone is a square for images.
    stride : int or tuple of int, default 1
        Steps between windows, in elements.
    padding : int, tuple or 'same', default 0
        Zeros around each spatial axis, in elements.
    dilation : int or tuple of int, default 1
        Distance between the elements of a window, in elements.
    groups : int, default 1
        Number of groups of channels that are convolved separately; it divides both numbers of channels.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the filters; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Raises
    ------
    UsageError
        If `size` has more than three numbers, or `groups` does not divide the channels.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.ConvLayer(3, 8, 5, padding="same", rng=0)(fg.Input("x", shape=("N", 3, 32, 32)))
    <Add 'a': (N, 8, 32, 32) float64>

    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition; the bound is that of He et al.
    2015, Delving deep into rectifiers.
    """

    def __init__(  # noqa: PLR0913  a keyword for each setting of the layer
        self,
        channels: int,
        filters: int,
        size: int | Sequence[int],
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        rng: Rng = None,
        dtype: Any = float,
    ) -> None:
        super().__init__()
        sizes = tuple(size) if isinstance(size, Sequence) else (size, size)
        if len(sizes) not in BOXES:
            raise UsageError(f"ConvLayer: found size={size!r}, needs one, two or three numbers, (5, 5)")
        channels, filters = (read_count("ConvLayer", n, v) for n, v in (("channels", channels), ("filters", filters)))
        groups = read_count("ConvLayer", "groups", groups)
        if channels % groups or filters % groups:
            raise UsageError(f"ConvLayer: found groups={groups}, needs a divisor of {channels} and of {filters}")
        shape = (filters, channels // groups, *(read_count("ConvLayer", "size", size) for size in sizes))
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        bound = math.sqrt(6 / math.prod(shape[1:]))
        self.W = Parameter(uniform(read_generator("ConvLayer", rng), bound, shape, dtype), name="W")
        self.b = Parameter(np.zeros(filters, dtype), name="b")

    def __call__(self, x: Value) -> Any:
        """The convolution plus biases: (N, filters, *sizes) of (N, channels, *sizes)."""
        axes = self.W.value.ndim - 2
        with self._build_in_scope(x, axes + 2) as x:
            biases: Any = np.expand_dims(self.b, tuple(range(1, axes + 1)))
            return (BOXES[axes](x, self.W, **self.settings) + biases).named("a")


@strict_settings
class BatchNorm(Layer):
    """h = scale (x − mean) / √(variance + ε) + shift, of each feature, which axis 1 counts.

    Called with `training=True` the mean and variance are those of the batch, over all axes but axis 1; else they are
    the running ones, which `updates(x)` carries along: m becomes (1 − momentum) m + momentum times what the batch has,
    of the variance the unbiased one. They are parameters that are not trained.

    Shapes: x (N, features) or (N, features, ...), h as x.

    Parameters
    ----------
    features : int
        Size of axis 1.
    momentum : float, default 0.1
        The part of the batch in the running statistics, per step.
    epsilon : float, default 1e-5
        What is added to the variance, in its unit.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
    >>> with fg.scope("hidden"):
    ...     hidden, norm = fg.Linear(4, 8, rng=0), fg.BatchNorm(8)
    >>> with fg.scope("out"):
    ...     out = fg.Linear(8, 2, rng=1)
    >>> def losses(training):
    ...     return fg.SoftmaxCrossEntropy(out(np.tanh(norm(hidden(x), training=training))), y)
    >>> data = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 2
    >>> history = fg.fit(fg.mean(losses(True)), data, 0.2, evaluate=fg.mean(losses(False)),
    ...                  updates=norm.updates(hidden(x)), epochs=2, progress=False)
    >>> len(history)
    2

    Source: Ioffe and Szegedy 2015, Batch normalization: accelerating deep network training.
    """

    def __init__(self, features: int, *, momentum: float = 0.1, epsilon: float = 1e-5, dtype: Any = float) -> None:
        super().__init__()
        features = read_count("BatchNorm", "features", features)
        self.momentum = read_number("BatchNorm", "momentum", momentum, low=0)
        self.epsilon = read_number("BatchNorm", "epsilon", epsilon, above=0)
        self.scale = Parameter(np.ones(features, dtype), name="scale")
        self.shift = Parameter(np.zeros(features, dtype), name="shift")
        self.mean = Parameter(np.zeros(features, dtype), name="mean")
        self.variance = Parameter(np.ones(features, dtype), name="variance")

    @property
    def parameters(self) -> list[Parameter]:
        """Scale and shift; mean and variance are carried along, not trained."""
        return [self.scale, self.shift]

    def __call__(self, x: Value, *, training: bool = False) -> Any:
        """The normalised batch: by its own mean and variance in training, else by the running ones."""
        with self._build_in_scope(x) as x:
            self._check(x)
            mean: Any = self.mean
            variance: Any = self.variance
            if training:
                of_batch = self._batch(x)
                mean, variance = (
                    InTraining(a, in_evaluation=b) for a, b in zip(of_batch, (mean, variance), strict=True)
                )
            rate = self.scale / np.sqrt(variance + self.epsilon)
            return ((x - _along(mean, x)) * _along(rate, x) + _along(self.shift, x)).named("h")

    def updates(self, x: Value) -> dict[Parameter, Box]:
        """The new values of the running mean and variance, for `fg.fit(updates=...)`.

        Parameters
        ----------
        x : Box or array_like, shape (N, ...)
            The input of the layer in training.

        Returns
        -------
        dict of Parameter to Box
            (1 − momentum) old + momentum new for both, with the unbiased variance of the batch; of a single number a
            feature, which has none, the running variance stays as it is.

        Raises
        ------
        ShapeError
            If axis 1 of x, the features, has another size than the layer.
        """
        with self._build_in_scope(x) as x:
            self._check(x)
            mean, variance = self._batch(x)
            n = count_like(x, _all_but_features(x))
            unbiased = variance * n / np.maximum(n - 1, 1)
            carried = self._move_average(self.variance, unbiased)
            return {
                self.mean: self._move_average(self.mean, mean),
                self.variance: np.where(n > 1, carried, self.variance),
            }

    def _move_average(self, old: Any, new: Any) -> Any:
        return (1 - self.momentum) * old + self.momentum * new

    def _batch(self, x: Value) -> tuple[Any, Any]:
        axes = _all_but_features(x)
        return np.mean(x, axis=axes), np.var(x, axis=axes)

    def _check(self, x: Box) -> None:
        features = self.scale.value.shape[0]
        if len(x.shape) < 2 or x.shape[1] != features:
            raise ShapeError(f"BatchNorm: found {x.title} of shape {x.shape}, needs (N, {features}, ...)")


def _all_but_features(x: Value) -> tuple[int, ...]:
    return tuple(axis for axis in range(len(x.shape)) if axis != 1)


def _along(values: Value, x: Box) -> Any:
    """A number per feature, to be broadcast along axis 1."""
    return np.expand_dims(values, tuple(range(1, len(x.shape) - 1))) if len(x.shape) > 2 else values


@strict_settings
class LayerNorm(Layer):
    """h = scale (x − mean) / √(variance + ε) + shift, of each example over its last axes.

    `shape` is the size of the last axis, or those of several. Mean and variance are those of the example, in training
    and afterwards alike.

    Shapes: x (..., *shape), h as x.

    Parameters
    ----------
    shape : int or sequence of int
        Sizes of the last axes, over which mean and variance are taken.
    epsilon : float, default 1e-5
        What is added to the variance, in its unit.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.LayerNorm(8)(fg.Input("x", shape=("N", 5, 8)))
    <Add 'h': (N, 5, 8) float64>

    Source: Ba, Kiros and Hinton 2016, Layer normalization.
    """

    def __init__(self, shape: int | Sequence[int], *, epsilon: float = 1e-5, dtype: Any = float) -> None:
        super().__init__()
        sizes = shape if isinstance(shape, Sequence) else (shape,)
        self.shape = tuple(read_count("LayerNorm", "shape", size) for size in sizes)
        self.epsilon = read_number("LayerNorm", "epsilon", epsilon, above=0)
        self.scale = Parameter(np.ones(self.shape, dtype), name="scale")
        self.shift = Parameter(np.zeros(self.shape, dtype), name="shift")

    def __call__(self, x: Value) -> Any:
        """Each example, normalised over the last axes."""
        with self._build_in_scope(x) as x:
            if tuple(x.shape[-len(self.shape) :]) != self.shape:
                raise ShapeError(f"LayerNorm: found {x.title} of shape {x.shape}, needs (..., {self.shape})")
            axes = tuple(range(-len(self.shape), 0))
            apart = x - np.mean(x, axis=axes, keepdims=True)
            variance = np.mean(apart * apart, axis=axes, keepdims=True)
            return (self.scale * (apart / np.sqrt(variance + self.epsilon)) + self.shift).named("h")


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
        for letter in "qkv":
            W = uniform(generator, bound, (size, heads, width), dtype)
            setattr(self, f"W{letter}", Parameter(W, name=f"W{letter}"))
            setattr(self, f"b{letter}", Parameter(np.zeros((heads, 1, width), dtype), name=f"b{letter}"))
        self.Wo = Parameter(uniform(generator, bound, (heads, width, size), dtype), name="Wo")
        self.bo = Parameter(np.zeros(size, dtype), name="bo")

    def __call__(self, x: Value, keys: Value = None, values: Value = None, *, mask: Value = None) -> Any:
        """The output, (N, T, size), for queries from x; keys are x, and values are the keys, unless given."""
        x = self._read_sequence(x)
        keys = x if keys is None else self._read_sequence(keys)
        values = keys if values is None else self._read_sequence(values)
        with self._build_in_scope(x):
            q, k, v = (self._part(name, box) for name, box in (("q", x), ("k", keys), ("v", values)))
            scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(self.size // self.heads)
            read = _weights(scores, None if mask is None else _booleans(mask)).named("attention") @ v
            return (np.einsum("nhtd,hds->nts", read, self.Wo) + self.bo).named("h")

    def _read_sequence(self, x: Value) -> Any:
        """A sequence as a box, an array as a constant; one of another size is refused."""
        with self._build_in_scope(x, 3) as box:
            if box.shape[-1] != self.size:
                raise ShapeError(
                    f"MultiHeadAttention: found {box.title} of shape {box.shape}, needs (N, T, {self.size})"
                )
            return box

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
