"""Settings that are numbers: read, or refused with who has them, what was found and what is needed."""

from __future__ import annotations

import math
import sys
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.errors import UsageError

Rng: TypeAlias = int | np.integer[Any] | np.random.Generator | None
"""A seed from 0 on, or a generator; None draws differently every time."""


def read_number(
    who: str,
    name: str,
    found: Any,
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    otherwise: str = "",
) -> float:
    """A Python float, which widens no float32, from `low` on, above `above` and below `below`.

    `otherwise` says what else may be given.
    """
    legal = isinstance(found, Real) and not isinstance(found, bool)
    number: Any = found
    if not legal or not (number >= low and above < number < below and abs(number) <= sys.float_info.max):
        bounds = [
            text
            for text, given in (
                (f"from {low:g}", low > -math.inf),
                (f"above {above:g}", above > -math.inf),
                (f"below {below:g}", below < math.inf),
            )
            if given
        ]
        raise UsageError(f"{who}: found {name}={found!r}, needs a number {' and '.join(bounds)}".rstrip() + otherwise)
    return float(found)


def read_count(who: str, name: str, found: object, *, low: int = 1, otherwise: str = "") -> int:
    """A Python integer, from `low` on; `otherwise` says what else may be given."""
    if not isinstance(found, Integral) or isinstance(found, bool) or found < low:
        raise UsageError(f"{who}: found {name}={found!r}, needs a whole number from {low} on{otherwise}")
    return int(found)


def read_generator(who: str, rng: Rng) -> np.random.Generator:
    """A generator of NumPy's: the given one, or one of a seed; None draws differently every time."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    if isinstance(rng, Integral) and not isinstance(rng, bool) and int(rng) >= 0:
        return np.random.default_rng(int(rng))
    raise UsageError(f"{who}: found rng={rng!r}, needs a seed, a whole number from 0 on, or a NumPy generator")


def is_rate(found: object) -> bool:
    """Whether this is a number from 0 up to, not including, 1."""
    return isinstance(found, Real) and not isinstance(found, bool) and 0 <= float(found) < 1


def set_frozen(setting: object, name: str, value: Value) -> None:
    """Store what was read in a frozen dataclass, while it is made."""
    object.__setattr__(setting, name, value)
