"""`flowgraph demo`: the lecture's network learns real handwritten digits, after every gradient was checked."""

from flowgraph.demo.run import Settings, Summary, run_demo

__all__ = ["Settings", "Summary", "run_demo"]
