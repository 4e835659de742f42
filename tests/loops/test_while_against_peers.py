"""fg.while_loop beside jax.lax.while_loop and a loop of PyTorch, fg.checkpoint beside jax.checkpoint and PyTorch's."""

import numpy as np
import pytest

import flowgraph as fg
from tests.loops.agreement import assert_same

A = np.array([[3.0, 0.5, 0.2], [0.5, 2.0, 0.3], [0.2, 0.3, 1.0]])
V = np.array([1.0, -0.5, 0.25])


def power_step(xp, a, v):
    """One step of the power method: the product, of length 1, and the growth."""
    w = a @ v
    norm = xp.sqrt(xp.sum(w * w))
    return w / norm, norm


def eigenvalue(loop, xp, a, v):
    """The largest eigenvalue, by as many steps as it takes until it changes by less than 1e-6."""

    def body(carry):
        v, new = power_step(xp, a, carry[0])
        return v, new, carry[1]

    v, value, _ = loop(lambda carry: xp.abs(carry[1] - carry[2]) > 1e-6, body, (v, a[0, 0] * 0.0, a[0, 0]))
    return value + xp.sum(v**3)


def ours(loss, values):
    """Value, gradients and the slope along ones of a function of NumPy's names."""
    leaves = [fg.Parameter(value, name=f"leaf{i}") for i, value in enumerate(values)]
    made = loss(*leaves)
    slope = fg.jvp(made, leaves, [np.ones_like(value) for value in values])
    return fg.compile([made, *fg.gradient(made, leaves), slope])()


def test_value_and_slope_of_a_while_loop_are_those_of_jax(jax):
    """JAX differentiates its while loop forwards alone."""
    values = [jax.numpy.asarray(A), jax.numpy.asarray(V)]
    ones = [jax.numpy.ones_like(value) for value in values]
    value, slope = jax.jvp(lambda a, v: eigenvalue(jax.lax.while_loop, jax.numpy, a, v), values, ones)
    found = ours(lambda a, v: eigenvalue(fg.while_loop, np, a, v), [A, V])
    assert_same([found[0], found[3]], [value, slope])


def test_value_and_gradients_of_a_while_loop_are_those_of_pytorch():
    torch = pytest.importorskip("torch", reason="torch is not installed")

    def loop(condition, body, carry):
        while condition(carry):
            carry = body(carry)
        return carry

    a, v = (torch.tensor(value, requires_grad=True) for value in (A, V))
    loss = eigenvalue(loop, torch, a, v)
    loss.backward()
    found = ours(lambda a, v: eigenvalue(fg.while_loop, np, a, v), [A, V])
    assert_same(found[:3], [loss.detach(), a.grad, v.grad])


def network(xp, wrap, w, v):
    """Layers of which each is computed again in the backward pass."""
    h = v
    for _ in range(4):
        h = wrap(lambda h, w: xp.tanh(xp.sin(h @ w) @ w))(h, w)
    return xp.sum(h * h)


def test_values_and_derivatives_with_checkpoints_are_those_of_jax(jax):
    values = [jax.numpy.asarray(A), jax.numpy.asarray(V)]
    loss = lambda w, v: network(jax.numpy, jax.checkpoint, w, v)  # noqa: E731
    value, grads = jax.value_and_grad(loss, (0, 1))(*values)
    slope = jax.jvp(loss, values, [jax.numpy.ones_like(one) for one in values])[1]
    assert_same(ours(lambda w, v: network(np, fg.checkpoint, w, v), [A, V]), [value, *grads, slope])


def test_values_and_gradients_with_checkpoints_are_those_of_pytorch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch.utils.checkpoint import checkpoint

    w, v = (torch.tensor(value, requires_grad=True) for value in (A, V))
    loss = network(torch, lambda f: lambda *args: checkpoint(f, *args, use_reentrant=False), w, v)
    loss.backward()
    found = ours(lambda w, v: network(np, fg.checkpoint, w, v), [A, V])
    assert_same(found[:3], [loss.detach(), w.grad, v.grad])
