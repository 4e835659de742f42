"""Layers for sequences: recurrent steps and loops, embeddings, attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.textbook.dense import sigmoid

Array = Any


def rnn_step(x: Array, h: Array, wx: Array, wh: Array, b: Array) -> Array:
    return np.tanh(x @ wx + h @ wh + b)


def rnn_step_backward(dnext: Array, out: Array, x: Array, h: Array, wx: Array, wh: Array, b: Array) -> Any:
    dz = dnext * (1 - out**2)
    return dz @ wx.T, dz @ wh.T, x.T @ dz, h.T @ dz, dz.sum(axis=0)


def rnn(x: Array, h0: Array, wx: Array, wh: Array, b: Array) -> Array:
    """x: (N, T, D); all states, (N, T, H)."""
    states, h = [], h0
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t], h, wx, wh, b)
        states.append(h)
    return np.stack(states, axis=1)


def rnn_backward(dh: Array, out: Array, x: Array, h0: Array, wx: Array, wh: Array, b: Array) -> Any:
    dx, carried = np.zeros_like(x), np.zeros_like(h0)
    dwx, dwh, db = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    for t in reversed(range(x.shape[1])):
        before = out[:, t - 1] if t > 0 else h0
        dx[:, t], carried, gx, gh, gb = rnn_step_backward(dh[:, t] + carried, out[:, t], x[:, t], before, wx, wh, b)
        dwx, dwh, db = dwx + gx, dwh + gh, db + gb
    return dx, carried, dwx, dwh, db


def rnn_backward_not_carried(dh: Array, out: Array, x: Array, h0: Array, wx: Array, wh: Array, b: Array) -> Any:
    """The gradient through time is forgotten."""
    dx, carried = np.zeros_like(x), np.zeros_like(h0)
    dwx, dwh, db = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    for t in reversed(range(x.shape[1])):
        before = out[:, t - 1] if t > 0 else h0
        dx[:, t], carried, gx, gh, gb = rnn_step_backward(dh[:, t], out[:, t], x[:, t], before, wx, wh, b)
        dwx, dwh, db = dwx + gx, dwh + gh, db + gb
    return dx, carried, dwx, dwh, db


def lstm_step(x: Array, h: Array, c: Array, wx: Array, wh: Array, b: Array) -> tuple[Array, Array]:
    i, f, o, g = np.split(x @ wx + h @ wh + b, 4, axis=1)
    cell = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def lstm_step_backward(grads: Any, out: Any, x: Array, h: Array, c: Array, wx: Array, wh: Array, b: Array) -> Any:
    dh, dc = grads
    i, f, o, g = np.split(x @ wx + h @ wh + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    t = np.tanh(out[1])
    dcell = dc + dh * o * (1 - t**2)
    dz = np.hstack([dcell * g * i * (1 - i), dcell * c * f * (1 - f), dh * t * o * (1 - o), dcell * i * (1 - g**2)])
    return dz @ wx.T, dz @ wh.T, dcell * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


def gru_step(x: Array, h: Array, w: Array, u: Array) -> Array:
    """w: (3, D, H), u: (3, H, H), for update, reset and candidate."""
    z, r = sigmoid(x @ w[0] + h @ u[0]), sigmoid(x @ w[1] + h @ u[1])
    return (1 - z) * h + z * np.tanh(x @ w[2] + (r * h) @ u[2])


def gru_step_backward(dout: Array, out: Array, x: Array, h: Array, w: Array, u: Array) -> Any:
    z, r = sigmoid(x @ w[0] + h @ u[0]), sigmoid(x @ w[1] + h @ u[1])
    n = np.tanh(x @ w[2] + (r * h) @ u[2])
    dn = dout * z * (1 - n**2)
    drh = dn @ u[2].T
    dz, dr = dout * (n - h) * z * (1 - z), drh * h * r * (1 - r)
    dh = dout * (1 - z) + drh * r + dz @ u[0].T + dr @ u[1].T
    dx = dz @ w[0].T + dr @ w[1].T + dn @ w[2].T
    return dx, dh, np.stack([x.T @ dz, x.T @ dr, x.T @ dn]), np.stack([h.T @ dz, h.T @ dr, (r * h).T @ dn])


def embedding(table: Array, ids: Array) -> Array:
    return table[ids]


def embedding_backward(dout: Array, out: Array, table: Array, ids: Array) -> Any:
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dout)
    return dtable, None


def embedding_backward_assigned(dout: Array, out: Array, table: Array, ids: Array) -> Any:
    """A word that stands twice counts once."""
    dtable = np.zeros_like(table)
    dtable[ids] += dout
    return dtable, None


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention(q: Array, k: Array, v: Array) -> Array:
    return _softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


def attention_backward(dout: Array, out: Array, q: Array, k: Array, v: Array) -> Any:
    scale = 1 / np.sqrt(q.shape[1])
    a = _softmax(q @ k.T * scale)
    da = dout @ v.T
    ds = a * (da - (da * a).sum(axis=1, keepdims=True)) * scale
    return ds @ k, ds.T @ q, a.T @ dout


def attention_backward_unscaled(dout: Array, out: Array, q: Array, k: Array, v: Array) -> Any:
    a = _softmax(q @ k.T / np.sqrt(q.shape[1]))
    da = dout @ v.T
    ds = a * (da - (da * a).sum(axis=1, keepdims=True))
    return ds @ k, ds.T @ q, a.T @ dout


def causal_attention(q: Array, k: Array, v: Array) -> Array:
    """(N, T, D) each."""
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2])
    hidden = np.triu(np.ones(scores.shape[1:], dtype=bool), 1)
    return _softmax(np.where(hidden, -1e9, scores)) @ v


def causal_attention_backward(dout: Array, out: Array, q: Array, k: Array, v: Array) -> Any:
    scale = 1 / np.sqrt(q.shape[2])
    scores = q @ k.transpose(0, 2, 1) * scale
    a = _softmax(np.where(np.triu(np.ones(scores.shape[1:], dtype=bool), 1), -1e9, scores))
    da = dout @ v.transpose(0, 2, 1)
    ds = a * (da - (da * a).sum(axis=2, keepdims=True)) * scale
    return ds @ k, ds.transpose(0, 2, 1) @ q, a.transpose(0, 2, 1) @ dout


def time_affine(x: Array, w: Array, b: Array) -> Array:
    n, t, d = x.shape
    return (x.reshape(n * t, d) @ w).reshape(n, t, -1) + b


def time_affine_backward(dout: Array, out: Array, x: Array, w: Array, b: Array) -> Any:
    n, t, d = x.shape
    rows = dout.reshape(n * t, -1)
    return (rows @ w.T).reshape(n, t, d), x.reshape(n * t, d).T @ rows, rows.sum(axis=0)


def masked_loss(scores: Array, labels: Array, mask: Array) -> Array:
    """scores (N, T, V), labels (N, T), mask (N, T): summed over what is not padding, divided by N."""
    p = _softmax(scores)
    n, t = labels.shape
    return -np.sum(mask * np.log(p[np.arange(n)[:, None], np.arange(t), labels])) / n


def masked_loss_backward(dout: Array, out: Array, scores: Array, labels: Array, mask: Array) -> Any:
    d = _softmax(scores)
    n, t = labels.shape
    d[np.arange(n)[:, None], np.arange(t), labels] -= 1
    return dout * d * mask[:, :, None] / n, None, None


def word2vec(centre: Array, vectors: Array, target: int) -> Array:
    """Softmax loss of one word pair: centre (D,), vectors (V, D)."""
    return -np.log(_softmax(vectors @ centre)[target])


def word2vec_backward(dout: Array, out: Array, centre: Array, vectors: Array, target: int) -> Any:
    d = _softmax(vectors @ centre)
    d[target] -= 1
    return dout * vectors.T @ d, dout * np.outer(d, centre), None
