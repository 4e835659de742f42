"""Textbook layers for pictures and sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform
from benchmarks.outside.textbook import images, sequences

PACKAGE = Package("textbook-shaped", "numpy", held_out=True, own=True)
PICTURES, FILTERS, SQUARES = normal(2, 2, 5, 5), normal(3, 2, 3, 3), normal(2, 3, 4, 4)
GAMMA, BETA = uniform(3, low=0.5, high=1.5), normal(3, seed=1)
X, H, WX, WH = normal(2, 3), normal(2, 4), normal(3, 4), normal(4, 4)
RNN = (normal(2, 3, 3), H, WX, WH, normal(4))
LSTM = (X, H, normal(2, 4, seed=1), normal(3, 16), normal(4, 16), normal(16))
Q, K, V = normal(3, 4), normal(5, 4), normal(5, 2)
QT, KT, VT = normal(2, 3, 4), normal(2, 3, 4, seed=1), normal(2, 3, 2)
IDS = np.array([[0, 2, 2], [4, 1, 0]])


def _layer(name: str, forward: Any, backward: Any, *inputs: Any) -> None:
    PACKAGE.add(name, lambda: Case(forward, inputs, backward))


def _mistake(name: str, proof: str, forward: Any, backward: Any, *inputs: Any) -> None:
    PACKAGE.add(name, lambda: Case(forward, inputs, backward), "wrong", proof)


_layer("convolution", images.conv, images.conv_backward, PICTURES, FILTERS, BETA, 1, 1)
_layer("convolution of stride 2", images.conv, images.conv_backward, PICTURES, FILTERS, BETA, 2, 0)
_layer("max pooling", images.max_pool, images.max_pool_backward, SQUARES)
_layer("average pooling", images.average_pool, images.average_pool_backward, SQUARES)
_layer("global average", images.global_average, images.global_average_backward, SQUARES)
_layer("upsampling", images.upsample, images.upsample_backward, SQUARES)
_layer("flatten", images.flatten, images.flatten_backward, SQUARES)
_layer("zero padding", images.zero_pad, images.zero_pad_backward, SQUARES)
_layer("spatial batch norm", images.spatial_batchnorm, images.spatial_batchnorm_backward, SQUARES, GAMMA, BETA)
_layer("rnn step", sequences.rnn_step, sequences.rnn_step_backward, X, H, WX, WH, normal(4))
_layer("rnn", sequences.rnn, sequences.rnn_backward, *RNN)
_layer("lstm step", sequences.lstm_step, sequences.lstm_step_backward, *LSTM)
_layer("gru step", sequences.gru_step, sequences.gru_step_backward, X, H, normal(3, 3, 4), normal(3, 4, 4))
_layer("embedding", sequences.embedding, sequences.embedding_backward, normal(5, 2), IDS)
_layer("attention", sequences.attention, sequences.attention_backward, Q, K, V)
_layer("causal attention", sequences.causal_attention, sequences.causal_attention_backward, QT, KT, VT)
_layer("time affine", sequences.time_affine, sequences.time_affine_backward, RNN[0], normal(3, 2), normal(2))
_layer(
    "masked loss", sequences.masked_loss, sequences.masked_loss_backward, normal(2, 3, 5), IDS,
    np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]),
)  # fmt: skip
_layer("word2vec", sequences.word2vec, sequences.word2vec_backward, normal(3), normal(5, 3), 2)

_mistake(
    "convolution, assigned", "overlapping windows need +=", images.conv, images.conv_backward_assigned, PICTURES,
    FILTERS, BETA, 1, 1,
)  # fmt: skip
_mistake(
    "average pooling, not divided", "each element has a share of 1/4", images.average_pool,
    images.average_pool_backward_undivided, SQUARES,
)  # fmt: skip
_mistake(
    "spatial batch norm, means over rows", "statistics are over (0, 2, 3), the gradient's means over 0 alone",
    images.spatial_batchnorm, images.spatial_batchnorm_backward_of_rows, SQUARES, GAMMA, BETA,
)  # fmt: skip
_mistake(
    "rnn, not carried", "gradients of later steps are dropped", sequences.rnn, sequences.rnn_backward_not_carried, *RNN
)
_mistake(
    "embedding, assigned", "ids 0 and 2 stand twice, their rows are counted once", sequences.embedding,
    sequences.embedding_backward_assigned, normal(5, 2), IDS,
)  # fmt: skip
_mistake(
    "attention, not scaled", "1/sqrt(d) is left out of the gradient of the scores", sequences.attention,
    sequences.attention_backward_unscaled, Q, K, V,
)  # fmt: skip
