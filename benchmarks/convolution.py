"""Convolutions and pooling against PyTorch: the loss of a small net of images and its gradients, float32, one thread.

Peers compute the same numbers in the same run, in turn, several rounds, the best of each.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.convolution
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import flowgraph as fg

NETS = {
    "digits, 32 images 8 x 8, 1 to 8 channels": (32, 1, 8, 8),
    "28 x 28, 32 images, 1 to 16 channels": (32, 1, 28, 16),
    "28 x 28, 32 images, 16 to 32 channels": (32, 16, 28, 32),
}
ROUNDS = 15

rng = np.random.default_rng(0)


def own(images: Any, filters: Any, weights: Any) -> Callable[[], Any]:
    """The loss and the gradients of filters and weights, by a compiled plan."""
    x = fg.Input("x", shape=images.shape, dtype=np.float32)
    w, v = fg.Parameter(filters, name="w"), fg.Parameter(weights, name="v")
    h = fg.MaxPool(np.maximum(fg.Conv2d(x, w, padding=1), 0), size=2)
    loss = fg.mean((np.reshape(h, (len(images), -1)) @ v) ** 2)
    plan = fg.compile([loss, *fg.gradient(loss, [w, v])])
    return lambda: plan(x=images)


def torchs(images: Any, filters: Any, weights: Any) -> Callable[[], Any]:
    """The same by PyTorch, eagerly."""
    import torch

    torch.set_num_threads(1)
    x = torch.tensor(images)
    w, v = (torch.tensor(a, requires_grad=True) for a in (filters, weights))

    def call() -> Any:
        h = torch.nn.functional.max_pool2d(torch.relu(torch.nn.functional.conv2d(x, w, padding=1)), 2)
        loss = ((h.reshape(len(images), -1) @ v) ** 2).mean()
        return loss, *torch.autograd.grad(loss, [w, v])

    return call


def main() -> None:
    """Print milliseconds per call."""
    print(f"{'net':45} {'flowgraph':>10} {'PyTorch':>10}   ms per loss and gradients")
    for name, (count, channels, side, filters) in NETS.items():
        images = rng.normal(size=(count, channels, side, side)).astype(np.float32)
        w = (rng.normal(size=(filters, channels, 3, 3)) / 3).astype(np.float32)
        v = (rng.normal(size=(filters * (side // 2) ** 2, 10)) / 30).astype(np.float32)
        calls = {"flowgraph": own(images, w, v), "PyTorch": torchs(images, w, v)}
        first = {peer: call() for peer, call in calls.items()}
        for one, other in zip(first["flowgraph"], first["PyTorch"], strict=True):
            np.testing.assert_allclose(one, other.detach().numpy(), rtol=1e-3, atol=1e-4)
        best = dict.fromkeys(calls, np.inf)
        for _ in range(ROUNDS):
            for peer, call in calls.items():
                start = time.perf_counter()
                call()
                best[peer] = min(best[peer], time.perf_counter() - start)
        print(f"{name:45} {best['flowgraph'] * 1e3:10.2f} {best['PyTorch'] * 1e3:10.2f}")


if __name__ == "__main__":
    main()
