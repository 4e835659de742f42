"""geffnet: activations that keep their inputs and compute the rest again."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("geffnet", "torch", held_out=True, second=True)


def _activation(name: str) -> Case:
    from geffnet.activations import activations_me

    return Case(getattr(activations_me, name), (tensor(2.0 * normal(5)),))


for _name in ("swish_me", "mish_me", "hard_sigmoid_me", "hard_swish_me"):
    PACKAGE.add(_name, lambda name=_name: _activation(name))
