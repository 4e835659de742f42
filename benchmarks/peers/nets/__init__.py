"""The same training step of networks by everybody: each has a class Step, called with examples, labels, rate."""

PEERS = {
    "products": ("products", "Step"),
    "by hand": ("by_hand", "Step"),
    "flowgraph": ("with_flowgraph", "Step"),
    "flowgraph native": ("with_flowgraph", "NativeStep"),
    "torch": ("with_torch", "Step"),
    "jax": ("with_jax", "Step"),
}

WRITTEN = ("LeNet", "LSTM", "attention", "embedding")
"""Networks whose step there is by hand, and as its products alone."""
