"""Products and linear algebra: matrices as they come, and matrices that are well conditioned by construction."""

from __future__ import annotations

import numpy as np

from tests.fuzz.operations import operation
from tests.fuzz.pool import Pool


def _matching(pool: Pool, a: str) -> str | None:
    """A value that can stand to the right of another in a product."""
    inner = pool[a].shape[-1]
    return pool.pick("fc", least=1, where=lambda b: b.ndim <= 2 and b.shape[0 if b.ndim == 1 else -2] == inner)


@operation(np.matmul, np.dot, weight=7, exact=True)
def products(pool: Pool) -> str | None:
    a = pool.pick("fc", least=1)
    b = a and _matching(pool, a)
    text = pool.one(
        ("{a} @ {b}", "np.matmul({a}, {b})", "np.dot({a}, {b})", "{a}.dot({b})", "{a} @ {b} + {c}", "{c} + {a} @ {b}")
    )
    c = pool.pick("f") if "{c}" in text else ""
    return b and str(text).format(a=a, b=b, c=c)


@operation(np.matmul, weight=4, exact=True)
def by_transposes(pool: Pool) -> str | None:
    a = pool.pick("f", ndim=2)
    b = a and pool.pick("f", ndim=2, where=lambda one: one.shape[0] == pool[a].shape[0])
    text = pool.one(
        ("{a}.T @ {b}", "{b}.T @ {a}", "({a}.T @ {b}).T", "{a} @ {a}.T", "0.5 * ({a}.T @ {b})", "-0.1 * ({a} @ {a}.T)")
    )
    return b and str(text).format(a=a, b=b)


@operation(np.matmul, weight=3, exact=True)
def stacks(pool: Pool) -> str | None:
    """Stacks of matrices times one matrix, rows that are summed afterwards or that were repeated."""
    a = pool.pick("f", ndim=2)
    b = a and pool.pick("f", ndim=2, where=lambda one: one.shape[0] == pool[a].shape[1])
    text = pool.line("""
        np.sum(np.stack([{a}, 0.5 * {a}, {a}], 1) @ {b}, axis=1)
        np.sum(np.stack([{a}, {a}], 1) @ {b} + np.stack([{a} @ {b}, {a} @ {b}], 1), axis=-2)
        np.stack([{a}, -{a}], 1) @ {b}
        np.sum(np.broadcast_to({a}[:, None], ({a}.shape[0], 2, {a}.shape[1])) @ {b}, axis=1)
        np.stack([{a}, 2 * {a}], 1) @ np.stack([{b}.T, {b}.T], 0).transpose((0, 2, 1))[0]
    """)
    return b and str(text).format(a=a, b=b)


@operation(
    np.inner, np.outer, np.vdot, np.vecdot, np.tensordot, np.kron, np.einsum, np.linalg.outer, np.linalg.tensordot,
    np.linalg.vecdot, np.linalg.matmul, np.matvec, np.vecmat, weight=3, exact=True,
)  # fmt: skip
def more_products(pool: Pool) -> str | None:
    a = pool.pick("fc", least=1, where=lambda one: one.size <= 16)
    b = a and pool.pick("fc", least=1, where=lambda one: one.shape == pool[a].shape)
    if b is None:
        return None
    texts = [
        "np.outer({a}, {b})", "np.vdot({a}, {b})", "np.vecdot({a}, {b})", "np.inner({a}, {b})", "np.kron({a}, {b})",
        "np.tensordot({a}, {b}, axes=[[0], [0]])", "np.tensordot({a}, {b}, axes=0)",
        "np.einsum('...i,...i->...', {a}, {b})", "np.linalg.vecdot({a}, {b})", "np.linalg.tensordot({a}, {b}, axes=0)",
    ]  # fmt: skip
    if pool[a].ndim == 1:
        texts += [
            "np.einsum('i,j->ij', {a}, {b})",
            "np.einsum('i,i', {a}, {b})",
            "np.linalg.outer({a}, {b})",
            "np.einsum('i->', {a})",
        ]
    if pool[a].ndim == 2:
        texts += [
            "np.einsum('ij,kj->ik', {a}, {b})",
            "np.einsum('ij,ij->j', {a}, {b})",
            "np.einsum('ij->ji', {a})",
            "np.einsum('ij->i', {a} * {b})",
            "np.linalg.matmul({a}, {b}.T)",
            "np.matvec({a}, {b}[0])",
            "np.vecmat({b}[:, 0], {a})",
            "np.einsum('ij,jk,lk->il', {a}, {a}.T, {b})",
        ]
    return str(pool.one(texts)).format(a=a, b=b)


@operation(np.cross, np.linalg.cross, weight=1, exact=True)
def cross(pool: Pool) -> str | None:
    a = pool.pick("f", least=1, where=lambda one: one.shape[-1] == 3)
    b = a and pool.pick("f", least=1, where=lambda one: one.shape == pool[a].shape)
    return b and f"np.{pool.one(('cross', 'linalg.cross'))}({a}, {b})"


def _square(pool: Pool) -> str | None:
    """A square matrix far from singular, as an expression."""
    a = pool.pick("f", least=2, where=lambda one: one.dtype != np.float16 and 0 < one.shape[-2] < 5)
    if a is None:
        return None
    n = pool[a].shape[-2]
    gram = f"np.tanh({a}) @ np.swapaxes(np.tanh({a}), -1, -2)"
    return f"({gram} + {pool.one((2, 3))}.0 * np.eye({n}, dtype=np.{pool[a].dtype.name}))"


@operation(
    np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky, np.linalg.solve, np.linalg.matrix_power,
    np.linalg.multi_dot, np.linalg.pinv, np.linalg.matrix_norm, np.linalg.cond, np.linalg.matrix_rank, np.linalg.lstsq,
    weight=4, named=False,
)  # fmt: skip
def solves(pool: Pool) -> str | None:
    m = _square(pool)
    text = pool.line("""
        np.linalg.inv({m})
        np.linalg.det({m})
        np.linalg.slogdet({m})[1]
        np.linalg.slogdet({m}).sign
        np.linalg.cholesky({m})
        np.linalg.solve({m}, {m}[..., :1] + 1)
        np.linalg.matrix_power({m}, 3)
        np.linalg.pinv({m})
        np.linalg.matrix_norm({m})
        np.linalg.norm({m}, ord='nuc', axis=(-2, -1))
        np.linalg.cond({m})
        np.linalg.matrix_rank({m})
        np.linalg.multi_dot([{m}, {m}, {m}])
        np.linalg.norm({m}, 2, axis=(-2, -1))
    """)
    return m and str(text).format(m=m)


@operation(
    np.linalg.eigh, np.linalg.eigvalsh, np.linalg.svd, np.linalg.svdvals, np.linalg.qr, np.linalg.eigvals,
    np.linalg.eig, np.linalg.tensorinv, np.linalg.tensorsolve, weight=1, named=False,
)  # fmt: skip
def factorisations(pool: Pool) -> str | None:
    m = _square(pool)
    text = pool.line("""
        np.linalg.eigvalsh({m})
        np.linalg.svd({m}, compute_uv=False)
        np.linalg.svdvals({m})
        np.abs(np.linalg.qr({m})[1])
        np.linalg.eigh({m})[0]
        np.linalg.svd({m})[1]
        np.abs(np.linalg.eigh({m})[1])
        np.abs(np.linalg.svd({m})[2])
        np.sort(np.abs(np.linalg.eigvals({m})), axis=-1)
        np.linalg.qr({m})[0] @ np.linalg.qr({m})[1]
        np.abs(np.linalg.qr({m}, mode='complete')[1])
    """)
    return m and str(text).format(m=m)
