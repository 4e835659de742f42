"""Layers of sequences: steps of recurrent nets, embedding, attention."""

from __future__ import annotations

import numpy as np

from .layer import Layer

rng = np.random.default_rng(42)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def rnn_step(x, h, wx, wh, b):
    return np.tanh(x @ wx + h @ wh + b)


def rnn_step_backward(grad, out, x, h, wx, wh, b):
    da = grad * (1 - out**2)
    return da @ wx.T, da @ wh.T, x.T @ da, h.T @ da, da.sum(axis=0)


def rnn_step_without_tanh(grad, out, x, h, wx, wh, b):
    return grad @ wx.T, grad @ wh.T, x.T @ grad, h.T @ grad, grad.sum(axis=0)


def lstm_step(x, h, c, wx, wh, b):
    hidden = h.shape[1]
    a = x @ wx + h @ wh + b
    gate_in, forget = sigmoid(a[:, :hidden]), sigmoid(a[:, hidden : 2 * hidden])
    gate_out, candidate = sigmoid(a[:, 2 * hidden : 3 * hidden]), np.tanh(a[:, 3 * hidden :])
    new_c = forget * c + gate_in * candidate
    return gate_out * np.tanh(new_c), new_c


def lstm_step_backward(grads, out, x, h, c, wx, wh, b):
    dh, dc = grads
    hidden = h.shape[1]
    a = x @ wx + h @ wh + b
    gate_in, forget = sigmoid(a[:, :hidden]), sigmoid(a[:, hidden : 2 * hidden])
    gate_out, candidate = sigmoid(a[:, 2 * hidden : 3 * hidden]), np.tanh(a[:, 3 * hidden :])
    tanh_c = np.tanh(out[1])
    dc = dc + dh * gate_out * (1 - tanh_c**2)
    da = np.hstack(
        [
            dc * candidate * gate_in * (1 - gate_in),
            dc * c * forget * (1 - forget),
            dh * tanh_c * gate_out * (1 - gate_out),
            dc * gate_in * (1 - candidate**2),
        ]
    )
    return da @ wx.T, da @ wh.T, dc * forget, x.T @ da, h.T @ da, da.sum(axis=0)


def gru_step(x, h, wx, wh):
    hidden = h.shape[1]
    update = sigmoid(x @ wx[:, :hidden] + h @ wh[:, :hidden])
    reset = sigmoid(x @ wx[:, hidden : 2 * hidden] + h @ wh[:, hidden : 2 * hidden])
    candidate = np.tanh(x @ wx[:, 2 * hidden :] + (reset * h) @ wh[:, 2 * hidden :])
    return (1 - update) * h + update * candidate


def gru_step_backward(grad, out, x, h, wx, wh):
    n = h.shape[1]
    update = sigmoid(x @ wx[:, :n] + h @ wh[:, :n])
    reset = sigmoid(x @ wx[:, n : 2 * n] + h @ wh[:, n : 2 * n])
    candidate = np.tanh(x @ wx[:, 2 * n :] + (reset * h) @ wh[:, 2 * n :])
    da_candidate = grad * update * (1 - candidate**2)
    through_reset = da_candidate @ wh[:, 2 * n :].T
    da_update = grad * (candidate - h) * update * (1 - update)
    da_reset = through_reset * h * reset * (1 - reset)
    da = np.hstack([da_update, da_reset, da_candidate])
    dh = grad * (1 - update) + through_reset * reset + da[:, : 2 * n] @ wh[:, : 2 * n].T
    dwh = np.hstack([h.T @ da[:, : 2 * n], (reset * h).T @ da_candidate])
    return da @ wx.T, dh, x.T @ da, dwh


def embedding(words, table):
    return table[words]


def embedding_backward(grad, out, words, table):
    dtable = np.zeros_like(table)
    np.add.at(dtable, words, grad)
    return None, dtable


def embedding_assigned(grad, out, words, table):
    dtable = np.zeros_like(table)
    dtable[words] = grad
    return None, dtable


def attention(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ v


def attention_backward(grad, out, q, k, v):
    root = np.sqrt(q.shape[1])
    scores = q @ k.T / root
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    dweights = grad @ v.T
    dscores = weights * (dweights - (dweights * weights).sum(axis=1, keepdims=True)) / root
    return dscores @ k, dscores.T @ q, weights.T @ grad


def drawn(*shape):
    return rng.normal(size=shape)


LAYERS = [
    Layer(
        "RNN step",
        rnn_step,
        rnn_step_backward,
        (drawn(3, 4), drawn(3, 2), drawn(4, 2), drawn(2, 2), drawn(2)),
        {"the derivative of tanh is left out": rnn_step_without_tanh},
    ),
    Layer(
        "LSTM step",
        lstm_step,
        lstm_step_backward,
        (drawn(3, 4), drawn(3, 2), drawn(3, 2), drawn(4, 8), drawn(2, 8), drawn(8)),
    ),
    Layer("GRU step", gru_step, gru_step_backward, (drawn(3, 4), drawn(3, 2), drawn(4, 6), drawn(2, 6))),
    Layer(
        "embedding",
        embedding,
        embedding_backward,
        (np.array([[0, 2, 1], [4, 3, 5]]), drawn(6, 3)),
        {"= instead of np.add.at": embedding_assigned},
    ),
    Layer("attention", attention, attention_backward, (drawn(3, 4), drawn(5, 4), drawn(5, 2))),
]
