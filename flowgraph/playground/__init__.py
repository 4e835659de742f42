"""The playground: a page in which a network of points or of small images trains, computed by plans in JavaScript.

`graph.playground` is attached to graphs here, and loads what writes the page when it is called.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flowgraph.box.attached import attached_to
from flowgraph.graph import Graph

if TYPE_CHECKING:
    from flowgraph.playground.page import playground as playground


def __getattr__(name: str) -> Any:
    if name != "playground":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flowgraph.playground.page import playground

    return playground


@attached_to(Graph)
class PlayedGraph:
    """A graph in a page in which it trains."""

    def playground(self: Any, path: str | os.PathLike[str], data: Any = None) -> Any:
        """Write a page in which this network of points in the plane trains, in JavaScript and without a server.

        Parameters
        ----------
        path : str or path
            A .html file.
        data : Examples or pair of array_like, optional
            Inputs of shape (n, 2) and classes or numbers of shape (n,), shown besides the toy data of the page.

        Returns
        -------
        Path
            The file that was written.
        """
        from flowgraph.playground.page import playground

        return playground(path, self, data)
