"""docs/programs/siamese_net.py in PyTorch, with its first weights."""

import torch


def main(small, given):
    parameters = given.start(small).parameters
    W, b, V, c = weights = [torch.nn.Parameter(torch.tensor(parameter.value)) for parameter in parameters]
    *pairs, images, classes = given.data(small)
    left, right, same = map(torch.tensor, pairs)
    rule = torch.optim.Adam(weights, lr=given.RATE)

    def code(x):
        return torch.tanh(x @ W + b) @ V + c

    seen = []
    for _ in range(3 if small else 200):
        rule.zero_grad()
        gaps = torch.sqrt(torch.sum((code(left) - code(right)) ** 2, dim=1) + 1e-6)
        loss = torch.mean(same * gaps**2 + (1 - same) * torch.relu(given.MARGIN - gaps) ** 2)
        loss.backward()
        rule.step()
        seen.append(loss.item())
    return seen[:2], given.nearest_of_class(code(torch.tensor(images)).detach().numpy(), classes)
