"""docs/programs/policy_gradient.py in PyTorch."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits


def main(small, given):
    p = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in given.start().items()}
    rule = torch.optim.Adam(p.values(), lr=given.RATE)
    rng, lengths = np.random.default_rng(1), []

    def score(states):
        return torch.tanh(torch.tensor(states) @ p["W"] + p["b"]) @ p["w"]

    def chances(states):
        with torch.no_grad():
            return torch.sigmoid(score(states)).numpy()

    for _ in range(3 if small else 40):
        states, actions, earned, length = given.played(chances, rng, steps=20 if small else 200)
        rule.zero_grad()
        surprise = binary_cross_entropy_with_logits(score(states), torch.tensor(actions).double(), reduction="none")
        torch.mean(torch.tensor(earned) * surprise).backward()
        rule.step()
        lengths.append(length)
    return p["w"].detach(), lengths[0], np.mean(lengths[-5:])
