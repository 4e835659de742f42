"""docs/programs/newton_regression.py in PyTorch."""

import torch


def main(small, given):
    train, (test, wanted), classes = given.data(small)
    X, Y = map(torch.tensor, train)

    def objective(theta):
        scores = X @ theta[:-classes].reshape(-1, classes) + theta[-classes:]
        return torch.nn.functional.cross_entropy(scores, Y) + given.DECAY / 2 * torch.sum(theta * theta)

    theta = torch.zeros(17 * classes, dtype=torch.float64)
    value, slope = objective(theta), torch.func.grad(objective)(theta)
    while torch.linalg.norm(slope) > 1e-8:
        step = torch.linalg.solve(torch.func.hessian(objective)(theta), slope)
        while objective(theta - step) > value:
            step = step / 2
        theta = theta - step
        value, slope = objective(theta), torch.func.grad(objective)(theta)
    W, b = theta[:-classes].reshape(-1, classes), theta[-classes:]
    right = torch.mean((torch.argmax(torch.tensor(test) @ W + b, dim=1) == torch.tensor(wanted)).double())
    return W[0], b, value, right
