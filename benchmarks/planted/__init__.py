"""Mistakes of known kinds, planted in operations as users write them."""
