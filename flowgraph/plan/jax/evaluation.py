"""A graph computed on arrays of JAX, box by box in topological order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.vocabulary import Value
from flowgraph.errors import DtypeError, FlowgraphError
from flowgraph.plan.jax.array import NotInJaxError, compute_box, constant, flags, in_dtype, unwrap_arrays
from flowgraph.plan.jax.rules import refuse

_FAILURES = (TypeError, NotImplementedError, AttributeError, IndexError)
"""What functions of JAX, and NumPy on arrays of JAX, raise where they cannot do what is asked."""


_OF_MASKS = (
    "a mask takes as many elements as it has true values, and JAX compiles for given sizes; make the mask an "
    "fg.Constant, or choose with np.where"
)


def evaluate(boxes: Iterable[Box], values: dict[Box, Any]) -> None:
    """Compute the boxes that have no value in `values` yet, children first, and put theirs there.

    The value of a box that refuses what it was given, a label that is no class, is NaN, or the largest integer: nothing
    can be raised while an array is traced.
    """
    for box in boxes:
        if box in values:
            continue
        if isinstance(box, Constant):
            values[box] = _constant(box)
            continue
        value, wrong = value_of(box, [values[child] for child in box.children])
        for flag in map(jnp.any, wrong):
            value = jax.tree.map(lambda part, flag=flag: jnp.where(flag, _poison(part.dtype), part), value)
        values[box] = value


def value_of(box: Box, children: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The value of a box, in the dtypes that it was built with, and booleans of JAX that say what it refuses."""
    with flags() as refused:
        try:
            value = unwrap_arrays(compute_box(box, children))
        except FlowgraphError:
            raise
        except NotInJaxError as error:
            refuse(box, str(error), error)
        except jax.errors.NonConcreteBooleanIndexError as error:
            refuse(box, _OF_MASKS, error)
        except jax.errors.ConcretizationTypeError as error:
            refuse(box, "what it computes depends on numbers, which are not there while JAX compiles", error)
        except _FAILURES as error:
            refuse(box, f"{type(error).__name__}: {str(error).splitlines()[0]}", error)
    if len(box.outputs) == 1:
        return _in_dtype_of_jax(value, box.dtype), refused
    return tuple([_in_dtype_of_jax(part, spec.dtype) for part, spec in zip(value, box.outputs, strict=True)]), refused


def _in_dtype_of_jax(value: Value, dtype: np.dtype[Any]) -> Any:
    """The value in the dtype that JAX has for that of the box; what is made of constants alone stays a constant."""
    if isinstance(value, jax.Array):
        return in_dtype(value, jax.dtypes.canonicalize_dtype(dtype))
    return constant(np.asarray(value, dtype))


def _constant(box: Constant) -> Any:
    array = constant(box.value)
    if array.dtype != box.dtype and box.dtype.kind in "iu" and not np.array_equal(array, box.value):
        raise DtypeError(
            f"{box.title}: found numbers beyond {array.dtype}, to which JAX narrows {box.dtype} unless "
            f'jax.config.update("jax_enable_x64", True) was called\n  built at {box.built_at}'
        )
    return array


def _poison(dtype: np.dtype[Any]) -> Any:
    return jnp.asarray(np.iinfo(dtype).max if dtype.kind in "iu" else True if dtype.kind == "b" else jnp.nan, dtype)


def refuse_unfit(boxes: Iterable[Box]) -> None:
    """Refuse boxes of a dtype that JAX does not have."""
    for box in boxes:
        for spec in box.outputs:
            if spec.dtype.itemsize > (16 if spec.dtype.kind == "c" else 8):
                raise DtypeError(
                    f"{box.title}: found dtype {spec.dtype}, which JAX does not have; convert it with "
                    f".astype('float64')\n  built at {box.built_at}"
                )
