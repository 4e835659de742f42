"""The key of a setting: what two settings have in common if one result serves both."""

from __future__ import annotations

import enum
import struct
from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

Key: TypeAlias = Hashable
"""What tells a value apart from others; None for a value that nothing tells apart but itself."""

_INTEGERS = frozenset({int})


def key_of(value: Any) -> Key:
    """The key of a setting, or of another value that a result depends on.

    Two values have equal keys only if every function gives equal bits for both: types of numbers count, and the bits of
    floats, of both parts of complex numbers, and of NumPy's numbers with their byte order, so that 0.0 and -0.0, 1, 1.0
    and True, and two NaNs of other bits are apart. Sequences, mappings and slices are told apart by their types and
    parts; a class stands for itself.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    hashable
        The key; None for what cannot be told from others: a function, an array, an object of any other class.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.box.keys import key_of
    >>> key_of(0.5) == key_of(0.5), key_of(0.0) == key_of(-0.0), key_of(1) == key_of(True), key_of(abs)
    (True, False, False, None)
    """
    kind = type(value)
    if kind is int or kind is str or (kind is tuple and _INTEGERS.issuperset(map(type, value))):
        return kind, value
    find = _KEYS.get(kind)
    if find is not None:
        return kind, find(value)
    if kind in (tuple, list) or _is_named_tuple(value):
        keys = tuple(map(key_of, value))
        return None if None in keys else (kind, keys)
    if isinstance(value, np.generic | np.dtype):
        return _key_of_number(value) if isinstance(value, np.generic) else _key_of_dtype(value)
    if isinstance(value, type | enum.Enum):
        return kind, value
    if isinstance(value, slice):
        keys = tuple(map(key_of, (value.start, value.stop, value.step)))
        return None if None in keys else (kind, keys)
    return _key_of_mapping(value) if kind in (dict, MappingProxyType) else None


def _is_named_tuple(value: Any) -> bool:
    """Whether the parts of a tuple are all that it holds: any other subclass may hold more."""
    return isinstance(value, tuple) and hasattr(value, "_fields") and not getattr(value, "__dict__", None)


_KEYS: dict[type[Any], Any] = {
    bool: bool,
    bytes: bytes,
    float: struct.Struct("<d").pack,
    complex: lambda value: struct.pack("<dd", value.real, value.imag),
    range: lambda value: (value.start, value.stop, value.step),
    type(None): repr,
    type(Ellipsis): repr,
}
"""What tells apart the values of each of these types."""


def _key_of_number(value: np.generic) -> Key:
    if value.dtype.kind not in "biufcSUmM":
        return None
    wide = value.dtype.itemsize > (16 if value.dtype.kind == "c" else 8) and value.dtype.kind in "fc"
    return value.dtype.str, _digits(value) if wide else value.tobytes()


def _digits(value: Any) -> Key:
    """All digits of a number with more of them than float64, whose bytes hold some that mean nothing."""
    parts = (value.real, value.imag)
    return tuple([(np.format_float_scientific(part), bool(np.signbit(part))) for part in parts])


def _key_of_dtype(value: np.dtype[Any]) -> Key:
    return None if value.hasobject else (np.dtype, value.str if value.names is None else repr(value))


def _key_of_mapping(value: Mapping[Any, Any]) -> Key:
    keys = tuple([(key_of(name), key_of(part)) for name, part in value.items()])
    return None if any(None in pair for pair in keys) else (type(value), keys)
