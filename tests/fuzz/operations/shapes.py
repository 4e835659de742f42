"""What moves elements and computes nothing: shapes, orders, joins, parts."""

from __future__ import annotations

import numpy as np

from tests.fuzz.operations import operation
from tests.fuzz.pool import Pool


def factors(pool: Pool, number: int, ndim: int) -> tuple[int, ...]:
    """A shape of so many axes and elements."""
    sizes = [1] * ndim
    rest = number
    for divisor in (2, 2, 2, 3, 3, 5, 7):
        if rest % divisor == 0 and rest:
            sizes[int(pool.rng.integers(ndim))] *= divisor
            rest //= divisor
    sizes[int(pool.rng.integers(ndim))] *= rest
    return tuple(sizes)


@operation(np.reshape, weight=8, exact=True, named=False)
def reshape(pool: Pool) -> str | None:
    a = pool.pick("fciub" if pool.flag(0.2) else "f")
    if a is None:
        return None
    shape: tuple[int, ...] = factors(pool, pool[a].size, int(pool.rng.integers(1, 4)))
    if pool[a].ndim == 2 and pool.flag():
        shape = pool[a].shape[::-1]
    if pool.flag(0.2) and pool[a].size:
        place = int(pool.rng.integers(len(shape)))
        shape = (*shape[:place], -1, *shape[place + 1 :])
    return f"np.reshape({a}, {shape})" if pool.flag(0.8) else f"{a}.reshape({shape})"


@operation(np.reshape, weight=3, exact=True)
def reshape_batch(pool: Pool) -> str | None:
    """Reshapes that follow the batch."""
    a = pool.pick("f", least=1)
    if a is None:
        return None
    rest = int(np.prod(pool[a].shape[1:]))
    shapes = ["-1"]
    if rest:
        shapes += [f"(-1, {rest})", f"(-1, 1, {rest})", f"({rest}, -1)"]
    if pool[a].ndim > 1 and pool[a].shape[-1]:
        shapes += [f"(-1, {pool[a].shape[-1]})", f"({pool[a].shape[-1]}, -1)"]
    return f"{a}.reshape({pool.one(shapes)})"


@operation(np.transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.matrix_transpose, weight=5, exact=True)
def transposes(pool: Pool) -> str | None:
    a = pool.pick("fc", least=1)
    if a is None:
        return None
    ndim = pool[a].ndim
    order = tuple(int(i) for i in pool.rng.permutation(ndim))
    text = pool.line("""
        {a}.T
        np.transpose({a}, {order})
        np.transpose({a})
        np.swapaxes({a}, {i}, {j})
        np.moveaxis({a}, {i}, {j})
        np.rollaxis({a}, {i})
        {a}.transpose({order})
    """)
    if ndim > 1 and pool.flag(0.15):
        text = "np.matrix_transpose({a})"
    return str(text).format(a=a, order=order, i=pool.axis(a), j=pool.axis(a))


@operation(
    np.expand_dims, np.squeeze, np.ravel, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.copy, np.broadcast_arrays,
    weight=4, exact=True,
)  # fmt: skip
def axes(pool: Pool) -> str | None:
    a = pool.pick("fcb")
    text = pool.line("""
        np.expand_dims({a}, {i})
        np.squeeze({a}, {ones})
        np.ravel({a})
        np.atleast_1d({a})
        np.atleast_2d({a})
        np.atleast_3d({a})
        np.copy({a})
        {a}[None]
        {a}[..., None]
        np.broadcast_arrays({a}, {b})[{k}]
        {a}.flatten()
        {a}[...]
    """)
    b = a and pool.fits(a)
    if b is None:
        return None
    ones = tuple(i for i, n in enumerate(pool.boxes[a].shape) if isinstance(n, int) and n == 1)
    place = int(pool.rng.integers(-pool[a].ndim - 1, pool[a].ndim + 1))
    plain = "None" if not pool.batch and pool.flag() else ones
    return str(text).format(a=a, b=b, i=place, k=pool.one((0, 1)), ones=plain)


@operation(np.broadcast_to, weight=3, exact=True, named=False)
def broadcast_to(pool: Pool) -> str | None:
    a = pool.pick("fc")
    if a is None:
        return None
    shape = tuple(int(pool.rng.integers(2, 4)) if n == 1 and pool.flag() else n for n in pool[a].shape)
    return f"np.broadcast_to({a}, {(2, *shape) if pool.flag(0.4) else shape})"


@operation(
    np.flip, np.fliplr, np.flipud, np.roll, np.rot90, np.tile, np.repeat, np.pad, np.tril, np.triu, weight=3, exact=True
)
def moved(pool: Pool) -> str | None:
    a = pool.pick("fc", least=1)
    if a is None:
        return None
    texts = [
        "np.flip({a}, {i})",
        "np.flip({a})",
        "np.roll({a}, {k}, axis={i})",
        "np.roll({a}, {k})",
        "np.tile({a}, {k})",
        "np.repeat({a}, {k}, axis={i})",
        "np.flipud({a})",
        "np.pad({a}, 1)",
        "np.pad({a}, ({k}, 0), constant_values=2.0)",
    ]
    if pool[a].ndim > 1:
        texts += [
            "np.fliplr({a})",
            "np.rot90({a}, {k})",
            "np.tile({a}, (1, {k}))",
            "np.tril({a})",
            "np.triu({a}, {k})",
            "np.tril({a}, -1)",
        ]
    if 0 not in pool[a].shape and not pool.batch:
        texts += ["np.pad({a}, 1, mode='edge')", "np.pad({a}, 1, mode='wrap')", "np.pad({a}, 1, mode='mean')"]
    return str(pool.one(texts)).format(a=a, i=pool.axis(a), k=pool.one((1, 2, 3)))


def _like(pool: Pool, name: str, axis: int) -> str | None:
    """A value that can be joined to another along an axis."""
    shape = pool[name].shape

    def fits(a: np.ndarray) -> bool:
        return a.ndim == len(shape) and all(
            m == n or i == axis % len(shape) for i, (m, n) in enumerate(zip(a.shape, shape, strict=True))
        )

    return pool.pick("fc", where=fits)


@operation(np.concatenate, np.append, np.vstack, np.hstack, np.column_stack, np.dstack, np.block, weight=4, exact=True)
def joins(pool: Pool) -> str | None:
    a = pool.pick("fc", least=1)
    axis = pool.axis(a) if a else 0
    b = a and _like(pool, a, axis)
    c = a and _like(pool, a, axis)
    text = pool.line("""
        np.concatenate([{a}, {b}], axis={x})
        np.concatenate([{a}, {b}, {c}], axis={x})
        np.append({a}, {b}, axis={x})
        np.concatenate([{a}, {b}], axis={x})
        np.append({a}, {b})
        np.vstack([{a}, {a}])
        np.hstack([{a}, {a}])
        np.column_stack([{a}, {a}])
        np.dstack([{a}, {a}])
        np.block([{a}, {a}])
    """)
    return b and c and str(text).format(a=a, b=b, c=c, x=axis)


@operation(np.stack, weight=2, exact=True)
def stack(pool: Pool) -> str | None:
    a = pool.pick("fc")
    b = a and pool.pick("fc", where=lambda one: one.shape == pool[a].shape)
    return b and f"np.stack([{a}, {b}], axis={int(pool.rng.integers(-pool[a].ndim - 1, pool[a].ndim + 1))})"


@operation(np.split, np.array_split, np.unstack, np.vsplit, np.hsplit, np.dsplit, weight=2, exact=True, named=False)
def splits(pool: Pool) -> str | None:
    a = pool.pick("f", least=1, where=lambda one: 0 not in one.shape)
    if a is None:
        return None
    axis = pool.axis(a)
    size = pool[a].shape[axis]
    text = pool.one((
        f"np.split({a}, {size}, axis={axis})[{int(pool.rng.integers(size))}]", f"np.split({a}, [1], axis={axis})[1]",
        f"np.array_split({a}, 2, axis={axis})[0]", f"np.unstack({a}, axis={axis})[{int(pool.rng.integers(size))}]",
        f"np.vsplit(np.atleast_2d({a}), 1)[0]", f"np.hsplit({a}, 1)[0]", f"np.dsplit(np.atleast_3d({a}), 1)[0]",
    ))  # fmt: skip
    return str(text)


@operation(
    np.diagonal, np.diag, np.diagflat, np.trace, np.linalg.diagonal, np.linalg.trace, np.linalg.matrix_transpose,
    weight=2, exact=True, named=False,
)  # fmt: skip
def diagonals(pool: Pool) -> str | None:
    a = pool.pick("fc", least=1, where=lambda one: one.size <= 16)
    if a is None:
        return None
    if pool[a].ndim == 1:
        return str(pool.one(("np.diag({a})", "np.diagflat({a})", "np.diag({a}, 1)"))).format(a=a)
    text = pool.line("""
        np.diagonal({a})
        np.diagonal({a}, 1)
        np.trace({a})
        np.trace({a}, -1)
        np.linalg.diagonal({a})
        np.linalg.trace({a})
        np.linalg.matrix_transpose({a})
    """)
    return text.format(a=a)


@operation(np.zeros_like, np.ones_like, np.full_like, np.shape, np.ndim, np.size, weight=1, exact=True)
def likes(pool: Pool) -> str | None:
    a = pool.pick("f")
    b = a and pool.fits(a)
    text = pool.line("""
        np.zeros_like({a})
        np.ones_like({a}) * {b}
        np.full_like({a}, 2.0)
        {b} * np.ndim({a})
        {b} + np.zeros_like({a})
    """)
    return b and str(text).format(a=a, b=b)


@operation(np.meshgrid, np.resize, np.insert, np.delete, np.trim_zeros, weight=1, exact=True, named=False)
def edits(pool: Pool) -> str | None:
    a = pool.pick("f", ndim=1, where=lambda one: 1 < one.size < 8)
    b = a and pool.pick("f", ndim=1, where=lambda one: 0 < one.size < 8)
    text = pool.line("""
        np.meshgrid({a}, {b})[0]
        np.meshgrid({a}, {b}, indexing='ij')[1]
        np.resize({a}, (2, 3))
        np.insert({a}, 1, 0.5)
        np.delete({a}, 1)
        np.insert({a}, [0, 1], 2.0)
        np.delete({a}, [0, 1])
    """)
    return b and str(text).format(a=a, b=b)
