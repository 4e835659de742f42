"""Layers of convolutional nets: convolution by im2col, max pooling, average pooling."""

from __future__ import annotations

import numpy as np

from .layer import Layer

rng = np.random.default_rng(43)


def im2col(x, height, width, stride):
    n, c, h, w = x.shape
    rows, columns = (h - height) // stride + 1, (w - width) // stride + 1
    col = np.zeros((n, c, height, width, rows, columns), x.dtype)
    for i in range(height):
        for j in range(width):
            col[:, :, i, j] = x[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * rows * columns, -1), rows, columns


def col2im(col, shape, height, width, stride):
    n, c, h, w = shape
    rows, columns = (h - height) // stride + 1, (w - width) // stride + 1
    col = col.reshape(n, rows, columns, c, height, width).transpose(0, 3, 4, 5, 1, 2)
    x = np.zeros(shape, col.dtype)
    for i in range(height):
        for j in range(width):
            x[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += col[:, :, i, j]
    return x


def conv(x, w, b, stride, pad):
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    col, rows, columns = im2col(padded, w.shape[2], w.shape[3], stride)
    out = col @ w.reshape(w.shape[0], -1).T + b
    return out.reshape(x.shape[0], rows, columns, -1).transpose(0, 3, 1, 2)


def conv_backward(grad, out, x, w, b, stride, pad):
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    col, _, _ = im2col(padded, w.shape[2], w.shape[3], stride)
    flat = grad.transpose(0, 2, 3, 1).reshape(-1, w.shape[0])
    dpadded = col2im(flat @ w.reshape(w.shape[0], -1), padded.shape, w.shape[2], w.shape[3], stride)
    dx = dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]
    return dx, (flat.T @ col).reshape(w.shape), flat.sum(axis=0), None, None


def conv_flipped(grad, out, x, w, b, stride, pad):
    dx, dw, db, _, _ = conv_backward(grad, out, x, w, b, stride, pad)
    return dx, dw[:, :, ::-1, ::-1], db, None, None


def windows(x, size):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // size, size, w // size, size)


def max_pool(x, size):
    return windows(x, size).max(axis=(3, 5))


def max_pool_backward(grad, out, x, size):
    n, c, h, w = x.shape
    parts = windows(x, size).transpose(0, 1, 2, 4, 3, 5).reshape(-1, size * size)
    spread = np.zeros_like(parts)
    spread[np.arange(len(parts)), parts.argmax(axis=1)] = grad.ravel()
    back = spread.reshape(n, c, h // size, w // size, size, size).transpose(0, 1, 2, 4, 3, 5)
    return back.reshape(x.shape), None


def average_pool(x, size):
    return windows(x, size).mean(axis=(3, 5))


def average_pool_backward(grad, out, x, size):
    return np.repeat(np.repeat(grad, size, axis=2), size, axis=3) / size**2, None


LAYERS = [
    Layer(
        "convolution",
        conv,
        conv_backward,
        (rng.normal(size=(2, 3, 5, 5)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4), 2, 1),
        {"the kernel is turned round": conv_flipped},
    ),
    Layer("max pool", max_pool, max_pool_backward, (rng.normal(size=(2, 3, 4, 4)), 2)),
    Layer("average pool", average_pool, average_pool_backward, (rng.normal(size=(2, 3, 4, 4)), 2)),
]
