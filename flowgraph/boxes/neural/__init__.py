"""What neural networks are made of: activations, losses, regularizers, convolutions, pooling."""
