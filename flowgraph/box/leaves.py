"""Leaves of the graph: inputs, parameters, random draws; and the locks of what threads share."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol
from weakref import WeakSet

import numpy as np

from flowgraph.box.arrays import Array, array_of, frozen_copy, view_of
from flowgraph.box.base import Leaf
from flowgraph.box.node import current
from flowgraph.box.random_draws import Draw
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.shapes.size import Shape, Size, evaluate, is_size_name
from flowgraph.shapes.spec import shape_text

_locks: WeakSet[Any] = WeakSet()


def new_lock() -> Any:
    """A `threading.RLock` that is released in a forked child if another thread held it at the fork.

    What such a lock guards must be whole at every instant, since the child never sees the end of what was going on.
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_in_child() -> None:
    for lock in list(_locks):
        if not lock._is_owned():
            lock._at_fork_reinit()  # as the standard library does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)


class Input(Leaf):
    """An input of a graph: an array of a given shape, in which a name stands for a size that varies.

    Axes of the same name have the same size in a run, whichever input they belong to.

    Parameters
    ----------
    name : str
        The keyword by which `Graph.fprop` takes the array.
    shape : int, str or tuple of int and str, default ()
        A size per axis: a number, or a name such as "N" for a size that varies.
    dtype : dtype_like, default float
        Dtype of the array; what is fed is converted where that loses nothing.

    Raises
    ------
    DtypeError
        If the dtype is one that NumPy cannot compute with.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Input("x", shape=("N", 784))
    <Input 'x': (N, 784) float64>
    """

    symbol = "input"

    def __init__(self, name: str, shape: Any = (), *, dtype: Any = float) -> None:
        self._start(name)
        self._set_spec(read_shape(self, shape), dtype)
        if self.dtype.kind not in "biufc":
            raise DtypeError(f"{self.title}: found dtype {self.dtype}, needs numbers or booleans")


class Argument(Input, abstract=True):
    """An array of an argument of a call; how one writes it is found out when an error or a picture asks."""

    symbol = "input"

    @classmethod
    def of_call(cls, value: Array, mark: object, built_at: Any, names: Callable[[int], str], place: int) -> Argument:
        """The array at a place among those of a call, with its value; `names` tells how one writes it: params['W']."""
        box = object.__new__(cls)
        box.__dict__.update(
            children=(), computed=value, mark=mark, shape=value.shape, dtype=value.dtype, built_at=built_at,
            names=names, place=place,
        )  # fmt: skip
        return box

    @property
    def name(self) -> str:  # type: ignore[override]
        """How one writes it."""
        name: str = self.__dict__["names"](self.__dict__["place"])
        return name

    @property
    def title(self) -> str:
        """As any input is called."""
        return super().title.replace("Argument", "Input", 1)

    def __getstate__(self) -> Any:
        return {**super().__getstate__(), "names": _Name(self.name)}


class _Name(NamedTuple):
    """How an argument is written, of which no call is there any more."""

    text: str

    def __call__(self, place: int) -> str:
        return self.text


moving = new_lock()
"""Held while a parameter moves. It is the last lock that is taken, so nobody waits for another while holding it."""


class Home(Protocol):
    """What holds the values of parameters that change often: the store of a plan."""

    lock: Any
    running: bool

    def value(self, place: int) -> Array:
        """A read-only copy of the value at this place."""

    def leave(self, place: int) -> None:
        """Forget the value at this place."""


class Parameter(Leaf):
    """An array that training changes: a leaf whose gradient `bprop` gives by default.

    `value` is read-only, so that an array changed in place between fprop and bprop cannot go unnoticed; assign a new
    array of the same shape and dtype to change it. Python numbers become float64.

    Parameters
    ----------
    value : array_like
        The first value; it is copied.
    name : str, optional
        Name of the node, by which `grads["W1"]` and files find it.
    dtype : dtype_like, optional
        Dtype of the value; by default that of the array, float64 for Python numbers.

    Raises
    ------
    DtypeError
        If the value is an array of integers, booleans or texts, which have no gradient.

    Examples
    --------
    >>> import flowgraph as fg
    >>> b = fg.Parameter([0.0, 0.0], name="b")
    >>> b.value = [1.0, 2.0]
    >>> b.value
    array([1., 2.])
    """

    symbol = "parameter"
    home: ClassVar[tuple[Home, int] | None] = None

    def __init__(self, value: Any, *, name: str | None = None, dtype: Any = None) -> None:
        self._start(name)
        array = array_of(self, value, dtype)
        if array.dtype.kind in "iub" and dtype is None and not isinstance(value, np.ndarray):
            array = array.astype(float)
        if array.dtype.kind not in "fc":
            raise DtypeError(
                f"{self.title}: found dtype {array.dtype}, but a parameter has a gradient; give floats, "
                f"or use fg.Constant for what does not change"
            )
        self.__dict__.update(_value=frozen_copy(array), home=None)
        self._set_spec(array.shape, array.dtype)

    @property
    def array(self) -> Array:
        """The value as a plain read-only array, which costs less to compute with.

        Raises
        ------
        UsageError
            In a function under `functional.jit`, which is called once: a later value would not count.
        """
        trace = current()
        if trace is not None and trace.for_all:
            raise UsageError(
                f"{self.title}: found its numbers read in a function under jit, which is called once, so that a later "
                f"value would not count; compute with the parameter itself, which is read in each call\n"
                f"  built at {self.built_at}"
            )
        return self.current()

    def value_before_run(self) -> Array:
        """The value at this moment.

        Returns
        -------
        ndarray
            Read-only.
        """
        return self.current()

    def current(self) -> Array:
        """The same array, the same object until the value changes; also in a function under `jit`.

        Returns
        -------
        ndarray
            Read-only.
        """
        while True:
            home: tuple[Home, int] | None = self.__dict__["home"]
            if home is not None:
                return home[0].value(home[1])
            array: Array | None = self.__dict__["_value"]
            if array is not None:  # else a plan in another thread has taken it since
                return array

    @property
    def value(self) -> Array:
        """The array, read-only."""
        last = (self.name or "").rpartition("/")[2]
        way_out = f"assign a new array, {last if last.isidentifier() else 'parameter'}.value = ..."
        return view_of(self.array, self.title, f"{way_out}\n  built at {self.built_at}")

    @value.setter
    def value(self, value: object) -> None:
        array = array_of(self, value)
        if array.dtype.kind in "iub" and not isinstance(value, np.ndarray):
            array = array.astype(self.dtype)
        if array.shape != self.shape:
            raise ShapeError(f"{self.title}: found a value of shape {shape_text(array.shape)}, needs {self.shape}")
        if array.dtype != self.dtype and isinstance(value, np.ndarray | np.generic):
            raise DtypeError(
                f"{self.title}: found a value of dtype {array.dtype}, needs {self.dtype}; "
                f"convert it with .astype({str(self.dtype)!r})"
            )
        array = frozen_copy(array, self.dtype, self)
        with moving:
            self.__dict__["_value"] = array
            self.move(None)

    def move(self, home: tuple[Home, int] | None) -> None:
        """Keep the value in a store of a plan, or in the parameter again; the caller holds the lock `moving`.

        The old store is told first, so that an interruption never leaves two owners of one value.

        Parameters
        ----------
        home : (store, int) or None
            The new store and the index of the value in it; None moves the value back into the parameter.
        """
        before: tuple[Home, int] | None = self.__dict__["home"]
        if before is not None:
            before[0].leave(before[1])
        self.__dict__["home"] = home
        if home is not None:
            self.__dict__["_value"] = None

    def __setattr__(self, name: str, value: object) -> None:
        if name != "value":
            super().__setattr__(name, value)
        object.__setattr__(self, name, value)

    def _copy_alone(self, memo: dict[int, Any], own: Mapping[str, Any]) -> Any:
        """Another parameter with the value of this one, wherever that lives."""
        return super()._copy_alone(memo, {**own, "_value": frozen_copy(self.value), "home": None})

    def __getstate__(self) -> Any:
        return {**super().__getstate__(), "_value": self.value, "home": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["_value"] = frozen_copy(self.__dict__["_value"], self.dtype)


class Random(Leaf):
    """An array drawn anew in every run, from the seed of the run: the one way for chance to enter a graph.

    `draw(generator, shape)` gets a `numpy.random.Generator` and the shape in numbers.

    Parameters
    ----------
    draw : function
        `draw(generator, shape)` returns an array of that shape; `generator` is a `numpy.random.Generator`.
    shape : int, str or tuple of int and str, default ()
        A size per axis: a number, or a name such as "N" for a size that varies.
    dtype : dtype_like, default float
        Dtype of the array.
    name : str, optional
        Name of the node, in tables, pictures and errors.

    Raises
    ------
    UsageError
        If `draw` is no function.
    ShapeError
        If a size of the shape depends on values.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> noise = fg.Random(lambda g, shape: g.normal(size=shape), shape=(2,), name="noise")
    >>> graph = fg.Graph(noise)
    >>> bool(np.array_equal(graph.fprop(seed=1)[noise], graph.fprop(seed=1)[noise]))
    True
    """

    symbol = "random"
    draw: Callable[[np.random.Generator, tuple[int, ...]], Any]

    def __init__(self, draw: Any, *, shape: Any = (), dtype: Any = float, name: str | None = None) -> None:
        self._start(name)
        if not callable(draw):
            raise UsageError(f"{self.title}: found draw={draw!r}, needs a function of a generator and a shape")
        self.__dict__["draw"] = draw
        self._set_spec(read_shape(self, shape), dtype)
        if any(isinstance(size, Size) and size.unknown for size in self.shape):
            raise ShapeError(
                f"{self.title}: found the shape {shape_text(self.shape)} with a size that depends on values; "
                f"needs sizes that follow from those of the inputs"
            )
        trace = current()
        if trace is not None:
            trace.note(self)

    def value_for(self, seed: Any, number: int, sizes: Mapping[str, int]) -> Array:
        """The array that a run with this seed draws.

        Parameters
        ----------
        seed : int or tuple of int
            Seed of the run.
        number : int
            Position of the leaf among the random leaves of the graph; with the seed it selects the random stream.
        sizes : mapping of str to int
            Sizes of the named axes in this run.

        Returns
        -------
        array, the shape and dtype of the leaf
            The draw.

        Raises
        ------
        UsageError
            If an axis of the shape has a name that no input of the graph has.
        ShapeError
            If `draw` returns another shape.
        """
        shape = self._shape_for(sizes)
        entropy = [*seed, number] if isinstance(seed, tuple) else [seed, number]
        drawn = np.array(self.draw(np.random.default_rng(entropy), shape), self.dtype)
        if drawn.shape != shape:
            raise ShapeError(f"{self.title}: draw returned the shape {drawn.shape}, needs {shape}")
        return drawn

    def value_in_evaluation(self, sizes: Mapping[str, int]) -> Array:
        """The array that stands for the draws where the graph is in use, and no longer trains.

        Parameters
        ----------
        sizes : mapping of str to int
            Sizes of the named axes in this run.

        Returns
        -------
        array, the shape and dtype of the leaf
            The number that the draw declares as `in_evaluation`, everywhere.

        Raises
        ------
        UsageError
            If the draw declares none.
        """
        number = self.draw.in_evaluation if isinstance(self.draw, Draw) else None
        if number is None:
            raise UsageError(
                f"{self.title}: found a draw that says nothing about its value in evaluation, needs a subclass of "
                f"flowgraph.box.random_draws.Draw with in_evaluation = a number; or let it draw, with module.train()\n"
                f"  built at {self.built_at}"
            )
        return np.full(self._shape_for(sizes), number, self.dtype)

    def _shape_for(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape in numbers."""
        missing = {n for size in self.shape if isinstance(size, Size) for n in size.names} - sizes.keys()
        if missing:
            raise UsageError(f"{self.title}: no input of the graph has the axis {sorted(missing)[0]!r} of its shape")
        return tuple(evaluate(size, sizes) for size in self.shape)


def read_shape(leaf: Leaf, shape: object) -> Shape:
    """A shape as the user wrote it: a number or a name per axis."""
    return tuple([_read_size(leaf, size) for size in (shape if isinstance(shape, tuple | list) else (shape,))])


def _read_size(leaf: Leaf, size: object) -> int | Size:
    if isinstance(size, Size) and all(map(is_size_name, size.names)):
        return size
    if isinstance(size, str) and not isinstance(size, Size) and size.isidentifier():
        return Size(size)
    if isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0:
        return int(size)
    raise ShapeError(f"{leaf.title}: found {size!r} in its shape, needs a number from 0 or a name such as 'N' per axis")
