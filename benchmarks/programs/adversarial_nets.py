"""docs/programs/adversarial_nets.py in PyTorch."""

import numpy as np
import torch
from torch.nn.functional import softplus


def layers(p, x):
    W, b, V, c, U, d = p
    return torch.tanh(torch.tanh(x @ W + b) @ V + c) @ U + d


def main(small, given):
    maker, critic = [[torch.nn.Parameter(torch.tensor(one)) for one in values] for values in given.start(small)]
    rule = torch.optim.Adam([*maker, *critic], lr=given.RATE, betas=(0.5, 0.999))
    seen = []
    for batch in given.batches(small):
        real, noise = map(torch.tensor, batch)
        rule.zero_grad()
        made = layers(maker, noise)
        of_made = softplus(layers(critic, made.detach()), threshold=100)
        of_critic = torch.mean(softplus(-layers(critic, real), threshold=100) + of_made)
        of_maker = torch.mean(softplus(-layers([p.detach() for p in critic], made), threshold=100))
        (of_critic + of_maker).backward()
        rule.step()
        seen.append((of_critic.item(), of_maker.item(), given.distance(made.detach().numpy())))
    return np.array(seen)[[0, 10, -1]]
