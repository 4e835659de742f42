"""How each peer's gradient checker is given a pair of NumPy functions. True means: it says the gradient is wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np


class Pair:
    """An entry as a function of its float inputs alone, giving a flat vector: what every peer can take."""

    def __init__(self, counted: Any, inputs: tuple[Any, ...]) -> None:
        self.entry = counted.entry
        self.run = counted.fprop
        self.inputs = inputs
        self.places = [i for i, x in enumerate(inputs) if type(x) is float or np.asarray(x).dtype.kind == "f"]
        self.places = [i for i in self.places if not self._is_setting(i)]
        self.second = self.entry.options.get("second") if self.entry.options.get("order", 1) > 1 else None

    def _is_setting(self, place: int) -> bool:
        """A Python float whose gradient is None is a setting."""
        if type(self.inputs[place]) is not float:
            return False
        output = self.entry.fprop(*self.inputs)
        return self.entry.bprop(_ones(output), output, *self.inputs)[place] is None

    @property
    def active(self) -> list[Any]:
        """The inputs that are differentiated, as arrays."""
        return [np.asarray(self.inputs[i]) for i in self.places]

    def all(self, active: Any) -> list[Any]:
        """All inputs, with these arrays for those that are differentiated."""
        inputs = list(self.inputs)
        for i, x in zip(self.places, active, strict=True):
            inputs[i] = float(x) if type(inputs[i]) is float else x
        return inputs

    def value(self, *active: Any) -> Any:
        """The outputs in one flat array."""
        return flat(self.run(*self.all(active)))

    def gradients(self, grad: Any, *active: Any, output: Any = None) -> tuple[Any, ...]:
        """The gradients by those that are differentiated, for a flat incoming gradient."""
        inputs = self.all(active)
        output = self.run(*inputs) if output is None else output
        found = self.entry.bprop(shaped(np.asarray(grad), output), output, *inputs)
        if len(found) != len(inputs):
            raise ValueError(f"{len(found)} gradients for {len(inputs)} inputs")
        chosen = [found[i] for i in self.places]
        return tuple(np.zeros(np.shape(x)) if g is None else np.asarray(g) for g, x in zip(chosen, active, strict=True))

    def seconds(self, grads: tuple[Any, ...], grad: Any, *active: Any) -> tuple[Any, ...]:
        """The bprop of `gradients` by grad and the inputs, with what goes through the output added."""
        inputs = self.all(active)
        output = self.run(*inputs)
        arriving = shaped(np.asarray(grad), output)
        first = self.entry.bprop(arriving, output, *inputs)
        by_grad, by_output, *by_inputs = self.second(grads, first, arriving, output, *inputs)
        through = [None] * len(inputs) if by_output is None else self.entry.bprop(by_output, output, *inputs)
        sums = [np.zeros(np.shape(x)) for x in active]
        for k, i in enumerate(self.places):
            for part in (by_inputs[i], through[i]):
                sums[k] = sums[k] + (0.0 if part is None else part)
        return (np.ravel(by_grad), *sums)


def _ones(output: Any) -> Any:
    return tuple(np.ones(np.shape(p)) for p in output) if isinstance(output, tuple) else np.ones(np.shape(output))


def flat(output: Any) -> Any:
    """All elements of an output as one vector."""
    parts = output if isinstance(output, tuple) else (output,)
    return np.concatenate([np.ravel(np.asarray(part)) for part in parts]).astype(float)


def shaped(grad: Any, output: Any) -> Any:
    """The vector of gradients in the output's own form."""
    if not isinstance(output, tuple):
        return grad.reshape(np.shape(output)).copy()
    ends = np.cumsum([np.size(part) for part in output])[:-1]
    return tuple(g.reshape(np.shape(part)) for g, part in zip(np.split(grad, ends), output, strict=True))


def central(counted: Any, inputs: tuple[Any, ...]) -> bool:
    """One random incoming gradient, every element, step 1e-5, np.allclose at 1e-4."""
    pair = Pair(counted, inputs)
    active = [np.array(x, dtype=float) for x in pair.active]
    grad = np.random.default_rng(0).normal(size=pair.value(*active).shape)
    found = pair.gradients(grad, *active)
    for x, g in zip(active, found, strict=True):
        if g.shape != x.shape:
            return True
        numeric = np.zeros(x.shape)
        for k in np.ndindex(x.shape):
            kept = x[k]
            x[k] = kept + 1e-5
            up = pair.value(*active)
            x[k] = kept - 1e-5
            down = pair.value(*active)
            x[k] = kept
            numeric[k] = grad @ (up - down) / 2e-5
        if not np.allclose(g, numeric, rtol=1e-4, atol=1e-7):
            return True
    return False


def torch_gradcheck(counted: Any, inputs: tuple[Any, ...]) -> bool:
    """torch.autograd.gradcheck, and gradgradcheck where a second derivative is given."""
    import torch

    torch.set_num_threads(1)
    pair = Pair(counted, inputs)

    class Gradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, grad: Any, *active: Any) -> Any:
            ctx.save_for_backward(grad, *active)
            found = pair.gradients(grad.numpy(), *[x.numpy() for x in active])
            return tuple(torch.tensor(g) for g in found)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            grad, *active = [x.numpy() for x in ctx.saved_tensors]
            return tuple(torch.tensor(g) for g in pair.seconds(tuple(g.numpy() for g in grads), grad, *active))

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *active: Any) -> Any:
            ctx.save_for_backward(*active)
            return torch.tensor(pair.value(*[x.numpy() for x in active]))

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return Gradient.apply(grad, *ctx.saved_tensors)

    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in pair.active]
    right = torch.autograd.gradcheck(Function.apply, leaves, raise_exception=False)
    if right and pair.second is not None:
        right = torch.autograd.gradgradcheck(Function.apply, leaves, raise_exception=False)
    return not right


def jax_check_grads(counted: Any, inputs: tuple[Any, ...]) -> bool:
    """jax.test_util.check_grads in reverse mode, in float64, of second order where a second derivative is given."""
    import jax
    from jax.test_util import check_grads

    logging.getLogger("jax").setLevel(logging.CRITICAL)  # it logs what a callback raises, which is raised too
    pair = Pair(counted, inputs)

    def call(function: Callable[..., Any], like: Any, *values: Any) -> Any:
        shapes = [jax.ShapeDtypeStruct(np.shape(x), np.float64) for x in like]
        return jax.pure_callback(lambda *v: [np.asarray(x) for x in function(*map(np.array, v))], shapes, *values)

    with jax.enable_x64(True):
        output = pair.value(*pair.active)
        active = [jax.numpy.asarray(x, np.float64) for x in pair.active]

        @jax.custom_vjp
        def gradient(grad: Any, *values: Any) -> Any:
            return tuple(call(pair.gradients, values, grad, *values))

        def back(kept: Any, grads: Any) -> Any:
            return tuple(call(lambda *v: pair.seconds(v[: len(active)], *v[len(active) :]), kept, *grads, *kept))

        gradient.defvjp(lambda *values: (gradient(*values), values), back)

        @jax.custom_vjp
        def function(*values: Any) -> Any:
            return call(lambda *v: [pair.value(*v)], [output], *values)[0]

        function.defvjp(lambda *values: (function(*values), values), lambda kept, grad: gradient(grad, *kept))
        check_grads(function, tuple(active), order=1 if pair.second is None else 2, modes=("rev",))
    return False


def autograd_check_grads(counted: Any, inputs: tuple[Any, ...]) -> bool:
    """autograd.test_util.check_grads of all arguments, of second order where a second derivative is given."""
    from autograd.builtins import tuple as together
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    pair = Pair(counted, inputs)
    count = len(pair.active)
    function = primitive(pair.value)
    gradients = [primitive(lambda grad, *values, k=k: pair.gradients(grad, *values)[k]) for k in range(count)]

    def of_function(k: int) -> Any:
        return lambda ans, *values: lambda grad: gradients[k](grad, *values)

    def of_gradient(k: int, j: int) -> Any:
        def back(ans: Any, grad: Any, *values: Any) -> Any:
            def pull(arriving: Any) -> Any:
                grads = tuple(arriving if n == k else np.zeros(np.shape(x)) for n, x in enumerate(values))
                return pair.seconds(grads, grad, *values)[j]

            return pull

        return back

    defvjp(function, *[of_function(k) for k in range(count)])
    for k in range(count):
        defvjp(gradients[k], *[of_gradient(k, j) for j in range(count + 1)])
    order = 1 if pair.second is None else 2
    active = together(tuple(np.array(x, dtype=float) for x in pair.active))
    check_grads(lambda values: function(*[values[k] for k in range(count)]), modes=["rev"], order=order)(active)
    return False


PEERS = {
    "central differences": central,
    "torch gradcheck": torch_gradcheck,
    "JAX check_grads": jax_check_grads,
    "autograd check_grads": autograd_check_grads,
}
