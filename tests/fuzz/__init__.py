"""Random programs in NumPy, and what every path of flowgraph makes of them, held against one another."""
