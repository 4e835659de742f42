"""A training on several devices and hosts, as a program of its own: JAX counts its devices once per process.

`python -m tests.training.on_devices SETTINGS`, a JSON of: `hosts` and `host` (which of them this is), `port`, `devices`
of each host, `use` ("none", "devices", "mesh" or "weights"), `checkpoint`, `kill` (after so many steps), `epochs`. It
prints the history and a checksum of the parameters as JSON, if it is not killed.
"""

import json
import os
import signal
import sys

settings = {"hosts": 1, "host": 0, "devices": 1, "use": "none", "epochs": 3, "checkpoint": None, "kill": 0}
settings |= json.loads(sys.argv[1])
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={settings['devices']}"

import jax  # noqa: E402
import numpy as np  # noqa: E402

if settings["hosts"] > 1:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{settings['port']}", settings["hosts"], settings["host"])

import flowgraph as fg  # noqa: E402
from flowgraph.interop.jax import Placement  # noqa: E402
from flowgraph.training import Checkpoint, Trainer, load_checkpoint  # noqa: E402


def placed(mlp):
    """The keywords that say where the training runs."""
    if settings["use"] == "none":
        return {}
    devices = np.array(jax.devices())
    if settings["use"] == "devices":
        return {"devices": list(devices)}
    if settings["use"] == "mesh":
        return {"mesh": jax.sharding.Mesh(devices, ("data",))}
    mesh = jax.sharding.Mesh(devices.reshape(2, -1), ("model", "data"))
    spec = jax.sharding.PartitionSpec(None, "model")
    return {"mesh": Placement(mesh, {mlp.weights[0]: spec}, axis="data")}


def kill(trainer, _):
    if trainer.updates == settings["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)


class KillAfterStep(fg.Callback):
    """Ends this process as the power does, after the checkpoint of a step."""

    def on_step(self, trainer):
        kill(trainer, None)


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 6))
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    mlp = fg.MLP([6, 16, 3], rng=0, dropout=0.2)
    trainer = Trainer(mlp, (x, y), (x[:50], y[:50]), batch_size=16, seed=1, backend="jax", **placed(mlp))
    callbacks = []
    if settings["checkpoint"]:
        if os.path.exists(settings["checkpoint"]):
            trainer.restore(load_checkpoint(settings["checkpoint"]))
        callbacks = [Checkpoint(settings["checkpoint"], seconds=0), KillAfterStep()]
    history = trainer.run(settings["epochs"], callbacks)
    print(json.dumps({
        "objectives": [value for epoch in history.epochs for value in (epoch.train_objective, epoch.valid_objective)],
        "parameters": [float(number) for weights in (*mlp.weights, *mlp.biases) for number in weights.value.ravel()],
        "devices": len(jax.devices()),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
