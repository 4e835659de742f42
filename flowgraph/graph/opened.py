"""A box opened into what it is made of: the graph that its fprop builds when it is called on boxes."""

from __future__ import annotations

from typing import TypeGuard

from flowgraph.box import Box, Leaf
from flowgraph.box.leaves import Input
from flowgraph.errors import UsageError
from flowgraph.graph.graph import Graph


def opened(box: Box) -> Graph:
    """The flow graph inside a box, to draw, explain or run; what the box reads from other boxes becomes an input.

    A box whose fprop is one call of NumPy, or does not run on boxes, stands in its graph alone.

    Parameters
    ----------
    box : Box
        The box that is looked into.

    Returns
    -------
    Graph
        What its fprop builds when it is called on boxes.

    Raises
    ------
    UsageError
        If the argument is no box.

    Examples
    --------
    >>> import flowgraph as fg
    >>> h, W, b = fg.Input("h", shape=("N", 3)), fg.Input("W", shape=(3, 2)), fg.Input("b", shape=(2,))
    >>> [type(part).__name__ for part in fg.opened(fg.Affine(h, W, b)) if part.children]
    ['MatMul', 'Add']
    """
    if not isinstance(box, Box):
        raise UsageError(f"opened: found {type(box).__name__}, needs a box; graph['name'] is one")
    children = _children(box)
    try:
        inside = box.fprop(*children)
    except Exception:  # whatever a fprop raises on boxes, on arrays it may run
        inside = None
    whole = inside if _stands_for(inside, box) else box.with_children(*children) if box.children else box
    name = (box.name or "").rpartition("/")[2]
    return Graph(whole.named(name) if name and name not in {child.name for child in children} else whole)


def _stands_for(inside: object, box: Box) -> TypeGuard[Box]:
    """Whether what fprop built is more than one box of the same kind, with the same value."""
    if not isinstance(inside, Box) or not inside.children:
        return False
    return inside.outputs == box.outputs and type(inside) is not type(box)


def _children(box: Box) -> list[Box]:
    """The replacement of each child: a leaf itself, an input for a box, the child if it has several outputs."""
    stands: dict[Box, Box] = {}
    names = {child.name for child in box.children if isinstance(child, Leaf)}
    for role, child in zip(box.names_of_children(), box.children, strict=True):
        if child in stands:
            continue
        if isinstance(child, Leaf) or len(child.outputs) != 1:
            stands[child] = child
            continue
        own = (child.name or "").rpartition("/")[2]
        name = own if own and own not in names else role
        while name in names:
            name += "'"
        names.add(name)
        stands[child] = Input(name, shape=child.shape, dtype=child.dtype)
    return [stands[child] for child in box.children]
