"""docs/programs/char_rnn.py in PyTorch."""

import numpy as np
import torch


def main(small, given):
    hidden = 20 if small else 100
    p = {name: torch.tensor(value, requires_grad=True) for name, value in given.start(hidden).items()}
    squares = {name: torch.zeros_like(value) for name, value in p.items()}
    h, losses = torch.zeros(hidden, dtype=torch.float64), []
    for x, y in given.chunks(passes=1 if small else 20):
        states = []
        for u in p["U"][torch.tensor(x)] + p["b"]:
            h = torch.tanh(u + h @ p["W"])
            states.append(h)
        loss = torch.nn.functional.cross_entropy(torch.stack(states) @ p["V"] + p["c"], torch.tensor(y))
        grads = torch.autograd.grad(given.LENGTH * loss, list(p.values()))
        with torch.no_grad():
            for name, grad in zip(p, grads, strict=True):
                grad = grad.clip(-given.CLIP, given.CLIP)
                squares[name] += grad**2
                p[name] -= given.RATE * grad / torch.sqrt(squares[name] + 1e-8)
        h = h.detach()
        losses.append(loss.item())
    return [losses[0], np.mean(losses[-(len(given.TEXT) // given.LENGTH) :])]
