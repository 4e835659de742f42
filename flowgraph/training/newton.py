"""Newton's method with the exact Hessian: a linear system is solved in each step, and saddles are detected."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np

from flowgraph.box import Array
from flowgraph.derivatives import gradient, hessian
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.graph import Graph
from flowgraph.training.examples import Fed, read_examples
from flowgraph.training.keywords import strict_keywords
from flowgraph.training.minimum import Minimum, Step
from flowgraph.training.model_problem import problem_of, without_updates
from flowgraph.training.parameter_vector import ParameterVector
from flowgraph.training.problem import Problem
from flowgraph.training.settings import read_count, read_number

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
            ended = self._ended(norm, tolerance, convex, matrix, len(done) >= steps)
            if not ended and not self._step(objective, grad, matrix, convex):
                ended = "no step makes the objective smaller"
            if ended:
                converged = norm <= tolerance and not ended.startswith("at a saddle")
                return Minimum(objective, norm, converged, ended, tuple(done))
            done.append(Step(len(done) + 1, self._objective(), norm, self.damping, convex))

    def _ended(self, norm: float, tolerance: float, convex: bool, matrix: Array, used_up: bool) -> str:
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
        start = self.flat.read()
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
