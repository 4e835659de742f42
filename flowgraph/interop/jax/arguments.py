"""The arguments of a JAX function for the leaves of its graph: dicts of arrays by name, checked against the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Value
from flowgraph.errors import DtypeError, FeedError, ShapeError
from flowgraph.graph import Graph
from flowgraph.graph.feeding import refuse_overflow
from flowgraph.shapes.spec import shape_text


def read_arrays(graph: Graph, leaves: Sequence[Box], given: Value, what: str, *, exact: bool) -> list[Any]:
    """The arrays of the leaves in their order; with `exact` of its dtype, else of one that is cast to it."""
    names = [graph.names[leaf] for leaf in leaves]
    if not isinstance(given, Mapping):
        raise FeedError(
            f"jax: found a {type(given).__name__} as {what}, needs a dict of arrays by name: {_list(names)}"
        )
    by_name = {key if isinstance(key, str) else graph.names[graph.box(key)]: value for key, value in given.items()}
    for name in by_name:
        if name not in names:
            raise FeedError(f"jax: found {name!r} among {what}, needs {_list(names)}")
    for name in names:
        if name not in by_name:
            raise FeedError(f"jax: found no {name!r} among {what}, needs {_list(names)}")
    return [_read(name, leaf, by_name[name], exact) for name, leaf in zip(names, leaves, strict=True)]


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing, {}"


def _read(name: str, leaf: Box, value: Value, exact: bool) -> Any:
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    wanted = jax.dtypes.canonicalize_dtype(leaf.dtype)
    if wanted != leaf.dtype and leaf.dtype.kind in "fc":
        raise DtypeError(
            f"{name}: the graph computes in {leaf.dtype}, and JAX would narrow it to {wanted}; call "
            f'jax.config.update("jax_enable_x64", True) first, or build the graph of {wanted}\n'
            f"  built at {leaf.built_at}"
        )
    found = np.dtype(array.dtype)
    fits = found in (wanted, leaf.dtype) or (not exact and np.can_cast(found, leaf.dtype, "same_kind"))
    if found.kind not in "biufc" or not fits:
        raise DtypeError(
            f"{name}: found dtype {found}, needs {leaf.dtype}; convert it with .astype({str(leaf.dtype)!r})\n"
            f"  built at {leaf.built_at}"
        )
    if array.ndim != leaf.ndim or any(
        isinstance(n, int) and n != m for n, m in zip(leaf.shape, array.shape, strict=True)
    ):
        raise ShapeError(
            f"{name}: found the shape {shape_text(array.shape)}, needs {shape_text(leaf.shape)}\n"
            f"  built at {leaf.built_at}"
        )
    if isinstance(array, np.ndarray) and found.kind in "iu" and array.size and not np.can_cast(found, wanted):
        refuse_overflow(name, array, wanted, leaf)
    return jnp.asarray(array, wanted)
