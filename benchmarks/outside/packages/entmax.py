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
BUDGET = (
    "seen by fg.check: of (2, 2, 0, 0, 0) and a budget of 2 the value is (1, 1, 0, 0, 0), and stays so while elements "
    "move by less than 1/2, since clamp(X - tau, 0, 1) sums to 2 for some tau still; backward gives 0.5 and -0.5 for "
    "the first output: bisection leaves 1 - 4e-16 of a 1, which then counts as between 0 and 1"
)
for _name in MAPPINGS:
    if _name == "budget_bisect":
        PACKAGE.add(_name, lambda name=_name: _mapping(name), "wrong", BUDGET)
    else:
        PACKAGE.add(_name, lambda name=_name: _mapping(name), proof=SEEN)
for _name in LOSSES:
    PACKAGE.add(_name, lambda name=_name: _loss(name))


@PACKAGE.right("entmax_bisect, alpha as well", SEEN)
def _alpha() -> Case:
    return Case(_function("entmax_bisect"), (tensor(normal(2, 5)), tensor([[1.4], [1.7]])))
