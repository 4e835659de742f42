"""The arguments of a call: their names, and which of them are differentiated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.arrays import refuse_masked
from flowgraph.errors import DtypeError, UsageError
from flowgraph.functional.containers import ARRAYS, flatten, paths


def name_of(f: Callable[..., Any]) -> str:
    """How an error calls a function."""
    return getattr(f, "__qualname__", None) or type(f).__name__


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """A name for each positional argument."""
    if type(f) is FunctionType and not vars(f) and count <= f.__code__.co_argcount:
        return list(f.__code__.co_varnames[:count])  # what inspect takes thirty microseconds to find out
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return [f"argument{i}" for i in range(count)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "argument")
    return (names + [f"{rest}{i}" for i in range(len(names), count)])[:count]


def read_argnums(f: Callable[..., Any], argnums: object, args: Sequence[Any]) -> tuple[int, ...]:
    """The places of the arguments that are differentiated, counted from the front."""
    if type(argnums) is int and 0 <= argnums < len(args):
        return (argnums,)
    listed = argnums if isinstance(argnums, tuple | list) else (argnums,)
    if not listed:
        raise UsageError(f"{name_of(f)}: found no argnums, needs the place of an argument or several")
    places = []
    for place in listed:
        if not isinstance(place, int | np.integer) or isinstance(place, bool):
            raise UsageError(f"{name_of(f)}: found argnums={argnums!r}, needs an integer or a tuple of integers")
        if not args:
            raise UsageError(
                f"{name_of(f)}: found no positional argument; what is differentiated (argnums={argnums!r}) is given by "
                f"position, and the vector of vjp, jvp or hvp after all arguments"
            )
        if not -len(args) <= place < len(args):
            raise UsageError(
                f"{name_of(f)}: found argnums={argnums!r}, but it was called with {len(args)} positional arguments; "
                f"needs places from 0 to {len(args) - 1}"
            )
        places.append(int(place) % len(args))
    if len(set(places)) < len(places):
        raise UsageError(f"{name_of(f)}: found argnums={argnums!r}, which names an argument twice")
    return tuple(places)


def check_arguments(f: Callable[..., Any], places: Sequence[int], args: Sequence[Any]) -> None:
    """Check that every differentiated argument consists of arrays of real or complex numbers."""
    if all(_is_differentiable(args[place]) for place in places):
        return
    names = argument_names(f, len(args))
    for place in places:
        found = 0
        for path, leaf in paths(args[place], names[place]):
            found += 1
            if not isinstance(leaf, ARRAYS) and not isinstance(leaf, bool | int):
                raise UsageError(
                    f"{name_of(f)}: found a {type(leaf).__name__} at {path}, which is differentiated; needs arrays "
                    f"and floats in it, or other argnums"
                )
            dtype = leaf.dtype if isinstance(leaf, Box) else np.asarray(leaf).dtype
            if dtype.kind not in "fc":
                raise DtypeError(
                    f"{name_of(f)}: found dtype {dtype} at {path}, which is differentiated, and only real or complex "
                    f"values have a gradient; give floats, {path}.astype(float) or {path}=1.0, or other argnums"
                )
        if not found:
            raise UsageError(
                f"{name_of(f)}: found no array in {names[place]}, which is differentiated; needs arrays or floats "
                f"in it, or other argnums"
            )


def _is_differentiable(value: Value) -> bool:
    """Whether there are boxes of real or complex values in a container, and nothing else."""
    leaves: list[Any] = []
    statics: list[Any] = []
    flatten(value, leaves, statics)
    return bool(leaves) and not statics and all(isinstance(one, Box) and one.dtype.kind in "fc" for one in leaves)


def called(f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The result of a function on boxes."""
    try:
        return f(*args, **keywords)
    except ValueError as error:  # which NumPy makes of the refusal of a box to be a number
        if not isinstance(error.__cause__, UsageError):
            raise
        raise UsageError(
            f"{name_of(f)}: found a box assigned to an element of an array, where it would carry no gradient; build "
            f"the array with np.stack or np.concatenate, or with fg.set_at(array, index, box)"
        ) from error


def native(leaf: Value) -> Any:
    """A number as an array, in the byte order of this machine, which is that of all results."""
    refuse_masked("an argument", leaf)
    array = np.asarray(leaf)
    return (array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("=")))[()]
