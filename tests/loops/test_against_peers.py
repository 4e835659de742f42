"""Loops beside those of JAX and PyTorch: an equation solved in steps, a number of steps that values decide."""

import numpy as np
import pytest

import flowgraph as fg
from tests.loops.bodies import assert_same

STEPS = 40


def lotka_volterra(stack, p, z, h=0.01):
    x, y = z[0], z[1]
    return stack([x + h * (p[0] * x - p[1] * x * y), y + h * (p[2] * x * y - p[3] * y)])


P, Z = np.array([1.5, 1.0, 1.0, 3.0]), np.array([10.0, 5.0])


def ours(loss, values):
    leaves = [fg.Parameter(value, name=f"leaf{i}") for i, value in enumerate(values)]
    made = loss(*leaves)
    (hv,) = fg.hvp(made, [leaves[0]], [np.ones_like(values[0])])
    return fg.compile([made, *fg.gradient(made, leaves), hv])()


def solved(p, z):
    last, path = fg.scan(lambda z, _: (lotka_volterra(np.stack, p, z), z), z, length=STEPS)
    return fg.sum(last * last) + fg.sum(np.sin(path))


def theirs(jax, loss, values):
    values = [jax.numpy.asarray(value) for value in values]
    ones = jax.numpy.ones_like(values[0])
    of_first = jax.grad(lambda first: loss(first, *values[1:]))
    value, grads = jax.value_and_grad(loss, tuple(range(len(values))))(*values)
    return [value, *grads, jax.jvp(of_first, values[:1], [ones])[1]]


def test_an_equation_is_solved_as_by_jax(jax):
    def loss(p, z):
        step = lambda z, _: (lotka_volterra(jax.numpy.stack, p, z), z)  # noqa: E731
        last, path = jax.lax.scan(step, z, None, length=STEPS)
        return jax.numpy.sum(last * last) + jax.numpy.sum(jax.numpy.sin(path))

    assert_same(ours(solved, [P, Z]), theirs(jax, loss, [P, Z]))


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


def ours_of_while_against_peers(loss, values):
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
    found = ours_of_while_against_peers(lambda a, v: eigenvalue(fg.while_loop, np, a, v), [A, V])
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
    found = ours_of_while_against_peers(lambda a, v: eigenvalue(fg.while_loop, np, a, v), [A, V])
    assert_same(found[:3], [loss.detach(), a.grad, v.grad])
