"""The QR decomposition as LAPACK keeps it: reflections one after the other, made of boxes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowgraph.box.value import Value
from flowgraph.boxes.elementwise.exponential import one_at_zero
from flowgraph.errors import DtypeError, UsageError


class RawQR(NamedTuple):
    """What np.linalg.qr(mode="raw") returns: r and the reflections below it, transposed; and their factors."""

    h: Any
    tau: Any


def reflections(a: Value) -> RawQR:
    """The Householder reflections I − τ v vᵀ, with v_1 = 1, that turn the columns one by one into those of r.

    A column x becomes β = −sign(x_1) |x| with zeros below it, by τ = (β − x_1) / β and v = x / (x_1 − β) below the 1;
    where it has zeros below already it stays, with τ = 0. Made of differentiable calls, so it needs no bprop.

    Source: Golub, Van Loan, Matrix computations, algorithm 5.2.1; signs as LAPACK's geqrf.
    """
    rows, columns = a.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise UsageError(f"np.linalg.qr: found matrices of {rows} rows and {columns} columns, needs numbers for raw")
    if a.dtype.kind == "c":
        raise DtypeError("np.linalg.qr: found complex numbers, mode='raw' of boxes needs real ones")
    done, taus, rest = [], [], a
    for place in range(min(rows, columns)):
        upper, rest = rest[..., :place, :1], rest
        column, others = rest[..., place:, 0], rest[..., 1:]
        below, tau, beta = _reflection(column)
        v = np.concatenate([np.ones_like(tau), below], axis=-1)[..., None]
        lower = others[..., place:, :]
        lower = lower - tau[..., None] * v * np.sum(v * lower, axis=-2, keepdims=True)
        done.append(np.concatenate([upper, beta[..., None], below[..., None]], axis=-2))
        rest = np.concatenate([others[..., :place, :], lower], axis=-2)
        taus.append(tau)
    h = np.concatenate([*done, rest], axis=-1)
    return RawQR(h.mT, np.concatenate(taus, axis=-1) if taus else np.sum(h, axis=-1)[..., :0])


def _reflection(x: Value) -> tuple[Any, Any, Any]:
    """What stands below the 1 of v, τ and β, for columns on the last axis."""
    first, rest = x[..., :1], x[..., 1:]
    squares = np.sum(rest * rest, axis=-1, keepdims=True)
    flat = squares == 0
    size = np.sqrt(np.where(flat, 1, first * first + squares))
    beta = np.where(flat, first, np.where(first >= 0, -size, size))
    tau = np.where(flat, 0, (beta - first) / one_at_zero(beta))
    return rest / np.where(flat, 1, first - beta), tau, beta
