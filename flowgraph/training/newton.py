"""Methods on all examples and all parameters as one vector: Newton's with the exact Hessian, and L-BFGS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from flowgraph.box import Array
from flowgraph.box.leaves import Parameter
from flowgraph.derivatives import gradient, hessian
from flowgraph.errors import FlowgraphError, UsageError, optional
from flowgraph.graph import Graph
from flowgraph.plan import compile
from flowgraph.training.display import cell_html, numbers_table
from flowgraph.training.examples import Fed, read_examples
from flowgraph.training.objective import problem_of, without_updates
from flowgraph.training.problem import Problem
from flowgraph.training.settings import read_count, read_number, strict_keywords


class ParameterVector:
    """Reads and writes parameters as one vector, in their order."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.ends = np.cumsum([parameter.value.size for parameter in parameters])
        self.size = int(self.ends[-1])

    def values_now(self) -> Array:
        """The values now, in float64."""
        return self.join([parameter.value for parameter in self.parameters])

    def join(self, arrays: Sequence[Any]) -> Array:
        """One array per parameter as a vector."""
        return np.concatenate([np.asarray(array, float).reshape(-1) for array in arrays])

    def split(self, vector: Array) -> dict[Parameter, Array]:
        """The part of the vector for each parameter, in its shape and dtype."""
        pairs = zip(self.parameters, np.split(vector, self.ends[:-1]), strict=True)
        return {p: part.reshape(p.value.shape).astype(p.dtype) for p, part in pairs}

    def write(self, vector: Array) -> None:
        """Give every parameter its part of the vector."""
        for parameter, part in self.split(vector).items():
            parameter.value = part


@dataclass(frozen=True)
class Step:
    """A step: the objective after it, the norm of the gradient before it, the damping of the Hessian, if there is one.

    `positive_definite` says whether the Hessian at its start was, None where none was computed.
    """

    number: int
    objective: float
    gradient_norm: float
    damping: float | None = None
    positive_definite: bool | None = None


@dataclass(frozen=True, repr=False)
class Minimum:
    """The end of a method: `converged` if the gradient vanished at a point that is no saddle.

    Parameters
    ----------
    objective : float
        The value that was reached.
    gradient_norm : float
        Norm of the gradient there.
    converged : bool
        Whether the gradient vanished, at what is no saddle.
    ended : str
        Why the method ended.
    steps : tuple of Step
        The steps, in order.

    Examples
    --------
    >>> from flowgraph.training import Minimum
    >>> Minimum(0.5, 1e-9, True, "the gradient vanishes", ()).converged
    True
    """

    objective: float
    gradient_norm: float
    converged: bool
    ended: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        reached = f"objective {self.objective:.6g}, gradient {self.gradient_norm:.2g}"
        return f"{reached} after {len(self.steps)} step{'s' * (len(self.steps) != 1)}: {self.ended}"

    def __repr__(self) -> str:
        return f"<Minimum: {self}>"

    def _repr_html_(self) -> str:
        steps = numbers_table([entry.name for entry in fields(Step)], [vars(step).values() for step in self.steps])
        return cell_html(self, None, details=("steps", steps))


WORST_DAMPING = 1e12
"""Damping, as a multiple of the largest curvature, at which the search for a lower objective ends: no step is left."""

SEED = 0
"""One draw of random leaves for all steps: one function to minimise."""


class SaddleError(FlowgraphError, ArithmeticError):
    """A Hessian that is not positive definite, where Newton's step may go up.

    Cause: a saddle, or a network far from a minimum. Cure: `not_convex="damp"`, or `fg.lbfgs`.
    """


class TooLargeError(FlowgraphError, MemoryError):
    """A Hessian that does not fit in memory.

    Cause: too many parameters, as the matrix has their square. Cure: `fg.lbfgs`, or a larger `memory=`.
    """


@strict_keywords
def newton(
    model: object,
    data: object,
    *,
    steps: int = 50,
    not_convex: Literal["damp", "refuse"] = "damp",
    tolerance: float = 1e-8,
    l2: float = 0.0,
    memory: int | None = None,
) -> Minimum:
    """Minimise an objective on all examples by Newton's method: theta becomes theta − H⁻¹ ∇, by solving H d = −∇.

    Where the Hessian H is not positive definite, at a saddle or a ridge, `not_convex="damp"` solves with H + λ I
    (Levenberg-Marquardt), λ grown until the matrix is positive definite and the objective falls, and
    `not_convex="refuse"` raises a `SaddleError`. Steps end when the norm of the gradient is at most `tolerance`.
    `memory` is the number of bytes it may use, by default what the machine has free.

    Parameters
    ----------
    model : MLP, Box or Problem
        What is minimised, as in `fg.fit`.
    data : pair of arrays, Examples or dict
        All examples, as in `fg.fit`.
    steps : int, default 50
        Largest number of steps.
    not_convex : {'damp', 'refuse'}, default 'damp'
        What is done where the Hessian is not positive definite.
    tolerance : float, default 1e-8
        The steps end when the norm of the gradient is at most that, in the unit of the gradient.
    l2 : float, default 0.0
        Strength of the penalty on the squared weights of an MLP.
    memory : int, optional
        Bytes that it may use; by default what the machine has free.

    Returns
    -------
    Minimum
        The objective that was reached, and why the method ended.

    Raises
    ------
    UsageError
        If `not_convex` is unknown.
    SaddleError
        If the Hessian is not positive definite and `not_convex="refuse"`.
    TooLargeError
        If the Hessian does not fit into `memory`.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",))
    >>> w = fg.Parameter(np.zeros(2), name="w")
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> found = fg.newton(fg.mean((x @ w - y) ** 2), {"x": X, "y": [1.0, 3.0, 5.0]})
    >>> w.value.round(12), len(found.steps), found.ended
    (array([1., 2.]), 1, 'the gradient vanishes')

    Source: Larochelle, Training neural networks, "Newton's method".
    """
    if not_convex not in ("damp", "refuse"):
        raise UsageError(f"newton: found not_convex={not_convex!r}, needs 'damp' or 'refuse'")
    read_count("newton", "steps", steps)
    read_number("newton", "tolerance", tolerance, low=0)
    if memory is not None:
        read_count("newton", "memory", memory, otherwise=" bytes, or None for what is free")
    problem = without_updates(problem_of(model, data, 0.0, l2, who="newton"), "newton")
    return _Newton(problem, read_examples(problem, data), not_convex, memory).run(steps, tolerance)


class _Newton:
    """One minimisation: the graph of objective, gradient and Hessian, and the damping."""

    def __init__(self, problem: Problem, examples: Fed, not_convex: str, memory: int | None) -> None:
        self.flat = ParameterVector(problem.parameters)
        self.feeds = examples.arrays
        self.not_convex = not_convex
        self.damping = 0.0
        self.objective_graph = problem.graph
        _refuse_too_large(problem, examples, self.flat.size, memory)
        self.gradients = gradient(problem.objective, problem.parameters)
        self.hessian = hessian(problem.objective, problem.parameters)
        self.graph = Graph(problem.objective, *self.gradients, self.hessian)

    def run(self, steps: int, tolerance: float) -> Minimum:
        """Step until the gradient vanishes, nothing falls any more, or the steps are used up."""
        done: list[Step] = []
        while True:
            objective, grad, matrix = self._derivatives()
            norm = float(np.linalg.norm(grad))
            convex = _cholesky(matrix)
            ended = self._reason_to_end(norm, tolerance, convex, matrix, len(done) >= steps)
            if not ended and not self._step(objective, grad, matrix, convex):
                ended = "no step makes the objective smaller"
            if ended:
                converged = norm <= tolerance and not ended.startswith("at a saddle")
                return Minimum(objective, norm, converged, ended, tuple(done))
            done.append(Step(len(done) + 1, self._objective(), norm, self.damping, convex))

    def _reason_to_end(self, norm: float, tolerance: float, convex: bool, matrix: Array, used_up: bool) -> str:
        if norm <= tolerance:
            return _without_gradient(matrix)
        if not convex and self.not_convex == "refuse":
            raise SaddleError(
                f"newton: found a Hessian that is not positive definite, {_curvature(matrix)}, where Newton's step may "
                f"increase the objective; use not_convex='damp', start elsewhere, or add l2= of the weights"
            )
        return "all steps were used" if used_up else ""

    def _step(self, objective: float, grad: Array, matrix: Array, convex: bool) -> bool:
        """The smallest damping that gives a positive definite matrix and a lower objective; whether there was one."""
        start = self.flat.values_now()
        scale = float(np.abs(np.diag(matrix)).max()) or 1.0
        # Marquardt's factor of 10 both ways; from 1e-6 on, as less damping changes nothing that rounding would not
        self.damping = self.damping / 10 if self.damping > 1e-9 * scale else 0.0
        while self.damping <= WORST_DAMPING * scale:
            damped = matrix + self.damping * np.eye(len(grad)) if self.damping else matrix
            if (convex and not self.damping) or _cholesky(damped):
                self.flat.write(start + np.linalg.solve(damped, -grad))
                if self._objective() < objective:
                    return True
            self.damping = max(10 * self.damping, 1e-6 * scale)
        self.flat.write(start)
        return False

    def _derivatives(self) -> tuple[float, Array, Array]:
        run = self.graph.fprop(self.feeds, keep="outputs", seed=SEED)
        objective, *grads = (run[box] for box in (self.graph.outputs[0], *self.gradients))
        matrix = np.asarray(run[self.hessian], float)
        return float(objective), self.flat.join(grads), (matrix + matrix.T) / 2

    def _objective(self) -> float:
        with np.errstate(all="ignore"):
            return float(self.objective_graph.fprop(self.feeds, keep="outputs", seed=SEED))


def _cholesky(matrix: Array) -> bool:
    """Whether a symmetric matrix is positive definite."""
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _curvature(matrix: Array) -> str:
    return f"its smallest eigenvalue is {np.linalg.eigvalsh(matrix)[0]:.3g}"


def _without_gradient(matrix: Array) -> str:
    """Whether a point is a minimum, a saddle, or flat in some direction, as the biases of a softmax always are.

    A curvature of 0 comes out as a rounding error of either sign, so that Cholesky's method cannot tell.
    """
    eigenvalues = np.linalg.eigvalsh(matrix)
    # eigenvalues of a double matrix are off by n eps of the largest, n up to some thousand parameters
    rounding = 1e-10 * np.abs(eigenvalues).max()
    if eigenvalues[0] < -rounding:
        return f"at a saddle: {_curvature(matrix)}"
    return "the gradient vanishes" + (", and some direction is flat" if eigenvalues[0] <= rounding else "")


def _refuse_too_large(problem: Problem, examples: Fed, size: int, memory: int | None) -> None:
    """The Hessian with two matrices to solve, and for each of its rows the slopes of all values of the graph."""
    run = problem.graph.fprop(examples.arrays, seed=SEED)
    values = sum(np.size(run[box]) for box in problem.graph.boxes if box.children)
    itemsize = np.dtype(problem.objective.dtype).itemsize
    needed = size * (3 * size + 2 * values) * itemsize
    limit = _free_memory() if memory is None else memory
    if needed > limit:
        raise TooLargeError(
            f"newton: found {size:,} parameters, whose Hessian needs about {needed:,} bytes with {len(examples):,} "
            f"examples, and {limit:,} are free; take fewer of both, fg.lbfgs, or fg.fit"
        )


def _free_memory() -> int:
    """Bytes that the machine has free; 2 GiB where it does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2 * 2**30


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
    minimize = optional("scipy.optimize", "lbfgs: needs SciPy", "scipy").minimize
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
    minimum = minimize(evaluate, flat.values_now(), jac=True, method="L-BFGS-B", callback=note, options=options)
    flat.write(minimum.x)
    norm = float(np.linalg.norm(minimum.jac))
    return Minimum(float(minimum.fun), norm, bool(minimum.success), str(minimum.message).strip().lower(), tuple(done))
