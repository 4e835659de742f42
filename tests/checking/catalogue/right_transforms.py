"""Right operations of several steps: windows, projections, factors of matrices, geometry, transforms, densities."""

import numpy as np

from .entries import need, normal, ok, uniform

# windows


def windows(x, size, step, gap):
    need(x.ndim == 1 and all(type(n) is int and n > 0 for n in (size, step, gap)))
    starts = np.arange(0, x.size - (size - 1) * gap, step)
    need(starts.size)
    return starts[:, None] + gap * np.arange(size)


def convolve(x, w, step, gap):
    need(w.ndim == 1)
    return x[windows(x, w.size, step, gap)] @ w


def convolve_back(g, y, x, w, step, gap):
    places, dx = windows(x, w.size, step, gap), np.zeros_like(x)
    np.add.at(dx, places, np.multiply.outer(g, w))
    return dx, g @ x[places], None, None


ok("convolution with stride and gaps", convolve, convolve_back, normal(9), normal(3), 2, 1)


def bag(table, i, starts):
    need(table.ndim == 2 and i.ndim == starts.ndim == 1 and starts.size and i.size and len(table))
    need(starts[0] == 0 and np.all(np.diff(starts) > 0) and starts[-1] < i.size and i.min() >= 0)
    return np.add.reduceat(table[i], starts, axis=0) / np.diff(np.append(starts, i.size))[:, None].astype(table.dtype)


def reflect(x, width):
    need(x.ndim == 1 and type(width) is int and 0 <= width < x.size)
    return np.pad(x, width, mode="reflect")


# projections


ok("onto a ball", lambda x: x / max(1.0, np.sqrt((x * x).sum())), lambda g, y, x: (
    g - y * (g * y).sum() if (x * x).sum() > 1 else g * 1,), uniform(3) * 0.5,
   valid=lambda x: (x * x).sum() <= 1)

# matrices


def triangular(a, b):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and b.ndim == 1 and b.size == len(a) and b.size)
    return np.linalg.solve(np.tril(a), b)


def triangular_back(g, y, a, b):
    db = np.linalg.solve(np.tril(a).T, g)
    return -np.tril(np.outer(db, y)), db


ok("triangular solve", triangular, triangular_back, normal(3, 3) + 3 * np.eye(3), normal(3))


def lyapunov(a, q):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and a.shape == q.shape and 0 < a.size <= 144)  # n² unknowns
    eye = np.eye(len(a))
    return np.linalg.solve(np.kron(a, eye) + np.kron(eye, a), q.ravel()).reshape(a.shape)


def lyapunov_back(g, x, a, q):
    s = lyapunov(a.T, g)
    return -(s @ x.T + s.T @ x), s


ok("Lyapunov equation", lyapunov, lyapunov_back, normal(2, 2) + 3 * np.eye(2), normal(2, 2, seed=1))


def sign_and_log(a):
    need(a.ndim == 2 and a.shape[0] == a.shape[1] and a.size)
    return np.linalg.slogdet(a)


ok("sign and log of a determinant", lambda a: tuple(sign_and_log(a)), lambda g, y, a: (g[1] * np.linalg.inv(a).T,),
   normal(3, 3))

# geometry


def rotate(q, v):
    need(q.shape == (4,) and v.shape == (3,) and q.any())
    s, u = q[0] / np.sqrt(q @ q), q[1:] / np.sqrt(q @ q)
    return v + 2 * np.cross(u, np.cross(u, v) + s * v)


def rotate_back(g, y, q, v):
    length = np.sqrt(q @ q)
    s, u = q[0] / length, q[1:] / length
    inner = np.cross(u, v) + s * v
    dinner = 2 * np.cross(g, u)
    dunit = np.concatenate([[(dinner * v).sum()], 2 * np.cross(inner, g) + np.cross(v, dinner)]).astype(q.dtype)
    unit = q / length
    return (dunit - unit * (unit @ dunit)) / length, g + s * dinner + np.cross(dinner, u)


ok("rotation by a quaternion", rotate, rotate_back, normal(4), normal(3))


# transforms, densities


def gumbel(x, tau=1.0):
    need(x.ndim and x.shape[-1] and tau > 0)
    e = np.exp((x - x.max(axis=-1, keepdims=True)) / tau)
    return e / e.sum(axis=-1, keepdims=True)


ok("softmax with a temperature by default", gumbel, lambda g, y, x, tau=1.0: (
    y * (g - (g * y).sum(axis=-1, keepdims=True)) / tau,), normal(3, 4))
ok("hard swish", lambda x: x * np.clip(x + 3, 0, 6) / 6, lambda g, y, x: (
    g * (np.clip(x + 3, 0, 6) + x * (abs(x) < 3)) / 6,), 3 * normal(3, 4))
ok("selu", lambda x: 1.0507 * np.where(x > 0, x, 1.67326 * np.expm1(np.minimum(x, 0))), lambda g, y, x: (
    1.0507 * g * np.where(x > 0, 1, 1.67326 * np.exp(np.minimum(x, 0))).astype(x.dtype),), normal(3, 4))


