"""smt: problems with analytic derivatives, and derivatives of trained surrogates."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import uniform

PACKAGE = Package("smt", "numpy", held_out=True)
PROBLEMS = (
    "Branin", "CantileverBeam", "LpNorm", "RobotArm", "Rosenbrock", "Sphere", "TensorProduct",
)  # fmt: skip


def _problem(name: str) -> Case:
    from smt import problems

    settings: dict[str, Any] = {"ndim": {"Branin": 2, "RobotArm": 4}.get(name, 3)}
    if name == "TensorProduct":
        settings["func"] = "cos"
    problem = getattr(problems, name)(**settings)
    low, high = problem.xlimits.T
    x = low + (high - low) * uniform(2, len(low), low=0.1, high=0.35)

    def slope(grad: Any, value: Any, x: Any) -> Any:
        return (np.column_stack([grad[:, 0] * problem(x, kx=k)[:, 0] for k in range(x.shape[1])]),)

    return Case(problem, (x,), slope)


WRONG = {
    "LpNorm": "seen by fg.check, after its score was taken: at 0, its minimum, the value is 0 and the slopes to both "
    "sides are 1 and -1, so that 0 is a subgradient; the derivative is 0 / 0, NaN",
    "RobotArm": "seen by fg.check, after its score was taken: with lengths of 0, the low end of its limits, the slope "
    "to the right by the first length is 1; the derivative is 0 / 0, NaN",
}
for _name in PROBLEMS:
    if _name in WRONG:
        PACKAGE.add(_name, lambda name=_name: _problem(name), "wrong", WRONG[_name])
    else:
        PACKAGE.add(_name, lambda name=_name: _problem(name))


def _surrogate(name: str, **settings: Any) -> Case:
    from smt import surrogate_models

    model = getattr(surrogate_models, name)(print_global=False, **settings)
    x = uniform(12, 2)
    model.set_training_values(x, np.sin(3 * x[:, :1]) + x[:, 1:] ** 2)
    model.train()

    def slope(grad: Any, value: Any, x: Any) -> Any:
        return (np.column_stack([grad[:, 0] * model.predict_derivatives(x, k)[:, 0] for k in range(2)]),)

    return Case(model.predict_values, (uniform(3, 2, low=0.3, high=0.6, seed=4),), slope)


for _name in ("LS", "QP", "RBF", "IDW"):
    PACKAGE.add(f"surrogate {_name}", lambda name=_name: _surrogate(name))
PACKAGE.add("surrogate KRG", lambda: _surrogate("KRG", theta0=[0.5], n_start=1))
