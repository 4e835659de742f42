"""146 calls of SciPy, as its documentation makes them: what do `grad`, `vmap` and `jit` of flowgraph and JAX take?

SciPy computes on any array that follows the array API standard where SCIPY_ARRAY_API=1 is set, and so on boxes and on
the arrays of JAX. Each call is a function of one array; the gradient of a weighted sum of its result is held against
differences of fourth order of the same call on arrays of NumPy. `vmap` of a call is held against the call row by row,
`jit` of it against the call, at two points of which the second decides otherwise what values decide. What else a call
takes is made with the namespace of the library, as JAX asks for it.

    python -m benchmarks scipy_calls
    python -m benchmarks scipy_calls --transform vmap --transform jit
    python -m benchmarks scipy_calls --library flowgraph --verbose stats.skew fft.rfft
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[Any, Any], Any]

POSITIVE = np.array([0.3, 1.2, 2.5, 0.7, 1.9, 0.4, 1.4, 0.9])
SIGNED = np.array([0.31, -1.2, 0.55, 0.74, -0.9, 0.4, 1.7, -0.15])
UNIT = POSITIVE / 3.1
SYMMETRIC = np.array([[2.1, 0.3, 0.2], [0.3, 1.7, 0.4], [0.2, 0.4, 1.3]])
OTHER = np.array([0.5, 1.1, 2.0, 0.6, 2.4, 0.9, 1.3, 0.2])
LONG = np.sin(np.arange(40.0) * 0.7) + 0.3 * np.cos(np.arange(40.0) ** 2)
APART = 0.1 * np.arange(40.0) + 0.03 * np.cos(np.arange(40.0) ** 2)
"""Values whose order the step of the differences does not change."""

DIFFERENCE = 1e-3
"""The step of the differences, relative to 1: their error is some 1e-11, where the fifth derivative is moderate."""

CLOSE = 1e-6
"""How far a gradient may be from the differences, relative to the largest of them."""


DONE = {"grad": "differentiated", "vmap": "mapped over rows", "jit": "compiled"}
"""What a transformation does with a call, in words."""


def special(scipy: Any, xp: Any) -> dict[str, tuple[np.ndarray, Call]]:
    """Functions of scipy.special."""
    sp, asarray = scipy.special, xp.asarray
    of_one = {
        "expit": SIGNED, "logit": UNIT, "gammaln": POSITIVE, "psi": POSITIVE, "erf": SIGNED, "erfc": SIGNED,
        "i0": SIGNED, "i0e": SIGNED, "i1": SIGNED, "i1e": SIGNED, "log_ndtr": SIGNED, "ndtr": SIGNED, "ndtri": UNIT,
        "entr": POSITIVE, "erfinv": UNIT, "sinc": SIGNED, "exp1": POSITIVE, "log_softmax": SIGNED, "softmax": SIGNED,
        "logsumexp": SIGNED,
    }  # fmt: skip
    calls: dict[str, tuple[np.ndarray, Call]] = {
        name: (point, lambda x, name=name: getattr(sp, name)(x)) for name, point in of_one.items()
    }
    return calls | {
        "xlogy": (POSITIVE, lambda x: sp.xlogy(x, asarray(OTHER))),
        "rel_entr": (POSITIVE, lambda x: sp.rel_entr(x, asarray(OTHER))),
        "kl_div": (POSITIVE, lambda x: sp.kl_div(asarray(OTHER), x)),
        "betaln": (POSITIVE, lambda x: sp.betaln(x, asarray(OTHER))),
        "betainc": (UNIT, lambda x: sp.betainc(asarray(OTHER), asarray(POSITIVE), x)),
        "gammainc": (POSITIVE, lambda x: sp.gammainc(asarray(OTHER), x)),
        "gammaincc": (POSITIVE, lambda x: sp.gammaincc(asarray(OTHER), x)),
        "chdtr": (POSITIVE, lambda x: sp.chdtr(asarray(OTHER), x)),
        "stdtr": (SIGNED, lambda x: sp.stdtr(asarray(OTHER), x)),
        "multigammaln": (POSITIVE + 2, lambda x: sp.multigammaln(x, 2)),
        "logsumexp of weights": (POSITIVE, lambda x: sp.logsumexp(asarray(SIGNED), b=x)),
    }


def stats(scipy: Any, xp: Any) -> dict[str, tuple[np.ndarray, Call]]:
    """Functions of scipy.stats: of one sample, of several, and tests, by statistic and by p-value."""
    st, asarray = scipy.stats, xp.asarray
    of_one = {
        "gmean": POSITIVE, "hmean": POSITIVE, "kurtosis": SIGNED, "skew": SIGNED, "variation": POSITIVE,
        "zscore": SIGNED, "gzscore": POSITIVE, "sem": SIGNED, "circmean": POSITIVE, "circvar": POSITIVE,
        "circstd": POSITIVE, "entropy": POSITIVE, "differential_entropy": APART, "gstd": POSITIVE, "tmean": SIGNED,
        "tvar": SIGNED, "tstd": SIGNED, "tsem": SIGNED, "lmoment": SIGNED, "iqr": SIGNED, "expectile": SIGNED,
        "median_abs_deviation": SIGNED,
    }  # fmt: skip
    calls: dict[str, tuple[np.ndarray, Call]] = {
        name: (point, lambda x, name=name: getattr(st, name)(x)) for name, point in of_one.items()
    }
    tests = {
        "ttest_1samp": (SIGNED, lambda x: st.ttest_1samp(x, 0.4)),
        "ttest_ind": (POSITIVE, lambda x: st.ttest_ind(x, asarray(OTHER[:6]))),
        "ttest_ind of Welch": (POSITIVE, lambda x: st.ttest_ind(x, asarray(OTHER[:6]), equal_var=False)),
        "ttest_rel": (POSITIVE, lambda x: st.ttest_rel(x, asarray(OTHER))),
        "f_oneway": (POSITIVE, lambda x: st.f_oneway(x, asarray(OTHER), asarray(SIGNED))),
        "pearsonr": (POSITIVE, lambda x: st.pearsonr(x, asarray(OTHER))),
        "chisquare": (
            POSITIVE,
            lambda x: st.chisquare(x, asarray(OTHER * POSITIVE.sum() / OTHER.sum()), sum_check=False),
        ),
        "power_divergence": (POSITIVE, lambda x: st.power_divergence(x, lambda_="cressie-read")),
        "combine_pvalues": (UNIT, lambda x: st.combine_pvalues(x)),
        "bartlett": (POSITIVE, lambda x: st.bartlett(x, asarray(OTHER))),
        "levene": (POSITIVE, lambda x: st.levene(x, asarray(OTHER), center="mean")),
        "jarque_bera": (SIGNED, lambda x: st.jarque_bera(x)),
        "skewtest": (SIGNED, lambda x: st.skewtest(x)),
        "kurtosistest": (LONG, lambda x: st.kurtosistest(x)),
        "normaltest": (LONG, lambda x: st.normaltest(x)),
        "alexandergovern": (POSITIVE, lambda x: st.alexandergovern(x, asarray(OTHER))),
    }
    for name, (point, test) in tests.items():
        calls[name] = point, lambda x, test=test: test(x).statistic
        if name in ("ttest_1samp", "ttest_ind", "pearsonr", "chisquare", "skewtest", "normaltest"):
            calls[f"{name}, p"] = point, lambda x, test=test: test(x).pvalue
    return calls | {
        "pmean": (POSITIVE, lambda x: st.pmean(x, 3.0)),
        "moment": (SIGNED, lambda x: st.moment(x, 3)),
        "zmap": (SIGNED, lambda x: st.zmap(asarray(OTHER), x)),
        "describe": (SIGNED, lambda x: st.describe(x).skewness),
        "entropy of two": (POSITIVE, lambda x: st.entropy(x, asarray(OTHER))),
        "quantile": (SIGNED, lambda x: st.quantile(x, asarray(0.3))),
        "boxcox_llf": (POSITIVE, lambda x: st.boxcox_llf(0.4, x)),
        "directional_stats": (SYMMETRIC, lambda x: st.directional_stats(x).mean_direction),
        "trim_mean": (SIGNED, lambda x: st.trim_mean(x, 0.2)),
        "wasserstein_distance": (SIGNED, lambda x: st.wasserstein_distance(x, asarray(OTHER))),
    }


def signal(scipy: Any, xp: Any) -> dict[str, tuple[np.ndarray, Call]]:
    """Functions of scipy.signal."""
    sg, asarray = scipy.signal, xp.asarray
    kernel = np.array([0.5, 1.0, -0.3])
    b, a = np.array([0.2, 0.3, 0.1]), np.array([1.0, -0.4, 0.2])
    sos = np.array([[0.2, 0.3, 0.1, 1.0, -0.4, 0.2]])
    return {
        "convolve": (SIGNED, lambda x: sg.convolve(x, asarray(kernel))),
        "fftconvolve": (SIGNED, lambda x: sg.fftconvolve(x, asarray(kernel))),
        "oaconvolve": (LONG, lambda x: sg.oaconvolve(x, asarray(kernel))),
        "correlate": (SIGNED, lambda x: sg.correlate(x, asarray(kernel))),
        "convolve2d": (SYMMETRIC, lambda x: sg.convolve2d(x, asarray(SYMMETRIC))),
        "correlate2d": (SYMMETRIC, lambda x: sg.correlate2d(x, asarray(SYMMETRIC))),
        "lfilter": (SIGNED, lambda x: sg.lfilter(asarray(b), asarray(a), x)),
        "sosfilt": (SIGNED, lambda x: sg.sosfilt(asarray(sos), x)),
        "filtfilt": (LONG, lambda x: sg.filtfilt(asarray(b), asarray(a), x)),
        "detrend": (LONG, lambda x: sg.detrend(x)),
        "detrend by a constant": (LONG, lambda x: sg.detrend(x, type="constant")),
        "hilbert": (SIGNED, lambda x: xp.abs(sg.hilbert(x))),
        "envelope": (LONG, lambda x: sg.envelope(x)),
        "resample": (LONG, lambda x: sg.resample(x, 25)),
        "resample_poly": (LONG, lambda x: sg.resample_poly(x, 2, 3)),
        "savgol_filter": (LONG, lambda x: sg.savgol_filter(x, 7, 2)),
        "freqz": (POSITIVE, lambda x: xp.abs(sg.freqz(x, worN=16)[1])),
        "freqs": (POSITIVE, lambda x: xp.abs(sg.freqs(x, asarray(a), worN=asarray(OTHER))[1])),
        "welch": (LONG, lambda x: sg.welch(x, nperseg=16)[1]),
        "periodogram": (LONG, lambda x: sg.periodogram(x)[1]),
        "zpk2tf": (POSITIVE, lambda x: sg.zpk2tf(x, asarray(OTHER[:2]), 2.0)[0]),
        "gausspulse": (SIGNED, lambda x: sg.gausspulse(x, fc=1.0)),
        "chirp": (POSITIVE, lambda x: sg.chirp(x, f0=1.0, t1=3.0, f1=2.0)),
    }


def fft(scipy: Any, xp: Any) -> dict[str, tuple[np.ndarray, Call]]:
    """Functions of scipy.fft."""
    ft = scipy.fft
    of_one = {
        "fft": SIGNED, "ifft": SIGNED, "rfft": SIGNED, "irfft": SIGNED, "hfft": SIGNED, "ihfft": SIGNED,
        "fft2": SYMMETRIC, "rfft2": SYMMETRIC, "fftn": SYMMETRIC, "fftshift": SIGNED, "dct": SIGNED, "dst": SIGNED,
    }  # fmt: skip
    calls: dict[str, tuple[np.ndarray, Call]] = {
        name: (point, lambda x, name=name: xp.abs(getattr(ft, name)(x)) ** 2) for name, point in of_one.items()
    }
    return calls | {"fht": (POSITIVE, lambda x: ft.fht(x, 0.1, 0.5))}


def integrate(scipy: Any, xp: Any) -> dict[str, tuple[np.ndarray, Call]]:
    """Functions of scipy.integrate, by values and by what the integrand reads."""
    ig, asarray = scipy.integrate, xp.asarray
    places = np.cumsum(OTHER)
    return {
        "trapezoid": (SIGNED, lambda x: ig.trapezoid(x, asarray(places))),
        "simpson": (SIGNED, lambda x: ig.simpson(x, dx=0.5)),
        "cumulative_trapezoid": (SIGNED, lambda x: ig.cumulative_trapezoid(x, asarray(places))),
        "cumulative_simpson": (SIGNED, lambda x: ig.cumulative_simpson(x, dx=0.5)),
        "tanhsinh": (
            POSITIVE,
            lambda x: ig.tanhsinh(lambda t, k: xp.exp(-k * t**2), asarray(0.0), asarray(1.5), args=(x,)).integral,
        ),
        "cubature": (
            POSITIVE[:2],
            lambda x: (
                ig.cubature(
                    lambda t: xp.exp(-t[:, 0] * x[0] - t[:, 1] * x[1]), asarray([0.0, 0.0]), asarray([1.0, 1.0])
                ).estimate
            ),
        ),
    }


def others(scipy: Any, xp: Any) -> dict[str, tuple[np.ndarray, Call]]:
    """Functions of scipy.optimize, differentiate, spatial, cluster, linalg and ndimage."""
    asarray = xp.asarray
    rotation, root = scipy.spatial.transform.Rotation, scipy.optimize.elementwise
    vector, quaternions = np.array([0.3, -0.7, 0.5]), np.array([0.1, 0.6, -0.4, 0.7])
    return {
        "optimize.rosen": (SIGNED, lambda x: scipy.optimize.rosen(x)),
        "optimize.rosen_der": (SIGNED, lambda x: scipy.optimize.rosen_der(x)),
        "optimize.elementwise.find_root": (
            POSITIVE,
            lambda x: root.find_root(lambda t, k: t**3 - k, (asarray(0.0), asarray(3.0)), args=(x,)).x,
        ),
        "differentiate.derivative": (
            POSITIVE,
            lambda x: scipy.differentiate.derivative(lambda t: xp.exp(-(t**2)), x).df,
        ),
        "differentiate.jacobian": (POSITIVE[:3], lambda x: scipy.differentiate.jacobian(lambda t: t**3, x).df),
        "Rotation.from_rotvec": (vector, lambda x: rotation.from_rotvec(x).as_matrix()),
        "Rotation.apply": (vector, lambda x: rotation.from_quat(asarray(quaternions)).apply(x)),
        "Rotation.from_quat": (quaternions, lambda x: rotation.from_quat(x).as_matrix()),
        "Rotation.as_rotvec": (quaternions, lambda x: rotation.from_quat(x).as_rotvec()),
        "Rotation.from_euler": (vector, lambda x: rotation.from_euler("xyz", x).as_quat()),
        "Rotation.as_euler": (quaternions, lambda x: rotation.from_quat(x).as_euler("zyx")),
        "Rotation.from_mrp": (vector, lambda x: rotation.from_mrp(x).as_matrix()),
        "Rotation.magnitude": (quaternions, lambda x: rotation.from_quat(x).magnitude()),
        "cluster.vq.whiten": (SYMMETRIC, lambda x: scipy.cluster.vq.whiten(x)),
        "cluster.vq.vq": (SYMMETRIC, lambda x: scipy.cluster.vq.vq(x, asarray(SYMMETRIC[:2] + 0.1))[1]),
        "linalg.det": (SYMMETRIC, lambda x: scipy.linalg.det(x)),
        "linalg.inv": (SYMMETRIC, lambda x: scipy.linalg.inv(x)),
        "linalg.solve": (SYMMETRIC, lambda x: scipy.linalg.solve(x, asarray(vector))),
        "ndimage.gaussian_filter": (SYMMETRIC, lambda x: scipy.ndimage.gaussian_filter(x, 1.0)),
    }  # fmt: skip


PARTS = (special, stats, signal, fft, integrate, others)
PACKAGES = (
    "special", "stats", "signal", "fft", "integrate", "optimize", "optimize.elementwise", "differentiate", "spatial",
    "spatial.transform", "cluster.vq", "linalg", "ndimage",
)  # fmt: skip


def calls_with(xp: Any) -> dict[str, tuple[np.ndarray, Call]]:
    """Each call by its name, as a function of an array, with constants of a namespace."""
    import scipy

    for package in PACKAGES:
        importlib.import_module(f"scipy.{package}")
    found = {}
    for part in PARTS:
        prefix = "" if part is others else f"{part.__name__}."
        found.update({f"{prefix}{name}": call for name, call in part(scipy, xp).items()})
    return found


def weighted(call: Call, xp: Any) -> Callable[[Any], Any]:
    """One number of the result of a call: each element counts otherwise."""

    def total(x: Any) -> Any:
        result = call(x)
        weights = np.cos(np.arange(1.0, 1 + int(np.prod(result.shape)))).reshape(result.shape)
        return xp.sum(result * xp.asarray(weights))

    return total


def differences(f: Callable[[Any], Any], point: np.ndarray) -> np.ndarray:
    """The gradient of a function by central differences of fourth order."""
    grad = np.empty_like(point)
    for place in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[place] = DIFFERENCE
        near, far = f(point + step) - f(point - step), f(point + 2 * step) - f(point - 2 * step)
        grad[place] = (8 * near - far) / (12 * DIFFERENCE)
    return grad


def rows_near(point: np.ndarray) -> np.ndarray:
    """Three points at which a call is made, each in its domain, and one with another order of the numbers."""
    return np.stack([point, 0.96 * point, 1.03 * np.roll(point, 1, axis=-1)])


def needed_of(transform: str, call: Call, point: np.ndarray) -> list[np.ndarray]:
    """What a transformation of a call has to give, by calls on arrays of NumPy."""
    if transform == "grad":
        return [differences(weighted(call, np), point)]
    each = [np.asarray(call(row)) for row in rows_near(point)]
    return [np.stack(each)] if transform == "vmap" else [each[0], each[2]]


def found_by(library: str, transform: str, call: Call, point: np.ndarray) -> list[np.ndarray]:
    """The same by the transformation of a library."""
    if library == "flowgraph":
        from flowgraph import functional
        from flowgraph.numpy import array_api as xp

        asarray: Callable[..., Any] = np.asarray
    else:
        import jax as functional
        import jax.numpy as xp

        asarray = xp.asarray
    if transform == "grad":
        return [np.asarray(functional.grad(weighted(call, xp))(asarray(point)))]
    rows = rows_near(point)
    if transform == "vmap":
        return [np.asarray(functional.vmap(call)(asarray(rows)))]
    compiled = functional.jit(call)
    return [np.asarray(compiled(asarray(rows[place]))) for place in (0, 2)]


def namespace_of(library: str) -> Any:
    """The functions for the arrays of a library."""
    if library == "flowgraph":
        from flowgraph.numpy import array_api

        return array_api
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.numpy


def verdict(library: str, transform: str, name: str, needed: list[np.ndarray]) -> str:
    """What a transformation of a library makes of a call: "right", "wrong", or why it refuses it."""
    point, call = calls_with(namespace_of(library))[name]
    try:
        found = found_by(library, transform, call, point)
    except Exception as error:  # each library, SciPy and its compiled code have their own
        return f"{type(error).__name__}: {str(error).splitlines()[0][:150] if str(error) else ''}"
    for one, other in zip(found, needed, strict=True):
        scale = max(1.0, float(np.abs(other).max(initial=0.0)))
        if one.shape != other.shape or not np.allclose(one, other, rtol=CLOSE, atol=CLOSE * scale, equal_nan=True):
            return f"wrong: {one}, needs {other}"
    return "right"


def main() -> None:
    """Count what each library takes, in a process of its own where SciPy takes other arrays."""
    if os.environ.get("SCIPY_ARRAY_API") != "1":
        command = (
            [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
            if sys.argv[1:]
            else [sys.executable, "-m", "benchmarks", "scipy_calls"]
        )
        raise SystemExit(subprocess.run(command, env={**os.environ, "SCIPY_ARRAY_API": "1"}, check=False).returncode)
    parser = argparse.ArgumentParser(prog="python -m benchmarks scipy_calls")
    parser.add_argument("names", nargs="*", help="calls, all if left out")
    parser.add_argument("--library", choices=("flowgraph", "jax"), action="append", help="both if left out")
    parser.add_argument("--transform", choices=DONE, action="append", help="grad, vmap, jit; all if left out")
    parser.add_argument("--verbose", action="store_true", help="print why a call is refused")
    options = parser.parse_intermixed_args([word for word in sys.argv[1:] if word != "scipy_calls"])
    warnings.simplefilter("ignore")
    numpys = calls_with(np)
    counts: Counter[str] = Counter()
    columns = [(library, transform) for transform in options.transform or DONE
               for library in options.library or ("flowgraph", "jax")]  # fmt: skip
    for name in options.names or numpys:
        point, call = numpys[name]
        shown = []
        for library, transform in columns:
            text = verdict(library, transform, name, needed_of(transform, call, point))
            word = text.split(":")[0]
            counts[f"{library} {transform} {word if word in ('right', 'wrong') else 'refused'}"] += 1
            shown.append(f"{library} {transform}: {text if options.verbose else word}")
        print(f"{name:32} {'  '.join(shown)}", flush=True)
    total = len(options.names or numpys)
    for library, transform in columns:
        right, wrong = (counts[f"{library} {transform} {word}"] for word in ("right", "wrong"))
        print(f"{library}: {right} of {total} {DONE[transform]}, {wrong} wrong")
