"""How peers are called."""
