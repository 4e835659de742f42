"""Rules by which operations of other libraries become boxes: their tables, and what several of these are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import Conv1d, Conv2d, Conv3d
from flowgraph.errors import UnsupportedError, UsageError
from flowgraph.shapes.spec import same, shape_text

Translation = TypeVar("Translation", bound=Callable[..., Any])


class NoBoxesError(Exception):
    """Raised by a conversion rule for settings without boxes; an opaque box is used then."""


class RuleTable:
    """The conversion rules for a library, by the names of its operations.

    A rule takes what the operation takes, with a box in the place of each array, and returns a box, or a tuple of boxes
    where the operation has several results.
    """

    def __init__(self) -> None:
        self._rules: dict[str, Callable[..., Any]] = {}

    def rule_for(self, *names: str) -> Callable[[Translation], Translation]:
        """Register a rule for the operations of these names; a later rule for a name takes the place of an earlier."""
        if not names or not all(isinstance(name, str) for name in names):
            raise UsageError(f"rule_for: found {names!r}, needs names of operations")

        def register(rule: Translation) -> Translation:
            self._rules.update(dict.fromkeys(names, rule))
            return rule

        return register

    def of(self, names: Iterable[str]) -> Callable[..., Any] | None:
        """The rule for the first of these names that has one, None if none has."""
        return next((self._rules[name] for name in names if name in self._rules), None)

    @property
    def names(self) -> list[str]:
        """The names that have rules."""
        return sorted(self._rules)


def fit_dtype(who: str, made: Any, shape: Any, dtype: np.dtype[Any]) -> Box:
    """A box of that dtype: the one that was made, or what converts it; one of another shape is refused."""
    box: Any = made if isinstance(made, Box) else Constant(made)
    if len(box.shape) != len(shape) or not all(map(same, box.shape, shape)):
        raise UnsupportedError(f"{who} gave the shape {shape_text(box.shape)}, needs {shape_text(tuple(shape))}")
    if box.dtype == dtype:
        return box  # type: ignore[no-any-return]
    if isinstance(box, Constant) and box.name is None:
        return Constant(box.value.astype(dtype))
    converted: Box = np.real(box).astype(dtype) if box.dtype.kind == "c" and dtype.kind != "c" else box.astype(dtype)
    return converted


CONVOLUTIONS: dict[int, Any] = {3: Conv1d, 4: Conv2d, 5: Conv3d}
"""By the number of axes of their input."""


def times(factor: Foreign, a: Foreign) -> Any:
    """The product; the array itself where the factor is 1."""
    return a if isinstance(factor, int | float) and factor == 1 else factor * a


def cast(a: Foreign, dtype: Foreign) -> Any:
    """The values in a dtype; the array itself where it has it."""
    return a if a.dtype == dtype else a.astype(dtype)


def along(a: Foreign, axis: int, item: Foreign) -> tuple[Any, ...]:
    """The index that takes an item along one axis, and all of the axes before it."""
    return (*(slice(None),) * (axis % len(a.shape)), item)


def taken_along(a: Foreign, places: Foreign, axis: int) -> Any:
    """For each place the element that it names along an axis; other axes may be shorter than those of the array."""
    axis %= len(a.shape)
    index = tuple(slice(None) if i == axis or size == own else slice(0, size)
                  for i, (size, own) in enumerate(zip(places.shape, a.shape, strict=True)))  # fmt: skip
    return np.take_along_axis(a[index] if any(part != slice(None) for part in index) else a, places, axis)


def pad_or_cut(a: Foreign, pairs: Sequence[tuple[int, int]], **settings: Foreign) -> Any:
    """As np.pad, with fewer elements at an end where its number is below 0."""
    if any(number < 0 for pair in pairs for number in pair):
        a = a[tuple(slice(max(-before, 0), min(after, 0) or None) for before, after in pairs)]
    around = [(max(before, 0), max(after, 0)) for before, after in pairs]
    return np.pad(a, around, **settings) if any(map(any, around)) else a


def channelwise(values: Foreign, axes: int) -> Any:
    """A number for each channel, before so many axes that follow."""
    return np.reshape(values, (-1, *(1,) * axes))


def affine(h: Foreign, scale: Foreign, shift: Foreign, axes: int | None = None) -> Any:
    """The array scaled and shifted where that is given, by numbers of channels where so many axes follow these."""
    if axes is not None:
        scale, shift = (None if factor is None else channelwise(factor, axes) for factor in (scale, shift))
    h = h if scale is None else h * scale
    return h if shift is None else h + shift


def standardise_axes(x: Foreign, axes: tuple[int, ...], epsilon: float) -> Any:
    """Moved and scaled to mean 0 and variance 1 over some axes."""
    apart = x - np.mean(x, axis=axes, keepdims=True)
    return apart / np.sqrt(np.mean(apart * apart, axis=axes, keepdims=True) + epsilon)


def beyond(size: int, span: int, step: int, before: int, after: int) -> int:
    """The padding at the end of an axis that completes the last window, if that begins inside or in the padding before.

    `span` is from the first to the last element of a window, `before` and `after` are the padding that there is.
    """
    count = -(-(size + before + after - span) // step) + 1
    count -= (count - 1) * step >= size + before
    return max((count - 1) * step + span - size - before - after, 0)


def likelihood_loss(
    log_p: Foreign, labels: Foreign, weights: Foreign, reduction: str, ignored: int | None, axis: int = 1
) -> Any:
    """-log_p of the class of each example, weighted by the class; examples of the class `ignored` count for nothing."""
    counted = None if ignored is None else labels != ignored
    classes = labels if counted is None else np.where(counted, labels, labels.dtype.type(0))
    places = np.expand_dims(cast(classes, np.int64), axis)
    losses = -np.squeeze(np.take_along_axis(log_p, places, axis=axis), axis=axis)
    each = np.ones_like(losses) if weights is None else weights[classes]
    each = each if counted is None else np.where(counted, each, log_p.dtype.type(0))
    if reduction == "mean":
        return np.sum(losses * each) / np.sum(each)
    return reduce_losses(losses * each, reduction)


def reduce_losses(losses: Foreign, reduction: str) -> Any:
    """The losses, their mean or their sum."""
    if reduction == "none":
        return losses
    return np.mean(losses) if reduction == "mean" else np.sum(losses)


def shortest(numbers: Any) -> Any:
    """One number where those of all axes are equal, as one would write them."""
    return numbers[0] if isinstance(numbers, tuple) and len(set(numbers)) == 1 else numbers


def shortest_padding(pairs: Any) -> Any:
    """The padding before and after along each axis: one number where both are equal, one for all axes where all are."""
    numbers = tuple(before if before == after else (before, after) for before, after in pairs)
    return shortest(numbers) if all(isinstance(number, int) for number in numbers) else numbers
