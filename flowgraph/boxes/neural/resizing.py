"""Images of another size: interpolation along the last axes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.arrays import Array
from flowgraph.box.axes import Core
from flowgraph.box.vocabulary import example
from flowgraph.errors import DtypeError, UsageError
from flowgraph.shapes.size import Shape, Size, unknown
from flowgraph.shapes.spec import Spec, same, shape_text

Coordinates = Literal["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]
COORDINATES: tuple[str, ...] = get_args(Coordinates)
Rounding = Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]


class Resizing(Box, abstract=True):
    """The settings of an interpolation, which are those of ONNX.

    The last axes get the sizes `size`, or those that they have times `scale`, rounded down. Where both are given, the
    scale says where the elements of the result lie. A `mode` reads the nearest element, or with weights the nearest 2
    ("linear") or 4 ("cubic") along each axis; beyond the ends stand copies of the last element. Element i of the result
    lies at i / scale of the input ("asymmetric"), where the centres of the pixels say ("half_pixel"), or where the
    first elements of both and the last ones, of a length times `scale`, fall together ("align_corners").
    """

    size: tuple[int, ...] | None = None  # type: ignore[assignment]  # elsewhere the number of elements
    scale: tuple[float, ...] | None = None
    mode: Literal["nearest", "linear", "cubic"] = "nearest"
    coordinates: Coordinates = "half_pixel"
    rounding: Rounding = "round_prefer_floor"
    cubic: float = -0.75
    exclude_outside: bool = False

    core = Core(last=lambda box: len(box.size or box.scale))

    def sizes(self, shape: Shape) -> Shape:
        """The shape of the result for that of the input."""
        settings = [setting for setting in (self.size, self.scale) if setting is not None]
        count = len(settings[0]) if settings else 0
        if not settings or any(len(setting) != count for setting in settings) or not 0 < count <= len(shape):
            raise UsageError(
                f"{self.title}: found size={self.size} and scale={self.scale} for {shape_text(shape)}, needs a number "
                f"for each of the last axes in one of them"
            )
        if min(self.size or (1,)) < 1 or not min(self.scale or (1,)) > 0:
            raise UsageError(f"{self.title}: found size={self.size} and scale={self.scale}, needs numbers above 0")
        first = len(shape) - count
        if self.size is not None:
            return (*shape[:first], *self.size)
        return (*shape[:first], *map(_scale_size, shape[first:], self.scale or ()))

    def axes(self, shape: Shape) -> Iterator[tuple[int, Taps]]:
        """The axes of an input of this shape along which something changes, and what each reads."""
        sizes = self.sizes(shape)
        count = len(self.size or self.scale or ())
        for place, axis in enumerate(range(-count, 0)):
            given, wanted = shape[axis], sizes[axis]
            if isinstance(given, Size) or isinstance(wanted, Size):
                raise self.shape_error("needs a number for the sizes of the axes that are resized, in the run")
            scale = self.scale[place] if self.scale is not None else wanted / max(given, 1)
            if scale != 1 or given != wanted:
                yield axis, taps(given, wanted, scale, self.mode, self.coordinates, self.rounding, self.cubic,
                                 self.exclude_outside)  # fmt: skip


class Resize(Resizing):
    """Images of another size: each element of the result is one of the input, or a mean of those around its place.

    h_i = Σ_k w_ik a_k, along each axis        a gets the sum of the gradients that read it, times their weights

    Shapes: a (..., H, W), h (..., size) or (..., H · scale, W · scale); as many axes as `size` or `scale` names.

    Parameters
    ----------
    size : tuple of int or None, default None
        Sizes of the last axes of the result, in elements.
    scale : tuple of float or None, default None
        By how much the last axes grow, without a unit; their sizes are rounded down unless `size` gives them.
    mode : {'nearest', 'linear', 'cubic'}, default 'nearest'
        The nearest element, or a mean of the nearest 2 or 4 along each axis.
    coordinates : {'half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric'}
        Where the elements of the result lie in the input, in the words of ONNX; 'half_pixel' unless it is given.
    rounding : {'round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'}, default 'round_prefer_floor'
        How the place of the nearest element is rounded.
    cubic : float, default -0.75
        Slope of the weights of 'cubic' at a distance of 1 element, per element.
    exclude_outside : bool, default False
        Whether elements beyond the ends have no weight; else the last element stands there.
    """

    symbol = "resize"
    examples = (
        example((2, 3, 4), scale=(2.0, 1.5)),
        example((2, 3), size=(5, 2), mode="linear"),
        example((1, 5), size=(3,), mode="cubic", coordinates="align_corners", exclude_outside=True),
        example((3, 4), scale=(0.5,), mode="nearest", coordinates="asymmetric", rounding="floor"),
    )

    def fprop(self, a: Value) -> Value:
        for axis, (places, weights) in self.axes(a.shape):
            if self.mode == "nearest":
                a = np.take(a, places[0], axis=axis)
                continue
            along = weights.reshape(-1, weights.shape[1], *[1] * (-1 - axis)).astype(a.dtype)
            read = [np.take(a, indices, axis=axis) * weight for indices, weight in zip(places, along, strict=True)]
            a = functools.reduce(np.add, read)
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (ResizeInput.apply(grad, a, **self.setting_values()),)

    def infer(self, a: Spec) -> Spec:
        """The shape of the result."""
        if self.mode != "nearest" and a.dtype.kind not in "fc":
            raise DtypeError(f"{self.title}: found {a.dtype}, needs floats, as it takes means; convert it with .astype")
        return Spec(self.sizes(a.shape), a.dtype)


class ResizeInput(Resizing):
    """The gradient of a resize by its input: each element adds up what reads it.

    h_k = Σ_i w_ik grad_i, along each axis        linear; `like` is the input of the resize
    """

    public = False
    symbol = "resizeᵀ"
    constant_children = frozenset({"like"})
    examples = (
        example((2, 6, 6), (2, 3, 4), scale=(2.0, 1.5)),
        example((5, 2), (2, 3), size=(5, 2), mode="linear"),
    )

    def fprop(self, g: Value, like: Value) -> Value:
        for axis, read in self.axes(like.shape):
            matrix = read.matrix(int(like.shape[axis])).astype(g.dtype)
            g = np.swapaxes(np.matmul(np.swapaxes(g, axis, -1), matrix), axis, -1)
        return g

    def bprop(self, grad: Value, h: Value, g: Value, like: Value) -> tuple[Value, ...]:
        return Resize.apply(grad, **self.setting_values()), None

    def infer(self, g: Spec, like: Spec) -> Spec:
        """The shape of the input."""
        needed = self.sizes(like.shape)
        if len(g.shape) != len(needed) or not all(map(same, g.shape, needed)):
            raise self.shape_error(f"the resize gives {shape_text(needed)}")
        return Spec(like.shape, g.dtype)


class Taps(NamedTuple):
    """The elements that each element of the result reads along an axis, and their weights: one row for each."""

    places: Array
    weights: Array

    def matrix(self, count: int) -> Array:
        """The weights of all elements of the input, for each element of the result."""
        dense = np.zeros((self.places.shape[1], count))
        for places, weights in zip(self.places, self.weights, strict=True):
            np.add.at(dense, (np.arange(len(dense)), places), weights)
        return dense


@functools.lru_cache(256)
def taps(
    given: int, wanted: int, scale: float, mode: str, coordinates: str, rounding: str, cubic: float, exclude: bool
) -> Taps:
    """What each of the `wanted` elements reads of the `given` ones.

    Source: Keys 1981, Cubic convolution interpolation for digital image processing, for the weights of "cubic".
    """
    at = _coordinates(given, wanted, scale, coordinates, np.float32 if mode == "nearest" else np.float64)
    if mode == "nearest":
        places = _round_places(at, rounding)[None]
        weights = np.ones(places.shape)
    else:
        below = np.floor(at)
        part = at - below
        reach = 1 if mode == "linear" else 2
        steps = np.arange(1 - reach, 1 + reach)[:, None]
        places, apart = below + steps, np.abs(part - steps)
        weights = np.maximum(1 - apart, 0) if mode == "linear" else _of_cubic(apart, cubic)
        if exclude:
            weights = np.where((places < 0) | (places >= given), 0, weights)
            weights = weights / np.sum(weights, axis=0)
    read = Taps(np.clip(places, 0, max(given - 1, 0)).astype(np.intp), weights.astype(np.float64))
    for array in read:
        array.flags.writeable = False
    return read


def _coordinates(given: int, wanted: int, scale: float, coordinates: str, dtype: Any) -> Array:
    """The places in the input of the elements of the result; frameworks find the nearest in single precision."""
    i, step = np.arange(wanted, dtype=dtype), dtype(1 / scale)
    if coordinates == "asymmetric":
        return np.asarray(i * step)
    if coordinates == "align_corners":
        length = wanted if round(given * scale, 6) == wanted else given * scale
        return np.asarray(i * dtype((given - 1) / (length - 1) if length > 1 else 0))
    if coordinates == "pytorch_half_pixel" and wanted == 1:
        return np.zeros(1, dtype)
    moved = given / 2 * (1 - wanted / (given * scale)) if coordinates == "half_pixel_symmetric" else 0.0
    return np.asarray((i + dtype(0.5)) * step - dtype(0.5) + dtype(moved))


def _round_places(at: Array, rounding: str) -> Array:
    if rounding in ("floor", "ceil"):
        return np.asarray(np.floor(at) if rounding == "floor" else np.ceil(at))
    return np.asarray(np.ceil(at - 0.5) if rounding == "round_prefer_floor" else np.floor(at + 0.5))


def _of_cubic(apart: Array, a: float) -> Array:
    near = ((a + 2) * apart - (a + 3)) * apart * apart + 1
    far = ((a * apart - 5 * a) * apart + 8 * a) * apart - 4 * a
    return np.where(apart <= 1, near, np.where(apart < 2, far, 0))


def _scale_size(size: int | Size, scale: float) -> int | Size:
    """A size times a scale, rounded down; where it follows the batch, only a whole scale is known before a run."""
    if not isinstance(size, Size):
        return int(np.floor(size * scale))
    return size * int(scale) if float(scale).is_integer() else unknown()
