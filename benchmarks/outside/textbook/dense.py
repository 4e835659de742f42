"""Dense layers, activations and normalisations: rows are examples."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def affine(x: Array, w: Array, b: Array) -> Array:
    return x @ w + b


def affine_backward(dout: Array, out: Array, x: Array, w: Array, b: Array) -> Any:
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def flat_affine(x: Array, w: Array, b: Array) -> Array:
    return x.reshape(x.shape[0], -1) @ w + b


def flat_affine_backward(dout: Array, out: Array, x: Array, w: Array, b: Array) -> Any:
    rows = x.reshape(x.shape[0], -1)
    return (dout @ w.T).reshape(x.shape), rows.T @ dout, dout.sum(axis=0)


def column_affine(w: Array, h: Array, b: Array) -> Array:
    """Examples are columns."""
    return w @ h + b


def column_affine_backward(dz: Array, z: Array, w: Array, h: Array, b: Array) -> Any:
    return dz @ h.T, w.T @ dz, dz.sum(axis=1, keepdims=True)


def relu(x: Array) -> Array:
    return np.maximum(0, x)


def relu_backward(dout: Array, out: Array, x: Array) -> Any:
    dx = dout.copy()
    dx[x <= 0] = 0
    return (dx,)


def leaky_relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.01 * x)


def leaky_relu_backward(dout: Array, out: Array, x: Array) -> Any:
    return (np.where(x > 0, dout, 0.01 * dout),)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dout: Array, out: Array, x: Array) -> Any:
    return (dout * out * (1 - out),)


def tanh_backward(dout: Array, out: Array, x: Array) -> Any:
    return (dout * (1 - out**2),)


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)


def elu_backward(dout: Array, out: Array, x: Array) -> Any:
    return (dout * np.where(x > 0, 1.0, out + 1),)


def gelu(x: Array) -> Array:
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner))


def gelu_backward(dout: Array, out: Array, x: Array) -> Any:
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return (dout * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)),)


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def softplus_backward(dout: Array, out: Array, x: Array) -> Any:
    return (dout * sigmoid(x),)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(dout: Array, out: Array, x: Array) -> Any:
    return (out * (dout - (dout * out).sum(axis=1, keepdims=True)),)


def prelu(x: Array, alpha: Array) -> Array:
    """One slope for each feature."""
    return np.where(x > 0, x, alpha * x)


def prelu_backward(dout: Array, out: Array, x: Array, alpha: Array) -> Any:
    return np.where(x > 0, dout, alpha * dout), np.where(x > 0, 0, x * dout).sum(axis=0)


def batchnorm(x: Array, gamma: Array, beta: Array) -> Array:
    hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    return gamma * hat + beta


def batchnorm_backward(dout: Array, out: Array, x: Array, gamma: Array, beta: Array) -> Any:
    n = x.shape[0]
    inverse = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    hat = (x - x.mean(axis=0)) * inverse
    dhat = dout * gamma
    dx = inverse / n * (n * dhat - dhat.sum(axis=0) - hat * (dhat * hat).sum(axis=0))
    return dx, (dout * hat).sum(axis=0), dout.sum(axis=0)


def batchnorm_without_the_mean_of_hat(dout: Array, out: Array, x: Array, gamma: Array, beta: Array) -> Any:
    n = x.shape[0]
    inverse = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    hat = (x - x.mean(axis=0)) * inverse
    dhat = dout * gamma
    dx = inverse / n * (n * dhat - dhat.sum(axis=0))
    return dx, (dout * hat).sum(axis=0), dout.sum(axis=0)


def layernorm(x: Array, gamma: Array, beta: Array) -> Array:
    mu = x.mean(axis=1, keepdims=True)
    return gamma * (x - mu) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) + beta


def layernorm_backward(dout: Array, out: Array, x: Array, gamma: Array, beta: Array) -> Any:
    inverse = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    hat = (x - x.mean(axis=1, keepdims=True)) * inverse
    g = dout * gamma
    dx = inverse * (g - g.mean(axis=1, keepdims=True) - hat * (g * hat).mean(axis=1, keepdims=True))
    return dx, (dout * hat).sum(axis=0), dout.sum(axis=0)


def row_normalise(x: Array) -> Array:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def row_normalise_backward(dout: Array, out: Array, x: Array) -> Any:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return ((dout - out * (dout * out).sum(axis=1, keepdims=True)) / length,)


def dropout(x: Array, mask: Array) -> Array:
    """The mask is drawn before."""
    return x * mask / 0.8


def dropout_backward(dout: Array, out: Array, x: Array, mask: Array) -> Any:
    return dout * mask / 0.8, None


def two_layers(x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> Array:
    return np.maximum(0, x @ w1 + b1) @ w2 + b2


def two_layers_backward(dout: Array, out: Array, x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> Any:
    h = np.maximum(0, x @ w1 + b1)
    dh = (dout @ w2.T) * (h > 0)
    return dh @ w1.T, x.T @ dh, dh.sum(axis=0), h.T @ dout, dout.sum(axis=0)


def highway(x: Array, w: Array, wt: Array) -> Array:
    gate = sigmoid(x @ wt)
    return gate * np.tanh(x @ w) + (1 - gate) * x


def highway_backward(dout: Array, out: Array, x: Array, w: Array, wt: Array) -> Any:
    gate, h = sigmoid(x @ wt), np.tanh(x @ w)
    dh = dout * gate * (1 - h**2)
    dgate = dout * (h - x) * gate * (1 - gate)
    return dh @ w.T + dgate @ wt.T + dout * (1 - gate), x.T @ dh, x.T @ dgate


def highway_without_the_carry(dout: Array, out: Array, x: Array, w: Array, wt: Array) -> Any:
    gate, h = sigmoid(x @ wt), np.tanh(x @ w)
    dh = dout * gate * (1 - h**2)
    dgate = dout * (h - x) * gate * (1 - gate)
    return dh @ w.T + dgate @ wt.T, x.T @ dh, x.T @ dgate


def maxout(x: Array, w: Array) -> Array:
    """w: (pieces, features, units)."""
    return np.einsum("nd,kdu->nku", x, w).max(axis=1)


def maxout_backward(dout: Array, out: Array, x: Array, w: Array) -> Any:
    z = np.einsum("nd,kdu->nku", x, w)
    dz = (np.arange(w.shape[0])[None, :, None] == z.argmax(axis=1)[:, None, :]) * dout[:, None, :]
    return np.einsum("nku,kdu->nd", dz, w), np.einsum("nd,nku->kdu", x, dz)


def bilinear(x: Array, w: Array, y: Array) -> Array:
    return np.einsum("ni,ijk,nj->nk", x, w, y)


def bilinear_backward(dout: Array, out: Array, x: Array, w: Array, y: Array) -> Any:
    dx = np.einsum("nk,ijk,nj->ni", dout, w, y)
    dw = np.einsum("nk,ni,nj->ijk", dout, x, y)
    return dx, dw, np.einsum("nk,ijk,ni->nj", dout, w, x)
