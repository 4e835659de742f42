"""What a graph is: topological order, fprop, and bprop in the reverse order."""

from flowgraph.graph.graph import Graph as Graph
