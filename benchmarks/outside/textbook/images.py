"""Layers for pictures, (N, C, H, W), with loops as courses write them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def conv(x: Array, w: Array, b: Array, stride: int, pad: int) -> Array:
    n, _, height, width = x.shape
    f, _, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, columns = (height + 2 * pad - kh) // stride + 1, (width + 2 * pad - kw) // stride + 1
    out = np.zeros((n, f, rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
            out[:, :, i, j] = np.tensordot(window, w, axes=((1, 2, 3), (1, 2, 3))) + b
    return out


def conv_backward(dout: Array, out: Array, x: Array, w: Array, b: Array, stride: int, pad: int) -> Any:
    kh, kw = w.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            part = (slice(None), slice(None), slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
            dw += np.tensordot(dout[:, :, i, j], padded[part], axes=(0, 0))
            dpadded[part] += np.tensordot(dout[:, :, i, j], w, axes=(1, 0))
    dx = dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]
    return dx, dw, dout.sum(axis=(0, 2, 3)), None, None


def conv_backward_assigned(dout: Array, out: Array, x: Array, w: Array, b: Array, stride: int, pad: int) -> Any:
    """`=` where overlapping windows need `+=`."""
    kh, kw = w.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            part = (slice(None), slice(None), slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
            dw += np.tensordot(dout[:, :, i, j], padded[part], axes=(0, 0))
            dpadded[part] = np.tensordot(dout[:, :, i, j], w, axes=(1, 0))
    dx = dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]
    return dx, dw, dout.sum(axis=(0, 2, 3)), None, None


def max_pool(x: Array) -> Array:
    """Windows of 2 by 2."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def max_pool_backward(dout: Array, out: Array, x: Array) -> Any:
    n, c, h, w = x.shape
    dx = np.zeros_like(x)
    for i in range(h // 2):
        for j in range(w // 2):
            window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].reshape(n, c, 4)
            chosen = np.eye(4)[window.argmax(axis=2)] * dout[:, :, i, j][:, :, None]
            dx[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = chosen.reshape(n, c, 2, 2)
    return (dx,)


def average_pool(x: Array) -> Array:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))


def average_pool_backward(dout: Array, out: Array, x: Array) -> Any:
    return (np.repeat(np.repeat(dout, 2, axis=2), 2, axis=3) / 4,)


def average_pool_backward_undivided(dout: Array, out: Array, x: Array) -> Any:
    return (np.repeat(np.repeat(dout, 2, axis=2), 2, axis=3),)


def global_average(x: Array) -> Array:
    return x.mean(axis=(2, 3))


def global_average_backward(dout: Array, out: Array, x: Array) -> Any:
    return (np.broadcast_to(dout[:, :, None, None], x.shape) / (x.shape[2] * x.shape[3]),)


def upsample(x: Array) -> Array:
    return x.repeat(2, axis=2).repeat(2, axis=3)


def upsample_backward(dout: Array, out: Array, x: Array) -> Any:
    n, c, h, w = x.shape
    return (dout.reshape(n, c, h, 2, w, 2).sum(axis=(3, 5)),)


def flatten(x: Array) -> Array:
    return x.reshape(x.shape[0], -1)


def flatten_backward(dout: Array, out: Array, x: Array) -> Any:
    return (dout.reshape(x.shape),)


def zero_pad(x: Array) -> Array:
    return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))


def zero_pad_backward(dout: Array, out: Array, x: Array) -> Any:
    return (dout[:, :, 1:-1, 1:-1],)


def spatial_batchnorm(x: Array, gamma: Array, beta: Array) -> Array:
    mu, var = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    return gamma[:, None, None] * (x - mu) / np.sqrt(var + 1e-5) + beta[:, None, None]


def spatial_batchnorm_backward(dout: Array, out: Array, x: Array, gamma: Array, beta: Array) -> Any:
    over = (0, 2, 3)
    inverse = 1 / np.sqrt(x.var(axis=over, keepdims=True) + 1e-5)
    hat = (x - x.mean(axis=over, keepdims=True)) * inverse
    g = dout * gamma[:, None, None]
    dx = inverse * (g - g.mean(axis=over, keepdims=True) - hat * (g * hat).mean(axis=over, keepdims=True))
    return dx, (dout * hat).sum(axis=over), dout.sum(axis=over)


def spatial_batchnorm_backward_of_rows(dout: Array, out: Array, x: Array, gamma: Array, beta: Array) -> Any:
    """The means are taken over the examples alone, as in the layer for vectors."""
    over = (0, 2, 3)
    inverse = 1 / np.sqrt(x.var(axis=over, keepdims=True) + 1e-5)
    hat = (x - x.mean(axis=over, keepdims=True)) * inverse
    g = dout * gamma[:, None, None]
    dx = inverse * (g - g.mean(axis=0, keepdims=True) - hat * (g * hat).mean(axis=0, keepdims=True))
    return dx, (dout * hat).sum(axis=over), dout.sum(axis=over)
