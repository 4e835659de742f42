"""Why a value or a gradient is NaN, why a gradient is zero: what `run.explain_nan` and `grads.why_zero` are made of."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowgraph.debugging.explanation import Element, NanExplanation
    from flowgraph.debugging.nan import explain_nan
    from flowgraph.debugging.zero import why_zero
    from flowgraph.debugging.zero_report import Cause, ZeroReport

__all__ = ["Cause", "Element", "NanExplanation", "ZeroReport", "explain_nan", "why_zero"]

_FILES = {"Element": "explanation", "NanExplanation": "explanation", "explain_nan": "nan", "why_zero": "zero"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FILES.get(name, 'zero_report')}"), name)
