"""Independent values of the regularizers: weight by weight."""

VALUES = {
    "L1": lambda *weights: sum(float(w) if w > 0 else -float(w) for W in weights for w in W.flat),
    "L2": lambda *weights: sum(float(w) ** 2 for W in weights for w in W.flat),
}
