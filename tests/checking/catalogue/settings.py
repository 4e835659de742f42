"""Operations under settings, and mistakes that show under some of them."""

import numpy as np

from .entries import back, bug, fit, need, normal, ok, uniform


def reduced(x, reduction):
    return {"none": lambda: x * x, "sum": lambda: (x * x).sum(), "mean": lambda: (x * x).mean()}[reduction]()


def deviation(x, axis, ddof):
    y = x.std(axis=axis, ddof=ddof)
    need(np.all(np.isfinite(y)) and not np.any(y == 0) and ddof >= 0)
    return y


def deviation_back(g, y, x, axis, ddof):
    n = x.size if axis is None else np.prod([x.shape[k] for k in np.atleast_1d(axis)])
    centred = x - x.mean(axis=axis, keepdims=True)
    return (back(g / y, x, axis) * centred / int(n - ddof)).astype(x.dtype), None, None


def padded(x, width, mode):
    need(x.ndim == 1 and x.size and 0 <= width < x.size and mode in ("reflect", "edge", "wrap", "constant"))
    return np.pad(x, width, mode=mode)


def padded_back(g, y, x, width, mode):
    dx = np.zeros_like(x)
    where = np.pad(np.arange(x.size), width, mode=mode) if mode != "constant" else np.arange(x.size)
    np.add.at(dx, where, g if mode != "constant" else g[width : width + x.size])
    return dx, None, None


ok("padded by name", padded, padded_back, normal(5), 2, "reflect")


def conv(x, w, stride, gap, margin):
    """A convolution of channels along one axis."""
    need(x.ndim == 2 and w.ndim == 3 and w.shape[1] == len(x) and stride > 0 and gap > 0 and margin >= 0 and w.size)
    p = np.pad(x, ((0, 0), (margin, margin)))
    n = p.shape[1] - gap * (w.shape[2] - 1)
    need(n > 0)
    return np.einsum(
        "oik,ikt->ot", w, np.stack([p[:, k * gap : k * gap + n : stride] for k in range(w.shape[2])], axis=1)
    )


def conv_back(g, y, x, w, stride, gap, margin):
    p = np.pad(x, ((0, 0), (margin, margin)))
    n = p.shape[1] - gap * (w.shape[2] - 1)
    dp, dw = np.zeros_like(p), np.empty_like(w)
    for k in range(w.shape[2]):
        dp[:, k * gap : k * gap + n : stride] += w[:, :, k].T @ g
        dw[:, :, k] = g @ p[:, k * gap : k * gap + n : stride].T
    return dp[:, margin : margin + x.shape[1]], dw, None, None, None


ok("convolution of channels", conv, conv_back, normal(2, 7), normal(3, 2, 3), 2, 1, 1)


def group_mean(x, groups):
    need(x.ndim == 3 and groups > 0 and x.shape[1] % groups == 0 and x.size)
    z = x.reshape(len(x), groups, -1)
    return (z / np.sqrt((z * z).mean(axis=2, keepdims=True) + 1e-5)).reshape(x.shape)


def trapezium(y, x, axis):
    need(y.ndim and -y.ndim <= axis < y.ndim and x.shape == (y.shape[axis],))
    y = np.moveaxis(y, axis, -1)
    return np.cumsum(np.diff(x) * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)


def trapezium_back(g, out, y, x, axis):
    z = np.moveaxis(y, axis, -1)
    r = np.flip(np.cumsum(np.flip(g, -1), axis=-1), -1)
    dz, dx = np.zeros_like(z), np.zeros_like(x)
    part = r * np.diff(x) / 2
    dz[..., 1:] += part
    dz[..., :-1] += part
    slope = fit(r * (z[..., 1:] + z[..., :-1]) / 2, x[1:])
    dx[1:] += slope
    dx[:-1] -= slope
    return np.moveaxis(dz, -1, axis), dx, None


ok("running integral", trapezium, trapezium_back, normal(3, 5), np.cumsum(uniform(5)), 1)


bug(
    "R",
    "reduction by name: sum as mean",
    reduced,
    lambda g, y, x, reduction: (2 * g * x / (1 if reduction == "none" else x.size), None),
    normal(3, 4),
    "mean",
)

bug(
    "R",
    "deviation: one degree always",
    deviation,
    lambda g, y, x, axis, ddof: deviation_back(g, y, x, axis, 1),
    normal(3, 4),
    1,
    1,
)

bug(
    "R",
    "deviation: over all, by the rows",
    deviation,
    lambda g, y, x, axis, ddof: (
        (
            back(g / y, x, axis)
            * (x - x.mean(axis=axis, keepdims=True))
            / (x.shape[-1 if axis is None or type(axis) is tuple else axis] - ddof)
        ).astype(x.dtype),
        None,
        None,
    ),
    normal(3, 4),
    1,
    1,
)

bug(
    "R",
    "padded: wrapped as reflected",
    padded,
    lambda g, y, x, width, mode: padded_back(g, y, x, width, "reflect" if mode == "wrap" else mode),
    normal(5),
    2,
    "reflect",
)

bug(
    "R",
    "padded: margin is dropped",
    padded,
    lambda g, y, x, width, mode: (g[width : width + x.size] * 1, None, None),
    normal(5),
    2,
    "constant",
)

bug(
    "R",
    "convolution of channels: tail in front",
    conv,
    lambda g, y, x, w, stride, gap, margin: (
        lambda d: (np.roll(d[0], (x.shape[1] + 2 * margin - gap * (w.shape[2] - 1) - 1) % stride, axis=1), *d[1:])
    )(conv_back(g, y, x, w, stride, gap, margin)),
    normal(2, 7),
    normal(3, 2, 3),
    2,
    1,
    0,
)

bug(
    "R",
    "convolution of channels: margin left on",
    conv,
    lambda g, y, x, w, stride, gap, margin: (lambda d: (d[0] if margin < 2 else np.roll(d[0], 1, axis=1), *d[1:]))(
        conv_back(g, y, x, w, stride, gap, margin)
    ),
    normal(2, 7),
    normal(3, 2, 3),
    1,
    1,
    1,
)

bug(
    "R",
    "convolution of channels: weights without gap",
    conv,
    lambda g, y, x, w, stride, gap, margin: (
        conv_back(g, y, x, w, stride, gap, margin)[0],
        np.stack(
            [
                g @ np.pad(x, ((0, 0), (margin, margin)))[:, k : k + (g.shape[1] - 1) * stride + 1 : stride].T
                for k in range(w.shape[2])
            ],
            axis=2,
        ),
        None,
        None,
        None,
    ),
    normal(2, 7),
    normal(3, 2, 3),
    2,
    1,
    1,
)


def group_swapped(g, y, x, groups):
    size = x.shape[1] // groups
    z, d = x.reshape(len(x), size, -1), g.reshape(len(x), size, -1)
    s = np.sqrt((z * z).mean(axis=2, keepdims=True) + 1e-5)
    return ((d - z * (d * z).mean(axis=2, keepdims=True) / s**2) / s).reshape(x.shape), None


bug("R", "groups of length 1: groups for their size", group_mean, group_swapped, normal(2, 4, 3), 2)


bug(
    "R",
    "running integral: axis moved forth twice",
    trapezium,
    lambda g, out, y, x, axis: (lambda d: (np.moveaxis(np.moveaxis(d[0], axis, -1), axis, -1), *d[1:]))(
        trapezium_back(g, out, y, x, axis)
    ),
    normal(4, 4),
    np.cumsum(uniform(4)),
    1,
)


def top_k(x, k, largest):
    need(x.ndim == 1 and 0 < k <= x.size)
    order = np.sort(x)
    return order[x.size - k :] if largest else order[:k]


def top_k_back(g, y, x, k, largest):
    dx = np.zeros_like(x)
    dx[np.argsort(x, kind="stable")[x.size - k :]] = g
    return dx, None, None


bug("R", "largest few: smallest asked", top_k, top_k_back, normal(6), 2, True)

bug(
    "R",
    "norm by order: as of 2",
    lambda x, p: np.linalg.norm(x, p) if x.ndim == 1 and x.size and p in (1, 2, 3, np.inf) else 1 / 0,
    lambda g, y, x, p: (g * np.sign(x) * (abs(x) / (y if y else 1)) ** (min(p, 2) - 1), None),
    normal(4),
    2,
)
