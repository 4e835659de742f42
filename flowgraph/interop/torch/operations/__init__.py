"""The operations of PyTorch as boxes, a file for each topic."""
