"""Losses as courses write them: scores (N, C) with labels (N,), or predictions and targets of one shape."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def mse(prediction: Array, target: Array) -> Array:
    return np.mean((prediction - target) ** 2)


def mse_backward(dout: Array, out: Array, prediction: Array, target: Array) -> Any:
    return dout * 2 * (prediction - target) / prediction.size, None


def mse_over_rows_only(dout: Array, out: Array, prediction: Array, target: Array) -> Any:
    return dout * 2 * (prediction - target) / len(prediction), None


def softmax_loss(scores: Array, labels: Array) -> Array:
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean()


def softmax_loss_backward(dout: Array, out: Array, scores: Array, labels: Array) -> Any:
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return dout * p / len(labels), None


def svm_loss(scores: Array, labels: Array) -> Array:
    n = len(labels)
    margins = np.maximum(0, scores - scores[np.arange(n), labels][:, None] + 1)
    margins[np.arange(n), labels] = 0
    return margins.sum() / n


def svm_loss_backward(dout: Array, out: Array, scores: Array, labels: Array) -> Any:
    n = len(labels)
    active = (scores - scores[np.arange(n), labels][:, None] + 1 > 0).astype(float)
    active[np.arange(n), labels] = 0
    active[np.arange(n), labels] -= active.sum(axis=1)
    return dout * active / n, None


def svm_loss_backward_one_subtracted(dout: Array, out: Array, scores: Array, labels: Array) -> Any:
    n = len(labels)
    active = (scores - scores[np.arange(n), labels][:, None] + 1 > 0).astype(float)
    active[np.arange(n), labels] = -1
    return dout * active / n, None


def binary_cross_entropy(p: Array, y: Array) -> Array:
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def binary_cross_entropy_backward(dout: Array, out: Array, p: Array, y: Array) -> Any:
    return dout * (p - y) / (p * (1 - p)) / p.size, None


def logistic_loss(scores: Array, y: Array) -> Array:
    """Labels of -1 and 1."""
    return np.mean(np.logaddexp(0, -y * scores))


def logistic_loss_backward(dout: Array, out: Array, scores: Array, y: Array) -> Any:
    return -dout * y / (1 + np.exp(y * scores)) / len(scores), None


def huber(prediction: Array, target: Array) -> Array:
    r = np.abs(prediction - target)
    return np.where(r <= 1, 0.5 * r**2, r - 0.5).mean()


def huber_backward(dout: Array, out: Array, prediction: Array, target: Array) -> Any:
    g = dout * np.clip(prediction - target, -1, 1) / prediction.size
    return g, -g


def kl_divergence(p: Array, q: Array) -> Array:
    return np.sum(p * np.log(p / q))


def kl_divergence_backward(dout: Array, out: Array, p: Array, q: Array) -> Any:
    return dout * (np.log(p / q) + 1), -dout * p / q


def triplet(anchor: Array, positive: Array, negative: Array) -> Array:
    near = ((anchor - positive) ** 2).sum(axis=1)
    far = ((anchor - negative) ** 2).sum(axis=1)
    return np.maximum(0, near - far + 0.2).mean()


def triplet_backward(dout: Array, out: Array, anchor: Array, positive: Array, negative: Array) -> Any:
    near = ((anchor - positive) ** 2).sum(axis=1)
    far = ((anchor - negative) ** 2).sum(axis=1)
    scale = 2 * dout * (near - far + 0.2 > 0)[:, None] / len(anchor)
    return scale * (negative - positive), scale * (positive - anchor), scale * (anchor - negative)


def cosine_loss(a: Array, b: Array) -> Array:
    na, nb = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    return np.mean(1 - (a * b).sum(axis=1) / (na * nb))


def cosine_loss_backward(dout: Array, out: Array, a: Array, b: Array) -> Any:
    na, nb = np.linalg.norm(a, axis=1, keepdims=True), np.linalg.norm(b, axis=1, keepdims=True)
    cos = (a * b).sum(axis=1, keepdims=True) / (na * nb)
    scale = -dout / len(a)
    return scale * (b / (na * nb) - cos * a / na**2), scale * (a / (na * nb) - cos * b / nb**2)


def cosine_loss_without_own_norm(dout: Array, out: Array, a: Array, b: Array) -> Any:
    na, nb = np.linalg.norm(a, axis=1, keepdims=True), np.linalg.norm(b, axis=1, keepdims=True)
    return -dout / len(a) * b / (na * nb), -dout / len(a) * a / (na * nb)


def ridge(w: Array, x: Array, y: Array) -> Array:
    return np.mean((x @ w - y) ** 2) + 0.1 * np.sum(w**2)


def ridge_backward(dout: Array, out: Array, w: Array, x: Array, y: Array) -> Any:
    return dout * (2 * x.T @ (x @ w - y) / len(y) + 0.2 * w), None, None


def logistic_regression(w: Array, x: Array, y: Array) -> Array:
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logistic_regression_backward(dout: Array, out: Array, w: Array, x: Array, y: Array) -> Any:
    p = 1 / (1 + np.exp(-(x @ w)))
    return dout * x.T @ (p - y) / len(y), None, None
