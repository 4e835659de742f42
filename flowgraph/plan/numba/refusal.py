"""Why a graph is not made native: the reason, and the box that it is about."""

from __future__ import annotations

from flowgraph.box import Box


class NotNativeError(Exception):
    """A box, or the whole plan, that NumPy must run."""

    def __init__(self, reason: str, box: Box | None = None) -> None:
        owner = None if box is None else box.__dict__.get("built_for", box)
        super().__init__(reason if owner is None else f"{owner.title} {reason}, built at {owner.built_at}")
