"""docs/programs/u_net.py in PyTorch."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, conv2d, interpolate, max_pool2d


def main(small, given):
    p = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in given.start(2 if small else 4).items()}
    rule = torch.optim.Adam(p.values(), lr=given.RATE)

    def conv(name, a):
        return conv2d(a, p[name], p[f"b_{name}"], padding="same")

    def up(coarse, fine):
        return torch.cat([interpolate(coarse, scale_factor=2), fine], dim=1)

    def network(x):
        one = torch.relu(conv("first", x))
        two = torch.relu(conv("second", max_pool2d(one, 2)))
        bottom = torch.relu(conv("third", max_pool2d(two, 2)))
        two = torch.relu(conv("fourth", up(bottom, two)))
        return conv("last", torch.relu(conv("fifth", up(two, one))))

    losses = []
    size, count, steps = (8, 4, 5) if small else (16, 16, 120)
    for seed in range(steps):
        x, y = map(torch.tensor, given.images(count, size, 1 + seed))
        rule.zero_grad()
        loss = binary_cross_entropy_with_logits(network(x), y)
        loss.backward()
        rule.step()
        losses.append(loss.item())
    x, y = map(torch.tensor, given.images(50, size, seed=0))
    return losses[0], losses[-1], torch.mean(((network(x) > 0) == y).double()).item()
