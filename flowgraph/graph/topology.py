"""The boxes of a graph in topological order, with the slot and the name of each: what every pass reads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from flowgraph.box import Box, Built
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.errors import DuplicateNameError, UnknownBoxError
from flowgraph.printable import near_names

_debug: ContextVar[bool] = ContextVar("flowgraph_debug", default=os.environ.get("FLOWGRAPH_DEBUG", "0") != "0")


debugging = _debug.get
"""Whether debug mode is on."""


@contextmanager
def debug(on: bool = True) -> Iterator[None]:
    """Check every postcondition in a `with` block: order, shapes, dtypes, NaN, values unchanged by fprop and bprop.

    The environment variable FLOWGRAPH_DEBUG=1 turns it on for a whole process.

    Parameters
    ----------
    on : bool, default True
        Whether the checks are made inside; False turns them off in a part.

    Yields
    ------
    None

    Examples
    --------
    >>> import flowgraph as fg
    >>> x = fg.Input("x", shape=("N",))
    >>> with fg.debug():
    ...     run = fg.Graph(fg.sum(x * x)).fprop(x=[1.0, 2.0])
    >>> float(run)
    5.0
    """
    token = _debug.set(on)
    try:
        yield
    finally:
        _debug.reset(token)


class Boxes(tuple[Box, ...]):
    """Boxes in an order; `box in boxes` asks for the box itself, where `==` on boxes would build a comparison."""

    __slots__ = ()

    def __contains__(self, box: object) -> bool:
        return any(box is other for other in self)

    def index(self, box: Any, start: Any = 0, stop: Any = None) -> int:
        """The place of the box between `start` and `stop`, which count from the end where negative, as tuple.index."""
        for place in range(len(self))[start:stop]:
            if box is self[place]:
                return place
        raise ValueError(f"{box!r} is not among these boxes")


def topological_order(outputs: Iterable[Box], seen: set[Box] | None = None) -> Boxes:
    """All boxes that the outputs read, each once, children before parents; without recursion, in linear time.

    What is in `seen`, and what it reads, is left out, and the boxes are added to it: many calls that share one take
    linear time together.

    Source: Larochelle, Training neural networks, "flow graph": fprop in topological order, bprop in the reverse.
    """
    order: list[Any] = []
    seen = set() if seen is None else seen
    stack: list[Any] = [(None, ())]
    box, children = None, iter(outputs)  # None stands for what reads the outputs, and comes last
    while stack:
        for child in children:
            if child not in seen:
                seen.add(child)
                stack.append((box, children))
                box, children = child, iter(child.children)
                break
        else:
            order.append(box)
            box, children = stack.pop()
    return Boxes(order[:-1])


def assert_topological(order: Sequence[Box]) -> None:
    """The postcondition: each box once, each child before its parents."""
    place = {box: i for i, box in enumerate(order)}
    assert len(place) == len(order), "a box stands twice in the order"
    for i, box in enumerate(order):
        for child in box.children:
            assert place.get(child, i) < i, f"{box.title} stands before its child {child.title}"


def unique_names(order: Iterable[Box]) -> dict[Box, str]:
    """A name for each box: its own, else its scope and symbol, with a number added if the name is taken."""
    boxes = list(order)
    taken = set(leaves_by_name([box for box in boxes if not box.children]))
    used: Counter[str] = Counter()
    result: dict[Box, str] = {}
    for box in sorted(boxes, key=lambda box: box.name is None):
        name = None if box.children else box.name
        if name is None:
            name = base = box.name or box.scope + box.symbol
            while name in taken:
                used[base] += 1
                name = f"{base}_{used[base] + 1}"
            taken.add(name)
        result[box] = name
    return {box: result[box] for box in boxes}


def leaves_by_name(leaves: Iterable[Box]) -> dict[str, Box]:
    """The leaves by the names that their user gave: a graph is fed and read by them, so no two are the same.

    What stands for an argument while a function is called on boxes is never fed, and may be called as others are.
    """
    owner: dict[str, Box] = {}
    for name, box in [(leaf.name, leaf) for leaf in leaves if leaf.name is not None]:
        other = owner.setdefault(name, box)
        if other is not box and "of_a_call" not in vars(box).keys() | vars(other).keys():
            raise DuplicateNameError(
                f"Graph: two boxes are called {box.name!r}, built at {other.built_at} and {box.built_at}; "
                f"give each a name of its own, or build each in its fg.scope"
            )
    return owner


class Topology:
    """Which boxes there are, in which order, under which names, and which of them are outputs and leaves.

    `slots` gives the place of a box in `boxes`, and in every list of values or gradients. Nothing of it ever changes.
    """

    def __init__(self, outputs: Iterable[Box], along: Iterable[Box] = ()) -> None:
        self.outputs = Boxes(outputs)
        self.boxes = topological_order((*along, *self.outputs))
        if debugging():
            assert_topological(self.boxes)
        self.slots = dict(zip(self.boxes, range(len(self.boxes)), strict=True))
        leaves = [box for box in self.boxes if not box.children]
        self._leaves = leaves_by_name(leaves)
        self.inputs = Boxes([box for box in leaves if isinstance(box, Input)])
        self.parameters = Boxes([box for box in leaves if isinstance(box, Parameter)])
        self.randoms = Boxes([box for box in leaves if isinstance(box, Random)])

    @cached_property
    def names(self) -> dict[Box, str]:
        """The name of each box, made when one is asked for: the graphs between the passes of a plan need none."""
        return unique_names(self.boxes)

    @cached_property
    def _by_name(self) -> dict[str, Box]:
        return {name: box for box, name in self.names.items()}

    def box(self, key: Built | str) -> Box:
        """The box of a name.

        Parameters
        ----------
        key : str or Box
            A name of the graph, or one of its boxes, which is returned as it is.

        Returns
        -------
        Box
            The box.

        Raises
        ------
        UnknownBoxError
            If the graph has no such box; the message lists similar names.
        """
        box: object = key
        if isinstance(key, str):  # a run that is fed and read by the names of leaves needs no names of all boxes
            box = self._leaves[key] if key in self._leaves else self._by_name.get(key)
        if not isinstance(box, Box) or box not in self.slots:
            raise UnknownBoxError(self._unknown_box(key))
        return box

    def __getitem__(self, name: str) -> Box:
        return self.box(name)

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Box]:
        return iter(self.boxes)

    def __contains__(self, box: object) -> bool:
        return (self._by_name if isinstance(box, str) else self.slots).__contains__(box)

    def _unknown_box(self, key: object) -> str:
        """The error for a box or a name that the graph does not have."""
        if isinstance(key, Box):
            return f"{key.title}: is not in this graph; it holds the boxes that its outputs read"
        if not isinstance(key, str):
            return f"found {key!r}, needs a box of the graph or its name"
        near = near_names(key, self._by_name) or list(self._by_name)[:8]
        return f"no box of the graph is called {key!r}; near it: {', '.join(near)}"
