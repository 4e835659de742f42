"""Planted mistakes in kernels and transforms."""

import numpy as np
from scipy import special

from .entries import bug, normal
from .right_factors import (
    cosines,
    cosines_back,
    evidence,
    evidence_back,
    filtered,
    filtered_back,
    gram,
    gram_back,
    log_spectrum,
    log_spectrum_back,
    sinkhorn,
    sinkhorn_back,
)


def matern_nan(g, k, x, y, length, nu):
    d = x[:, None] - y[None]
    e = np.sqrt((d * d).sum(axis=-1))
    r = nu**0.5 * e / length
    with np.errstate(all="ignore"):
        slope = {1: 1 + 0 * r, 3: r, 5: r * (1 + r) / 3}[nu] * np.exp(-r) * g
        dx = -(slope / e)[..., None] * d * nu**0.5 / length
    return dx.sum(axis=1), -dx.sum(axis=0), float((slope * r).sum() / length), None


bug("R", "Matérn: NaN at equal points", gram, matern_nan, normal(4, 2), normal(3, 2), 0.8, 3)

bug(
    "R",
    "Matérn: length of 1",
    gram,
    lambda g, k, x, y, length, nu: (lambda d: (d[0] * length, d[1] * length, d[2], None))(
        gram_back(g, k, x, y, length, nu)
    ),
    normal(4, 2),
    normal(3, 2),
    1.0,
    3,
)

bug(
    "R",
    "Matérn: order 5 as 3",
    gram,
    lambda g, k, x, y, length, nu: (lambda d: d if nu < 5 else tuple(None if e is None else 1.5 * e for e in d))(
        gram_back(g, k, x, y, length, nu)
    ),
    normal(4, 2),
    normal(3, 2),
    0.8,
    3,
)

bug(
    "V",
    "evidence: half of the distances",
    evidence,
    lambda g, out, x, y, noise: (lambda d: (d[0] / 2, *d[1:]))(evidence_back(g, out, x, y, noise)),
    normal(4),
    normal(4, seed=1),
    0.2,
)

bug(
    "E",
    "evidence: jitter of 1e-8",
    evidence,
    lambda g, out, x, y, noise: evidence_back(g, out, x, y, noise + 1e-8),
    normal(4),
    normal(4, seed=1),
    0.2,
)

bug(
    "R",
    "filter: even lengths",
    filtered,
    lambda g, y, x, h: (
        lambda d, s, a: (
            d,
            (np.where(np.isin(np.arange(h.size), (0, h.size - 1)), 1, 2) * (np.conj(s) * a).real / x.size).astype(
                h.dtype
            ),
        )
    )(filtered_back(g, y, x, h)[0], np.fft.rfft(x), np.fft.rfft(g)),
    normal(6),
    normal(4),
)

bug(
    "R",
    "cosine transform: norm forgotten",
    cosines,
    lambda g, y, x, norm: cosines_back(g, y, x, "ortho"),
    normal(5),
    "ortho",
)

bug(
    "V",
    "cosine transform: first row like the others",
    cosines,
    lambda g, y, x, norm: cosines_back(g * np.where(np.arange(x.size) == 0, np.float32(2) ** 0.5, 1), y, x, norm),
    normal(5),
    "ortho",
)

bug(
    "R",
    "log of a spectrum: floor forgotten",
    log_spectrum,
    lambda g, y, x, floor: (log_spectrum_back(g, y, x, 1e-300)[0], 0.0),
    3 + 2 * normal(4),
    0.01,
)

bug(
    "C",
    "log of a spectrum: complex",
    log_spectrum,
    lambda g, y, x, floor: (log_spectrum_back(g, y, x, floor)[0] + 0j, log_spectrum_back(g, y, x, floor)[1]),
    normal(7),
    0.5,
)

bug(
    "R",
    "Sinkhorn: last round only",
    sinkhorn,
    lambda g, y, c, rounds: (
        lambda d: d if rounds < 2 else (lambda e: (e - special.softmax(c, axis=0) * e.sum(axis=0), None))(g * y)
    )(sinkhorn_back(g, y, c, rounds)),
    normal(3, 4),
    1,
)
