"""Layers of a classifier: affine, normalisations, dropout, losses."""

from __future__ import annotations

import numpy as np

from .layer import Layer

rng = np.random.default_rng(41)


def affine(x, w, b):
    rows = x.reshape(x.shape[0], -1)
    return rows @ w + b


def affine_backward(grad, out, x, w, b):
    rows = x.reshape(x.shape[0], -1)
    return (grad @ w.T).reshape(x.shape), rows.T @ grad, grad.sum(axis=0)


def affine_mean_bias(grad, out, x, w, b):
    dx, dw, _ = affine_backward(grad, out, x, w, b)
    return dx, dw, grad.mean(axis=0)


def relu(x):
    return np.maximum(0, x)


def relu_backward(grad, out, x):
    return grad * (x > 0)


def batch_norm(x, gamma, beta):
    mean, variance = x.mean(axis=0), x.var(axis=0)
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def batch_norm_backward(grad, out, x, gamma, beta):
    n = x.shape[0]
    scale = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    normal = (x - x.mean(axis=0)) * scale
    dnormal = grad * gamma
    dx = scale / n * (n * dnormal - dnormal.sum(axis=0) - normal * (dnormal * normal).sum(axis=0))
    return dx, (grad * normal).sum(axis=0), grad.sum(axis=0)


def batch_norm_fixed_variance(grad, out, x, gamma, beta):
    _, dgamma, dbeta = batch_norm_backward(grad, out, x, gamma, beta)
    scaled = grad * gamma / np.sqrt(x.var(axis=0) + 1e-5)
    return scaled - scaled.mean(axis=0), dgamma, dbeta


def layer_norm(x, gamma, beta):
    mean = x.mean(axis=1, keepdims=True)
    variance = x.var(axis=1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def layer_norm_backward(grad, out, x, gamma, beta):
    d = x.shape[1]
    scale = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    normal = (x - x.mean(axis=1, keepdims=True)) * scale
    dnormal = grad * gamma
    inner = (dnormal * normal).sum(axis=1, keepdims=True)
    dx = scale / d * (d * dnormal - dnormal.sum(axis=1, keepdims=True) - normal * inner)
    return dx, (grad * normal).sum(axis=0), grad.sum(axis=0)


def dropout(x, mask, keep):
    return x * mask / keep


def dropout_backward(grad, out, x, mask, keep):
    return grad * mask / keep, None, None


def dropout_unscaled(grad, out, x, mask, keep):
    return grad * mask, None, None


def softmax_loss(scores, labels):
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    n = scores.shape[0]
    return -log_p[np.arange(n), labels].sum() / n


def softmax_loss_backward(grad, out, scores, labels):
    n = scores.shape[0]
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(n), labels] -= 1
    return grad * p / n, None


def softmax_loss_of_sum(grad, out, scores, labels):
    dscores, _ = softmax_loss_backward(grad, out, scores, labels)
    return dscores * scores.shape[0], None


def hinge_loss(scores, labels):
    n = scores.shape[0]
    right = scores[np.arange(n), labels][:, None]
    margins = np.maximum(0, scores - right + 1)
    margins[np.arange(n), labels] = 0
    return margins.sum() / n


def hinge_loss_backward(grad, out, scores, labels):
    n = scores.shape[0]
    right = scores[np.arange(n), labels][:, None]
    active = (scores - right + 1 > 0).astype(scores.dtype)
    active[np.arange(n), labels] = 0
    active[np.arange(n), labels] = -active.sum(axis=1)
    return grad * active / n, None


def squared_loss(prediction, target):
    return ((prediction - target) ** 2).mean()


def squared_loss_backward(grad, out, prediction, target):
    slope = 2 * (prediction - target) / prediction.size
    return grad * slope, -grad * slope


x = rng.normal(size=(3, 4))
LABELS = np.array([1, 0, 4])
LAYERS = [
    Layer(
        "affine",
        affine,
        affine_backward,
        (rng.normal(size=(2, 3, 2)), rng.normal(size=(6, 5)), rng.normal(size=5)),
        {"mean instead of sum for the bias": affine_mean_bias},
    ),
    Layer("relu", relu, relu_backward, (x,)),
    Layer(
        "batch norm",
        batch_norm,
        batch_norm_backward,
        (rng.normal(size=(6, 4)), rng.normal(size=4), rng.normal(size=4)),
        {"the variance taken for a constant": batch_norm_fixed_variance},
    ),
    Layer("layer norm", layer_norm, layer_norm_backward, (x, rng.normal(size=4), rng.normal(size=4))),
    Layer(
        "dropout",
        dropout,
        dropout_backward,
        (x, rng.uniform(size=(3, 4)) < 0.6, 0.6),
        {"not divided by keep": dropout_unscaled},
    ),
    Layer(
        "softmax loss",
        softmax_loss,
        softmax_loss_backward,
        (rng.normal(size=(3, 5)), LABELS),
        {"the sum instead of the mean": softmax_loss_of_sum},
    ),
    Layer("hinge loss", hinge_loss, hinge_loss_backward, (rng.normal(size=(3, 5)), LABELS)),
    Layer("squared loss", squared_loss, squared_loss_backward, (x, rng.normal(size=(3, 4)))),
]
