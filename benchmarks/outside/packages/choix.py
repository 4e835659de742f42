"""choix: likelihoods of choices with gradients and Hessians."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal

PACKAGE = Package("choix", "numpy", held_out=True)


def _functions(name: str) -> Any:
    from choix import opt

    if name == "PairwiseFcts":
        return opt.PairwiseFcts([(0, 1), (2, 1), (0, 3), (3, 2), (0, 1)], 0.1)
    return opt.Top1Fcts.from_rankings([(0, 2, 1), (3, 0, 1), (2, 3)], 0.1)


def _gradient(name: str) -> Case:
    f = _functions(name)
    return Case(f.objective, (normal(4),), lambda grad, value, x: (grad * f.gradient(x),))


def _hessian(name: str) -> Case:
    f = _functions(name)
    return Case(f.gradient, (normal(4),), lambda grad, value, x: (f.hessian(x) @ grad,))


for _name in ("PairwiseFcts", "Top1Fcts"):
    PACKAGE.add(f"{_name}.gradient", lambda name=_name: _gradient(name))
    PACKAGE.add(f"{_name}.hessian", lambda name=_name: _hessian(name))
