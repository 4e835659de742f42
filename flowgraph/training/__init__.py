"""Models, their training, what it measured, and its pages; composed of boxes and graphs."""

from flowgraph.training import schedules
from flowgraph.training.bias_variance import BiasVariance, bias_variance
from flowgraph.training.callbacks import Callback
from flowgraph.training.checkpoint import Checkpoint, load_checkpoint, resume, save_checkpoint
from flowgraph.training.early_stopping import EarlyStopping
from flowgraph.training.evaluation import Evaluator
from flowgraph.training.fit import fit
from flowgraph.training.history import Epoch, History
from flowgraph.training.initialisers import constant, glorot_uniform, he_normal, he_uniform, zeros
from flowgraph.training.layers import BatchNorm, ConvLayer, Embedding, LayerNorm, MultiHeadAttention
from flowgraph.training.mlp import MLP, Linear, dropout
from flowgraph.training.newton import Minimum, SaddleError, TooLargeError, lbfgs, newton
from flowgraph.training.objective import objective
from flowgraph.training.preflight import Preflight, PreflightError, PreflightWarning, preflight
from flowgraph.training.problem import Problem
from flowgraph.training.recurrent import GRU, LSTM, RNN
from flowgraph.training.rule import Rule
from flowgraph.training.rules import SGD, Adagrad, Adam, AdamW, Clipped, Momentum, Nesterov, Proximal, RMSProp
from flowgraph.training.state import State
from flowgraph.training.trainer import Trainer
from flowgraph.training.watching import Watch, watch

__all__ = [
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "BiasVariance",
    "Callback",
    "Checkpoint",
    "Clipped",
    "ConvLayer",
    "EarlyStopping",
    "Embedding",
    "Epoch",
    "Evaluator",
    "History",
    "LayerNorm",
    "Linear",
    "Minimum",
    "Momentum",
    "MultiHeadAttention",
    "Nesterov",
    "Preflight",
    "PreflightError",
    "PreflightWarning",
    "Problem",
    "Proximal",
    "RMSProp",
    "Rule",
    "SaddleError",
    "State",
    "TooLargeError",
    "Trainer",
    "Watch",
    "bias_variance",
    "constant",
    "dropout",
    "fit",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lbfgs",
    "load_checkpoint",
    "newton",
    "objective",
    "preflight",
    "resume",
    "save_checkpoint",
    "schedules",
    "watch",
    "zeros",
]
