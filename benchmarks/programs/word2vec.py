"""docs/programs/word2vec.py in PyTorch."""

import torch
from torch.nn.functional import softplus


def main(small, given):
    inside, outside = (torch.nn.Parameter(torch.tensor(value)) for value in given.start(small))
    rule = torch.optim.SGD([inside, outside], lr=given.RATE)
    losses = []
    for word, others in given.pairs(small):
        rule.zero_grad()
        scores = torch.einsum("nd,nkd->nk", inside[torch.tensor(word)], outside[torch.tensor(others)])
        loss = torch.sum(softplus(-scores[:, 0], threshold=100)) + torch.sum(softplus(scores[:, 1:], threshold=100))
        loss.backward()
        rule.step()
        losses.append(loss.item())
    vectors = inside.detach().numpy()
    return losses[0], losses[-1], (vectors**2).sum(), given.nearest_of_topic(vectors)
