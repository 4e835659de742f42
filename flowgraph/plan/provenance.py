"""Where the boxes that a plan makes come from: the user's box, line, scope and name that they stand for.

Boxes are immutable for their users. This is the one file of plans that writes into a box, always one made by a plan.
"""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box
from flowgraph.shapes.spec import Spec

_OWNER = "built_for"


def owner_of(box: Box) -> Box:
    """The box of the user for which this one was built, by one pass or by several."""
    owner: Box = box.__dict__.get(_OWNER, box)
    return owner


def has_owner(box: Box) -> bool:
    """Whether the box was built for another one."""
    return _OWNER in box.__dict__


def built_for(box: Box, old: Box) -> None:
    """Note that a box was made in place of another, whose line and scope it takes over.

    What is kept is the user's box behind that, so that the boxes between, of each pass, are let go of.
    """
    state = box.__dict__
    state["built_at"], state["scope"], state[_OWNER] = old.built_at, old.scope, old.__dict__.get(_OWNER, old)


def named_after(box: Box, old: Box) -> None:
    """Give a box without a name that of the one for which it stands."""
    if box.name is None:
        box.__dict__["name"] = old.name


def of_nobody(box: Box) -> Box:
    """A box that stands for several: without a name, in no scope."""
    box.__dict__.update(name=None, scope="")
    return box


def of_shape(leaf: Box, shape: tuple[Any, ...]) -> Box:
    """A leaf as it is when its sizes are numbers."""
    if leaf.shape == shape:
        return leaf
    twin = twin_of(leaf)
    twin.__dict__.update(outputs=(Spec(shape, leaf.dtype),), shape=shape)
    return twin


def twin_of(leaf: Box) -> Box:
    """A leaf that holds what another one does, for plans to write into."""
    twin = object.__new__(type(leaf))
    twin.__dict__.update(leaf.__dict__)
    return twin
