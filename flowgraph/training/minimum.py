"""The result of a full-batch method: its steps, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass, fields

from flowgraph.training.display import cell_html, numbers_table


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
