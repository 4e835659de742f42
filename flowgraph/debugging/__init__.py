"""Why a value or a gradient is NaN, why a gradient is zero: what `run.explain_nan` and `grads.why_zero` are made of."""

from flowgraph.debugging.explanation import Element, NanExplanation
from flowgraph.debugging.nan import explain_nan
from flowgraph.debugging.zero import why_zero
from flowgraph.debugging.zero_report import Cause, ZeroReport

__all__ = ["Cause", "Element", "NanExplanation", "ZeroReport", "explain_nan", "why_zero"]
