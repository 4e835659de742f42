"""What scipy cannot call on boxes: for code written for autograd.scipy. Its distributions are in flowgraph.stats."""
