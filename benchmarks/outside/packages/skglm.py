"""skglm: data terms, differentiated by the predictions; its classes are given to Numba only by its solvers."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform

PACKAGE = Package("skglm", "numpy", held_out=True, second=True)
PREDICTIONS, SIGNS, POSITIVE = normal(5), np.array([1.0, -1.0, 1.0, 1.0, -1.0]), uniform(5)
TARGETS = {"Logistic": SIGNS, "Poisson": POSITIVE, "Gamma": POSITIVE}


def _term(name: str, *settings: Any) -> Case:
    from skglm import datafits

    term: Any = getattr(datafits, name)(*settings)
    y, w = TARGETS.get(name, normal(5, seed=1)), np.zeros(1)
    return Case(lambda p: term.value(y, w, p), (PREDICTIONS,), lambda grad, value, p: (grad * term.raw_grad(y, p),))


for _name, _settings in (
    ("Quadratic", ()),
    ("WeightedQuadratic", (POSITIVE,)),
    ("Logistic", ()),
    ("Poisson", ()),
    ("Gamma", ()),
):
    PACKAGE.add(_name, lambda name=_name, settings=_settings: _term(name, *settings))


@PACKAGE.right("Huber")
def _huber() -> Case:
    from skglm.datafits import Huber

    term, x, y = Huber(0.7), normal(5, 2), normal(5, seed=1)

    def backward(grad: Any, value: Any, w: Any) -> tuple[Any, ...]:
        return (grad * np.array([term.gradient_scalar(x, y, w, x @ w, j) for j in range(2)]),)

    return Case(lambda w: term.value(y, w, x @ w), (normal(2),), backward)
