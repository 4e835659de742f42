"""Training steps on 1, 2, 4 and 8 devices of JAX: plans beside the same networks in plain JAX, written by hand.

An MLP, LeNet and a block of attention, softmax cross-entropy with L2, plain SGD in float32, the loss read in each step.
Both divide the batch by `NamedSharding`, are given NumPy arrays, and keep parameters on the devices. They have the same
loss after 20 steps, and then measure in turn, several rounds, the least of each. The devices are parts of one processor
(`--xla_force_host_platform_device_count`), so that more of them gain nothing: the ratio is what counts. Where there is
a GPU, its times are printed for one device.

    python -m benchmarks jax_devices
    python -m benchmarks jax_devices --quick                fewer rounds, smaller batches
    python -m benchmarks jax_devices --devices 1,8 --networks MLP
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers.mlp.case import DECAY, RATE
from benchmarks.peers.networks import Network, attention, lenet, mlp

DEVICES = (1, 2, 4, 8)
SAME = 2e-4
_RUN = "from benchmarks.jax_devices import main; main()"
NETWORKS: Mapping[str, Callable[[int], Network]] = {
    "MLP": lambda batch: mlp("512: 784-512-512-10" if batch > 64 else "32: 784-128-10", "float32"),
    "LeNet": lambda batch: lenet("float32", batch),
    "attention": lambda batch: attention("float32", batch, length=32, width=64),
}


def main() -> None:
    """Print the table, from a process in which JAX finds so many devices."""
    arguments = sys.argv[2:] if len(sys.argv) > 1 and sys.argv[1] == "jax_devices" else []
    if "XLA_FLAGS" not in os.environ:  # read when JAX is imported, which other benchmarks may have done
        flags = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={max(DEVICES)}"}
        raise SystemExit(subprocess.run([sys.executable, "-c", _RUN, "jax_devices", *arguments], env=flags).returncode)
    parser = argparse.ArgumentParser(prog="python -m benchmarks jax_devices")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--devices", default=",".join(map(str, DEVICES)))
    parser.add_argument("--networks", default=",".join(NETWORKS))
    options = parser.parse_args(arguments)
    import jax

    print(f"JAX {jax.__version__}, {len(jax.devices())} of {jax.devices()[0].device_kind!r}; times in microseconds")
    print("| network | devices | plan | by hand | ratio |\n| --- | --- | --- | --- | --- |")
    for name in options.networks.split(","):
        network = partial(NETWORKS[name], 64 if options.quick else 256)
        for count in map(int, options.devices.split(",")):
            if count > len(jax.devices()):
                continue
            mine, theirs = measured(network, name, count, 9 if options.quick else 15)
            print(f"| {name} | {count} | {mine * 1e6:.0f} | {theirs * 1e6:.0f} | {mine / theirs:.3f} |", flush=True)


def measured(network: Callable[[], Network], name: str, devices: int, rounds: int) -> tuple[float, float]:
    """The least time of a step of the plan, and of the one by hand."""
    steps = [of_plan(network(), devices), by_hand(network(), name, devices)]
    losses = [[step() for _ in range(20)] for step in steps]
    np.testing.assert_allclose(losses[0], losses[1], rtol=SAME)
    repeats = max(3, int(0.05 / max(_seconds(steps[1], 3), 1e-6)))
    times = [[_seconds(step, repeats) for step in steps] for _ in range(rounds)]
    return min(mine for mine, _ in times), min(theirs for _, theirs in times)


def _seconds(step: Callable[[], float], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


def of_plan(network: Network, devices: int) -> Callable[[], float]:
    """A step of flowgraph."""
    import flowgraph as fg

    rate = fg.Input("lr", dtype=np.float32)
    grads = fg.gradient(network.loss, network.parameters)
    updates = {p: p - rate * g for p, g in zip(network.parameters, grads, strict=True)}
    plan = fg.compile([network.loss], updates, backend="jax", devices=None if devices == 1 else devices)
    feeds = {**network.feeds, "lr": np.float32(RATE)}
    return lambda: float(plan(**feeds)[0])


def by_hand(network: Network, name: str, devices: int) -> Callable[[], float]:
    """The same step in plain JAX."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        logs = jax.nn.log_softmax(SCORES[name](parameters, x))
        squares = sum(jnp.sum(p**2) for p in parameters.values() if p.ndim > 1 and p.shape[1:] != (1, 1))
        return -jnp.mean(jnp.take_along_axis(logs, y[:, None], 1)) + DECAY * squares

    def step(parameters: Any, x: Any, y: Any, rate: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(parameters, x, y)
        return value, jax.tree.map(lambda p, g: p - rate * g, parameters, grads)

    options: dict[str, Any] = {}
    if devices > 1:
        mesh = Mesh(np.array(jax.devices()[:devices]), ("data",))
        whole, batch = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
        options = {"in_shardings": (whole, batch, batch, whole), "out_shardings": whole}
    compiled = jax.jit(step, **options)
    x, y, rate = network.feeds["x"], network.feeds["y"], np.float32(RATE)
    kept = {str(p.name): jnp.asarray(p.value) for p in network.parameters}

    def run() -> float:
        nonlocal kept
        value, kept = compiled(kept, x, y, rate)
        return float(value)

    return run


def _scores_of_mlp(p: Any, x: Any) -> Any:
    import jax.numpy as jnp

    layers = len(p) // 2
    for i in range(1, layers):
        x = jnp.tanh(x @ p[f"W{i}"] + p[f"b{i}"])
    return x @ p[f"W{layers}"] + p[f"b{layers}"]


def _scores_of_lenet(p: Any, x: Any) -> Any:
    import jax.numpy as jnp
    from jax import lax

    for i, padding in ((1, 2), (2, 0)):
        x = lax.conv_general_dilated(x, p[f"C{i}"], (1, 1), ((padding, padding),) * 2)
        x = jnp.tanh(x + p[f"c{i}"])
        x = lax.reduce_window(x, 0.0, lax.add, (1, 1, 2, 2), (1, 1, 2, 2), "VALID") / 4
    x = x.reshape(len(x), -1)
    for i in (1, 2):
        x = jnp.tanh(x @ p[f"W{i}"] + p[f"b{i}"])
    return x @ p["W3"] + p["b3"]


def _scores_of_attention(p: Any, x: Any, heads: int = 4) -> Any:
    import jax
    import jax.numpy as jnp

    n, length, width = x.shape
    q, k, v = ((x @ p[one]).reshape(n, length, heads, -1).transpose(0, 2, 1, 3) for one in "QKV")
    weights = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) * (width // heads) ** -0.5)
    mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(n, length, width) @ p["O"]
    return jnp.tanh(x + mixed).mean(axis=1) @ p["W"] + p["b"]


SCORES = {"MLP": _scores_of_mlp, "LeNet": _scores_of_lenet, "attention": _scores_of_attention}
