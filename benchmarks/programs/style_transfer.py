"""docs/programs/style_transfer.py in PyTorch."""

import torch
from scipy.optimize import minimize
from torch.nn.functional import avg_pool2d, conv2d, softplus


def main(small, given):
    first, second = map(torch.tensor, given.filters())
    content, style = map(torch.tensor, given.images(small))

    def features(image):
        h = softplus(conv2d(image, first, padding=1), threshold=100)
        return h, softplus(conv2d(avg_pool2d(h, 2), second, padding=1), threshold=100)

    def gram(h):
        flat = h.reshape(h.shape[1], -1)
        return flat @ flat.T / flat.shape[1]

    wanted, styled = features(content), features(style)

    def objective(flat):
        image = torch.tensor(flat, requires_grad=True)
        found = features(image.reshape(content.shape))
        of_content = torch.mean((found[1] - wanted[1]) ** 2)
        of_style = sum(torch.mean((gram(h) - gram(s)) ** 2) for h, s in zip(found, styled, strict=True))
        loss = given.CONTENT * of_content + given.STYLE * of_style
        loss.backward()
        return loss.item(), image.grad.numpy()

    start = content.numpy().ravel()
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 5 if small else 20})
    return objective(start)[0], found.x[:5], found.fun
