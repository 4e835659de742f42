"""Reductions and scans, along any axes, with the keywords of NumPy."""

from __future__ import annotations

import numpy as np

from tests.fuzz.operations import operation
from tests.fuzz.pool import Pool

EXACT = (
    np.sum,
    np.max,
    np.min,
    np.amax,
    np.amin,
    np.any,
    np.all,
    np.count_nonzero,
    np.ptp,
    np.nansum,
    np.nanmax,
    np.nanmin,
)
ROUNDED = (np.mean, np.prod, np.var, np.std, np.nanprod, np.nanmean, np.nanvar, np.nanstd)
ORDER = (np.median, np.nanmedian)
PLACES = (np.argmax, np.argmin, np.nanargmax, np.nanargmin)


def axes(pool: Pool, name: str) -> str:
    """None, an axis, or several."""
    ndim = pool[name].ndim
    if ndim == 0 or pool.flag(0.3):
        return "None"
    if ndim > 1 and pool.flag(0.25):
        picked = sorted(int(i) for i in pool.rng.choice(ndim, 2, replace=False))
        return repr(tuple(picked if pool.flag() else [picked[0], picked[1] - ndim]))
    return repr(pool.axis(name))


def _reduced(pool: Pool, functions: tuple[object, ...], kinds: str) -> str | None:
    a = pool.pick(kinds)
    if a is None:
        return None
    keep = ", keepdims=True" if pool.flag(0.3) else ""
    return f"np.{pool.one(functions).__name__}({a}, axis={axes(pool, a)}{keep})"


@operation(*EXACT, weight=6, exact=True)
def exact(pool: Pool) -> str | None:
    return _reduced(pool, EXACT, "f" if pool.flag(0.85) else "fciub")


@operation(*ROUNDED, weight=4)
def rounded(pool: Pool) -> str | None:
    return _reduced(pool, ROUNDED, "f" if pool.flag(0.85) else "fciub")


@operation(np.sum, np.max, np.min, weight=5, exact=True)
def plain(pool: Pool) -> str | None:
    """The reductions that plans know best, of sums, products and repeated arrays."""
    a = pool.pick("f")
    b = a and (a if pool.flag(0.2) else pool.fits(a, "f"))
    inner = pool.one(("{a}", "{a} * {b}", "{a} + {b}", "{a} * {a}", "{a} - {b}", "2 * {a}", "{a} * 0.5 * {b}"))
    outer = pool.one(
        ("np.sum({x})", "np.sum({x}, axis={i})", "np.max({x}, axis={i})", "np.mean({x}, axis={i})", "({x}).sum()")
    )
    if b is None:
        return None
    text = str(inner).format(a=a, b=b)
    ndim = max(pool[a].ndim, pool[b].ndim)
    if ndim == 0:
        return text
    return str(outer).format(x=text, i=int(pool.rng.integers(-ndim, ndim)))


@operation(np.sum, np.max, np.min, np.mean, np.prod, weight=2, exact=True)
def keywords(pool: Pool) -> str | None:
    a = pool.pick("f")
    text = pool.line("""
        np.sum({a}, axis={x}, where={a} > 0)
        np.max({a}, axis={x}, initial=0.5)
        np.sum({a}, axis={x}, initial=2.0)
        np.mean({a}, axis={x}, dtype=np.float64)
        np.min({a}, axis={x}, where={a} < 1, initial=9.0)
        np.sum({a}, axis={x}, dtype=np.float32)
        np.prod({a}, axis={x}, where={a} > 0.5)
        np.add.reduce({a}, axis={x})
        np.maximum.reduce({a}, axis={x})
        {a}.sum({x})
        {a}.max({x})
    """)
    return a and str(text).format(a=a, x=axes(pool, a))


@operation(*PLACES, np.argsort, np.argpartition, weight=1, exact=True)
def places(pool: Pool) -> str | None:
    a = pool.pick("f", least=1)
    name = pool.one(PLACES)
    axis = a and ("None" if pool.flag(0.2) else pool.axis(a))
    if a is None:
        return None
    return f"np.argsort({a}, axis={axis}, kind='stable')" if pool.flag(0.2) else f"np.{name.__name__}({a}, axis={axis})"


@operation(*ORDER, np.quantile, np.percentile, np.nanquantile, np.nanpercentile, np.average, weight=2)
def quantiles(pool: Pool) -> str | None:
    a = pool.pick("f", least=1)
    text = pool.line("""
        np.median({a}, axis={x})
        np.nanmedian({a}, axis={x})
        np.quantile({a}, 0.3, axis={x})
        np.percentile({a}, [25, 80], axis={x})
        np.nanquantile({a}, 0.5, axis={x})
        np.average({a}, axis={x})
        np.quantile({a}, 0.4, axis={x}, method='lower')
        np.average({a}, axis={i}, weights=np.abs({a}) + 1)
        np.nanpercentile({a}, 60, axis={x})
    """)
    return a and str(text).format(a=a, x="None" if pool.flag(0.3) else pool.axis(a), i=pool.axis(a))


@operation(
    np.cumsum, np.cumprod, np.nancumsum, np.nancumprod, np.cumulative_sum, np.cumulative_prod, weight=2, exact=True
)
def scans(pool: Pool) -> str | None:
    a = pool.pick("f", least=1)
    text = pool.line("""
        np.cumsum({a}, axis={x})
        np.cumsum({a})
        np.cumprod({a}, axis={x})
        np.nancumsum({a}, axis={x})
        np.nancumprod({a}, axis={x})
        np.cumulative_sum({a}, axis={x}, include_initial=True)
        np.cumulative_prod({a}, axis={x})
        np.add.accumulate({a}, axis={x})
    """)
    return a and str(text).format(a=a, x=pool.axis(a))


@operation(np.linalg.norm, np.linalg.vector_norm, weight=2)
def norms(pool: Pool) -> str | None:
    a = pool.pick("fc", least=1)
    text = pool.line("""
        np.linalg.norm({a})
        np.linalg.norm({a}, axis={x})
        np.linalg.norm({a}, ord=1, axis={x})
        np.linalg.norm({a}, ord=np.inf, axis={x}, keepdims=True)
        np.linalg.vector_norm({a}, axis={x}, ord=3)
    """)
    return a and str(text).format(a=a, x=pool.axis(a))
