"""Plans through Numba: one compiled function of loops."""
