"""The base class of elementwise boxes: children broadcast, and Python numbers take the dtype of the arrays."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box.base import Box
from flowgraph.box.inference import try_dtypes
from flowgraph.errors import DtypeError
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec, broadcast

_SCALARS = (bool, int, float, complex)


class Elementwise(Box, abstract=True):
    """A box that works element by element: children broadcast, and the engine sums their gradients back.

    Parameters
    ----------
    *children : box or array_like
        What the box reads, of shapes that broadcast; a Python number takes the dtype of what it meets.
    name : str, optional
        Name of the node, in tables, pictures and errors.
    **settings
        The annotated fields of the class, by keyword.

    Raises
    ------
    UsageError
        If the number of children does not fit `fprop`, or a setting is unknown or not of its type.
    ShapeError
        If the shapes of the children do not broadcast; raised on the line that builds the box.

    Examples
    --------
    >>> import flowgraph as fg
    >>> class Cube(fg.Elementwise):
    ...     def fprop(self, a):
    ...         return a * a * a
    ...     def bprop(self, grad, h, a):
    ...         return (3 * grad * a * a,)
    >>> w = fg.Parameter([1.0, 2.0], name="w")
    >>> fg.Graph(fg.sum(Cube(w))).fprop().bprop()[w].tolist()
    [3.0, 12.0]
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Cube)]
    """

    by_element = True

    def infer(self, *specs: Any) -> Spec:
        """The shapes of the children broadcast together, and the dtype of a trial fprop on one element.

        Parameters
        ----------
        *specs : Spec
            Shape and dtype of each child.

        Returns
        -------
        Spec
            Shape and dtype of the value.

        Raises
        ------
        ShapeError
            If the shapes do not broadcast.
        """
        first, shape = specs[0], specs[0].shape
        for other in specs[1:]:
            if other.shape != shape:
                shape = broadcast([spec.shape for spec in specs])
                if shape is None:
                    raise self.shape_error(
                        "the shapes of the children do not broadcast; needs equal sizes or 1 along each axis, from "
                        "the last on"
                    )
                break
        dtypes = tuple([spec.dtype for spec in specs])
        (dtype,) = try_dtypes(self, dtypes, lambda: [Spec((), dtype) for dtype in dtypes])
        return first if shape is first.shape and dtype is first.dtype else Spec(shape, dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """One operation for each element of the value.

        Parameters
        ----------
        shape : tuple of int
            Shape of the value.
        *shapes : tuple of int
            Shape of each child.

        Returns
        -------
        int
            The number of elements.
        """
        return product(shape)

    def _dtype_of(self, place: int, children: Sequence[Any]) -> Any:
        """A Python number takes the dtype in which NumPy computes with it, so it never widens float32.

        An integer that this dtype cannot hold is compared as it is, and refused by all else.
        """
        number = children[place]
        if type(number) not in _SCALARS:
            return None
        kinds: list[Any] = [type(c) if type(c) in _SCALARS else c.dtype if isinstance(c, Box) else np.asarray(c).dtype
                 for c in children]  # fmt: skip
        dtypes = _computed_in(type(self), *kinds)
        dtype = dtypes[place]
        if dtype.kind not in "iu" or np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
            return dtype
        if dtypes[-1].kind == "b":
            return np.float64 if np.asarray(number).dtype.kind == "O" else np.asarray(number).dtype
        raise DtypeError(
            f"{type(self).__name__}: found {number}, which the dtype {dtype} of what it meets does not hold; convert "
            f"that to a wider dtype, box.astype(int)"
        )


@functools.cache
def _computed_in(cls: type[Elementwise], *kinds: Any) -> tuple[np.dtype[Any], ...]:
    """The dtypes to which NumPy converts numbers of these Python types and arrays of these dtypes, and of the value.

    That is what the ufunc of the class resolves them to; where it has none, or refuses them, their common dtype.
    """
    for ufunc in cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,):
        if isinstance(ufunc, np.ufunc) and (ufunc.nin, ufunc.nout) == (len(kinds), 1):
            with contextlib.suppress(TypeError):
                return ufunc.resolve_dtypes((*(np.dtype(bool) if kind is bool else kind for kind in kinds), None))
    common = np.result_type(*(kind() if isinstance(kind, type) else kind for kind in kinds))
    return (common,) * (len(kinds) + 1)
