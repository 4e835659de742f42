"""Boxes that gradients and the engine are made of: shapes taken from other boxes, rows, single outputs."""
