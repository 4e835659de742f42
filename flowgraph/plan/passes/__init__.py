"""The passes that make a graph cheaper without changing what it computes, and what they read of it."""
