"""Settings as JSON values and back: tuples, slices, sizes, dtypes, arrays and boxes, each under its own word."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.errors import SavedFileError, UsageError
from flowgraph.saving.limits import MOST_IN_RANGES, MOST_TERMS, check_numbers, check_shape, read_within
from flowgraph.shapes.size import Size, is_size_name, unknown

_TYPES: dict[str, type[Any]] = {
    t.__name__: t
    for t in (
        bool, int, float, complex, np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32,
        np.uint64, np.float16, np.float32, np.float64, np.complex64, np.complex128,
    )
}  # fmt: skip


def read_record(path: str | os.PathLike[str]) -> Any:
    """What a JSON file holds, which may be any file."""
    return json.loads(read_within(path, "a JSON file", SavedFileError))


class Writer:
    """Values to JSON; arrays go to `arrays`, boxes become their place in the table of boxes."""

    def __init__(self, places: Mapping[Box, int]) -> None:
        self.places = places
        self.arrays: dict[str, Array] = {}
        self.unknowns: dict[str, str] = {}

    def array(self, name: str, array: object) -> str:
        """Store an array under the name, or under a longer one where that is taken; return the name."""
        while name in self.arrays:
            name += "'"
        self.arrays[name] = np.asarray(array)
        return name

    def value(self, value: Any, name: str) -> Any:
        """The JSON value; `name` says what it is, for errors and for the names of arrays."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) in (tuple, list):
            items = [self.value(item, f"{name}[{i}]") for i, item in enumerate(value)]
            return items if type(value) is list else {"tuple": items}
        if type(value) is dict:
            pairs = ((self.value(k, name), self.value(v, f"{name}[{k!r}]")) for k, v in value.items())
            return {"dict": [[key, item] for key, item in pairs]}
        for word, test, write in self._written():
            if test(value):
                return {word: write(value, name)}
        raise UsageError(
            f"fg.save: found {type(value).__name__} in {name}, needs numbers, texts, None, tuples, lists, dicts, "
            f"slices, ranges, dtypes, arrays or boxes: what can be read again without running code"
        )

    def _written(self) -> tuple[tuple[str, Callable[[Any], bool], Callable[[Any, str], Any]], ...]:
        return (
            ("size", lambda v: isinstance(v, Size), self._size),
            ("slice", lambda v: type(v) is slice, lambda v, n: self._all((v.start, v.stop, v.step), n)),
            ("range", lambda v: type(v) is range, lambda v, n: [v.start, v.stop, v.step]),
            ("ellipsis", lambda v: v is ..., lambda v, n: True),
            ("complex", lambda v: type(v) is complex, lambda v, n: self._all((v.real, v.imag), n)),
            ("dtype", lambda v: isinstance(v, np.dtype) and v.kind in "biufc", lambda v, n: v.str),
            ("type", lambda v: isinstance(v, type) and _TYPES.get(v.__name__) is v, lambda v, n: v.__name__),
            ("array", lambda v: type(v) is np.ndarray, self._array),
            ("number", lambda v: isinstance(v, np.generic), self._array),
            ("box", lambda v: isinstance(v, Box), lambda v, n: self.places[v]),
        )

    def _size(self, size: Size, name: str) -> list[Any]:
        """A polynomial; names known only in a run are counted anew, so that the same graph is written the same."""
        for symbol in sorted(size.names, key=lambda name: (len(name), name)):
            if symbol.startswith("?"):
                self.unknowns.setdefault(symbol, f"?{len(self.unknowns)}")
        return [[factor, *(self.unknowns.get(n, n) for n in names)] for names, factor in size.terms.items()]

    def _all(self, values: Any, name: str) -> list[Any]:
        return [self.value(value, name) for value in values]

    def _array(self, value: Any, name: str) -> str:
        if value.dtype.kind not in "biufc":
            raise UsageError(f"fg.save: found an array of dtype {value.dtype} in {name}, needs numbers or booleans")
        return self.array(name, value)


class Reader:
    """Reads values from JSON; malformed input raises ValueError, TypeError or LookupError."""

    def __init__(self, arrays: Mapping[str, Array], boxes: list[Box]) -> None:
        self.arrays = arrays
        self.boxes = boxes
        self.unknowns: dict[str, int | Size] = {}
        self.taken: set[str] = set()
        self._in_ranges = 0
        self._known: dict[str, Callable[[Any], Any]] = {
            "float": lambda text: float(_text(text)),
            "tuple": lambda items: tuple(self.value(item) for item in _list(items)),
            "dict": lambda pairs: {self.value(key): self.value(item) for key, item in map(_list, _list(pairs))},
            "size": self._size,
            "slice": lambda items: slice(*(self.value(item) for item in _list(items))),
            "range": self._range,
            "ellipsis": lambda _: ...,
            "complex": lambda items: complex(*(self.value(item) for item in _list(items))),
            "dtype": dtype_of,
            "type": lambda name: _TYPES[name],
            "array": self.array,
            "number": lambda name: self.array(name)[()],
            "box": self.box,
        }

    def value(self, stored: object) -> Any:
        """The value that was written."""
        if isinstance(stored, list):
            return [self.value(item) for item in stored]
        if not isinstance(stored, dict):
            check_numbers([stored])
            return stored
        ((word, content),) = stored.items()
        return self._known[word](content)

    def array(self, name: str) -> Array:
        """The array of that name."""
        return self.arrays[name]

    def box(self, place: Any) -> Box:
        """A box that stands before this one."""
        if type(place) is not int or not 0 <= place < len(self.boxes):
            raise LookupError(f"found the place {place!r} of a box, needs 0 to {len(self.boxes) - 1}")
        return self.boxes[place]

    def _range(self, items: Any) -> range:
        """A range; boxes take each of its numbers, so that those of a whole file are counted."""
        first, last, step = _list(items)
        check_numbers(items)
        numbers = range(first, last, step)
        self._in_ranges += len(numbers)
        if self._in_ranges > MOST_IN_RANGES:
            raise ValueError(f"found ranges of more than {MOST_IN_RANGES:,} numbers in all")
        return numbers

    def _size(self, stored: Any) -> int | Size:
        """A size; a name that is only known in a run gets a new name, as it is new in this process."""
        terms: dict[tuple[str, ...], int] = {}
        for factor, *names in stored:
            if type(factor) is not int or not all(map(is_size_name, names)):
                raise ValueError(f"found the size {stored!r}")
            terms[tuple(names)] = factor
            check_shape((Size({tuple(names): factor}),))
        if len(terms) > MOST_TERMS:
            raise ValueError(f"found a size of {len(terms)} terms, needs at most {MOST_TERMS}")
        size: int | Size = 0
        for names_of_term, factor in terms.items():
            term: int | Size = factor
            for name in names_of_term:
                term = self._named(name) * term
            size = size + term
        return size

    def _named(self, name: str) -> Any:
        if not name.startswith("?"):
            return Size(name)
        return self.unknowns.setdefault(name, unknown())


def dtype_of(text: object) -> np.dtype[Any]:
    """A dtype of numbers or booleans."""
    dtype = np.dtype(_text(text))
    if dtype.kind not in "biufc":
        raise TypeError(f"found the dtype {text!r}, needs numbers or booleans")
    return dtype


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"found {text!r}, needs a text")
    return text


def _list(items: object) -> list[Any]:
    if not isinstance(items, list):
        raise TypeError(f"found {items!r}, needs a list")
    return items
