"""Other frameworks' code as a target of the checker: PyTorch, JAX, autograd and MyGrad, none of which is required.

A function is recognised by its arguments or by itself; nothing is imported that the caller has not imported already.
"""

from flowgraph.checking.frameworks.check_framework import check_framework
from flowgraph.checking.frameworks.target import framework_target

__all__ = ["check_framework", "framework_target"]
