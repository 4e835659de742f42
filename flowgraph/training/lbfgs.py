"""L-BFGS by SciPy's optimiser, on all parameters as one vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.derivatives import gradient
from flowgraph.errors import install_hint
from flowgraph.plan import compile
from flowgraph.training.examples import read_examples
from flowgraph.training.keywords import strict_keywords
from flowgraph.training.minimum import Minimum, Step
from flowgraph.training.model_problem import problem_of, without_updates
from flowgraph.training.parameter_vector import ParameterVector
from flowgraph.training.settings import read_count, read_number


@strict_keywords
def lbfgs(
    model: object, data: object, *, steps: int = 200, tolerance: float = 1e-5, l2: float = 0.0, memory: int = 10
) -> Minimum:
    """Minimise an objective on all examples by L-BFGS, and leave the parameters at the minimum it finds.

    Objective and gradient are one plan. Steps end when no number of the gradient is above `tolerance`; `memory` is
    how many steps the approximation of the Hessian remembers.

    Parameters
    ----------
    model : MLP, Box or Problem
        What is minimised, as in `fg.fit`.
    data : pair of arrays, Examples or dict
        All examples, as in `fg.fit`.
    steps : int, default 200
        Largest number of steps.
    tolerance : float, default 1e-5
        The steps end when no number of the gradient exceeds it, in the unit of the gradient.
    l2 : float, default 0.0
        Strength of the penalty on the squared weights of an MLP.
    memory : int, default 10
        Number of steps that the approximation of the Hessian remembers.

    Returns
    -------
    Minimum
        The objective that was reached, and why the method ended.

    Raises
    ------
    ImportError
        If SciPy is not installed.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> mlp = fg.MLP([2, 8, 2], rng=0)
    >>> found = fg.lbfgs(mlp, (X, (X[:, 0] > X[:, 1]).astype(int)), l2=1e-3)
    >>> found.objective < 0.1
    True

    Source: Liu and Nocedal 1989, On the limited memory BFGS method for large scale optimization.
    """
    try:
        from scipy.optimize import minimize  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError(f"lbfgs: needs SciPy; run: {install_hint('scipy')}") from None
    read_count("lbfgs", "steps", steps)
    read_number("lbfgs", "tolerance", tolerance, low=0)
    read_count("lbfgs", "memory", memory)
    problem = without_updates(problem_of(model, data, 0.0, l2, who="lbfgs"), "lbfgs")
    feeds = read_examples(problem, data).arrays
    flat = ParameterVector(problem.parameters)
    plan = compile([problem.objective, *gradient(problem.objective, problem.parameters)])
    done: list[Step] = []
    latest = [0.0, 0.0]

    def evaluate(vector: Array) -> tuple[float, Array]:
        flat.write(vector)
        objective, *grads = plan(feeds, seed=0)  # one draw of random leaves for all steps: one function to minimise
        joined = flat.join(grads)
        latest[:] = float(objective), float(np.linalg.norm(joined))
        return float(objective), joined

    def note(intermediate_result: Any) -> None:
        done.append(Step(len(done) + 1, float(intermediate_result.fun), latest[1]))

    options = {"maxiter": steps, "maxfun": 20 * steps, "maxcor": memory, "gtol": tolerance, "ftol": 0.0}
    found = minimize(evaluate, flat.read(), jac=True, method="L-BFGS-B", callback=note, options=options)
    flat.write(found.x)
    norm = float(np.linalg.norm(found.jac))
    return Minimum(float(found.fun), norm, bool(found.success), str(found.message).strip().lower(), tuple(done))
