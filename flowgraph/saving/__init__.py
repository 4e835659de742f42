"""Graphs of registered boxes, and other records, in one safetensors file each; loading never runs code."""

from flowgraph.saving.archive import FORMAT, read_archive, write_archive
from flowgraph.saving.graph_file import load, save

__all__ = ["FORMAT", "load", "read_archive", "save", "write_archive"]
