"""The step in JAX: jit of value_and_grad and update, the parameters' buffers donated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.mlp.case import DECAY, Case

jax.config.update("jax_cpu_enable_async_dispatch", False)  # small steps are a third faster without a hand-over
jax.config.update("jax_enable_x64", True)
jax.devices()  # its threads start here, as many as this process may use cores while it imports


def objective(parameters: Any, x: Any, y: Any) -> Any:
    """Mean cross-entropy + DECAY * sum of squares."""
    weights, biases = parameters
    h = x
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        h = jnp.tanh(h @ w + b)
    logits = h @ weights[-1] + biases[-1]
    picked = jnp.take_along_axis(logits, y[:, None], axis=1)[:, 0]
    loss = jnp.mean(jax.nn.logsumexp(logits, axis=1) - picked)
    return loss + DECAY * sum(jnp.vdot(w, w) for w in weights)


def step(parameters: Any, x: Any, y: Any, rate: Any) -> Any:
    """New parameters and the loss before."""
    loss, grads = jax.value_and_grad(objective)(parameters, x, y)
    return jax.tree.map(lambda p, g: p - rate * g, parameters, grads), loss


class Step:
    """Parameters on the device, the compiled step."""

    def __init__(self, case: Case) -> None:
        self.all = jax.tree.map(jnp.array, case.parameters())
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
        """Weights, then biases, as they are now."""
        return [np.asarray(p) for group in self.all for p in group]
