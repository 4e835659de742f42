"""SciPy: test functions of optimisers, problems of root finders, loss functions of least_squares, interpolants."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("scipy", "numpy")
X = np.array([0.3, 0.7, 1.2])
ROOTS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "f1": (X, ()), "f2": (X, ()), "f3": (X, ()), "aps01": (X, ()), "aps02": (0.7, ()), "aps03": (X, (-40, -1)),
    "aps04": (X, (4, 0.2)), "aps05": (X, ()), "aps06": (X, (5,)), "aps07": (X, (5,)), "aps08": (X, (2,)),
    "aps09": (X, (4,)), "aps10": (X, (5,)), "aps11": (X, (5,)), "aps12": (X, (3,)), "aps13": (0.7, ()),
    "aps14": (0.7, (5,)), "aps15": (0.00004, (20,)),
}  # fmt: skip


def _root_problem(name: str) -> Case:
    from scipy.optimize import _tstutils

    function, slope = (
        getattr(_tstutils, f"{name}_f", None) or getattr(_tstutils, name),
        getattr(_tstutils, f"{name}_fp"),
    )
    x, settings = ROOTS[name]
    return Case(lambda x: function(x, *settings), (x,), lambda grad, value, x: (grad * slope(x, *settings),))


for _name in (name for name in ROOTS if name != "aps15"):
    PACKAGE.add(f"_tstutils.{_name}", lambda name=_name: _root_problem(name))


PACKAGE.add(
    "_tstutils.aps15", lambda: _root_problem("aps15"), "wrong",
    "constant below 0 and above 0.002 / (n + 1), where aps15_fp returns e - 1.859 and not 0",
)  # fmt: skip


def _second(name: str) -> Case:
    from scipy.optimize import _tstutils

    first, second = getattr(_tstutils, f"{name}_fp"), getattr(_tstutils, f"{name}_fpp")
    x, settings = ROOTS[name]
    return Case(lambda x: first(x, *settings), (x,), lambda grad, value, x: (grad * second(x, *settings),))


PACKAGE.add(
    "_tstutils.aps02, second derivative", lambda: _second("aps02"), "wrong",
    "differences of aps02_fp have the other sign at the example and at all twelve neighbours, +- 1e-14",
)  # fmt: skip
for _name in ("f3", "aps01", "aps08", "aps11", "aps12"):
    PACKAGE.add(f"_tstutils.{_name}, second derivative", lambda name=_name: _second(name))


@PACKAGE.right("rosen")
def _rosen() -> Case:
    from scipy.optimize import rosen, rosen_der

    return Case(rosen, (np.array([1.3, 0.7, 0.8, 1.9]),), lambda grad, value, x: (grad * rosen_der(x),))


@PACKAGE.right("rosen_der with rosen_hess")
def _rosen_hess() -> Case:
    from scipy.optimize import rosen_der, rosen_hess

    return Case(rosen_der, (np.array([1.3, 0.7, 0.8, 1.9]),), lambda grad, value, x: (grad @ rosen_hess(x),))


def _robust(name: str) -> Case:
    from scipy.optimize._lsq.least_squares import IMPLEMENTED_LOSSES

    def value(z: Any) -> Any:
        rho = np.empty((3, z.size))
        IMPLEMENTED_LOSSES[name](z, rho, cost_only=False)
        return rho[0]

    def slope(z: Any) -> Any:
        rho = np.empty((3, z.size))
        IMPLEMENTED_LOSSES[name](z, rho, cost_only=False)
        return rho[1]

    return Case(value, (np.array([0.2, 0.8, 1.7, 3.0]),), lambda grad, value, z: (grad * slope(z),))


for _name in ("huber", "soft_l1", "cauchy", "arctan"):
    PACKAGE.add(f"least_squares, {_name}", lambda name=_name: _robust(name))


def _interpolant(name: str) -> Case:
    from scipy import interpolate

    knots, values = np.linspace(0.0, 5.0, 6), normal(6)
    curve = getattr(interpolate, name)(knots, values)
    return Case(curve, (np.array([0.4, 1.7, 3.3]),), lambda grad, value, x: (grad * curve.derivative()(x),))


for _name in ("CubicSpline", "Akima1DInterpolator", "PchipInterpolator", "make_interp_spline"):
    PACKAGE.add(_name, lambda name=_name: _interpolant(name))


def _bessel(value: str, slope: str, order: float) -> Case:
    from scipy import special

    function, derivative = getattr(special, value), getattr(special, slope)
    return Case(lambda x: function(order, x), (X,), lambda grad, value, x: (grad * derivative(order, x),))


for _value, _slope in (("jv", "jvp"), ("yv", "yvp"), ("iv", "ivp"), ("kv", "kvp")):
    PACKAGE.add(_slope, lambda value=_value, slope=_slope: _bessel(value, slope, 2.5))


def _spherical(name: str) -> Case:
    from scipy import special

    function = getattr(special, name)
    return Case(lambda x: function(2, x), (X,), lambda grad, value, x: (grad * function(2, x, derivative=True),))


for _name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"):
    PACKAGE.add(_name, lambda name=_name: _spherical(name))


@PACKAGE.right("polynomial.derivative")
def _polynomial() -> Case:
    from scipy.interpolate import PPoly

    curve = PPoly(normal(4, 3), np.array([0.0, 0.5, 1.0, 1.5]))
    return Case(curve, (np.array([0.2, 0.7, 1.2]),), lambda grad, value, x: (grad * curve(x, nu=1),))


@PACKAGE.right("airy")
def _airy() -> Case:
    from scipy.special import airy

    return Case(lambda x: airy(x)[0], (X,), lambda grad, value, x: (grad * airy(x)[1],))
