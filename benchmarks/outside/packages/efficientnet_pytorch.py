"""efficientnet-pytorch: its memory-efficient activation."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("efficientnet-pytorch", "torch", held_out=True)


@PACKAGE.right("MemoryEfficientSwish")
def _swish() -> Case:
    from efficientnet_pytorch.utils import MemoryEfficientSwish

    return Case(MemoryEfficientSwish(), (tensor(normal(3, 4)),))
