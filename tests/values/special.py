"""Independent values of scipy.special: mpmath, at 40 digits, by its own functions, integrals and derivatives."""

import mpmath as mp
import numpy as np


def each(function):
    """The function on numbers of 40 digits, element by element."""

    def value(*arrays, **settings):
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        with mp.workdps(40):
            rows = zip(*(np.broadcast_to(a, shape).ravel().tolist() for a in arrays), strict=True)
            numbers = [function(*map(mp.mpmathify, row), **settings) for row in rows]
        return np.array([complex(n) if isinstance(n, mp.mpc) and n.imag else float(mp.re(n)) for n in numbers]).reshape(
            shape
        )

    return value


def phi(a):
    return mp.exp(-a * a / 2) / mp.sqrt(2 * mp.pi)


def tail(a):
    """1 − Φ(a)."""
    return mp.erfc(a / mp.sqrt(2)) / 2


def student_cdf(df, a):
    """The distribution function of Student's t, by an incomplete beta function of a²."""
    return (1 + mp.sign(a) * mp.betainc(0.5, df / 2, 0, a * a / (df + a * a), regularized=True)) / 2


def log_ratio(a, order):
    sign = (-1) ** order * mp.factorial(order)
    return mp.quad(lambda t: sign * t**order / (1 + a * t) ** (order + 1), [0, 0.1, 1])


def bessel(function, scaled=False):
    def value(v, a):
        return mp.re(function(v, a)) * (mp.exp(-abs(a)) if scaled else 1)

    return each(value)


def box_cox(x, lmbda):
    """The integral of x^(λ−1), which knows no special case at λ = 0."""
    return mp.quad(lambda t: t ** (lmbda - 1), [1, x])


VALUES = {
    "Erf": each(lambda a: 2 / mp.sqrt(mp.pi) * a * mp.hyp1f1(0.5, 1.5, -a * a)),
    "Erfc": each(mp.erfc),
    "Erfcx": each(lambda a: mp.exp(a * a) * mp.erfc(a)),
    "Dawsn": each(lambda a: mp.sqrt(mp.pi) / 2 * mp.exp(-a * a) * mp.erfi(a)),
    "Erfinv": each(mp.erfinv),
    "Erfcinv": each(lambda a: mp.erfinv(1 - a)),
    "NormalQuantile": each(lambda a: mp.sqrt(2) * mp.erfinv(2 * a - 1)),
    "LogNormalCdf": each(lambda a: mp.log(tail(-a))),
    "NormalHazard": each(lambda a: phi(a) / tail(-a)),
    "XLogY": each(lambda x, y: x * mp.log(y)),
    "XLog1pY": each(lambda x, y: x * mp.log(1 + y)),
    "Entr": each(lambda x: -x * mp.log(x)),
    "RelEntr": each(lambda x, y: x * mp.log(x) - x * mp.log(y)),
    "KlDiv": each(lambda x, y: x * mp.log(x) - x * mp.log(y) - x + y),
    "Logit": each(lambda a: 2 * mp.atanh(2 * a - 1)),
    "LogExpit": each(lambda a: -mp.log(1 + mp.exp(-a))),
    "Gamma": each(mp.gamma),
    "GammaLn": each(lambda a: mp.log(abs(mp.gamma(a)))),
    "LogGamma": each(mp.loggamma),
    "ReciprocalGamma": each(mp.rgamma),
    "Digamma": each(mp.digamma),
    "Polygamma": each(lambda a, n: mp.polygamma(n, a)),
    "Beta": each(mp.beta),
    "BetaLn": each(lambda a, b: mp.log(mp.beta(a, b))),
    "StudentCdf": each(student_cdf),
    "BetaInc": each(lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True)),
    "GammaInc": each(lambda a, x: mp.gammainc(a, 0, x, regularized=True)),
    "GammaIncC": each(lambda a, x: mp.gammainc(a, x, regularized=True)),
    "Expi": each(mp.ei),
    "Exp1": each(mp.e1),
    "Expn": each(mp.expint),
    "LambertW": each(mp.lambertw),
    "Spence": each(lambda a: mp.re(mp.polylog(2, 1 - a))),
    "Exprel": each(lambda a, order: mp.quad(lambda t: t**order * mp.exp(a * t), [0, 1])),
    "LogRatio": each(log_ratio),
    "BoxCox": each(box_cox),
    "BoxCox1p": each(lambda x, lmbda: box_cox(1 + x, lmbda)),
    "InverseBoxCox": each(lambda y, lmbda: mp.exp(y) if lmbda == 0 else (1 + lmbda * y) ** (1 / lmbda)),
    "BesselJ0": each(lambda a: mp.besselj(0, a)),
    "BesselJ1": each(lambda a: mp.besselj(1, a)),
    "BesselJ": bessel(mp.besselj),
    "BesselY0": each(lambda a: mp.bessely(0, a)),
    "BesselY1": each(lambda a: mp.bessely(1, a)),
    "BesselY": bessel(mp.bessely),
    "BesselI0": each(lambda a: mp.besseli(0, a)),
    "BesselI1": each(lambda a: mp.besseli(1, a)),
    "BesselI": bessel(mp.besseli),
    "BesselI0e": each(lambda a: mp.exp(-abs(a)) * mp.besseli(0, a)),
    "BesselI1e": each(lambda a: mp.exp(-abs(a)) * mp.besseli(1, a)),
    "BesselIe": bessel(mp.besseli, scaled=True),
}
