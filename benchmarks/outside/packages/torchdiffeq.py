"""torchdiffeq: solvers with the adjoint method."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, tensor

PACKAGE = Package("torchdiffeq", "torch")


def _solver(method: str, **settings: Any) -> Case:
    import torch
    from torchdiffeq import odeint_adjoint

    times = tensor([0.0, 0.5, 1.0], grad=False)

    def solved(y0: Any, w: Any) -> Any:
        class Right(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.w = w

            def forward(self, t: Any, y: Any) -> Any:
                return torch.tanh(y @ self.w)

        return odeint_adjoint(Right(), y0, times, method=method, adjoint_params=(w,), **settings)

    return Case(solved, (tensor(normal(2)), tensor(normal(2, 2))))


PACKAGE.add(
    "odeint_adjoint, dopri5", lambda: _solver("dopri5", rtol=1e-10, atol=1e-12),
    proof="differences agree to 5e-6, what the adaptive steps of value and adjoint leave at rtol=1e-10",
)  # fmt: skip
