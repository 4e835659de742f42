"""The base class of elementwise boxes: children broadcast, and Python numbers take the dtype of the arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box.base import Box
from flowgraph.box.inference import try_dtype
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
        shape = broadcast([spec.shape for spec in specs])
        if shape is None:
            raise self.shape_error(
                "the shapes of the children do not broadcast; needs equal sizes or 1 along each axis, from the last on"
            )
        return Spec(shape, try_dtype(self, specs, None))

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

    def _dtype_of(self, number: Any, children: Sequence[Any]) -> Any:
        """A Python number takes the dtype of the other children, so it never widens float32."""
        if type(number) not in _SCALARS:
            return None
        if len(children) == 2 and type(number) is not complex:
            other = children[children[0] is number]
            if isinstance(other, Box) and other.dtype.kind == "f":
                return other.dtype
        met = [c.dtype if isinstance(c, Box) else np.asarray(c).dtype for c in children if type(c) not in _SCALARS]
        dtype = np.result_type(*met, number)
        if dtype.kind in "iu" and not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
            return self._dtype_beyond(number, met)
        return dtype

    def _dtype_beyond(self, number: int, met: Sequence[np.dtype[Any]]) -> Any:
        """The dtype of an integer that the integer dtype of the other children cannot hold.

        As in NumPy, floats where the box computes with floats, and any that holds it where the box only compares.
        """
        for ufunc in self.numpy if isinstance(self.numpy, tuple) else (self.numpy,):
            if isinstance(ufunc, np.ufunc) and ufunc.nin == len(met) + 1:
                *needed, result = ufunc.resolve_dtypes((*met, int, None))
                if needed[-1].kind in "fc":
                    return needed[-1]
                if result.kind == "b":
                    return np.float64 if np.asarray(number).dtype.kind == "O" else np.asarray(number).dtype
        raise DtypeError(
            f"{type(self).__name__}: found {number}, which the dtype {np.result_type(*met)} of what it meets does not "
            f"hold; convert that to a wider dtype, box.astype(int)"
        )
