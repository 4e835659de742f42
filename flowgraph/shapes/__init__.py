"""What is known of an array before a run: sizes with names, shapes, dtypes, and the rules for them."""
