"""How axes move through a box, as its class declares it: read by batches of rows (vmap, Jacobians) and by shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowgraph.box.inference import axes_of
from flowgraph.box.node import Node


@dataclass(frozen=True)
class Core:
    """The axes that a box works along; for every index of the others, the loop axes, it does the same.

    The core axes are those of the first child. A child with as many axes as the first has the same core axes, and
    broadcasts along the loop axes; which axes another one has is not said, so that rows are taken one by one,
    unless `all_loops` says it.

    Parameters
    ----------
    *settings : str
        The settings that name the core axes, each one axis or several, None for all of them. Without any, the core
        axes are the last ones.
    last : int or function of the box, default 0
        How many axes, from the last on, are core axes where no setting names them.
    line : bool, default False
        Whether None in a setting stands for an array that is read as one line, and not for all of its axes.
    of_value : bool, default False
        Whether a negative setting is counted from the axes of the value, and not from those of the first child.
    all_loops : bool, default False
        Whether a child with another number of axes than the first has all loop axes too, as class labels have.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.functional import vmap
    >>> class Centred(fg.Box):
    ...     axis: int = -1
    ...     core = fg.Core("axis")
    ...     def fprop(self, a):
    ...         return a - np.mean(a, axis=self.axis, keepdims=True)
    >>> vmap(lambda a: Centred(a, axis=0))(np.array([[1.0, 3.0], [5.0, 5.0]]))
    array([[-1.,  1.],
           [ 0.,  0.]])
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Centred)]
    """

    settings: tuple[str, ...]
    last: int | Callable[[Any], int]
    line: bool
    of_value: bool
    all_loops: bool

    def __init__(
        self,
        *settings: str,
        last: int | Callable[[Any], int] = 0,
        line: bool = False,
        of_value: bool = False,
        all_loops: bool = False,
    ) -> None:
        self.__dict__.update(settings=settings, last=last, line=line, of_value=of_value, all_loops=all_loops)


def core_of(cls: type[Node]) -> Core | None:
    """What a class or a base of it declares; None where a class after that one has another fprop."""
    base = next((base for base in cls.__mro__ if "core" in vars(base)), Node)
    declares_for_it = getattr(base, "fprop", None) in (cls.fprop, Node.fprop)
    core: Core | None = vars(base)["core"] if declares_for_it else None
    return core


def core_axes(box: Node) -> tuple[int, ...] | None:
    """The core axes of the first child, from the front; None where none are declared, or it is read as one line."""
    core, ndim = core_of(type(box)), len(box.children[0].shape)
    if core is None:
        return None
    if not core.settings:
        count = core.last if isinstance(core.last, int) else core.last(box)
        return tuple(range(ndim))[max(0, ndim - count) :]
    axes: list[int] = []
    for given in (getattr(box, name) for name in core.settings):
        if given is None and core.line:
            return None
        axes += range(ndim) if given is None else axes_of(box, given, ndim)
    return tuple(axes)


def settings_over_rows(box: Node) -> dict[str, Any] | None:
    """The settings with one more loop axis in front; None where no core axes are declared or rows are no loop axis."""
    core = core_of(type(box))
    first, *others = (len(child.shape) for child in box.children)
    if core is None or (set(others) - {first} and not core.all_loops):
        return None
    ndim = len(box.shape) if core.of_value else first
    given = {name: getattr(box, name) for name in core.settings}
    for axis in given.values():
        # an array without axes is a line of one element for a box of lines, and where an axis is named
        if (core.line and (axis is None or not ndim)) or (not ndim and axis not in (None, ())):
            return None
    return {name: counted_on(axis, ndim) for name, axis in given.items()}


def counted_on(axis: Any, ndim: int) -> Any:
    """Axes of an array with so many of them, counted on by one, for an axis in front."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, tuple | list):
        return tuple(number % ndim + 1 for number in axis)
    return axis % ndim + 1
