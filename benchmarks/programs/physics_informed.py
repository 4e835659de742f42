"""docs/programs/physics_informed.py in PyTorch."""

import numpy as np
import torch


def main(small, given):
    p = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in given.start(small).items()}
    x, t, ex, et, eu = (torch.tensor(value) for value in given.points(small).values())
    x.requires_grad, t.requires_grad = True, True
    rule = torch.optim.Adam(p.values(), lr=given.RATE)

    def u(x, t):
        h = torch.tanh(torch.tanh(torch.stack([x, t], dim=1) @ p["W"] + p["b"]) @ p["V"] + p["c"])
        return (h @ p["U"])[:, 0]

    losses = []
    for _ in range(5 if small else 600):
        rule.zero_grad()
        inside = u(x, t)
        u_x, u_t = torch.autograd.grad(inside.sum(), [x, t], create_graph=True)
        (u_xx,) = torch.autograd.grad(u_x.sum(), [x], create_graph=True)
        residual = u_t + inside * u_x - given.VISCOSITY * u_xx
        loss = torch.mean(residual**2) + torch.mean((u(ex, et) - eu) ** 2)
        loss.backward()
        rule.step()
        losses.append(loss.item())
    wave = given.wave(*(one.detach().numpy() for one in (x, t)))
    return losses[0], losses[-1], np.max(np.abs(u(x, t).detach().numpy() - wave))
