"""The same elements in another shape or order, joined, split or padded."""
