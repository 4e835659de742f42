"""Special functions, those of scipy.special among them."""
