"""The primitives of JAX as boxes, a file for each family; every file here is imported when rules are needed."""
