"""The views of a graph: one row for each, which everything that draws one reads."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

View: TypeAlias = Literal["forward", "values", "gradients", "backward", "both"]
"""What a picture shows: the boxes, their values, the gradients, the backward graph, or both graphs."""


class Look(NamedTuple):
    """What a view shows.

    Where `links` lead backwards, what receives no gradient is faded.
    """

    links: Literal["fprop", "bprop", "both"]
    """Which way they lead: from a child to its parent, back from the parent, or a pair of both."""

    fill: Literal["kind", "heat"]
    """What the colour of a tile says: what the box is to a reader, or how large its gradient is."""

    rows: Literal["none", "values", "sizes", "derivative"]
    """What is written below the name and the shape: nothing of what a run knows; the value and the gradient; the size
    of the gradient alone; or how the gradient is computed."""


VIEWS: Final[dict[str, Look]] = {
    "forward": Look("fprop", "kind", "none"),
    "values": Look("fprop", "kind", "values"),
    "gradients": Look("bprop", "heat", "sizes"),
    "backward": Look("bprop", "kind", "derivative"),
    "both": Look("both", "kind", "derivative"),
}
