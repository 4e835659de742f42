"""The same training step by everybody: each has a class Step, called with examples, labels and rate."""

PEERS = {
    "products": ("products", "Step"),
    "by hand": ("by_hand", "Step"),
    "flowgraph": ("with_flowgraph", "Step"),
    "flowgraph native": ("with_flowgraph", "NativeStep"),
    "torch": ("with_torch", "Step"),
    "torch compiled": ("with_torch", "CompiledStep"),
    "jax": ("with_jax", "Step"),
    "autograd": ("with_autograd", "Step"),
    "mygrad": ("with_mygrad", "Step"),
    "sklearn": ("with_sklearn", "Step"),
}
