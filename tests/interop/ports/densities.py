"""Densities, their samples and posteriors, as autograd's users write them."""

import numpy
import scipy.optimize

from tests.interop.ports.modules import port


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
