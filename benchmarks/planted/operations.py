"""Operations in plain NumPy, each with its gradient: layers, losses, reductions, gathers, recurrences.

`OPERATIONS` has for each name (fprop, bprop, example).
"""

from __future__ import annotations

import numpy as np

rng = np.random.default_rng(2027)


def sigmoid_of(z):
    return 1.0 / (1.0 + np.exp(-z))


def softmax_of(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def tanh(x):
    return np.tanh(x)


def tanh_back(g, h, x):
    return (g * (1 - h**2),)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def sigmoid_back(g, h, x):
    return (g * h * (1 - h),)


def softplus(x):
    return np.log1p(np.exp(x))


def softplus_back(g, h, x):
    return (g * sigmoid_of(x),)


def swish(x):
    return x * (1.0 / (1.0 + np.exp(-x)))


def swish_back(g, h, x):
    s = sigmoid_of(x)
    return (g * (s + x * s * (1 - s)),)


def dense(x, w, b):
    return x @ w + b


def dense_back(g, a, x, w, b):
    return g @ w.T, x.T @ g, g.sum(axis=0)


def dense_tanh(x, w, b):
    return np.tanh(x @ w + b)


def dense_tanh_back(g, h, x, w, b):
    dz = g * (1 - h**2)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def dense_sigmoid(x, w, b):
    z = x @ w + b
    return 1.0 / (1.0 + np.exp(-z))


def dense_sigmoid_back(g, h, x, w, b):
    dz = g * h * (1 - h)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def mlp(x, w1, b1, w2):
    h = np.tanh(x @ w1 + b1)
    return h @ w2


def mlp_back(g, out, x, w1, b1, w2):
    z = x @ w1 + b1
    h = np.tanh(z)
    dh = g @ w2.T
    dz = dh * (1 - h**2)
    return dz @ w1.T, x.T @ dz, dz.sum(axis=0), h.T @ g


def residual(x, w):
    return x + np.tanh(x @ w)


def residual_back(g, out, x, w):
    dz = g * (1 - np.tanh(x @ w) ** 2)
    return g + dz @ w.T, x.T @ dz


def squared_error(p, t):
    return np.mean((p - t) ** 2)


def squared_error_back(g, loss, p, t):
    d = 2 * (p - t) / p.size
    return g * d, -g * d


def cross_entropy(p, t):
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


def cross_entropy_back(g, loss, p, t):
    dp = -(t / p - (1 - t) / (1 - p)) / p.size
    dt = -(np.log(p) - np.log(1 - p)) / p.size
    return g * dp, g * dt


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_back(g, y, x):
    return (y * (g - (g * y).sum(axis=1, keepdims=True)),)


def softmax_loss(scores, labels):
    shifted = scores - scores.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(labels)), labels])


def softmax_loss_back(g, loss, scores, labels):
    d = softmax_of(scores)
    d[np.arange(len(labels)), labels] -= 1
    return g * d / len(labels), None


def logsumexp(x):
    return np.log(np.sum(np.exp(x), axis=1))


def logsumexp_back(g, y, x):
    return (g[:, None] * softmax_of(x),)


def mean_rows(x):
    return x.mean(axis=0)


def mean_rows_back(g, y, x):
    return (np.broadcast_to(g, x.shape) / x.shape[0],)


def variance(x):
    return ((x - x.mean(axis=1, keepdims=True)) ** 2).mean(axis=1)


def variance_back(g, y, x):
    return (2 * g[:, None] * (x - x.mean(axis=1, keepdims=True)) / x.shape[1],)


def centre(x):
    return x - x.mean(axis=1, keepdims=True)


def centre_back(g, y, x):
    return (g - g.sum(axis=1, keepdims=True) / x.shape[1],)


def unit_rows(x):
    return x / np.sqrt(np.sum(x**2, axis=1, keepdims=True))


def unit_rows_back(g, y, x):
    n = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    return ((g - y * (g * y).sum(axis=1, keepdims=True)) / n,)


def layer_norm(x, gamma, beta):
    m = x.mean(axis=1, keepdims=True)
    v = ((x - m) ** 2).mean(axis=1, keepdims=True)
    return gamma * (x - m) / np.sqrt(v + 1e-5) + beta


def layer_norm_back(g, y, x, gamma, beta):
    m = x.mean(axis=1, keepdims=True)
    s = np.sqrt(((x - m) ** 2).mean(axis=1, keepdims=True) + 1e-5)
    n = (x - m) / s
    d = g * gamma
    dx = (d - d.mean(axis=1, keepdims=True) - n * (d * n).mean(axis=1, keepdims=True)) / s
    return dx, (g * n).sum(axis=0), g.sum(axis=0)


def batch_norm(x, gamma, beta):
    m = x.mean(axis=0)
    v = x.var(axis=0)
    return gamma * (x - m) / np.sqrt(v + 1e-5) + beta


def batch_norm_back(g, y, x, gamma, beta):
    s = np.sqrt(x.var(axis=0) + 1e-5)
    n = (x - x.mean(axis=0)) / s
    d = g * gamma
    dx = (d - d.mean(axis=0) - n * (d * n).mean(axis=0)) / s
    return dx, (g * n).sum(axis=0), g.sum(axis=0)


def embedding(table, words):
    return table[words]


def embedding_back(g, y, table, words):
    d = np.zeros_like(table)
    np.add.at(d, words, g)
    return d, None


def bag(table, words):
    return table[words].sum(axis=1)


def bag_back(g, y, table, words):
    d = np.zeros_like(table)
    np.add.at(d, words, g[:, None, :])
    return d, None


def edges(x, first, second):
    return x[first] - x[second]


def edges_back(g, y, x, first, second):
    d = np.zeros_like(x)
    np.add.at(d, first, g)
    np.add.at(d, second, -g)
    return d, None, None


def product(x, y):
    return x * y


def product_back(g, z, x, y):
    return g * y, g * x


def quotient(x, y):
    return x / y


def quotient_back(g, z, x, y):
    return g / y, -g * x / y**2


def bilinear(x, a, y):
    return np.sum((x @ a) * y, axis=1)


def bilinear_back(g, z, x, a, y):
    g = g[:, None]
    return g * (y @ a.T), x.T @ (g * y), g * (x @ a)


def attention(q, k, v):
    s = q @ k.T / np.sqrt(q.shape[1])
    p = np.exp(s)
    p = p / p.sum(axis=1, keepdims=True)
    return p @ v


def attention_back(g, y, q, k, v):
    p = softmax_of(q @ k.T / np.sqrt(q.shape[1]))
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, p.T @ g


def recurrent(x, w, u):
    h = np.zeros((x.shape[1], u.shape[0]))
    for t in range(x.shape[0]):
        h = np.tanh(x[t] @ w + h @ u)
    return h


def recurrent_back(g, y, x, w, u):
    states = [np.zeros((x.shape[1], u.shape[0]))]
    for t in range(x.shape[0]):
        states.append(np.tanh(x[t] @ w + states[-1] @ u))
    dx, dw, du = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u)
    for t in reversed(range(x.shape[0])):
        dz = g * (1 - states[t + 1] ** 2)
        dx[t] = dz @ w.T
        dw += x[t].T @ dz
        du += states[t].T @ dz
        g = dz @ u.T
    return dx, dw, du


def smoothed(x, a):
    out = [x[0]]
    for t in range(1, x.shape[0]):
        out.append(a * out[-1] + x[t])
    return np.stack(out)


def smoothed_back(g, y, x, a):
    dx, da = np.zeros_like(x), np.zeros_like(a)
    carry = np.zeros_like(g[0])
    for t in reversed(range(x.shape[0])):
        carry = g[t] + carry
        dx[t] = carry
        if t:
            da += carry * y[t - 1]
        carry = a * carry
    return dx, da


def convolution(x, w):
    positions = range(x.shape[1] - w.shape[0] + 1)
    return np.stack([x[:, t : t + w.shape[0]] @ w for t in positions], axis=1)


def convolution_back(g, y, x, w):
    k = w.shape[0]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for t in range(y.shape[1]):
        dx[:, t : t + k] += g[:, t : t + 1] * w
        dw += g[:, t] @ x[:, t : t + k]
    return dx, dw


def distances(x, y):
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2)


def distances_back(g, z, x, y):
    d = 2 * g[:, :, None] * (x[:, None, :] - y[None, :, :])
    return d.sum(axis=1), -d.sum(axis=0)


def kernel(x, y):
    return np.exp(-0.5 * np.sum((x - y) ** 2, axis=1))


def kernel_back(g, z, x, y):
    d = -(g * z)[:, None] * (x - y)
    return d, -d


def scaled(x, s):
    return s * x**2


def scaled_back(g, z, x, s):
    return 2 * g * s * x, (g * x**2).sum(axis=0)


def normal(*shape):
    return rng.normal(size=shape)


def positive(*shape):
    return rng.uniform(0.4, 2.0, shape)


WORDS = np.array([1, 3, 3, 0, 1, 3])
BAGS = np.array([[1, 3], [3, 0], [1, 1], [2, 3], [0, 2]])
STARTS, ENDS = np.array([0, 1, 1, 2, 4, 0]), np.array([1, 2, 3, 4, 1, 3])

OPERATIONS = {
    "tanh": (tanh, tanh_back, (normal(4, 3),)),
    "sigmoid": (sigmoid, sigmoid_back, (normal(4, 3),)),
    "softplus": (softplus, softplus_back, (normal(4, 3),)),
    "swish": (swish, swish_back, (normal(4, 3),)),
    "dense": (dense, dense_back, (normal(5, 4), normal(4, 3), normal(3))),
    "dense, square": (dense, dense_back, (normal(4, 4), normal(4, 4), normal(4))),
    "dense tanh": (dense_tanh, dense_tanh_back, (normal(5, 4), normal(4, 3), normal(3))),
    "dense sigmoid": (dense_sigmoid, dense_sigmoid_back, (normal(5, 4), normal(4, 3), normal(3))),
    "mlp": (mlp, mlp_back, (normal(5, 3), normal(3, 4), normal(4), normal(4, 2))),
    "residual": (residual, residual_back, (normal(5, 4), normal(4, 4))),
    "squared error": (squared_error, squared_error_back, (normal(6, 2), normal(6, 2))),
    "cross entropy": (cross_entropy, cross_entropy_back, (rng.uniform(0.1, 0.9, 7), rng.uniform(0.1, 0.9, 7))),
    "softmax": (softmax, softmax_back, (normal(4, 5),)),
    "softmax loss": (softmax_loss, softmax_loss_back, (normal(6, 4), np.array([0, 3, 1, 1, 2, 0]))),
    "logsumexp": (logsumexp, logsumexp_back, (normal(4, 5),)),
    "logsumexp, square": (logsumexp, logsumexp_back, (normal(4, 4),)),
    "mean of rows": (mean_rows, mean_rows_back, (normal(5, 3),)),
    "variance": (variance, variance_back, (normal(3, 5),)),
    "centre": (centre, centre_back, (normal(4, 5),)),
    "unit rows": (unit_rows, unit_rows_back, (normal(4, 3),)),
    "layer norm": (layer_norm, layer_norm_back, (normal(4, 6), normal(6), normal(6))),
    "batch norm": (batch_norm, batch_norm_back, (normal(6, 3), normal(3), normal(3))),
    "embedding": (embedding, embedding_back, (normal(5, 3), WORDS)),
    "bag": (bag, bag_back, (normal(4, 3), BAGS)),
    "edges": (edges, edges_back, (normal(5, 2), STARTS, ENDS)),
    "product": (product, product_back, (normal(4, 3), normal(4, 3))),
    "quotient": (quotient, quotient_back, (normal(4, 3), positive(4, 3))),
    "bilinear": (bilinear, bilinear_back, (normal(5, 3), normal(3, 3), normal(5, 3))),
    "attention": (attention, attention_back, (normal(4, 3), normal(4, 3), normal(4, 3))),
    "recurrent": (recurrent, recurrent_back, (normal(4, 2, 3), normal(3, 3), normal(3, 3))),
    "smoothed": (smoothed, smoothed_back, (normal(5, 3), rng.uniform(0.3, 0.9, 3))),
    "convolution": (convolution, convolution_back, (normal(2, 7), normal(3))),
    "distances": (distances, distances_back, (normal(4, 3), normal(5, 3))),
    "kernel": (kernel, kernel_back, (normal(5, 3), normal(5, 3))),
    "scaled": (scaled, scaled_back, (normal(4, 3), normal(3))),
}
"""By name: fprop, bprop, and an example, of sizes that differ where a mistake does not need a square."""
