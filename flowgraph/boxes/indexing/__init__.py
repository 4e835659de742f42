"""Elements taken by index, and put in by index."""
