"""torchkbnufft: interpolation between grids and points."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor, uniform

PACKAGE = Package("torchkbnufft", "torch", held_out=True)


def _nufft(name: str, shape: tuple[int, ...]) -> Case:
    import torch
    import torchkbnufft

    transform = getattr(torchkbnufft, name)(im_size=(4, 4)).to(torch.complex128)
    points = tensor(uniform(2, 5, low=-np.pi, high=np.pi), grad=False)

    def function(real: Any, imaginary: Any) -> Any:
        value = transform(torch.complex(real, imaginary), points)
        return value.real, value.imag

    return Case(function, (tensor(normal(*shape)), tensor(normal(*shape, seed=1))))


PACKAGE.add("KbNufft", lambda: _nufft("KbNufft", (1, 1, 4, 4)))
PACKAGE.add("KbNufftAdjoint", lambda: _nufft("KbNufftAdjoint", (1, 1, 5)))
