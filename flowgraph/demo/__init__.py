"""`flowgraph demo`: the lecture's network learns real handwritten digits, after every gradient was checked."""

from flowgraph.demo.run import run_demo
from flowgraph.demo.summary import Settings, Summary

__all__ = ["Settings", "Summary", "run_demo"]
