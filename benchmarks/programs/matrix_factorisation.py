"""docs/programs/matrix_factorisation.py in PyTorch."""

import torch


def main(small, given):
    p = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in given.start(small).items()}
    rule = torch.optim.SGD(p.values(), lr=given.RATE / 2)

    def network(user, film, stars):
        of_user, of_film = p["U"][user], p["F"][film]
        found = 3.5 + p["u"][user] + p["f"][film] + torch.sum(of_user * of_film, dim=1)
        penalty = torch.sum(of_user**2) + torch.sum(of_film**2)
        return torch.sum((found - stars) ** 2) + given.DECAY * penalty, torch.mean((found - stars) ** 2)

    train, kept = given.ratings(small)
    losses = []
    for batch in given.batches(train, small):
        rule.zero_grad()
        loss, _ = network(*map(torch.tensor, batch))
        loss.backward()
        rule.step()
        losses.append(loss.item())
    return losses[0], losses[-1], torch.sqrt(network(*map(torch.tensor, kept))[1]).item()
