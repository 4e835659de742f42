"""Loops: differential equations, fixed points, series, as autograd's users write them."""

import scipy.optimize

from tests.interop.ports.modules import port


@port
def smoke_in_a_fluid(m):
    """Rolls and gathers whose indices are computed from what is differentiated."""
    np = m.np
    rs = m.npr.RandomState(0)
    smoke, target = rs.rand(6, 6), rs.rand(6, 6)

    def advect(f, vx, vy):
        ys, xs = np.meshgrid(np.arange(6), np.arange(6))
        x, y = (xs - vx).ravel(), (ys - vy).ravel()
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        right, below = x - left, y - top
        near, far = (left % 6, (left + 1) % 6), (top % 6, (top + 1) % 6)
        rows = [(1 - below) * f[i, far[0]] + below * f[i, far[1]] for i in near]
        return np.reshape((1 - right) * rows[0] + right * rows[1], (6, 6))

    def loss(velocity):
        vx, vy, found = np.reshape(velocity[:36], (6, 6)), np.reshape(velocity[36:], (6, 6)), smoke
        for _ in range(4):
            divergence = (
                np.roll(vx, -1, axis=0) - np.roll(vx, 1, axis=0) + np.roll(vy, -1, axis=1) - np.roll(vy, 1, axis=1)
            )
            vx = vx - 0.1 * (np.roll(divergence, -1, axis=0) - np.roll(divergence, 1, axis=0))
            vy = vy - 0.1 * (np.roll(divergence, -1, axis=1) - np.roll(divergence, 1, axis=1))
            found = advect(found, vx, vy)
        return np.mean((found - target) ** 2)

    step = {"maxiter": 4}
    found = scipy.optimize.minimize(m.value_and_grad(loss), 0.1 * rs.randn(72), jac=True, method="CG", options=step)
    return found.fun, found.x


@port
def neural_differential_equation(m):
    """Gradients through a solver, by a network given as one argument of the equation."""
    np = m.np
    rs = m.npr.RandomState(0)
    params = [(0.5 * rs.randn(2, 5), 0.1 * rs.randn(5)), (0.5 * rs.randn(5, 2), 0.1 * rs.randn(2))]
    times, start = np.linspace(0, 1, 5), np.array([1.0, -0.5])

    def slope(y, t, params):
        for W, b in params:
            outputs = np.dot(y, W) + b
            y = np.maximum(0, outputs)
        return outputs

    def loss(params, i):
        return np.mean(np.abs(m.odeint(slope, start, times, m.tuple((params,)), rtol=1e-3) - 0.3))

    return m.flatten(m.rmsprop(m.grad(loss), params, num_iters=3, step_size=0.01))[0]


@port
def fixed_point_of_an_iteration(m):
    """First and second derivatives of what a loop converges to."""
    np = m.np

    def root(a):
        return m.fixed_point(lambda a: lambda x: x - 0.05 * (x**2 - a), a, 10.0, lambda x, y: np.abs(x - y), 1e-6)

    return root(2.0), m.grad(root)(2.0), m.grad(m.grad(root))(2.0)


@port
def gradient_of_ones_own(m):
    """A primitive whose gradient is a closure."""
    np = m.np

    @m.primitive
    def logsumexp(x):
        out = np.max(x)
        return out + np.log(np.sum(np.exp(x - out)))

    def maker(ans, x):
        shape = x.shape
        return lambda g: np.full(shape, g) * np.exp(x - np.full(shape, ans))

    m.defvjp(logsumexp, maker)
    point = m.npr.RandomState(0).randn(5)
    return m.grad(lambda x: np.sum(logsumexp(x**2)))(point), m.grad(lambda x: np.sum(m.grad(logsumexp)(x) ** 2))(point)


@port
def series_until_it_is_small(m):
    """A loop that ends by the value, and derivatives of derivatives of it."""
    np = m.np

    def sine(x):
        term = total = x
        for i in range(1000):
            term = -term * x**2 / ((2 * i + 3) * (2 * i + 2))
            total = total + term
            if np.abs(term) < 1e-3:
                break
        return total

    xs = np.linspace(-4, 4, 9)
    return [list(map(f, xs)) for f in (sine, m.grad(sine), m.grad(m.grad(sine)))]
