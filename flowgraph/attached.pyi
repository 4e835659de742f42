# What type checkers see of the methods that rooms attach: they do not follow `attached_to`.

from collections.abc import Callable
from typing import TypeVar

from flowgraph.debugging import ExplainedGrads, ExplainedRun
from flowgraph.playground import PlayedGraph
from flowgraph.rendering.methods import DrawnGrads, DrawnGraph, DrawnPlan, DrawnRun

Methods = TypeVar("Methods", bound=type)

class OnGraph(DrawnGraph, PlayedGraph): ...
class OnRun(DrawnRun, ExplainedRun): ...
class OnGrads(DrawnGrads, ExplainedGrads): ...
class OnPlan(DrawnPlan): ...

def attached_to(owner: type) -> Callable[[Methods], Methods]: ...
