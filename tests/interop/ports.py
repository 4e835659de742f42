"""Models written as autograd's users write them; each takes the modules that it imports, autograd's or flowgraph's."""

import itertools
from types import SimpleNamespace

import numpy
import scipy.optimize

PORTS = {}


def port(function):
    """Let a function of the modules be one of the ports; it returns the numbers that are compared."""
    PORTS[function.__name__] = function
    return function


def of_autograd():
    """The modules that code for autograd imports."""
    import autograd
    import autograd.builtins
    import autograd.numpy as np
    from autograd.extend import defvjp, primitive
    from autograd.misc import fixed_points, flatten, optimizers
    from autograd.misc.flatten import flatten_func
    from autograd.scipy import integrate, signal, special, stats

    return SimpleNamespace(
        np=np, npr=np.random, stats=stats, special=special, signal=signal, odeint=integrate.odeint,
        tuple=autograd.builtins.tuple, grad=autograd.grad, value_and_grad=autograd.value_and_grad,
        elementwise_grad=autograd.elementwise_grad, hessian_vector_product=autograd.hessian_vector_product,
        flatten=flatten, flatten_func=flatten_func,
        adam=optimizers.adam, sgd=optimizers.sgd, rmsprop=optimizers.rmsprop,
        fixed_point=fixed_points.fixed_point, primitive=primitive, defvjp=defvjp,
    )  # fmt: skip


def of_flowgraph():
    """The modules that take their places."""
    import flowgraph.numpy as np
    from flowgraph import functional, stats
    from flowgraph.interop import autograd
    from flowgraph.scipy import integrate, signal, special

    return SimpleNamespace(
        np=np, npr=np.random, stats=stats, special=special, signal=signal, odeint=integrate.odeint, tuple=tuple,
        grad=functional.grad, value_and_grad=functional.value_and_grad, elementwise_grad=functional.elementwise_grad,
        hessian_vector_product=functional.hessian_vector_product, flatten=functional.flatten,
        flatten_func=functional.flatten_func, adam=autograd.adam, sgd=autograd.sgd, rmsprop=autograd.rmsprop,
        fixed_point=autograd.fixed_point, primitive=autograd.primitive, defvjp=autograd.defvjp,
    )  # fmt: skip


@port
def mixture_of_gaussians(m):
    """Parameters in a dict, flattened for an optimiser that takes Hessian-vector products."""
    np, mvn, logsumexp = m.np, m.stats.multivariate_normal, m.special.logsumexp
    rs = m.npr.RandomState(0)
    data = np.concatenate([rs.randn(20, 2) * 0.3 + centre for centre in ([2, 0], [-1, 1])])
    start = {"logits": rs.randn(2) * 0.1, "means": rs.randn(2, 2), "roots": np.stack([np.eye(2)] * 2)}

    def objective(params):
        weights = params["logits"] - logsumexp(params["logits"])
        parts = [w + mvn.logpdf(data, mean, np.dot(root.T, root) + 0.01 * np.eye(2))
                 for w, mean, root in zip(weights, params["means"], params["roots"])]  # fmt: skip  # noqa: B905
        return -np.sum(logsumexp(np.vstack(parts), axis=0))

    flat, unflatten, x0 = m.flatten_func(objective, start)
    found = scipy.optimize.minimize(
        lambda x: float(numpy.ravel(flat(x))[0]), x0, jac=m.grad(flat), hessp=m.hessian_vector_product(flat),
        method="Newton-CG", options={"maxiter": 6},
    )  # fmt: skip
    return found.fun, unflatten(found.x)["means"]


@port
def gaussian_process(m):
    """A marginal likelihood, and a predictive mean that is differentiated by where it is taken."""
    np, mvn = m.np, m.stats.multivariate_normal
    rs = m.npr.RandomState(0)
    X = np.linspace(-2, 2, 12)[:, None]
    y = np.sin(X[:, 0]) + 0.1 * rs.randn(12)

    def kernel(p, a, b):
        gaps = np.expand_dims(a / np.exp(p[1]), 1) - np.expand_dims(b / np.exp(p[1]), 0)
        return np.exp(p[0]) * np.exp(-0.5 * np.sum(gaps**2, axis=2))

    def objective(p):
        cov = kernel(p[2:], X, X) + (np.exp(p[1]) + 1e-3) * np.eye(len(y))
        return -mvn.logpdf(y, p[0] * np.ones(len(y)), cov)

    p = scipy.optimize.minimize(m.value_and_grad(objective), np.zeros(4), jac=True, method="CG").x
    cov = kernel(p[2:], X, X) + np.exp(p[1]) * np.eye(len(y))

    def expected_improvement(x):
        x = np.atleast_2d(x)
        across = kernel(p[2:], X, x)
        mean = np.dot(np.linalg.solve(cov, across).T, y)
        std = np.sqrt(np.diag(kernel(p[2:], x, x) - np.dot(np.linalg.solve(cov, across).T, across)) + 1e-3)
        return std * m.stats.norm.pdf(mean, np.max(y), std) - (mean - np.max(y)) * m.stats.norm.cdf(
            mean, np.max(y), std
        )

    return p, m.value_and_grad(expected_improvement)(np.array([0.3]))


@port
def black_box_variational_inference(m):
    """A stochastic objective: the function draws in each call from a generator that it closes over."""
    np, norm = m.np, m.stats.norm
    rs = m.npr.RandomState(0)

    def log_density(x):
        return norm.logpdf(x[:, 1], 0, 1.35) + norm.logpdf(x[:, 0], 0, np.exp(x[:, 1]))

    def objective(params, t):
        mean, log_std = params[:2], params[2:]
        samples = rs.randn(30, 2) * np.exp(log_std) + mean
        return -(np.sum(log_std) + np.mean(log_density(samples)))

    seen = []
    start = np.concatenate([-np.ones(2), -2 * np.ones(2)])
    found = m.adam(m.grad(objective), start, step_size=0.1, num_iters=25, callback=lambda p, t, g: seen.append(g))
    return found, seen[3], seen[-1]


@port
def bayesian_network_by_einsum(m):
    """Many sets of weights at once, unpacked from rows of a matrix."""
    np = m.np
    rs = m.npr.RandomState(0)
    shapes, X, y = [(1, 3), (3, 1)], rs.randn(8, 1), rs.randn(8, 1)

    def logprob(weights):
        inputs, at = np.expand_dims(X, 0), 0
        for rows, columns in shapes:
            W = weights[:, at : at + rows * columns].reshape((len(weights), rows, columns))
            b = weights[:, at + rows * columns : at + (rows + 1) * columns].reshape((len(weights), 1, columns))
            at += (rows + 1) * columns
            outputs = np.einsum("mnd,mdo->mno", inputs, W) + b
            inputs = np.tanh(outputs)
        return -np.sum(weights**2, axis=1) - np.sum((outputs - y) ** 2, axis=1)[:, 0] / 0.01

    return m.elementwise_grad(logprob)(rs.randn(4, 10) * 0.3)


@port
def long_short_term_memory(m):
    """A loop over time, rows of a three-axis array, and a dict of weights."""
    np, logsumexp = m.np, m.special.logsumexp
    rs = m.npr.RandomState(0)
    names = ("change", "forget", "ingate", "outgate")
    params = {name: rs.randn(9, 4) * 0.1 for name in names} | {"out": rs.randn(5, 4) * 0.1, "start": rs.randn(1, 4)}
    data = np.array(rs.randint(0, 4, (6, 3))[:, :, None] == np.arange(4), dtype=float)

    def gate(weights, *parts):
        return np.dot(np.hstack((*parts, np.ones((parts[0].shape[0], 1)))), weights)

    def sigmoid(x):
        return 0.5 * (np.tanh(x) + 1)

    def loss(p, i):
        h = c = np.repeat(p["start"], data.shape[1], axis=0)
        total = 0.0
        for t, now in enumerate(data):
            scores = gate(p["out"], h)
            total += np.sum((scores - logsumexp(scores, axis=1, keepdims=True)) * data[t])
            c = c * sigmoid(gate(p["forget"], now, h)) + sigmoid(gate(p["ingate"], now, h)) * np.tanh(
                gate(p["change"], now, h)
            )
            h = sigmoid(gate(p["outgate"], now, h)) * np.tanh(c)
        return -total / data.size

    found = m.adam(m.grad(loss), params, step_size=0.1, num_iters=5)
    return loss(found, 0), m.flatten(found)[0]


@port
def hidden_markov_model(m):
    """Expected counts as the gradient of a log partition function; the length of each sequence differs."""
    np, logsumexp = m.np, m.special.logsumexp
    rs = m.npr.RandomState(0)
    sequences = [rs.randint(0, 5, n) for n in (4, 7, 4)]

    def log_partition(natural, data):
        if isinstance(data, list):
            return sum(log_partition(natural, one) for one in data)
        start, moves, emissions = natural
        alpha = start
        for y in data:
            alpha = logsumexp(alpha[:, None] + moves, axis=0) + emissions[:, y]
        return logsumexp(alpha)

    params = [rs.rand(3), rs.rand(3, 3), rs.rand(3, 5)]
    for _ in range(3):
        likelihood, counts = m.value_and_grad(log_partition)([np.log(p) for p in params], sequences)
        params = [c / np.where(c.sum(-1, keepdims=True) > 0, c.sum(-1, keepdims=True), 1.0) for c in counts]
    return likelihood, *params


@port
def minimax_of_two_networks(m):
    """Two gradients in one call, `argnum` a tuple; batch normalisation, and lists of pairs of weights."""
    np = m.np
    rs = m.npr.RandomState(0)

    def network(sizes):
        return [(0.3 * rs.randn(a, b), 0.3 * rs.randn(b)) for a, b in itertools.pairwise(sizes)]

    def predict(params, inputs):
        for W, b in params[:-1]:
            outputs = np.dot(inputs, W) + b
            outputs = (outputs - np.mean(outputs, axis=0, keepdims=True)) / (np.std(outputs, axis=0, keepdims=True) + 1)
            inputs = np.maximum(0, outputs)
        W, b = params[-1]
        return np.dot(inputs, W) + b

    real = rs.randn(7, 3) + 1

    def objective(generator, critic, i):
        fake = predict(generator, rs.rand(7, 2))
        of_real, of_fake = predict(critic, real), predict(critic, fake)
        return np.mean(of_real - np.logaddexp(0, of_real)) - np.mean(of_fake - np.logaddexp(0, of_fake))

    both = m.grad(objective, argnum=(0, 1))
    generator, critic = network([2, 4, 3]), network([3, 4, 1])
    for i in range(4):
        (up, back), (down, again) = m.flatten(generator), m.flatten(critic)
        first, second = (m.flatten(one)[0] for one in both(generator, critic, i))
        generator, critic = back(up + 0.1 * first), again(down - 0.1 * second)
    return m.flatten(generator)[0], m.flatten(critic)[0]


@port
def convolutional_network(m):
    """Convolution by chosen axes, pooling by a reshape."""
    np = m.np
    rs = m.npr.RandomState(0)
    images, filters, W = rs.randn(3, 1, 8, 8), 0.5 * rs.randn(1, 2, 3, 3), 0.3 * rs.randn(18, 2)

    def loss(filters, W):
        found = m.signal.convolve(images, filters, axes=([2, 3], [2, 3]), dot_axes=([1], [0]), mode="valid")
        pooled = np.max(np.max(found.reshape((3, 2, 3, 2, 3, 2)), axis=3), axis=4)
        scores = np.dot(pooled.reshape((3, np.prod(pooled.shape[1:]))), W)
        return np.sum(scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True)))

    return m.grad(loss)(filters, W), m.grad(loss, 1)(filters, W)


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
def maximum_likelihood_by_newton(m):
    """Third derivatives of the logarithm of the gamma function, of plain numbers."""
    np, gammaln = m.np, m.special.gammaln
    data = m.npr.RandomState(0).poisson(m.npr.RandomState(1).gamma(5, 1.0, size=50))

    def likelihood(r, p):
        return np.sum(gammaln(r + data) - gammaln(r) - gammaln(data + 1) + data * np.log(p) + r * np.log(1 - p))

    def slope(r):
        return m.grad(likelihood)(r, np.sum(data) / np.sum(r + data))

    r = scipy.optimize.newton(slope, 1.0, fprime=m.grad(slope), fprime2=m.grad(m.grad(slope)))
    return r, np.array(m.grad(likelihood, argnum=(0, 1))(r, np.sum(data) / np.sum(r + data))) * 1e-9


@port
def heavy_tails(m):
    """A likelihood under Student's t, latents and weights in one vector."""
    np = m.np
    rs = m.npr.RandomState(0)
    observed = rs.randn(6, 4)

    def objective(params):
        weights, latents = np.reshape(params[:8], (4, 2)), np.reshape(params[8:20], (2, 6))
        return -np.sum(m.stats.t.logpdf(np.dot(weights, latents).T, 2.4, observed, np.exp(params[-1])))

    options = {"maxiter": 5}
    return scipy.optimize.minimize(m.value_and_grad(objective), rs.randn(21), jac=True, method="CG", options=options).x


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


@port
def natural_gradient(m):
    """A gradient that is scaled by a function of the parameters, given to an optimiser."""
    np = m.np
    rs = m.npr.RandomState(0)
    Y = rs.randn(5)

    def objective(params, t):
        samples = rs.randn(20, 5) * np.exp(params[5:]) + params[:5]
        return -np.sum(params[5:]) - np.mean(np.sum(m.stats.norm.logpdf(Y, samples, 0.5), axis=1))

    gradient = m.grad(objective)

    def scaled(params, i):
        return gradient(params, i) / np.concatenate([np.exp(-2 * params[5:]), 2 * np.ones(5)])

    return m.sgd(scaled, np.concatenate([np.zeros(5), -np.ones(5)]), step_size=0.1, num_iters=8, mass=0.1)
