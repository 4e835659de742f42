"""Doors to other people's code, each in a module of its own that imports what it needs."""
