"""Discrete Fourier transforms, and signals on a line."""
