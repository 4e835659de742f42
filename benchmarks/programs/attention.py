"""docs/programs/attention.py in PyTorch, with its first weights."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy, layer_norm


def main(small, given):
    parameters = [parameter for layer in given.start(small).values() for parameter in layer.parameters]
    weights = [torch.nn.Parameter(torch.tensor(parameter.value)) for parameter in parameters]
    digits, places, Wq, bq, Wk, bk, Wv, bv, Wo, bo, scale, shift, W, b, V, c, scale2, shift2, U, d = weights
    rule = torch.optim.Adam(weights, lr=given.RATE)

    def part(h, W, b):
        return torch.einsum("nts,shd->nhtd", h, W) + b

    def network(numbers):
        h = digits[numbers] + places
        q, k, v = part(h, Wq, bq), part(h, Wk, bk), part(h, Wv, bv)
        read = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1) @ v
        h = layer_norm(h + torch.einsum("nhtd,hds->nts", read, Wo) + bo, scale.shape, scale, shift)
        h = layer_norm(h + torch.relu(h @ W + b) @ V + c, scale2.shape, scale2, shift2)
        return h @ U + d

    losses = []
    for batch in given.batches(small):
        numbers = torch.tensor(batch)
        rule.zero_grad()
        loss = cross_entropy(network(numbers).mT, numbers.flip(1))
        loss.backward()
        rule.step()
        losses.append(loss.item())
    new = torch.tensor(np.random.default_rng(2).integers(0, given.DIGITS, (200, given.LENGTH)))
    return losses[0], losses[-1], torch.mean((torch.argmax(network(new), dim=2) == new.flip(1)).double()).item()
