"""Plans: a graph becomes straight-line NumPy. specialise, open, simplify, schedule, emit, bind."""

import importlib
from typing import TYPE_CHECKING, Any

from flowgraph.plan.compilation import compile
from flowgraph.plan.plan import Plan

if TYPE_CHECKING:
    from flowgraph.plan.passes.simplify import PASSES, simplify

__all__ = ["PASSES", "Plan", "compile", "simplify"]


def __getattr__(name: str) -> Any:
    if name in ("PASSES", "simplify"):  # the passes are imported when a plan is made
        return getattr(importlib.import_module("flowgraph.plan.passes.simplify"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
