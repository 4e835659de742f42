"""astropy: models of one and two coordinates, differentiated by their parameters as its fitters do."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import DIFFERENCES, Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("astropy", "numpy", held_out=True, second=True)
X, Y = uniform(6, low=0.2, high=3.0), normal(6)
MODELS: dict[str, tuple[float, ...]] = {
    "Gaussian1D": (1.3, 0.7, 0.9), "Gaussian2D": (1.3, 0.7, 0.2, 0.9, 1.4, 0.6), "Sine1D": (1.2, 0.3, 0.1),
    "Cosine1D": (1.2, 0.3, 0.1), "Tangent1D": (1.2, 0.05, 0.02), "ArcSine1D": (4.0, 0.7, 0.1),
    "ArcCosine1D": (4.0, 0.7, 0.1), "ArcTangent1D": (1.3, 0.7, 0.1), "Lorentz1D": (1.3, 0.7, 0.9),
    "Lorentz2D": (1.3, 0.7, 0.2, 0.9), "Voigt1D": (0.7, 1.3, 0.8, 0.6), "Moffat1D": (1.3, 0.7, 0.9, 1.6),
    "Moffat2D": (1.3, 0.7, 0.2, 0.9, 1.6), "KingProjectedAnalytic1D": (1.3, 0.8, 4.0), "Logarithmic1D": (1.3, 0.6),
    "Exponential1D": (1.3, 0.9), "PowerLaw1D": (1.3, 0.8, 1.7), "BrokenPowerLaw1D": (1.3, 1.5, 0.7, 2.1),
    "SmoothlyBrokenPowerLaw1D": (1.3, 1.5, 0.7, 2.1, 0.4), "ExponentialCutoffPowerLaw1D": (1.3, 0.8, 1.7, 2.5),
    "LogParabola1D": (1.3, 0.8, 1.7, 0.3), "Schechter1D": (0.7, 1.1, -0.6),
}  # fmt: skip
WRONG = {
    "Gaussian2D": "at amplitude 0 the value is 0 and its slope by the amplitude exp(...); it divides by the amplitude",
    "Voigt1D": "seen by fg.check: at fwhm_L = 0 it divides 0 by it, where the slope is finite (0.738 at x = 0.5); "
    "what is within 1e-15 of the latest arguments is given the latest answer",
    "SmoothlyBrokenPowerLaw1D": "seen by fg.check: at amplitude 0 it divides 0 by it, as Gaussian2D does",
    "Schechter1D": "where 10^(0.4 (m* - m)) underflows to 0 the value is 0 and so are its slopes; func log(0) is NaN",
}


def _model(name: str) -> Case:
    from astropy.modeling import functional_models, powerlaws

    model = getattr(functional_models, name, None) or getattr(powerlaws, name)
    of = (X, Y) if name.endswith("2D") else (X,)
    instance = model()

    def value(parameters: Any) -> Any:
        return instance.evaluate(*of, *parameters)

    def slopes(grad: Any, value: Any, parameters: Any) -> tuple[Any, ...]:
        return (np.array([np.sum(grad * one) for one in instance.fit_deriv(*of, *parameters)]),)

    return Case(value, (np.array(MODELS[name]),), slopes)


for _name in MODELS:
    _judged = "wrong" if _name in WRONG else "right"
    PACKAGE.add(_name, lambda name=_name: _model(name), _judged, WRONG.get(_name, DIFFERENCES))
