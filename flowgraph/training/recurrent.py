"""Recurrent layers, unrolled: one state after the other, from a sequence of as many steps as its shape says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.kinds import OneOf
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.neural.activation import relu, sigmoid
from flowgraph.errors import ShapeError
from flowgraph.shapes.spec import shape_text
from flowgraph.training.layers import Layer, uniform
from flowgraph.training.settings import Rng, read_count, read_generator, strict_settings

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"tanh": np.tanh, "relu": relu}


class _Recurrent(Layer):
    """A state of `hidden` numbers that each step of a sequence changes; `gates` blocks of columns are computed at once.

    `layer(x)` builds the states after each step, `layer(x, state)` begins with a state, which else is zero. W (inputs,
    gates · hidden) reads the sequence, U (hidden, gates · hidden) the state; both and b are uniform on ±1 / √hidden.
    """

    gates = 1

    def __init__(self, inputs: int, hidden: int, *, rng: Rng = None, dtype: Any = float) -> None:
        super().__init__()
        who = type(self).__name__
        self.inputs, self.hidden = read_count(who, "inputs", inputs), read_count(who, "hidden", hidden)
        bound, generator = 1 / math.sqrt(hidden), read_generator(who, rng)
        for name, shape in self._shapes().items():
            setattr(self, name, Parameter(uniform(generator, bound, shape, dtype), name=name))

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        columns = self.gates * self.hidden
        return {"W": (self.inputs, columns), "U": (self.hidden, columns), "b": (columns,)}

    def __call__(self, x: Value, state: Value = None) -> Any:
        who = type(self).__name__
        with self._build_in_scope(x, 3) as x:
            steps = x.shape[1]
            if x.shape[2] != self.inputs:
                raise ShapeError(f"{who}: found {x.title} of shape {x.shape}, needs (N, T, {self.inputs})")
            if not isinstance(steps, int):
                raise ShapeError(
                    f"{who}: found {x.title} of shape {x.shape}, whose number of steps is no number; a sequence is "
                    f"unrolled, so that its graph needs one, shape=('N', 20, {self.inputs})"
                )
            if steps < 1:
                raise ShapeError(f"{who}: found {x.title} of shape {x.shape}, a sequence of 0 steps, needs 1 or more")
            own: Any = self
            a, states = x @ own.W + own.b, []
            if state is not None:
                self._check_state(state)
            elif steps == 1:  # else no step reads U, which would have no gradient
                state = self._zeros(np.zeros_like(a[:, 0, : self.hidden]))
            for t in range(steps):
                state = self._step(a[:, t], state)
                states.append(self._output_of(state))
            stacked: Any = np.stack(states, axis=1)
            return stacked.named("h")

    def _output_of(self, state: Value) -> Any:
        """The part of a state that is the output of the layer."""
        return state

    def _zeros(self, h: Value) -> Any:
        """The state that is zero, from one array of zeros."""
        return h

    def _check_state(self, state: Value) -> None:
        """Refuse what cannot be the state before the first step."""
        self._check_part("h_0", state)

    def _check_part(self, name: str, part: Value) -> None:
        shape = np.shape(part)
        if len(shape) not in (1, 2) or shape[-1] != self.hidden:
            raise ShapeError(
                f"{type(self).__name__}: found the state {name} of shape {shape_text(shape)}, needs (N, {self.hidden})"
            )

    def _gates(self, a: Value) -> list[Any]:
        """The blocks of columns."""
        return [a[:, i * self.hidden : (i + 1) * self.hidden] for i in range(self.gates)]

    def _step(self, a: Value, state: Value) -> Any:
        """The state after a step: `a` is the input term of the step; a state of None is zeros."""
        raise NotImplementedError


@strict_settings
class RNN(_Recurrent):
    """h_t = g(x_t W + h_{t-1} U + b), with g = tanh, or "relu".

    `layer(x)` begins with h_0 = 0, `layer(x, h_0)` elsewhere. The last state is h[:, -1].

    Shapes: x (N, T, inputs), h_0 (N, hidden), h (N, T, hidden); T is a number.

    Parameters
    ----------
    inputs : int
        Features of the input.
    hidden : int
        Size of the state.
    activation : {'tanh', 'relu'}, default 'tanh'
        The function g.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the weights; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Raises
    ------
    UsageError
        If the activation is unknown.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.RNN(3, 5, rng=0)(fg.Input("x", shape=("N", 7, 3)))
    <Stack 'h', axis=1: (N, 7, 5) float64>

    Source: Elman 1990, Finding structure in time.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        rng: Rng = None,
        dtype: Any = float,
    ) -> None:
        super().__init__(inputs, hidden, rng=rng, dtype=dtype)
        self.activation: str = OneOf(tuple(ACTIVATIONS)).read_setting("RNN", "activation", activation)

    def _step(self, a: Value, state: Value) -> Any:
        own: Any = self
        return ACTIVATIONS[self.activation](a if state is None else a + state @ own.U)


@strict_settings
class LSTM(_Recurrent):
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t), with the gates i, f, o = σ(x_t W + h_{t-1} U + b) and g = tanh of such.

    The columns of W, U and b belong to i, f, g, o in this order. `layer(x, (h_0, c_0))` begins with a state.

    Shapes: x (N, T, inputs), h_0 and c_0 (N, hidden), h (N, T, hidden); T is a number.

    Parameters
    ----------
    inputs : int
        Features of the input.
    hidden : int
        Size of the state.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the weights; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.LSTM(3, 5, rng=0)(fg.Input("x", shape=("N", 7, 3)))
    <Stack 'h', axis=1: (N, 7, 5) float64>

    Source: Hochreiter and Schmidhuber 1997, Long short-term memory; the forget gate: Gers et al. 2000, Learning to
    forget.
    """

    gates = 4

    def _output_of(self, state: Value) -> Any:
        return state[0]

    def _zeros(self, h: Value) -> Any:
        return h, h

    def _check_state(self, state: Value) -> None:
        if not isinstance(state, tuple | list) or len(state) != 2:
            described = (
                f"shape {shape_text(np.shape(state))}" if isinstance(state, Box | np.ndarray) else type(state).__name__
            )
            raise ShapeError(f"LSTM: found {described} as the state, needs a pair (h_0, c_0), each (N, {self.hidden})")
        for name, part in zip(("h_0", "c_0"), state, strict=True):
            self._check_part(name, part)

    def _step(self, a: Value, state: Value) -> Any:
        own: Any = self
        i, f, g, o = self._gates(a if state is None else a + state[0] @ own.U)
        c = sigmoid(i) * np.tanh(g)
        if state is not None:
            c = sigmoid(f) * state[1] + c
        return sigmoid(o) * np.tanh(c), c


@strict_settings
class GRU(_Recurrent):
    """h_t = (1 − z) n + z h_{t-1}, with the gates r, z = σ(x_t W + h_{t-1} U + b).

    The proposal is n = tanh(x_t W + b + r (h_{t-1} U + c)). The columns of W, U and b belong to r, z, n in this order;
    c is a bias of its own inside the product with r, as in cuDNN and PyTorch. `layer(x, h_0)` begins with a state.

    Shapes: x (N, T, inputs), h_0 (N, hidden), h (N, T, hidden); T is a number.

    Parameters
    ----------
    inputs : int
        Features of the input.
    hidden : int
        Size of the state.
    rng : int or numpy.random.Generator, optional
        A seed, or what draws the weights; None draws differently every time.
    dtype : dtype_like, default float
        Dtype of the parameters.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.GRU(3, 5, rng=0)(fg.Input("x", shape=("N", 7, 3)))
    <Stack 'h', axis=1: (N, 7, 5) float64>

    Source: Cho et al. 2014, Learning phrase representations using RNN encoder-decoder.
    """

    gates = 3

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return super()._shapes() | {"c": (self.hidden,)}

    def _step(self, a: Value, state: Value) -> Any:
        own: Any = self
        r, z, n = self._gates(a)
        if state is None:
            return (1 - sigmoid(z)) * np.tanh(n + sigmoid(r) * own.c)
        reset, kept, read = self._gates(state @ own.U)
        z = sigmoid(z + kept)
        return (1 - z) * np.tanh(n + sigmoid(r + reset) * (read + own.c)) + z * state
