"""Factorisations and products of other places, with the conventions of LAPACK that NumPy has."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.boxes.linear_algebra.determinant import Cofactors
from flowgraph.boxes.linear_algebra.eigenvalues import Eigh
from flowgraph.boxes.linear_algebra.factorisation import Cholesky
from flowgraph.boxes.linear_algebra.matrices import GaugeInvarianceCheck
from flowgraph.boxes.reduction.products import Others
from flowgraph.plan.jax.array import Traced
from flowgraph.plan.jax.twins import rule_for


@rule_for(Cholesky)
def _cholesky(box: Cholesky, a: Value) -> Any:
    """Of the one triangle that NumPy reads; JAX takes the mean of both."""
    lower = jnp.linalg.cholesky(jnp.swapaxes(a, -1, -2).conj() if box.upper else a, symmetrize_input=False)
    return jnp.swapaxes(lower, -1, -2).conj() if box.upper else lower


@rule_for(Eigh)
def _eigh(box: Eigh, a: Value) -> Any:
    """Of the one triangle that NumPy reads; JAX takes the mean of both."""
    return tuple(jnp.linalg.eigh(a, UPLO=box.UPLO, symmetrize_input=False))


@rule_for(Others)
def _others(box: Others, a: Value) -> Any:
    return _of_others(a, box.axis)


def _of_others(a: Value, axis: int) -> Any:
    """For each element along an axis the product of the others."""
    a = jnp.moveaxis(a, axis, -1)
    one = jnp.ones_like(a[..., :1])
    left = jnp.concatenate([one, jnp.cumprod(a[..., :-1], axis=-1)], axis=-1)
    right = jnp.concatenate([jnp.cumprod(a[..., :0:-1], axis=-1)[..., ::-1], one], axis=-1)
    if not a.shape[-1]:
        return jnp.moveaxis(a, -1, axis)
    return jnp.moveaxis(left * right, -1, axis)


@rule_for(Cofactors)
def _cofactors(box: Cofactors, a: Value) -> Any:
    """By singular values always, since which formula loses fewer digits follows from values."""
    finite = jnp.all(jnp.isfinite(a), axis=(-2, -1), keepdims=True)
    u, s, vh = jnp.linalg.svd(jnp.where(finite, a, 0))
    s = jnp.where(finite[..., 0], s, jnp.nan)
    turn = jnp.linalg.det(u @ vh)[..., None, None].astype(u.dtype)
    return turn * ((u.conj() * _of_others(s, s.ndim - 1)[..., None, :]) @ vh.conj())


@rule_for(GaugeInvarianceCheck)
def _gauge(box: GaugeInvarianceCheck, a: Value, free: Value) -> Any:
    rough = float(np.finfo(free.dtype).eps) ** 0.5
    largest = jnp.max(jnp.abs(free), initial=0)
    Traced(largest > rough * (1 + jnp.max(jnp.abs(a), initial=0))).note_wrong()
    return a
