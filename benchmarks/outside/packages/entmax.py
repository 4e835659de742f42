"""entmax: sparse mappings and their losses."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("entmax", "torch")
MAPPINGS: dict[str, tuple[Any, ...]] = {
    "sparsemax": (), "entmax15": (), "entmax_bisect": (1.6,), "sparsemax_bisect": (), "normmax_bisect": (2.0,),
    "budget_bisect": (2.0,),
}  # fmt: skip
LOSSES: dict[str, tuple[Any, ...]] = {
    "sparsemax_loss": (), "sparsemax_bisect_loss": (), "entmax15_loss": (), "entmax_bisect_loss": (1.6,),
    "normmax_bisect_loss": (2.0,),
}  # fmt: skip


def _function(name: str) -> Any:
    import entmax
    from entmax import losses, root_finding

    return next(getattr(part, name) for part in (entmax, losses, root_finding) if hasattr(part, name))


def _mapping(name: str) -> Case:
    return Case(_function(name), (tensor(normal(2, 5)), *MAPPINGS[name]))


def _loss(name: str) -> Case:
    import torch

    return Case(_function(name), (tensor(normal(3, 4)), torch.tensor([2, 0, 3]), *LOSSES[name]))


SEEN = "all elements of the Jacobian by differences with steps of 1e-3 to 1e-6, where no element enters or leaves"
for _name in MAPPINGS:
    PACKAGE.add(_name, lambda name=_name: _mapping(name), proof=SEEN)
for _name in LOSSES:
    PACKAGE.add(_name, lambda name=_name: _loss(name))


@PACKAGE.right("entmax_bisect, alpha as well", SEEN)
def _alpha() -> Case:
    return Case(_function("entmax_bisect"), (tensor(normal(2, 5)), tensor([[1.4], [1.7]])))
