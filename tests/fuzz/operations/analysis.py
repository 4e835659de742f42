"""Signals, polynomials, statistics, Fourier transforms, interpolation, sequences."""

from __future__ import annotations

import numpy as np

from tests.fuzz.operations import operation
from tests.fuzz.pool import Pool


@operation(np.diff, np.ediff1d, np.gradient, np.trapezoid, np.unwrap, weight=2, exact=True)
def differences(pool: Pool) -> str | None:
    a = pool.pick("f", least=1)
    text = pool.line("""
        np.diff({a}, axis={x})
        np.diff({a}, 2, axis={x})
        np.ediff1d({a})
        np.gradient({a}, axis={x})
        np.trapezoid({a}, axis={x})
        np.trapezoid({a}, dx=0.5, axis={x})
        np.unwrap({a}, axis={x})
        np.diff({a}, axis={x}, prepend=0.0)
        np.gradient({a}, 2.0, axis={x}, edge_order=2)
    """)
    return a and str(text).format(a=a, x=pool.axis(a))


@operation(
    np.convolve, np.correlate, np.polyval, np.polyadd, np.polysub, np.polymul, np.polyder, np.polyint, np.vander,
    weight=2, exact=True, named=False,
)  # fmt: skip
def polynomials(pool: Pool) -> str | None:
    a = pool.pick("f", ndim=1, where=lambda one: 0 < one.size < 8)
    b = a and pool.pick("f", ndim=1, where=lambda one: 0 < one.size < 8)
    text = pool.line("""
        np.convolve({a}, {b})
        np.convolve({a}, {b}, 'same')
        np.correlate({a}, {b}, 'full')
        np.polyval({a}, {b})
        np.polyadd({a}, {b})
        np.polysub({a}, {b})
        np.polymul(np.abs(np.tanh({a})) + 1, np.abs(np.tanh({b})) + 1)
        np.polyder({a})
        np.polyint({a})
        np.vander({a}, 3)
        np.correlate({a}, {b}, 'valid')
    """)
    return b and str(text).format(a=a, b=b)


@operation(np.cov, np.corrcoef, np.interp, np.polyfit, np.poly, np.roots, weight=1, named=False)
def statistics(pool: Pool) -> str | None:
    a = pool.pick("f", least=1, where=lambda one: one.ndim < 3 and one.dtype != np.float16 and one.size > 2)
    text = pool.line("""
        np.cov({a})
        np.corrcoef({a})
        np.cov({a}, ddof=0)
        np.interp({a}, np.array([-1.0, 0.0, 2.0]), np.array([0.5, 1.5, -1.0]))
        np.polyfit(np.arange(4.0), np.resize({a}, 4), 1)
        np.poly(np.resize({a}, 3))
        np.cov({a}, rowvar=False)
    """)
    return a and str(text).format(a=a)


TRANSFORMS = (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft)
SEVERAL = (
    np.fft.fft2,
    np.fft.ifft2,
    np.fft.rfft2,
    np.fft.irfft2,
    np.fft.fftn,
    np.fft.ifftn,
    np.fft.rfftn,
    np.fft.irfftn,
)


@operation(*TRANSFORMS, *SEVERAL, np.fft.fftshift, np.fft.ifftshift, weight=2)
def fourier(pool: Pool) -> str | None:
    a = pool.pick(
        "fc", least=1, where=lambda one: one.dtype != np.float16 and one.size
    )  # NumPy pads nothing with garbage
    if a is None:
        return None
    text = pool.line("""
        np.fft.{one}({a}, axis={x})
        np.fft.{one}({a}, axis={x}, norm='ortho')
        np.fft.fftshift({a})
        np.fft.ifftshift({a}, axes={x})
        np.abs(np.fft.fft({a}, axis={x})) ** 2
        np.fft.{one}({a}, n=4, axis={x})
    """)
    if pool[a].ndim > 1 and pool.flag(0.3):
        text = "np.fft.{many}({a})"
    return str(text).format(a=a, x=pool.axis(a), one=pool.one(TRANSFORMS).__name__, many=pool.one(SEVERAL).__name__)


@operation(np.linspace, np.logspace, np.geomspace, weight=1, named=False)
def sequences(pool: Pool) -> str | None:
    a = pool.pick("f", ndim=0)
    b = a and pool.pick("f", ndim=0)
    text = pool.one(
        ("np.linspace({a}, {b}, 4)", "np.linspace(0, {a}, 3, endpoint=False)", "np.logspace(0.0, np.tanh({a}), 3)")
    )
    return b and str(text).format(a=a, b=b)
