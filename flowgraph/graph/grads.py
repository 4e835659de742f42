"""The gradients of one backward pass on arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from flowgraph.box import Array, Box, Built
from flowgraph.box.arrays import read_only
from flowgraph.errors import UnknownBoxError
from flowgraph.graph.pictures import ExplainedGrads
from flowgraph.graph.topology import Topology
from flowgraph.graph.value_table import values_html
from flowgraph.printable import printable

_NAMED = 40
"""Boxes that the text of gradients names."""


class Grads(ExplainedGrads, Mapping[Any, Array]):
    """The gradients of one bprop, by box or by name: `grads[W1]`, `grads["W1"]`; iteration goes over the boxes.

    Gradients are made by `Run.bprop`, and not by hand.

    Examples
    --------
    >>> import flowgraph as fg
    >>> w = fg.Parameter([1.0, 2.0], name="w")
    >>> grads = fg.Graph(fg.sum(w * w)).fprop().bprop()
    >>> grads[w].tolist(), [box.name for box in grads]
    ([2.0, 4.0], ['w'])
    """

    def __init__(
        self, graph: Topology, grads: dict[Box, Any], wrt: tuple[Box, ...], values: list[Any], seeds: list[Any]
    ) -> None:
        self.graph = graph
        self.wrt = wrt
        self._grads = grads
        self._values = values
        self._seeds = seeds

    def __getitem__(self, key: Built | str) -> Array:
        box = self.graph.box(key)
        if box not in self._grads:
            raise UnknownBoxError(
                f"{self.graph.names[box]}: this bprop did not keep its gradient; "
                f"run bprop with wrt=[box], or with keep='all' for every box on the way"
            )
        return cast(Array, read_only(self._grads[box]))

    def __iter__(self) -> Iterator[Box]:
        return iter(self._grads)

    def __len__(self) -> int:
        return len(self._grads)

    def __contains__(self, key: object) -> bool:
        box = self.graph.box(key) if isinstance(key, str) else key
        return isinstance(box, Box) and box in self._grads

    def __repr__(self) -> str:
        names = [printable(self.graph.names[box]) for box in self._grads]
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        return f"<Grads of {', '.join(names[:_NAMED])}{more}>"

    def _repr_html_(self) -> str:
        return values_html(self.graph, self._grads, f"Grads of {len(self):,} boxes")
