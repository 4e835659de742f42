"""Why a value or a gradient is NaN, why a gradient is zero: the methods `run.explain_nan` and `grads.why_zero`.

They are attached to runs and gradients here, and load what they are made of when they are called.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

from flowgraph.box import Box, Value
from flowgraph.box.attached import attached_to
from flowgraph.graph.feeding import array_seeds
from flowgraph.graph.graph import Grads, Run

if TYPE_CHECKING:
    from flowgraph.debugging.nan import Element, NanExplanation, explain_nan
    from flowgraph.debugging.zero import Cause, ZeroReport, why_zero

__all__ = ["Cause", "Element", "NanExplanation", "ZeroReport", "explain_nan", "why_zero"]

_OF_NAN = ("Element", "NanExplanation", "explain_nan")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{'nan' if name in _OF_NAN else 'zero'}"), name)


@attached_to(Run)
class ExplainedRun:
    """The methods of a run that explain its values."""

    def explain_nan(self: Any, box: Box | None = None, grad: Value = None) -> NanExplanation:
        """The first NaN or infinity that a box depends on: which box made it, from which elements, and a remedy.

        Parameters
        ----------
        box : Box or str, optional
            Where to look; by default at the outputs, then at the gradients of the parameters.
        grad : array_like, optional
            The gradient at the outputs, of their shape; by default ones.

        Returns
        -------
        NanExplanation
            What was found; it prints as a paragraph.

        Raises
        ------
        UsageError
            If this run was made with `keep` other than "all".
        """
        from flowgraph.debugging.nan import explain_nan

        self._needs_all("explain_nan")
        return explain_nan(self.graph, self._values, partial(array_seeds, self.graph, self._values), box, grad)


@attached_to(Grads)
class ExplainedGrads:
    """What gradients can say of themselves."""

    def why_zero(self: Any, key: object) -> ZeroReport:
        """Why the gradient of a box is zero: which box on the way lost it.

        Parameters
        ----------
        key : Box or str
            A box of `wrt`, or any box if `bprop` was called with `keep="all"`.

        Returns
        -------
        ZeroReport
            The status (zero, partly zero, vanishing, not zero), its share of zeros and the causes.

        Raises
        ------
        UsageError
            If the box has several outputs; ask for one of them.
        """
        from flowgraph.debugging.zero import why_zero

        return why_zero(self.graph, self._values, self._seeds, self.graph.box(key), self[key])
