"""A batch in pieces: which part of a graph can be computed piece by piece, and the graph that does so."""
