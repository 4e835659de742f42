"""What a user gives to a run: values of leaves, sizes that names stand for, cotangents of the outputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.arrays import refuse_masked
from flowgraph.box.leaves import Input
from flowgraph.errors import DtypeError, FeedError, ShapeError, UsageError
from flowgraph.graph.passes import seeds_of
from flowgraph.graph.topology import Topology
from flowgraph.shapes.size import Shape, Size, evaluate
from flowgraph.shapes.spec import shape_text


def feed(
    graph: Topology, values: list[Any], feeds: Mapping[Any, Any] | None, named: Mapping[str, Any]
) -> dict[str, int]:
    """Put the fed arrays, copied, into the list of values; return the size of each named axis."""
    given = read_feeds(graph, feeds, named)
    missing = [box for box in graph.inputs if box not in given]
    if missing:
        raise FeedError(
            f"fprop: needs {', '.join(f'{graph.names[b]} {b.spec}' for b in missing)}; found "
            f"{', '.join(graph.names[b] for b in given) or 'nothing'}; give it by name, {graph.names[missing[0]]}=..., "
            f"or in a dict of boxes{_line(missing[0])}"
        )
    for box, value in given.items():
        values[graph.slots[box]] = value
    return bind_sizes(graph, {box: values[graph.slots[box]].shape for box in graph.inputs})


def read_feeds(graph: Topology, feeds: Mapping[Any, Any] | None, named: Mapping[str, Any]) -> dict[Box, Any]:
    """The fed arrays by box, each of the dtype of its leaf."""
    if not isinstance(feeds, Mapping | None):
        first = f", {graph.names[graph.inputs[0]]}=..." if graph.inputs else ""
        raise FeedError(f"fprop: found a {type(feeds).__name__} by position, needs inputs by name{first}, or a dict")
    given: dict[Box, Any] = {}
    for key, value in (*(feeds or {}).items(), *named.items()):
        box = graph.box(key)
        if box in given:
            raise FeedError(f"fprop: found two values for {graph.names[box]!r}, needs one{_line(box)}")
        if box.children or isinstance(box, Constant):
            raise FeedError(
                f"fprop: found a value for {graph.names[box]!r}, which is a {type(box).__name__}; "
                f"only inputs, parameters and random leaves are fed"
            )
        given[box] = read_array(box.name or graph.names[box], box, value)
    return given


def keywords_left(
    given: dict[str, Any], defaults: Mapping[str, Any], inputs: Collection[str], by_name: dict[str, Any]
) -> dict[str, Any]:
    """The keywords of a call, without those that are names of inputs.

    What is taken goes into `by_name`; an input that is there already leaves its keyword alone.
    """
    taken = {
        name: given[name]
        for name, default in defaults.items()
        if name in inputs and name not in by_name and given[name] is not default
    }
    by_name.update(taken)
    return {name: defaults[name] if name in taken else value for name, value in given.items()}


def read_array(name: str, leaf: Box, value: Value) -> Any:
    """A read-only copy of the value given for a leaf, in the leaf's dtype; 0-d arrays become scalars."""
    if isinstance(value, Box):
        raise UsageError(
            f"{name}: found {value.title}, a box, which has no value before a run; needs an array {leaf.spec}, such as "
            f"its value in another run, run[box]{_line(leaf)}"
        )
    refuse_masked(name, value)
    try:
        array = np.asarray(value)
    except (ValueError, RuntimeError) as error:  # ragged lists; tensors of PyTorch that require a gradient
        raise FeedError(f"{name}: found what is no array ({error}), needs {leaf.spec}{_line(leaf)}") from None
    if array.dtype.kind not in "biufc" or not np.can_cast(array.dtype, leaf.dtype, "same_kind"):
        raise DtypeError(f"{name}: {_strange(value, array, leaf)}{_line(leaf)}")
    if array.ndim != len(leaf.shape):
        raise _wrong_shape(name, array.shape, leaf)
    if array.dtype.kind in "iu" and array.size and not np.can_cast(array.dtype, leaf.dtype):
        refuse_overflow(name, array, leaf.dtype, leaf)
    copy = np.array(array, leaf.dtype)
    copy.setflags(write=False)
    if not isinstance(leaf, Input) and copy.shape != leaf.shape and all(isinstance(s, int) for s in leaf.shape):
        raise _wrong_shape(name, copy.shape, leaf)
    return copy[()]


def refuse_overflow(name: str, array: Value, dtype: np.dtype[Any], leaf: Box) -> None:
    """Refuse whole numbers that a dtype cannot hold, which a conversion would reduce modulo its size."""
    if dtype.kind not in "iu":
        return
    bounds = np.iinfo(dtype)
    for extreme in (int(array.min()), int(array.max())):
        if not bounds.min <= extreme <= bounds.max:
            raise DtypeError(
                f"{name}: found {extreme}, needs {dtype}, from {bounds.min} to {bounds.max}; correct the values, or "
                f"declare a wider dtype, dtype={str(array.dtype)!r}{_line(leaf)}"
            )


def _strange(value: Value, array: Value, leaf: Box) -> str:
    """The text of an error for values of a wrong dtype: what was found, what is needed, how to convert it."""
    dtype, needed = array.dtype, leaf.dtype
    if value is None:
        return f"found None, needs {leaf.spec}; leave out what has no value, or give it one"
    if hasattr(value, "toarray"):
        return f"found a {type(value).__name__}, needs {leaf.spec}; make a whole array of it, .toarray()"
    if dtype.kind not in "biufc":
        what = f"an array of dtype {dtype}" if array.ndim else f"a {type(value).__name__}"
        return f"found {what}, needs {leaf.spec}; {_to_numbers(array, needed)}"
    if needed.kind in "biu" and dtype.kind == "f":
        wrong = array[~(np.isfinite(array) & (array == np.floor(array)))]
        if not wrong.size:
            return f"found dtype {dtype}, needs {needed}, as of class labels; convert it with .astype({str(needed)!r})"
        return (
            f"found dtype {dtype}, needs {needed}, and {wrong.flat[0]} is no whole number; if it takes any number, "
            f"declare the input with dtype={str(dtype)!r}"
        )
    if dtype.kind == "c":
        return f"found dtype {dtype}, needs {needed}; take np.real or np.abs of it, or declare dtype={str(dtype)!r}"
    return f"found dtype {dtype}, needs {needed}; convert it with .astype({str(needed)!r})"


def _to_numbers(array: Value, needed: np.dtype[Any]) -> str:
    """How an array of another dtype can be converted to numbers, if it can."""
    try:
        array.astype(needed)
    except OverflowError:
        return "some of its numbers are too large"
    except (TypeError, ValueError):
        if array.dtype.kind in "US" and needed.kind in "iu" and array.ndim:
            return "number the classes, np.unique(labels, return_inverse=True)[1]"
        return "it holds no numbers"
    return f"convert it, np.asarray(..., {str(needed)!r})"


def _wrong_shape(name: str, shape: Shape, leaf: Box, why: str = "") -> ShapeError:
    return ShapeError(f"{name}: found the shape {shape_text(shape)}, needs {shape_text(leaf.shape)}{why}{_line(leaf)}")


def _line(leaf: Box) -> str:
    return f"\n  built at {leaf.built_at}"


def bind_sizes(graph: Topology, shapes: Mapping[Box, tuple[int, ...]]) -> dict[str, int]:
    """The number that each named size has, the same for every input; names first, then the sizes that they decide."""
    sizes: dict[str, int] = {}
    axes = [(size, number, box) for box, shape in shapes.items() for size, number in zip(box.shape, shape, strict=True)]
    for size, number, box in sorted(axes, key=lambda axis: isinstance(axis[0], Size) and axis[0] not in axis[0].names):
        if isinstance(size, Size) and size not in sizes and not size.names <= sizes.keys():
            sizes[size] = number
        elif (needed := sizes[size] if isinstance(size, Size) and size in sizes else evaluate(size, sizes)) != number:
            whose = f", and {size} = {needed}" if isinstance(size, Size) else ""
            whose += f" in {graph.names[next(b for b in shapes if size in b.shape)]!r}" if size in sizes else ""
            raise _wrong_shape(graph.names[box], shapes[box], box, whose)
    return sizes


def array_seeds(graph: Topology, values: Sequence[Any], grad: Value) -> list[Any]:
    """What `Run.bprop` is given as `grad`, read, in a list with a place for every box."""
    return seeds_of(graph, [(box, _seed(graph, box, values, part)) for box, part in _by_output(graph, grad)])


def refuse_without_grad(who: str, shape: Shape, dtype: np.dtype[Any]) -> None:
    """Refuse to take 1 for what arrives at an output that is no real scalar."""
    if dtype.kind == "c":
        raise UsageError(
            f"{who} has dtype {dtype}, and only a real value has a gradient by itself; "
            f"take np.real, np.imag or np.abs of it, or give grad= of that dtype"
        )
    if shape != ():
        raise UsageError(
            f"{who} has the shape {shape_text(shape)}, and only a scalar has a gradient by itself; "
            f"reduce it with fg.sum or fg.mean, or give grad= of that shape"
        )


def _by_output(graph: Topology, grad: Value) -> list[tuple[Box, Any]]:
    """The outputs at which something arrives, and what: for all, in their order, or by output."""
    if grad is None:
        return [(box, None) for box in graph.outputs]
    outputs = graph.outputs
    if isinstance(grad, Mapping):
        given = [(graph.box(key), part) for key, part in grad.items()]
        strange = [box for box, _ in given if box not in outputs]
        if strange or not given:
            strange_name = f"a gradient for {strange[0].title}" if strange else "an empty dict"
            names = ", ".join(graph.names[box] for box in outputs)
            raise FeedError(f"bprop: found {strange_name}, needs outputs of the graph: {names}")
        return given
    listed = [grad]
    if len(outputs) > 1 and np.iterable(grad) and not isinstance(grad, Box):
        listed = list(grad)
    if len(listed) != len(outputs) and not isinstance(grad, Box):
        raise FeedError(
            f"bprop: found {len(listed)} gradients in grad=, needs one per output ({len(outputs)}), "
            f"[{', '.join('...' for _ in outputs)}], or a dict from outputs to gradients"
        )
    return list(zip(outputs, listed, strict=False))


def _seed(graph: Topology, box: Box, values: Sequence[Any], grad: Value) -> Any:
    """What arrives at an output, in its dtype."""
    if grad is None and len(box.outputs) == 1 and box.shape == () and box.dtype.kind == "f":
        return box.dtype.type(1)
    name, value = graph.names[box], values[graph.slots[box]]
    if isinstance(grad, Box):
        raise UsageError(
            f"bprop: found {grad.title} as grad=, which takes arrays that arrive at the outputs; to differentiate "
            f"that box run its own graph, fg.Graph(box); what to differentiate by is wrt=[box, ...]"
        )
    if isinstance(value, tuple):
        raise UsageError(f"bprop: the output {name!r} has several parts; make each, {name}[0], an output")
    if value.dtype.kind not in "fc":
        raise UsageError(f"bprop: the output {name!r} has dtype {value.dtype}; only real values have a gradient")
    if grad is None:
        refuse_without_grad(f"bprop: the output {name!r}", value.shape, value.dtype)
        return value.dtype.type(1)
    seed = np.asarray(grad[0] if _is_list_of_one(grad, value) else grad)
    if seed.shape != value.shape:
        raise FeedError(
            f"bprop: grad= of {name!r} has the shape {shape_text(seed.shape)}, needs {shape_text(value.shape)}"
        )
    if seed.dtype.kind not in "biufc" or (seed.dtype.kind == "c" and value.dtype.kind != "c"):
        raise DtypeError(f"bprop: grad= of {name!r} has dtype {seed.dtype}, needs {value.dtype}")
    return np.array(seed, value.dtype)[()]


def _is_list_of_one(grad: Value, value: Value) -> bool:
    """Whether a list holds what arrives at the only output, as a list of several outputs does."""
    return isinstance(grad, list | tuple) and len(grad) == 1 and np.shape(grad) == (1, *value.shape)
