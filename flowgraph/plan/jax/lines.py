"""How a box is written as an expression of `jax.numpy`, where that says what it computes, in NumPy's dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from flowgraph.box import Box
from flowgraph.box.inference import axes_of
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.loss import ClassLoss
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.plan.jax.twins import TWINS
from flowgraph.plan.numpy.lines import index_text, tuple_text
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.rebuild import shape_of
from flowgraph.shapes.indexing import ARRAY

Expression = Callable[[Any, Sequence[str]], str]

_OPERATORS: dict[Any, str] = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
_EXPRESSIONS: dict[type[Box], Expression] = {}


def _line_for(*classes: type[Box]) -> Callable[[Expression], Expression]:
    def register(expression: Expression) -> Expression:
        _EXPRESSIONS.update(dict.fromkeys(classes, expression))
        return expression

    return register


def has_line(box: Box) -> bool:
    """Whether a box is written as it is, and not as what its fprop is made of.

    A loss of classes stays one call: opened, it indexes the scores of all examples at once, which would gather them
    from all devices.
    """
    return ufunc_of(box) is not None or type(box) in _EXPRESSIONS or TWINS.has(box) or isinstance(box, ClassLoss)


def expression_of(box: Box, texts: Sequence[str]) -> str | None:
    """The expression on the texts of the children.

    There is none (None) where JAX would compute in another dtype than NumPy, where the box has a rule, and where it is
    no function of JAX.
    """
    if TWINS.of(box) is not None and type(box) not in _EXPRESSIONS:
        return None
    ufunc = ufunc_of(box)
    if ufunc is not None:
        return _call_of_ufunc(box, ufunc, texts) if _computes_alike(box, ufunc) else None
    found = _EXPRESSIONS.get(type(box))
    return None if found is None else found(box, texts) or None


def _computes_alike(box: Box, ufunc: np.ufunc) -> bool:
    """Whether the children have the dtype that NumPy computes in, as JAX does then, and JAX has the function."""
    dtypes = [child.dtype for child in box.children]
    known = getattr(np, ufunc.__name__, None) is ufunc and hasattr(jnp, ufunc.__name__)
    return known and ufunc.nout == 1 and ufunc.resolve_dtypes((*dtypes, None)) == (*dtypes, box.dtype)


def _call_of_ufunc(box: Box, ufunc: np.ufunc, texts: Sequence[str]) -> str:
    sign = _OPERATORS.get(ufunc)
    if sign is not None and len(texts) == 2:
        return f"{texts[0]} {sign} {texts[1]}"
    return f"-{texts[0]}" if ufunc is np.negative else f"jnp.{ufunc.__name__}({', '.join(texts)})"


@_line_for(MatMul)
def _product(box: MatMul, texts: Sequence[str]) -> str:
    return f"{texts[0]} @ {texts[1]}" if len({box.dtype, *(child.dtype for child in box.children)}) == 1 else ""


@_line_for(Sum, Max, Min)
def _reduction(box: Reduction, texts: Sequence[str]) -> str:
    child = box.children[0]
    if box.dtype != child.dtype:
        return ""
    axes = box.axes(child.ndim)
    axis = "" if len(axes) == child.ndim else f", axis={axes[0] if len(axes) == 1 else axes}"
    keep = ", keepdims=True" if box.keepdims else ""
    return f"jnp.{type(box).__name__.lower()}({texts[0]}{axis}{keep})"


@_line_for(Where)
def _where(box: Where, texts: Sequence[str]) -> str:
    mask, *branches = box.children
    same = mask.dtype == bool and {box.dtype} == {branch.dtype for branch in branches}
    return f"jnp.where({', '.join(texts)})" if same else ""


@_line_for(Cast)
def _cast(box: Cast, texts: Sequence[str]) -> str:
    plain = box.dtype.kind in "fc" and box.children[0].dtype.kind in "biuf"
    return f'{texts[0]}.astype("{box.dtype}")' if plain else ""


@_line_for(Concatenate)
def _concatenate(box: Concatenate, texts: Sequence[str]) -> str:
    same = len({child.dtype for child in box.children}) == 1
    return f"jnp.concatenate(({', '.join(texts)},), axis={int(box.axis)})" if same else ""


@_line_for(Barrier)
def _behind(box: Barrier, texts: Sequence[str]) -> str:
    return f"optimization_barrier(({', '.join(texts)},))[0]"


@_line_for(Transpose)
def _transposed(box: Transpose, texts: Sequence[str]) -> str:
    return (
        f"{texts[0]}.T" if box.axes is None else f"{texts[0]}.transpose({tuple_text(axes_of(box, box.axes, box.ndim))})"
    )


@_line_for(Reshape)
def _reshaped(box: Reshape, texts: Sequence[str]) -> str:
    return f"{texts[0]}.reshape({tuple_text(shape_of(box))})"


@_line_for(BroadcastTo)
def _repeated(box: BroadcastTo, texts: Sequence[str]) -> str:
    return f"jnp.broadcast_to({texts[0]}, {tuple_text(shape_of(box))})"


@_line_for(Index)
def _indexed(box: Index, texts: Sequence[str]) -> str:
    if ARRAY in box.index or any(isinstance(child, bool) for child in box.index):
        return ""
    return f"{texts[0]}[{', '.join(index_text(part) for part in box.index) or '...'}]"
