"""The boxes, one file per family; importing this package registers them all."""

from flowgraph.boxes import arithmetic, indexing, likeness, linear_algebra, part, shape

__all__ = ["arithmetic", "indexing", "likeness", "linear_algebra", "part", "shape"]
