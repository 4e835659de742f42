"""fg.save and fg.load: a graph of registered boxes, with its parameters, as a table of boxes in one file."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant, registry, registry_name
from flowgraph.box.inference import bounded_trials
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.box.random_draws import Draw, draws
from flowgraph.errors import SavedFileError, UsageError
from flowgraph.graph import Graph
from flowgraph.graph.topology import unique_names
from flowgraph.printable import why_not_a_name
from flowgraph.saving.archive import read_archive, write_archive
from flowgraph.saving.limits import (
    LARGEST_NUMBER,
    MOST_IN_RANGES,
    MOST_TERMS,
    MOST_TRIED,
    RunMemory,
    check_numbers,
    check_shape,
    excerpt,
    read_within,
    reading_foreign,
)
from flowgraph.saving.replacing import format_of
from flowgraph.shapes.size import Shape, Size, is_size_name, unknown
from flowgraph.shapes.spec import Spec, same

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
        for word, test, write in self._writers():
            if test(value):
                return {word: write(value, name)}
        raise UsageError(
            f"fg.save: found {type(value).__name__} in {name}, needs numbers, texts, None, tuples, lists, dicts, "
            f"slices, ranges, dtypes, arrays or boxes: what can be read again without running code"
        )

    def _writers(self) -> tuple[tuple[str, Callable[[Any], bool], Callable[[Any, str], Any]], ...]:
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
                term = self._size_named(name) * term
            size = size + term
        return size

    def _size_named(self, name: str) -> Any:
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


KIND = "graph"


def save(path: str | os.PathLike[str], graph: Graph | Box) -> Path:
    """Write a graph with its parameters into one file (safetensors), and return the path.

    A path that ends in .onnx becomes an ONNX model, see `flowgraph.interop.onnx`; every other one is flowgraph's own.
    Boxes are written by the name of their registered class, with children, settings, names and scopes; parameters and
    constants as arrays that any reader of safetensors finds by their names. The file is replaced as a whole: whoever
    reads it meets the old graph or the new one. The same graph gives the same bytes.

    Parameters
    ----------
    path : str or path
        The file that is written; its suffix .onnx asks for an ONNX model.
    graph : Graph or Box
        What is written, or the output whose graph is.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    UsageError
        If a box cannot be written, such as one that is no registered class.
    FileWriteError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> x, w = fg.Input("x", shape=("N", 2)), fg.Parameter([1.0, -1.0], name="w")
    >>> path = fg.save(tempfile.mkdtemp() + "/net.safetensors", fg.Graph(np.tanh(x @ w)))
    >>> graph = fg.load(path)
    >>> graph["w"].value, graph.outputs[0]
    (array([ 1., -1.]), <Tanh: (N,) float64>)
    """
    if isinstance(graph, Box):
        graph = Graph(graph)
    if not isinstance(graph, Graph):
        raise UsageError(f"fg.save: found {type(graph).__name__}, needs a Graph or a box; fg.save(path, graph)")
    other = format_of(path)
    if other is not None:
        return Path(other.save(path, graph))
    document, arrays = graph_document(graph)
    return write_archive(path, KIND, document, arrays)


def load(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> Graph:
    """Read a graph that `fg.save` wrote. No code is run but that of registered boxes, found by their names.

    A file that is truncated, damaged, newer or not flowgraph's is refused with the reason. Boxes of your own are
    found if the module that defines them was imported before. A path that ends in .onnx is read as an ONNX model.

    Parameters
    ----------
    path : str or path
        The file.
    max_bytes : int, optional
        The most bytes that a file may have, and that the values of all boxes may take in a run, each axis with a name
        as one; by default 4 GiB, and for what is made of an ONNX model 200 MB for each MB of it.

    Returns
    -------
    Graph
        A new graph with parameters of its own.

    Raises
    ------
    SavedFileError
        If the file is truncated, damaged, newer, or not flowgraph's.
    MissingPathError
        If there is no such file.

    Examples
    --------
    >>> import tempfile, flowgraph as fg
    >>> path = fg.save(tempfile.mkdtemp() + "/net.safetensors", fg.sum(fg.Parameter([1.0], name="w")))
    >>> fg.load(path)["w"].value
    array([1.])
    """
    other = format_of(path)
    if other is not None:
        graph: Graph = other.load(path, max_bytes=max_bytes)
        return graph
    document, arrays = read_archive(path, KIND, max_bytes)
    return read_graph(document, arrays, path, max_bytes)


def graph_document(graph: Graph) -> tuple[dict[str, Any], dict[str, Any]]:
    """The table of boxes of a graph and the arrays that it refers to."""
    ordered = list(map(id, graph.inputs)) != list(map(id, Graph(*graph.outputs).inputs))
    boxes = _with_boxes_of_settings((*graph.inputs, *graph.outputs) if ordered else graph.outputs)
    writer = Writer({box: place for place, box in enumerate(boxes)})
    names = unique_names(boxes)
    for box in boxes:  # parameters first, so that each has its own name in the file
        if isinstance(box, Parameter):
            writer.array(names[box], box.value)
    rows = [_row(box, writer, names[box]) for box in boxes]
    document: dict[str, Any] = {"boxes": rows, "outputs": [writer.places[box] for box in graph.outputs]}
    if ordered:  # in another order than the outputs read them, or not read at all
        document["inputs"] = [writer.places[box] for box in graph.inputs]
    return document, writer.arrays


def read_graph(
    document: Any, arrays: Any, path: str | os.PathLike[str] = "document", max_bytes: int | None = None
) -> Graph:
    """The graph of a table of boxes."""
    boxes: list[Box] = []
    reader = Reader(arrays, boxes)
    memory = RunMemory(max_bytes)
    try:
        with reading_foreign("the table of boxes is wrong", SavedFileError), bounded_trials(MOST_TRIED):
            for row in document["boxes"]:
                boxes.append(_box(row, reader))
                memory.hold(boxes[-1].outputs)
            inputs = [reader.box(place) for place in document.get("inputs", ())]
            return Graph(*[reader.box(place) for place in document["outputs"]], along=inputs)
    except SavedFileError as error:
        raise SavedFileError(f"{path}: box {len(boxes)}: {excerpt(error)}") from error.__cause__


def _with_boxes_of_settings(outputs: Iterable[Box]) -> list[Box]:
    """The boxes, their ancestors and those in settings, in topological order; without recursion."""
    order: list[Box] = []
    seen: set[Box] = set()
    for output in outputs:
        stack = [(output, iter((output,)))] if output not in seen else []
        while stack:
            box, rest = stack[-1]
            for needed in rest:
                if needed not in seen:
                    seen.add(needed)
                    stack.append((needed, _boxes_before(needed)))
                    break
            else:
                stack.pop()
                if stack:
                    order.append(box)
    return order


def _boxes_before(box: Box) -> Iterator[Box]:
    yield from box.children
    if not isinstance(box, Constant):
        yield from (value for value in box.setting_values().values() if isinstance(value, Box))


def _row(box: Box, writer: Writer, name: str) -> dict[str, Any]:
    """One box as JSON, without empty fields."""
    key = registry_name(type(box))
    if registry.get(key) is not type(box):
        raise UsageError(f"fg.save: found {box.title} of a class that is not in fg.registry under {key!r}")
    row: dict[str, Any] = {"box": key}
    row.update({"name": box.name} if box.name is not None else {}, **({"scope": box.scope} if box.scope else {}))
    if isinstance(box, Parameter):
        return {**row, "dtype": box.dtype.str, "array": name}
    if isinstance(box, Constant):
        return {**row, "dtype": box.dtype.str, "array": writer.array(name, box.value)}
    outputs = [[writer.value(spec.shape, name), spec.dtype.str] for spec in box.outputs]
    row["outputs"] = outputs
    if isinstance(box, Random):
        return {**row, "draw": _draw_row(box, writer, name)}
    if not isinstance(box, Input):
        row["children"] = [writer.places[child] for child in box.children]
        settings = {key: writer.value(value, f"{name}.{key}") for key, value in box.setting_values().items()}
        for key, value in settings.items():
            if type(value) is int and abs(value) > LARGEST_NUMBER:
                raise UsageError(f"fg.save: found {name}.{key} = {value}, needs an integer of 64 bits; give a float")
        row.update({"settings": settings} if settings else {})
    return row


def _draw_row(box: Random, writer: Writer, name: str) -> dict[str, Any]:
    draw = box.draw
    if not isinstance(draw, Draw) or not dataclasses.is_dataclass(draw):
        raise UsageError(
            f"fg.save: found {box.title} with a function as its draw, which is code; save the graph of predictions, "
            f"which has no dropout, or make the draw a subclass of flowgraph.box.random_draws.Draw"
        )
    settings = {field.name: getattr(draw, field.name) for field in dataclasses.fields(draw)}
    return {"class": draw.key, "settings": writer.value(settings, name)}


def _box(row: Any, reader: Reader) -> Box:
    key = row["box"]
    if key not in registry:
        raise SavedFileError(
            f"its class {key!r} is not registered here; import the module that defines it before fg.load"
        )
    cls = registry[key]
    if issubclass(cls, Parameter | Constant):
        box: Box = cls(_own_array(row, reader))
    elif issubclass(cls, Input | Random):
        ((shape, dtype),) = row["outputs"]
        common: dict[str, Any] = {"shape": _shape(shape, reader), "dtype": dtype_of(dtype)}
        box = cls("input", **common) if issubclass(cls, Input) else cls(_draw(row["draw"], reader), **common)
    else:
        settings = {name: reader.value(value) for name, value in row.get("settings", {}).items()}
        box = cls(*[reader.box(place) for place in row["children"]], **settings)
        _compare(box, row["outputs"], reader)
    box._place(_name(row.get("name")), _scope(row.get("scope", "")))
    return box


def _own_array(row: Any, reader: Reader) -> Array:
    """The array of a parameter or a constant, which no other one has: each has a copy of it."""
    name, dtype = row["array"], dtype_of(row["dtype"])
    array = reader.array(name)
    if name in reader.taken or array.dtype != dtype:
        what = "the array of another box" if name in reader.taken else f"an array of {array.dtype}"
        raise SavedFileError(f"found {what} under {name!r}, needs one of its own of {dtype}")
    reader.taken.add(name)
    return array


def _shape(stored: object, reader: Reader) -> Shape:
    """The shape of a leaf."""
    shape = reader.value(stored)
    if not isinstance(shape, tuple) or not all(type(size) in (int, Size) for size in shape):
        raise TypeError(f"found the shape {shape!r}, needs a tuple of sizes")
    check_shape(shape)
    return shape


def _draw(row: Any, reader: Reader) -> Draw:
    if row["class"] not in draws:
        raise SavedFileError(
            f"its draw {row['class']!r} is not registered here; import the module that defines it before fg.load"
        )
    return draws[row["class"]](**reader.value(row["settings"]))


def _compare(box: Box, saved: Any, reader: Reader) -> None:
    """The shape and dtype of the file are those of the class as it is now."""
    fits = len(saved) == len(box.outputs)
    for (stored, dtype), now in zip(saved, box.outputs, strict=False):
        for size, own in zip(stored["tuple"], now.shape, strict=False):
            _rename(size, own, reader)
        shape = _shape(stored, reader)
        fits = (
            fits and dtype_of(dtype) == now.dtype and len(shape) == len(now.shape) and all(map(same, shape, now.shape))
        )
    if not fits:
        specs = [Spec(_shape(stored, reader), dtype_of(dtype)) for stored, dtype in saved]
        raise SavedFileError(
            f"{box.title} gives {', '.join(map(str, box.outputs))}, but {', '.join(map(str, specs))} was saved; "
            f"its class has changed since"
        )


def _rename(stored: object, own: int | Size, reader: Reader) -> None:
    """A size known only in a run has a new name since the box was built anew; later boxes of the file mean that one."""
    terms = stored.get("size") if isinstance(stored, dict) else None
    if terms and len(terms) == 1 and terms[0][0] == 1 and len(terms[0]) == 2 and terms[0][1].startswith("?"):
        reader.unknowns.setdefault(terms[0][1], own)


def _name(stored: Any) -> str | None:
    """The name of a box, as it can be given."""
    problem = None if stored is None else why_not_a_name(stored)
    if problem is not None:
        raise SavedFileError(f"found the name {stored!r}, {problem}")
    return stored  # type: ignore[no-any-return]


def _scope(stored: Any) -> str:
    """The path of a scope, as `fg.scope` gives it."""
    if stored == "" or (isinstance(stored, str) and stored.endswith("/")):
        problem = next(filter(None, map(why_not_a_name, stored.split("/")[:-1])), None)
    else:
        problem = "needs names that each end in '/'"
    if problem is not None:
        raise SavedFileError(f"found the scope {stored!r}, {problem}")
    return stored  # type: ignore[no-any-return]
