"""docs/programs/variational_autoencoder.py in PyTorch."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits


def main(small, given):
    p = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in given.start(small).items()}
    rule = torch.optim.Adam(p.values(), lr=1e-3)

    def linear(name, h):
        return h @ p[name] + p[f"b_{name}"]

    bounds = []
    for batch in given.batches(small):
        x, noise = map(torch.tensor, batch)
        rule.zero_grad()
        h = torch.tanh(linear("encode", x))
        mean, log_variance = linear("means", h), linear("logs", h)
        code = mean + torch.exp(log_variance / 2) * noise
        logits = linear("pixels", torch.tanh(linear("decode", code)))
        divergence = torch.sum(mean**2 + torch.exp(log_variance) - log_variance - 1, dim=1) / 2
        pixels = torch.sum(binary_cross_entropy_with_logits(logits, x, reduction="none"), dim=1)
        loss = torch.mean(pixels + divergence)
        loss.backward()
        rule.step()
        bounds.append(loss.item())
    return bounds[0], bounds[5], np.mean(bounds[-100:])
