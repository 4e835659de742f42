"""What is known of an array before a run: its shape and dtype, and the signatures by which shapes follow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from flowgraph.printable import printable
from flowgraph.shapes.size import Shape, Size, unknown


class Spec(NamedTuple):
    """Shape and dtype of an array; a size is an int, or a Size where it follows the batch.

    Parameters
    ----------
    shape : tuple of int and Size
        One size per axis, in elements.
    dtype : numpy.dtype
        The dtype.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Input("x", shape=("N", 2)).spec
    Spec(shape=('N', 2), dtype=dtype('float64'))
    """

    shape: Shape
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{shape_text(self.shape)} {self.dtype}"


def shape_text(shape: Sequence[int | str]) -> str:
    """A shape as one writes it: (N, 128), (10,), ()."""
    inside = ", ".join(str(size) for size in shape)
    return printable(f"({inside},)" if len(shape) == 1 else f"({inside})")


def same(left: int | Size, right: int | Size) -> bool:
    """Whether two sizes may be one number: equal, or one of them only known in a run."""
    return left == right or _unknown(left) or _unknown(right)


def broadcast(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that NumPy broadcasts these (one or more) to, or None where it cannot.

    A name stands for every size, so N and 3 do not broadcast, though they would for N = 3. Of two sizes that are only
    known in a run either may be 1, so the larger one is only known in a run too.
    """
    if shapes.count(shapes[0]) == len(shapes):
        return shapes[0]
    ndim = max(map(len, shapes))
    result: list[int | Size] = [1] * ndim
    for shape in shapes:
        for axis, size in enumerate(shape, ndim - len(shape)):
            both = _broadcast_size(result[axis], size)
            if both is None:
                return None
            result[axis] = both
    return tuple(result)


def sample(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array for a trial: ones for floats, zeros for labels, indices and masks.

    A square matrix has twos on its diagonal: it is positive definite so. Beyond one such matrix it takes no memory.
    """
    diagonal = np.eye(shape[-1], dtype=dtype) if dtype.kind in "fc" and shape[-2:-1] == shape[-1:] != () else 0
    return np.broadcast_to(np.ones((), dtype) + diagonal if dtype.kind in "fc" else np.zeros((), dtype), shape)


def _broadcast_size(size: int | Size, other: int | Size) -> int | Size | None:
    if size == 1 or size == other:
        return other
    if other == 1:
        return size
    if not same(size, other):
        return None
    return next((known for known in (size, other) if isinstance(known, int)), unknown())


def _unknown(size: int | Size) -> bool:
    return isinstance(size, Size) and size.unknown


_GROUP = re.compile(r"\(([^()]*)\)")


_MOST_RESULTS = 1024
"""Shapes of children for which a signature remembers the shapes of the outputs, some hundred bytes each."""


class SignatureMismatchError(ValueError):
    """Shapes that a signature does not take; the box turns it into a ShapeError that names itself."""


@dataclass(frozen=True)
class Signature:
    """Core axes per child and per output; axes in front of them broadcast, as in NumPy's generalised ufuncs.

    An axis is a name, which stands for one size, or a number, which is its size.

    Parameters
    ----------
    text : str
        The notation, such as "(m,k),(k,n)->(m,n)".
    children : tuple of tuple of str
        The core axes of each child.
    outputs : tuple of tuple of str
        The core axes of each output.

    Examples
    --------
    >>> from flowgraph import Signature
    >>> Signature.parse("(m,k),(k,n)->(m,n)").result([(5, 2, 3), (3, 4)], ["left", "right"])
    ((5, 2, 4),)
    """

    text: str
    children: tuple[tuple[str, ...], ...]
    outputs: tuple[tuple[str, ...], ...]
    _bare: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False)
    """The core axes of the children without the mark of those that may be missing."""
    _bare_outputs: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False)
    _fixed: dict[str, Any] = field(init=False, repr=False, compare=False)
    """The axes that are numbers, with these."""
    _results: dict[tuple[Shape, ...], tuple[Shape, ...]] = field(init=False, repr=False, compare=False)
    """What `result` has found, by the shapes of the children."""

    def __post_init__(self) -> None:
        """Read once what every use of the signature needs."""
        bare = tuple(tuple(axis.rstrip("?") for axis in core) for core in (*self.children, *self.outputs))
        fixed = {axis: int(axis) for core in bare for axis in core if axis.isdigit()}
        count = len(self.children)
        vars(self).update(_bare=bare[:count], _bare_outputs=bare[count:], _fixed=fixed, _results={})

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Read a signature in gufunc notation.

        Parameters
        ----------
        text : str
            Such as "(m,k),(k,n)->(m,n)"; an axis that may be missing, as in NumPy's matmul, ends in "?".

        Returns
        -------
        Signature
            The signature.

        Raises
        ------
        ValueError
            If the text is not in that notation.
        """
        left, arrow, right = text.replace(" ", "").partition("->")
        if not arrow or not _GROUP.sub("", left + right).replace(",", "") == "":
            raise ValueError(f"signature {text!r} is not in gufunc notation, such as '(m,k),(k,n)->(m,n)'")
        groups = [[tuple(filter(None, g.split(","))) for g in _GROUP.findall(side)] for side in (left, right)]
        sizes = {axis.rstrip("?") for core in groups[0] for axis in core}
        for axis in (axis.rstrip("?") for core in groups[1] for axis in core):
            if axis not in sizes and not axis.isdigit():
                raise ValueError(f"signature {text!r} has an output of size {axis}, which no child has; declare infer")
        return cls(text.replace(" ", ""), tuple(groups[0]), tuple(groups[1]))

    def result(self, shapes: Sequence[Shape], names: Sequence[str]) -> tuple[Shape, ...]:
        """The shapes of the outputs.

        Parameters
        ----------
        shapes : sequence of tuple
            The shape of each child.
        names : sequence of str
            The name of each child, for the error.

        Returns
        -------
        tuple of tuple
            The shape of each output: the broadcast leading axes, then its core axes.

        Raises
        ------
        SignatureMismatchError
            If two sizes of one axis differ, or the leading axes do not broadcast.
        """
        known = self._results.get(key := tuple(shapes))
        if known is None:
            known = self._result(shapes, names)
            if not any(isinstance(size, Size) and size.unknown for shape in (*shapes, *known) for size in shape):
                if len(self._results) >= _MOST_RESULTS:
                    self._results.clear()
                self._results[key] = known
        return known

    def _result(self, shapes: Sequence[Shape], names: Sequence[str]) -> tuple[Shape, ...]:
        sizes: dict[str, int | Size] = {**self._fixed}
        owner: dict[str, str] = {}
        loops = []
        missing: set[str] = set()
        for core, bare, shape, name in zip(self.children, self._bare, shapes, names, strict=True):
            present = bare if len(core) <= len(shape) else self._present(core, shape, name, missing)
            cut = len(shape) - len(present)
            loops.append(shape[:cut])
            for axis, size in zip(present, shape[cut:], strict=True):
                if axis in sizes and not same(sizes[axis], size):
                    raise SignatureMismatchError(
                        f"child {name!r} has {axis} = {size} but child {owner[axis]!r} has {axis} = {sizes[axis]}"
                        if axis in owner
                        else f"child {name!r} has the size {size} where it needs {axis}"
                    )
                if axis not in sizes or isinstance(sizes[axis], Size):
                    sizes[axis], owner[axis] = size, name
        loop = broadcast(loops)
        if loop is None:
            raise SignatureMismatchError(f"the axes in front of the core, {loops}, do not broadcast")
        return tuple(
            [loop + tuple([sizes[axis] for axis in core if axis not in missing]) for core in self._bare_outputs]
        )

    def small_shapes(self, shapes: Sequence[Shape], size: int = 2) -> list[tuple[int, ...]]:
        """Small shapes with as many axes as those given, for a trial run.

        The last of the leading axes is longer by one than a named one, so that no other place of it gives the same.

        Parameters
        ----------
        shapes : sequence of tuple
            The shape of each child.
        size : int, default 2
            The size of every named axis.

        Returns
        -------
        list of tuple of int
            One shape per child.
        """
        cores = [
            self._present(core, shape, "", set()) if len(core) > len(shape) else bare
            for core, bare, shape in zip(self.children, self._bare, shapes, strict=True)
        ]
        return [
            (*_leading(len(shape) - len(core), size + 1), *[self._fixed.get(axis, size) for axis in core])
            for core, shape in zip(cores, shapes, strict=True)
        ]

    def shapes(self, sizes: Sequence[int], loop: Shape = ()) -> list[Shape]:
        """A shape for each child, with all its axes.

        Parameters
        ----------
        sizes : sequence of int
            The size of each named axis, in the order in which the names first occur.
        loop : tuple, default ()
            Leading axes that every child gets.

        Returns
        -------
        list of tuple
            One shape per child.
        """
        names = dict.fromkeys(axis.rstrip("?") for core in self.children for axis in core)
        known = dict(zip((name for name in names if not name.isdigit()), sizes, strict=False))
        known |= {name: int(name) for name in names if name.isdigit()}
        return [(*loop, *(known[axis.rstrip("?")] for axis in core)) for core in self.children]

    def cores(self, shapes: Sequence[Shape]) -> tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]]:
        """The core axes that children of these shapes have, and those of the outputs.

        Parameters
        ----------
        shapes : sequence of tuple
            The shape of each child.

        Returns
        -------
        tuple of two lists of sequences of str
            The names of the last axes of each child and of each output.
        """
        missing: set[str] = set()
        children = [
            bare if len(core) <= len(shape) else self._present(core, shape, "", missing)
            for core, bare, shape in zip(self.children, self._bare, shapes, strict=True)
        ]
        return children, [[axis for axis in core if axis not in missing] for core in self._bare_outputs]

    def _present(self, core: tuple[str, ...], shape: Shape, name: str, missing: set[str]) -> list[str]:
        """The core axes that this child has; the optional ones that it lacks are noted in `missing`."""
        lacking = len(core) - len(shape)
        present = []
        for axis in core:
            if axis.endswith("?") and lacking > 0:
                missing.add(axis.rstrip("?"))
                lacking -= 1
            else:
                present.append(axis.rstrip("?"))
        if len(present) > len(shape):
            raise SignatureMismatchError(
                f"child {name!r} has {len(shape)} axes but needs at least {len(present)} ({','.join(core)})"
            )
        return present


def _leading(count: int, size: int) -> tuple[int, ...]:
    """So many axes of few elements, of which the last has this size."""
    return (1,) * (count - 1) + (size,) * min(count, 1)


def summed_to(array: Any, shape: Sequence[int]) -> Any:
    """The sum over the axes along which an array of `shape` was repeated to the shape of `array`."""
    extra = array.ndim - len(shape)
    if extra:
        array = array.sum(axis=tuple(range(extra)))
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and array.shape[i] != 1)
    return array.sum(axis=repeated, keepdims=True) if repeated else array
