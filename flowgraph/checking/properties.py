"""Properties that the arrays of an example have, such as being sorted, and how any array is given them.

A property of the example is taken for part of its contract: test cases keep it, the report names it, and `vary=` with
the name of the input breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.checking.target import Array, Inputs

FEW = 4  # elements: that so many have a sign, or an order, in common happens one time in eight or fewer


@dataclass(frozen=True)
class Property:
    """A property of an array. `impose_on` makes an array of any shape have it, `tangent` keeps a direction within it.

    Those that are `lasting` no array has by accident: what is wrong without them alone is never a failure.
    """

    name: str
    test: Callable[[Array], bool]
    impose: Callable[[Array], Array]
    tangent: Callable[[Array, Array], Array] | None = None
    lasting: bool = True

    def holds(self, x: Array) -> bool:
        """Whether the array has the property."""
        return bool(x.size and self.test(x))

    def impose_on(self, x: Any) -> Any:
        """The array with the property; an empty one as it is, a number as a number."""
        array = np.asarray(x)
        if not array.size:
            return x
        kept = np.asarray(self.impose(array)).astype(array.dtype, copy=False)
        return float(kept) if type(x) is float else kept


def _of_sum_one(name: str, axis: int | None) -> Property:
    def impose(x: Array) -> Array:
        positive = np.abs(x) + 1e-3  # a sum of zeros could not be divided by
        return np.asarray(positive / positive.sum(axis=axis, keepdims=True))

    return Property(
        name,
        lambda x: bool(x.ndim and x.min() >= 0 and np.allclose(x.sum(axis=axis), 1, atol=1e-6)),  # as float32 has it
        lambda x: impose(x) if x.ndim else x,
        lambda x, d: np.asarray(d - d.mean(axis=axis, keepdims=True)),
    )


def _square(x: Array) -> bool:
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2] >= 2


def _symmetric(x: Array) -> bool:
    return _square(x) and np.allclose(x, x.mT, rtol=1e-9, atol=1e-12)


def _symmetrise(x: Array) -> Array:
    return np.asarray((x + x.mT) / 2) if _square(x) else x


def made_positive_definite(x: Array) -> Array:
    """A symmetric positive definite matrix for each square one; other arrays as they are."""
    if not _square(x):
        return x
    size = x.shape[-1]
    return np.asarray(x @ x.mT / size + np.eye(size) * (0.5 + 0.1 * np.abs(x).mean()))


STRUCTURES = (
    _of_sum_one("sums to 1 along its last axis", -1),
    _of_sum_one("sums to 1", None),
    Property(
        "is symmetric positive definite",
        lambda x: _symmetric(x) and bool(np.linalg.eigvalsh(x).min() > 0),
        made_positive_definite,
        lambda x, d: _symmetrise(d),
    ),
    Property("is symmetric", _symmetric, _symmetrise, lambda x, d: _symmetrise(d)),
    Property(
        "is sorted",  # three numbers are so by accident, four one time in 24
        lambda x: bool(x.ndim and x.shape[-1] >= FEW and np.all(np.diff(x, axis=-1) > 0)),
        lambda x: np.sort(x, axis=-1) if x.ndim else x,
    ),
    Property(
        "has rows of length 1",
        lambda x: x.ndim > 0 and x.size > 1 and np.allclose((x * x).sum(axis=-1), 1, atol=1e-9),
        lambda x: x / np.sqrt((x * x).sum(axis=-1, keepdims=True)) if x.ndim else x,
        lambda x, d: np.asarray(d - x * (x * d).sum(axis=-1, keepdims=True)),
    ),
)
"""Of arrays of floats; a difference may have to be taken along them, where fprop refuses every other direction."""

ONE_HOT = Property(
    "has one 1 a row",
    lambda x: x.ndim > 1 and x.shape[-1] > 1 and _holds_only(x, (0, 1)) and bool(np.all(x.sum(axis=-1) == 1)),
    lambda x: np.arange(x.shape[-1]) == np.argmax(x, axis=-1, keepdims=True) if x.ndim else x,
)
PERMUTATION = Property(
    "is a permutation",
    lambda x: x.ndim == 1 and np.array_equal(np.sort(x), np.arange(x.size)),
    lambda x: np.argsort(np.argsort(x, kind="stable"), kind="stable") if x.ndim == 1 else x,
)


def _holds_only(x: Array, values: tuple[int, ...]) -> bool:
    return bool(np.isin(x, values).all())


def _of_two(name: str, low: int, high: int) -> Property:
    """Both numbers and no others, as labels have them."""
    return Property(
        name,
        lambda x: _holds_only(x, (low, high)),
        lambda x: np.where(x > (low + high) / 2, high, low),
        lasting=False,
    )


TWO_VALUED = (_of_two("has the entries 0 and 1 alone", 0, 1), _of_two("has the entries -1 and 1 alone", -1, 1))
POSITIVE = Property("is positive", lambda x: bool(x.min() > 0), lambda x: np.abs(x) + 1e-3 * (x == 0), lasting=False)
SIGNS = (
    POSITIVE,
    Property("is negative", lambda x: bool(x.max() < 0), lambda x: -np.abs(x) - 1e-3 * (x == 0), lasting=False),
    Property("is nowhere negative", lambda x: bool(x.min() >= 0), np.abs, lasting=False),
)


def _in_range(x: Array) -> Property:
    """As indices and labels are."""
    low, high = int(x.min()), int(x.max())
    return Property(
        f"has whole numbers from {low} to {high} alone",
        lambda other: bool(other.min() >= low and other.max() <= high),
        lambda other: low + (other.astype(np.int64) - low) % (high - low + 1),
        lasting=False,
    )


def structure_of(x: object) -> Property | None:
    """The first structure that an array of at least two finite floats has."""
    if not isinstance(x, np.ndarray) or x.size < 2 or x.dtype.kind != "f" or not np.all(np.isfinite(x)):
        return None
    return next((structure for structure in STRUCTURES if structure.holds(x)), None)


def property_of(x: object, signed: bool) -> Property | None:
    """The first property that an input of the example has; `signed` says that another one has numbers of both signs.

    A sign that few numbers have in common is one where others are of both signs: so it is with a standard deviation.
    """
    array = np.asarray(x)
    if array.dtype.kind in "iu" and array.ndim and array.size:
        return next((prop for prop in (ONE_HOT, PERMUTATION) if prop.holds(array)), _in_range(array))
    if not (type(x) is float or array.dtype.kind == "f") or not array.size or not np.all(np.isfinite(array)):
        return None
    several = array.size >= FEW and bool(np.ptp(array))
    candidates = (ONE_HOT, *TWO_VALUED) if several else ()
    structure = next((candidate for candidate in candidates if candidate.holds(array)), None) or structure_of(x)
    signs = SIGNS if several or (signed and np.any(array)) else ()
    return structure or next((sign for sign in signs if sign.holds(array)), None)


def properties_of(inputs: Inputs, chosen: Collection[int]) -> dict[int, Property]:
    """The properties of the arrays of an example, and of the numbers in `chosen`; others are settings."""
    arrays = {i: np.asarray(x) for i, x in enumerate(inputs) if i in chosen or isinstance(x, np.ndarray)}
    mixed = {i for i, x in arrays.items() if x.dtype.kind == "f" and x.size and x.min() < 0 < x.max()}
    properties = {i: property_of(inputs[i], signed=bool(mixed - {i})) for i in arrays}
    return {i: held for i, held in properties.items() if held is not None}


def equal_inputs(inputs: Inputs, chosen: tuple[int, ...]) -> dict[int, int]:
    """For each chosen array that has the numbers of an earlier one the position of that one."""
    arrays = [i for i in chosen if isinstance(inputs[i], np.ndarray) and inputs[i].size > 1 and np.ptp(inputs[i])]
    equal: dict[int, int] = {}
    for n, j in enumerate(arrays):
        same = next((i for i in arrays[:n] if np.array_equal(inputs[i], inputs[j])), None)
        equal |= {} if same is None else {j: same}
    return equal


def keeping(inputs: Inputs, properties: Mapping[int, Property], equal: Mapping[int, int]) -> Inputs:
    """Inputs that are given the properties, and that are equal where those of the example are."""
    made = [properties[i].impose_on(x) if i in properties else x for i, x in enumerate(inputs)]
    for j, i in equal.items():
        made[j] = np.array(made[i]) if np.shape(made[i]) == np.shape(made[j]) else made[j]
    return tuple(made)


def keeps(inputs: Inputs, properties: Mapping[int, Property], equal: Mapping[int, int]) -> bool:
    """Whether inputs have the properties; an empty one has all."""
    alike = all(not np.size(inputs[i]) or held.holds(np.asarray(inputs[i])) for i, held in properties.items())
    return alike and all(np.array_equal(inputs[i], inputs[j]) for j, i in equal.items())
