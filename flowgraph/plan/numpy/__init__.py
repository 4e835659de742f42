"""The back end of NumPy: a scheduled graph as lines of NumPy, bound to buffers."""
