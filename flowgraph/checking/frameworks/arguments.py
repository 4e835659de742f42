"""The arguments of a call as one flat list of NumPy arrays and settings, and the way back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.target import Inputs, parameter_names


@dataclass(frozen=True)
class Arguments:
    """`inputs` are NumPy arrays and settings, one name each, `originals` what they were in the framework.

    A list, tuple or dict that holds an array is taken apart, everything else is passed as it is; `nests` say how.
    """

    inputs: Inputs
    originals: Inputs
    names: tuple[str, ...]
    nests: tuple[Any, ...]

    @classmethod
    def of(cls, function: Callable[..., Any], given: Sequence[Any], to_numpy: Callable[[Any], Any]) -> Arguments:
        """`to_numpy` gives the array of a framework's own array, and anything else unchanged."""
        flat: list[Any] = []
        names: list[str] = []
        nests = []
        for name, value in zip(parameter_names(_inspected(function), len(given)), given, strict=True):
            nest, leaves = _taken_apart(value, name, to_numpy)
            nests.append(nest)
            for label, leaf in leaves:
                names.append(label)
                flat.append(leaf)
        return cls(tuple(to_numpy(leaf) for leaf in flat), tuple(flat), tuple(names), tuple(nests))

    def put_together(self, values: Sequence[Any]) -> list[Any]:
        """The arguments of the call, with `values` where `inputs` were."""
        iterator = iter(values)
        return [_put_together(nest, iterator) for nest in self.nests]


def arrays_in(value: Value) -> Iterator[Any]:
    """The leaves of nested lists, tuples and dicts."""
    if isinstance(value, list | tuple):
        for member in value:
            yield from arrays_in(member)
    elif isinstance(value, dict):
        for member in value.values():
            yield from arrays_in(member)
    else:
        yield value


def _inspected(function: Any) -> Callable[..., Any]:
    """What knows the parameters' names: the forward of a module or an autograd.Function, what a primitive wraps."""
    forward = getattr(function, "forward", None)
    if forward is None:
        return getattr(function, "fun", function)  # type: ignore[no-any-return]
    if inspect.isclass(function) and next(iter(inspect.signature(forward).parameters), "") in ("ctx", "context"):
        return _without_first(forward)
    return forward  # type: ignore[no-any-return]


def _without_first(forward: Callable[..., Any]) -> Callable[..., Any]:
    def call(*inputs: Any) -> Any:
        return forward(None, *inputs)

    signature = inspect.signature(forward)
    call.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return call


def _taken_apart(value: Value, name: str, to_numpy: Callable[[Any], Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """(nest, [(name, leaf)]). A nest is None for a leaf, else (how to build it, its nests)."""
    holds_arrays = any(isinstance(to_numpy(leaf), np.ndarray) for leaf in arrays_in(value))
    if not isinstance(value, list | tuple | dict) or not holds_arrays:
        return None, [(name, value)]
    members = value.items() if isinstance(value, dict) else enumerate(value)
    apart = [_taken_apart(member, f"{name}.{key}", to_numpy) for key, member in members]
    leaves = [leaf for _, found in apart for leaf in found]
    return (_builder(value), [nest for nest, _ in apart]), leaves


def _builder(value: Value) -> Callable[[list[Any]], Any]:
    if isinstance(value, dict):
        keys = list(value)
        return lambda members: type(value)(zip(keys, members, strict=True))
    if hasattr(value, "_fields"):
        return lambda members: type(value)(*members)
    return type(value)


def _put_together(nest: Any, values: Iterator[Any]) -> Any:
    if nest is None:
        return next(values)
    build, nests = nest
    return build([_put_together(inner, values) for inner in nests])
