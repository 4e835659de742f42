"""The network of the lecture: linear layers, activations and dropout, composed only of boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from flowgraph import rendering
from flowgraph.box import Box, Value
from flowgraph.box.copying import Picklable
from flowgraph.box.kinds import UNFIT
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.box.node import reopen_scope, scope
from flowgraph.box.random_draws import Keep
from flowgraph.boxes.linear_algebra.products import Affine
from flowgraph.boxes.neural.activation import elu, gelu, leaky_relu, linear, relu, sigmoid, silu, softplus
from flowgraph.boxes.neural.softmax import log_softmax, softmax
from flowgraph.boxes.numpy_api.constructors import as_box
from flowgraph.errors import DtypeError, UsageError
from flowgraph.graph import Graph
from flowgraph.training.display import cell_html, parameters_table
from flowgraph.training.initialisers import Initialiser, InitialiserName, find_initialiser
from flowgraph.training.layers import Layer
from flowgraph.training.settings import SETTINGS, Rng, read_count, read_generator, strict_keywords, strict_settings


@strict_keywords
def dropout(h: Value, rate: float, *, name: str | None = None) -> Any:
    """Set each number to 0 with probability `rate`, and divide the others by 1 - rate, so that the mean stays.

    The mask is drawn by the run from its seed: the same seed gives the same mask. For predictions build a graph
    without dropout on the same parameters.

    Parameters
    ----------
    h : Box or array_like
        Hidden units, any shape, of floats. The mask of an array is drawn too when a graph runs, or at once in a
        function that `flowgraph.functional` calls.
    rate : float
        Probability with which a number becomes 0, from 0 up to 1.
    name : str, optional
        Name of the mask.

    Returns
    -------
    Box
        A box of the shape of `h`; `h` itself for a rate of 0.

    Raises
    ------
    UsageError
        If `rate` is not from 0 up to 1.
    DtypeError
        If `h` is not of floats.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> h = fg.Input("h", shape=("N", 4))
    >>> run = fg.Graph(fg.dropout(h, 0.5)).fprop(h=np.ones((2, 4)), seed=3)
    >>> run.outputs[0]
    array([[0., 0., 2., 2.],
           [0., 0., 0., 0.]])

    Source: Srivastava et al. 2014, Dropout.
    """
    if SETTINGS["dropout"].read_value(rate) is UNFIT:
        raise UsageError(f"dropout: found rate={rate!r}, needs a number from 0 up to, not including, 1")
    h = as_box(h)
    if h.dtype.kind != "f":
        raise DtypeError(f"dropout: found {h.title} of dtype {h.dtype}, needs floats")
    with scope(name or "dropout"):
        mask = Random(Keep(float(rate)), shape=h.shape, dtype=h.dtype, name="mask" if name else None)
    dropped = h * mask
    return dropped.named(name) if name else dropped


@strict_settings
class Linear(Layer):
    """a = b + h W: an Affine box with its parameters, weights of shape (fan_in, fan_out) and biases of zeros.

    Called on a box, it builds the pre-activation; every call shares `W` and `b`.

    Parameters
    ----------
    fan_in : int
        Features of the input.
    fan_out : int
        Features of the output.
    init : str or function, default 'glorot_uniform'
        What draws the weights: 'glorot_uniform', 'he_uniform', 'he_normal', 'zeros', or a function of
        (fan_in, fan_out).
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the weights; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import flowgraph as fg
    >>> with fg.scope("layer1"):
    ...     layer = fg.Linear(784, 128, rng=0)
    >>> layer(fg.Input("x", shape=("N", 784))), layer.W.name
    (<Affine 'layer1/a': (N, 128) float64>, 'layer1/W')

    Source: Larochelle, Training neural networks, "pre-activation".
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        init: InitialiserName | Initialiser = "glorot_uniform",
        rng: Rng = None,
        dtype: DTypeLike | None = float,
    ) -> None:
        super().__init__()
        fan_in, fan_out = read_count("Linear", "fan_in", fan_in, low=0), read_count("Linear", "fan_out", fan_out, low=0)
        generator = read_generator("Linear", rng)
        self.W = Parameter(find_initialiser(init)(fan_in, fan_out, rng=generator, dtype=dtype), name="W")
        self.b = Parameter(np.zeros(fan_out, dtype), name="b")

    def __call__(self, h: Value) -> Box:
        """The layer applied: h @ W + b, (N, fan_out) of (N, fan_in)."""
        with self._build_in_scope(h) as h:
            return Affine(h, self.W, self.b, name="a")

    def __repr__(self) -> str:
        fan_in, fan_out = self.W.shape
        return f"<Linear {self.scope}{fan_in} -> {fan_out}>"


Activation: TypeAlias = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu"]
OutputActivation: TypeAlias = Activation | Literal["softmax", "log_softmax"]

HIDDEN: Mapping[str, Callable[[Any], Any]] = {
    "linear": linear, "sigmoid": sigmoid, "tanh": np.tanh, "relu": relu, "leaky_relu": leaky_relu, "elu": elu,
    "softplus": softplus, "gelu": gelu, "silu": silu,
}  # fmt: skip
OUTPUT: Mapping[str, Callable[[Any], Any]] = {**HIDDEN, "softmax": softmax, "log_softmax": log_softmax}


def usual_init(activation: object) -> InitialiserName:
    """The initialiser for hidden units of this activation: He's for rectified ones, Glorot's for all others."""
    return "he_uniform" if activation in ("relu", "leaky_relu", "elu") else "glorot_uniform"


@strict_settings
class MLP(Picklable):
    """A multilayer network: h_k = g(b_k + h_{k-1} W_k), with an output function o in place of g at the last layer.

    `mlp(x)` builds f(x), and `mlp.logits(x)` its pre-activation a, which losses from logits take. Both may be built
    on any box, any number of times; the parameters are shared. Boxes are called as in the lecture: layer1/W, layer1/b,
    layer1/a, layer1/h, layer2/W ...; the last layer has layer2/f. A scope that is open when the network is made stands
    in front of all of these.

    `hidden` and `output` are names of activations or functions of a box; `hidden` may be a list, one for each hidden
    layer. `init` draws the weights; biases start at 0. `rng` is a seed or a NumPy generator. `dropout` is the rate, or
    one rate per hidden layer, at which hidden units are dropped in what is built with `training=True`.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer: inputs, hidden layers, outputs.
    hidden : str, function, or sequence of such, default 'tanh'
        Activation of the hidden layers: 'linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'elu', 'softplus', 'gelu',
        'silu', or a function of a box.
    output : str or function, default 'softmax'
        Activation of the last layer: one of these, 'softmax' or 'log_softmax'.
    init : str or function, default 'glorot_uniform'
        What draws the weights: 'glorot_uniform', 'he_uniform', 'he_normal', 'zeros', or a function of
        (fan_in, fan_out).
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the weights; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.
    dropout : float or sequence of float, default 0.0
        Probability with which a hidden unit is dropped in training, from 0 up to 1.

    Raises
    ------
    UsageError
        If there are fewer than two sizes, or an activation, a rate or an initialiser is unknown.

    Examples
    --------
    >>> import flowgraph as fg
    >>> mlp = fg.MLP([784, 128, 10], hidden="tanh", output="softmax", rng=0)
    >>> x = fg.Input("x", shape=("N", 784))
    >>> mlp(x)
    <Softmax 'layer2/f', axis=-1: (N, 10) float64>
    >>> [W.shape for W in mlp.weights]
    [(784, 128), (128, 10)]

    Source: Larochelle, Training neural networks, "neural network: forward propagation".
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        hidden: Activation | Callable[[Any], Any] | Sequence[Activation | Callable[[Any], Any]] = "tanh",
        output: OutputActivation | Callable[[Any], Any] = "softmax",
        init: InitialiserName | Initialiser = "glorot_uniform",
        rng: Rng = None,
        dtype: DTypeLike | None = float,
        dropout: float | Sequence[float] = 0.0,
    ) -> None:
        self.sizes = _sizes(sizes)
        self.activations = _activations(hidden, len(self.sizes) - 2)
        self.hidden = self.activations if _is_list(hidden) else _function("hidden", hidden, HIDDEN)
        self.output = _function("output", output, OUTPUT)
        self.dropout = _rates(dropout, len(self.sizes) - 2)
        generator = read_generator("MLP", rng)
        self.layers: list[Linear] = []
        for k, (fan_in, fan_out) in enumerate(zip(self.sizes, self.sizes[1:], strict=False), 1):
            with scope(f"layer{k}"):
                self.layers.append(Linear(fan_in, fan_out, init=init, rng=generator, dtype=dtype))

    @property
    def weights(self) -> list[Parameter]:
        """The weight matrices W of all layers, for a regularizer."""
        return [layer.W for layer in self.layers]

    @property
    def biases(self) -> list[Parameter]:
        """The vectors b of all layers."""
        return [layer.b for layer in self.layers]

    @property
    def parameters(self) -> list[Parameter]:
        """Weights and biases, layer by layer."""
        return [parameter for layer in self.layers for parameter in (layer.W, layer.b)]

    def __call__(self, x: Value, *, training: bool = False) -> Any:
        """f(x), the output function of the last pre-activation."""
        a = self.logits(x, training=training)
        with reopen_scope(self.layers[-1].scope):
            return _give_name(self.output(a), "f", a)

    def logits(self, x: Value, *, training: bool = False) -> Any:
        """The pre-activation of the last layer: what the output activation is applied to.

        Parameters
        ----------
        x : Box or array_like, shape (N, sizes[0])
            The inputs, one example per row.
        training : bool, default False
            Whether dropout is applied.

        Returns
        -------
        Box, shape (N, sizes[-1])
            The scores of each example.
        """
        h: Any = x
        for layer, activation, rate in zip(self.layers, self.activations, self.dropout, strict=False):
            a = layer(h)
            with reopen_scope(layer.scope):
                h = _give_name(activation(a), "h", a)
                if training and rate:
                    h = dropout(h, rate, name="dropped")
        return self.layers[-1](h)

    def _repr_html_(self) -> str:
        x = Input("x", shape=("N", self.sizes[0]), dtype=self.layers[0].W.dtype)
        drawn = rendering.notebook_svg(Graph(self(x)))
        return cell_html(self, drawn, details=("parameters", parameters_table(self.parameters)))

    def __repr__(self) -> str:
        count = sum(math.prod(parameter.value.shape) for parameter in self.parameters)
        return f"<MLP {' -> '.join(map(str, self.sizes))}: {count:,} numbers in {len(self.parameters)} parameters>"


def _give_name(box: Box, name: str, child: Box) -> Any:
    """The box under the name of the lecture; the linear activation is its child, which has a name."""
    return box if box is child else box.named(name)


def _sizes(sizes: Any) -> tuple[int, ...]:
    given = _list_of(sizes, 1)
    if len(given) < 2 or not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in given):
        raise UsageError(f"MLP: found sizes {list(given)}, needs two numbers or more, each 1 or more, [784, 128, 10]")
    return tuple(int(size) for size in given)


def _list_of(given: Any, count: int) -> tuple[Any, ...]:
    """The elements of a list, or one value so many times."""
    return tuple(given) if _is_list(given) else (given,) * count


def _is_list(given: object) -> bool:
    return isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)


def _activations(given: object, hidden: int) -> tuple[Callable[[Any], Any], ...]:
    """The activation of each hidden layer."""
    listed = _list_of(given, hidden)
    if len(listed) != hidden:
        raise UsageError(f"MLP: found {len(listed)} activations in hidden={given!r}, but {hidden} hidden layers")
    return tuple(_function("hidden", activation, HIDDEN) for activation in listed)


def _function(what: str, given: object, known: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], Any]:
    if callable(given):
        function: Callable[[Any], Any] = given
        return function
    if not isinstance(given, str) or given not in known:
        raise UsageError(f"MLP: found {what}={given!r}, needs a function of a box or one of {', '.join(known)}")
    return known[given]


def _rates(given: float | Sequence[float], hidden: int) -> tuple[float, ...]:
    """The rate of each hidden layer."""
    rates = _list_of(given, hidden)
    read = [SETTINGS["dropout"].read_value(rate) for rate in rates or _list_of(given, 1)]
    if len(rates) != hidden or UNFIT in read:
        raise UsageError(
            f"MLP: found dropout={given!r}, needs a rate from 0 up to, not including, 1, or {hidden} of them, "
            f"one per hidden layer"
        )
    return rates
