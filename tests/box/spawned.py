"""Models, plans and boxes of one's own sent to processes that start from nothing: `python -m tests.box.spawned`."""

import multiprocessing
import pickle
import subprocess
import sys

import cloudpickle
import numpy as np

import flowgraph as fg

X, Y = np.linspace(-1, 1, 12).reshape(4, 3), np.array([0, 1, 1, 0])


def predicted(mlp):
    """What a network makes of X."""
    x = fg.Input("x", shape=("N", 3))
    return fg.Graph(mlp(x)).fprop(x=X).outputs[0].tobytes()


def stepped(plan):
    """The losses of three steps, and the parameters after them."""
    losses = [float(plan(x=X, y=Y)[0]) for _ in range(3)]
    return losses, [parameter.value.tobytes() for parameter in plan.store.parameters]


def trained(trainer):
    """The parameters after two epochs."""
    trainer.run(2)
    return [value.tobytes() for value in trainer.values().values()]


class Cubed(fg.Elementwise):
    """h = a³, a class that a process which starts from nothing cannot import."""

    factor: float = 1.0

    def fprop(self, a):
        return self.factor * a**3

    def bprop(self, grad, h, a):
        return (3 * self.factor * grad * a**2,)


def differentiated(code):
    """The gradient in a graph that cloudpickle has written down."""
    graph = pickle.loads(code)
    return graph.fprop().bprop()["w"].tobytes()


def main():
    """Say for each whether the other process came to the same bits."""
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    mlp = fg.MLP([3, 4, 2], rng=0)
    loss = fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y))
    grads = fg.gradient(loss, mlp.parameters)
    plan = fg.compile([loss], {p: p - 0.1 * g for p, g in zip(mlp.parameters, grads, strict=True)})
    trainer = fg.Trainer(fg.MLP([3, 4, 2], rng=0), (X, Y), batch_size=2)
    plan(x=X, y=Y)
    trainer.step()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for function, thing in ((predicted, mlp), (stepped, plan), (trained, trainer)):
            there = pool.apply(function, (thing,))
            print("same" if there == function(thing) else "other")
    code = cloudpickle.dumps(fg.Graph(fg.sum(Cubed(fg.Parameter([1.0, 2.0], name="w"), factor=2.0))))
    command = [sys.executable, "-c", f"from tests.box.spawned import differentiated as d; print(d({code!r}))"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    print("same" if ran.stdout.strip() == repr(differentiated(code)) else ran)


if __name__ == "__main__":
    main()
