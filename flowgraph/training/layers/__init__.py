"""Layers: boxes with the parameters that they share in every call; `Linear` and `MLP` stand beside this folder."""

from flowgraph.training.layers.attention import MultiHeadAttention
from flowgraph.training.layers.convolution import ConvLayer
from flowgraph.training.layers.embedding import Embedding
from flowgraph.training.layers.normalisation import BatchNorm, LayerNorm
from flowgraph.training.layers.recurrent import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "BatchNorm", "ConvLayer", "Embedding", "LayerNorm", "MultiHeadAttention"]
