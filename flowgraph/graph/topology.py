"""The boxes of a graph in topological order, with the slot and the name of each: what every pass reads."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from flowgraph.box import Box, Built
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.errors import UnknownBoxError
from flowgraph.graph.debug_mode import debugging
from flowgraph.graph.order import Boxes, assert_topological, topological_order, unique_names


class Topology:
    """Which boxes there are, in which order, under which names, and which of them are outputs and leaves.

    `slots` gives the place of a box in `boxes`, and in every list of values or gradients. Nothing of it ever changes.
    """

    def __init__(self, outputs: Iterable[Box], along: Iterable[Box] = ()) -> None:
        self.outputs = Boxes(outputs)
        self.boxes = topological_order((*along, *self.outputs))
        if debugging():
            assert_topological(self.boxes)
        self.slots = {box: slot for slot, box in enumerate(self.boxes)}
        self.names = unique_names(self.boxes)
        self.inputs = Boxes(box for box in self.boxes if isinstance(box, Input))
        self.parameters = Boxes(box for box in self.boxes if isinstance(box, Parameter))
        self.randoms = Boxes(box for box in self.boxes if isinstance(box, Random))
        self._by_name = {name: box for box, name in self.names.items()}

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
        found = self._by_name.get(key) if isinstance(key, str) else key
        if not isinstance(found, Box) or found not in self.slots:
            raise UnknownBoxError(self._unknown_box(key))
        return found

    def __getitem__(self, name: str) -> Box:
        return self.box(name)

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Box]:
        return iter(self.boxes)

    def __contains__(self, box: object) -> bool:
        return (self._by_name if isinstance(box, str) else self.slots).__contains__(box)

    def _unknown_box(self, key: object) -> str:
        """What to say of a box or a name that is not here."""
        if isinstance(key, Box):
            return f"{key.title}: is not in this graph; it holds the boxes that its outputs read"
        if not isinstance(key, str):
            return f"found {key!r}, needs a box of the graph or its name"
        near = difflib.get_close_matches(key, self._by_name, 3, 0.5) or list(self._by_name)[:8]
        return f"no box of the graph is called {key!r}; near it: {', '.join(near)}"
