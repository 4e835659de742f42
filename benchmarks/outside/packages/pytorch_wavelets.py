"""pytorch-wavelets: transforms with their own backward passes."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("pytorch-wavelets", "torch", held_out=True)


def _flat(parts: Any) -> list[Any]:
    low, highs = parts
    return [low, *highs]


def _forward(mode: str, wave: str, size: int) -> Case:
    from pytorch_wavelets import DWTForward

    transform = DWTForward(J=1, mode=mode, wave=wave).double()
    return Case(lambda x: tuple(_flat(transform(x))), (tensor(normal(1, 1, size, size)),))


PACKAGE.add("DWTForward, zero, haar", lambda: _forward("zero", "haar", 4))
PACKAGE.add("DWTForward, zero, db2", lambda: _forward("zero", "db2", 6))
PACKAGE.add(
    "DWTForward, periodization, db2", lambda: _forward("periodization", "db2", 6), "wrong",
    "seen by fg.check: of one pixel the low band is 0.867 of it, as f(x + 1) - f(x) says of a linear map; backward 0.5",
)  # fmt: skip


def _symmetric() -> Case:
    return _forward("symmetric", "db2", 6)


PACKAGE.add(
    "DWTForward, symmetric, db2", _symmetric, "wrong",
    "backward is the inverse filter bank, which is no adjoint of padding by reflection: it misses by 160 %, +- 1e-13",
)  # fmt: skip


@PACKAGE.wrong(
    "DWTInverse, haar",
    "seen by fg.check: where the low band requires no gradient, that of the high one is None instead of a tensor",
)
def _inverse() -> Case:
    from pytorch_wavelets import DWTInverse

    transform = DWTInverse(mode="zero", wave="haar").double()
    return Case(lambda low, high: transform((low, [high])), (tensor(normal(1, 1, 3, 3)), tensor(normal(1, 1, 3, 3, 3))))


@PACKAGE.wrong(
    "SmoothMagFn", "seen by fg.check: where only y requires a gradient, backward raises UnboundLocalError for dy"
)
def _magnitude() -> Case:
    from pytorch_wavelets.scatternet.lowlevel import SmoothMagFn

    return Case(lambda x, y: SmoothMagFn.apply(x, y, 0.01), (tensor(normal(3, 2)), tensor(normal(3, 2, seed=1))))
