"""The step in JAX: jit of value_and_grad and update, the parameters' buffers donated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.nets.case import Case

jax.config.update("jax_cpu_enable_async_dispatch", False)
jax.config.update("jax_enable_x64", True)
jax.devices()  # its threads start here, as many as this process may use cores while it imports

WINDOW = (1, 1, 2, 2)


class Functions:
    """What the networks call."""

    relu = staticmethod(jax.nn.relu)
    conv = staticmethod(lambda x, w, p=0: jax.lax.conv_general_dilated(x, w, (1, 1), [(p, p), (p, p)]))
    pool = staticmethod(lambda a: jax.lax.reduce_window(a, -jnp.inf, jax.lax.max, WINDOW, WINDOW, "VALID"))
    sigmoid = staticmethod(jax.nn.sigmoid)
    tanh = staticmethod(jnp.tanh)
    sqrt = staticmethod(jnp.sqrt)
    transpose = staticmethod(jnp.transpose)
    softmax = staticmethod(lambda a: jax.nn.softmax(a, -1))
    zeros = staticmethod(lambda x, units: jnp.zeros((len(x), units), x.dtype))
    mean = staticmethod(lambda a, axis, keepdims: a.mean(axis, keepdims=keepdims))
    sum = staticmethod(jnp.sum)
    exp = staticmethod(jnp.exp)
    softplus = staticmethod(jax.nn.softplus)

    @staticmethod
    def cross_entropy(scores: Any, y: Any) -> Any:
        """The mean over the examples."""
        picked = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(scores, axis=1) - picked)


class Step:
    """Parameters on the device, the compiled step."""

    def __init__(self, case: Case) -> None:
        def objective(parameters: Any, x: Any, y: Any) -> Any:
            return case.loss(Functions, parameters, x, y)

        def step(parameters: Any, x: Any, y: Any, rate: Any) -> Any:
            loss, grads = jax.value_and_grad(objective)(parameters, x, y)
            return jax.tree.map(lambda p, g: p - rate * g, parameters, grads), loss

        self.all = {name: jnp.array(p) for name, p in case.parameters().items()}
        self.names = list(self.all)
        self.step = jax.jit(step, donate_argnums=0)
        self.dtype = case.dtype
        self.rates: dict[float, Any] = {}

    def arrays(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The data on the device, once."""
        return jnp.array(x), jnp.array(y)

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        if rate not in self.rates:
            self.rates[rate] = jnp.asarray(rate, self.dtype)
        self.all, loss = self.step(self.all, x, y, self.rates[rate])
        return loss.block_until_ready()

    def parameters(self) -> list[Any]:
        """As they are now."""
        return [np.asarray(self.all[name]) for name in self.names]
