"""NumPy functions that are made of boxes, without a box of their own."""
