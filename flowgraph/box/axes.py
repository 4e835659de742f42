"""How axes move through a box, as its class declares it: read by batches of rows (vmap, Jacobians) and by shards.

`axis_labels` gives it for the axes that a box has, along which plan/shards/rules.py cuts it. derivatives/batching.py
builds a box with one more axis, which is a question of its settings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flowgraph.box.inference import axes_of
from flowgraph.box.node import Node
from flowgraph.shapes.spec import Signature

Labels = Sequence[Hashable | None]
"""A label for each axis of an array; None for a core axis."""


class AxisLabels(NamedTuple):
    """Of each child and of the value the labels of its axes, as the letters of an einsum.

    For every index of a labelled axis the box does the same with what the children have there; where the value does
    not have the label, it is the sum of these over the axis. A child without the label is read whole each time.
    """

    children: tuple[Labels, ...]
    value: Labels


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
    summed : bool, default False
        Whether the value is the sum over the core axes.

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
    summed: bool

    def __init__(
        self,
        *settings: str,
        last: int | Callable[[Any], int] = 0,
        line: bool = False,
        of_value: bool = False,
        all_loops: bool = False,
        summed: bool = False,
    ) -> None:
        self.__dict__.update(
            settings=settings, last=last, line=line, of_value=of_value, all_loops=all_loops, summed=summed
        )


def core_of(cls: type[Node]) -> Core | None:
    """What a class or a base of it declares; None where a class after that one has another fprop."""
    base = next((base for base in cls.__mro__ if "core" in vars(base)), Node)
    declares_for_it = getattr(base, "fprop", None) in (cls.fprop, Node.fprop)
    core: Core | None = vars(base)["core"] if declares_for_it else None
    return core


def axis_labels(box: Node) -> AxisLabels | None:
    """The labels of the axes of the children and of the only output; None where nothing declares them.

    An axis of size 1 has the label only where all have this size there: else it is broadcast.
    """
    declared = labels_by_signature if box.by_element or box.signature is not None else _labels_by_core
    labels = box.axis_labels() or declared(box)
    if labels is None:
        return None
    operands = [*zip(labels.children, box.children, strict=True), (labels.value, box)]
    long = {label for of_axes, a in operands for label, size in zip(of_axes, a.shape, strict=True) if size != 1}
    *children, value = (
        [None if size == 1 and label in long else label for label, size in zip(of_axes, a.shape, strict=True)]
        for of_axes, a in operands
    )
    return AxisLabels(tuple(children), value)


def labels_by_signature(box: Node, names: str = "") -> AxisLabels:
    """Axes in front of the core axes are the same counted from the last on; those of `names` are no core axes."""
    shapes = [child.shape for child in box.children]
    cores, (of_value, *_) = signature_of(box).cores(shapes)

    def labels(shape: Sequence[Any], core: Sequence[str]) -> Labels:
        return [*range(len(core) - len(shape), 0), *(name if name in names else None for name in core)]

    return AxisLabels(tuple(map(labels, shapes, cores)), labels(box.shape, of_value))


def signature_of(box: Node) -> Signature:
    """The signature of a box; of one that works element by element that of numbers."""
    return box.signature or _signature_of_numbers(len(box.children))


@functools.cache
def _signature_of_numbers(count: int) -> Signature:
    return Signature.parse(f"{','.join(['()'] * count)}->()")


def _labels_by_core(box: Node) -> AxisLabels | None:
    """The loop axes are the same in the value and in all children that have as many axes as the first."""
    core = core_of(type(box))
    counted: Any = box if core is not None and core.of_value else box.children[0]
    along = None if core is None else _core_axes(box, core, counted.ndim)
    if core is None or along is None:
        return None
    loops = [axis for axis in range(counted.ndim) if axis not in along]
    whole = [axis if axis in loops or core.summed else None for axis in range(counted.ndim)]
    found: list[Labels] = []
    for operand in (*box.children, box):
        if operand.ndim == counted.ndim:
            found.append(whole)
        elif operand.ndim == len(loops) and (operand is box or core.of_value or core.all_loops):
            found.append(loops)
        else:
            return None
    return AxisLabels(tuple(found[:-1]), found[-1])


def _core_axes(box: Node, core: Core, ndim: int) -> list[int] | None:
    """The core axes of an array of so many; None where it is read as one line."""
    if not core.settings:
        count = core.last if isinstance(core.last, int) else core.last(box)
        return [*range(ndim)][max(0, ndim - count) :]
    axes: list[int] = []
    for given in (getattr(box, name) for name in core.settings):
        if given is None and core.line:
            return None
        axes += range(ndim) if given is None else axes_of(box, given, ndim)
    return axes


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
