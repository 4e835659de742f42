"""Reductions: one number in place of all along some axes."""
