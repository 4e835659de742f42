"""fg.scan beside jax.lax.scan and a loop of PyTorch: an equation solved in steps, and a recurrent network."""

import numpy as np
import pytest

import flowgraph as fg
from tests.loops.agreement import assert_same

STEPS = 40


def lotka_volterra(stack, p, z, h=0.01):
    x, y = z[0], z[1]
    return stack([x + h * (p[0] * x - p[1] * x * y), y + h * (p[2] * x * y - p[3] * y)])


P, Z = np.array([1.5, 1.0, 1.0, 3.0]), np.array([10.0, 5.0])
RNG = np.random.default_rng(0)
W, U, X = RNG.normal(size=(4, 4)) / 2, RNG.normal(size=(3, 4)), RNG.normal(size=(STEPS, 5, 3))


def ours(loss, values):
    leaves = [fg.Parameter(value, name=f"leaf{i}") for i, value in enumerate(values)]
    made = loss(*leaves)
    (hv,) = fg.hvp(made, [leaves[0]], [np.ones_like(values[0])])
    return fg.compile([made, *fg.gradient(made, leaves), hv])()


def solved(p, z):
    last, path = fg.scan(lambda z, _: (lotka_volterra(np.stack, p, z), z), z, length=STEPS)
    return fg.sum(last * last) + fg.sum(np.sin(path))


def recurrent(w, u):
    h, states = fg.scan(lambda h, x: (np.tanh(h @ w + x @ u), h), np.zeros((5, 4)), X)
    return fg.sum(h * h) + fg.sum(states**3)


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


def test_a_recurrent_network_is_that_of_jax(jax):
    def loss(w, u):
        h, states = jax.lax.scan(lambda h, x: (jax.numpy.tanh(h @ w + x @ u), h), jax.numpy.zeros((5, 4)), X)
        return jax.numpy.sum(h * h) + jax.numpy.sum(states**3)

    assert_same(ours(recurrent, [W, U]), theirs(jax, loss, [W, U]))


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_stacked_is_that_of_jax(jax, reverse):
    def body(c, x):
        return (c[0] * 0.5 + x, c[1] + 1), (c[0], x * x)

    x = np.arange(1.0, 6.0)
    needed = jax.lax.scan(body, (0.0, 0), x, reverse=reverse)
    (last, count), stacked = fg.scan(body, (0.0, 0), x, reverse=reverse)
    assert_same([last, count, *stacked], [*needed[0], *needed[1]])


def test_a_recurrent_network_is_that_of_pytorch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    w, u = (torch.tensor(value, requires_grad=True) for value in (W, U))
    h, states = torch.zeros((5, 4), dtype=torch.float64), []
    for x in torch.tensor(X):
        states.append(h)
        h = torch.tanh(h @ w + x @ u)
    loss = (h * h).sum() + (torch.stack(states) ** 3).sum()
    loss.backward()
    assert_same(ours(recurrent, [W, U])[:3], [loss.detach(), w.grad, u.grad])
