"""Hessians and Jacobians against PyTorch and JAX."""

import numpy as np
import pytest

import flowgraph as fg
from tests.derivatives.test_matrices import mlp, values


def test_the_hessian_agrees_with_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    loss, parameters, feeds = mlp()
    (H,) = values([fg.hessian(loss, parameters)], **feeds)
    x, y = torch.tensor(feeds["x"]), torch.tensor(feeds["y"])

    def torch_loss(W1, b1, W2, b2):
        return torch.nn.functional.cross_entropy(torch.tanh(x @ W1 + b1) @ W2 + b2, y)

    blocks = torch.autograd.functional.hessian(torch_loss, tuple(torch.tensor(p.value.copy()) for p in parameters))
    sizes = [p.value.size for p in parameters]
    lines = [
        [block.numpy().reshape(rows, columns) for block, columns in zip(line, sizes, strict=True)]
        for line, rows in zip(blocks, sizes, strict=True)
    ]
    whole = np.block(lines)
    np.testing.assert_allclose(H, whole, atol=1e-12)


def test_jacobians_agree_with_jax():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    jax.config.update("jax_enable_x64", True)

    def f(np, x):
        return np.tanh(x @ x.T)[:, 1:] * np.sum(x**3, axis=1, keepdims=True)

    X = np.random.default_rng(0).normal(size=(3, 2))
    needed = jax.jacobian(lambda x: f(jax.numpy, x))(X)
    np.testing.assert_allclose(fg.functional.jacobian(lambda x: f(np, x))(X), needed, rtol=1e-10, atol=1e-12)
