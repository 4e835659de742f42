"""The boxes, one file per family; importing this package registers them all."""

from flowgraph.boxes import arithmetic, likeness, part

__all__ = ["arithmetic", "likeness", "part"]
