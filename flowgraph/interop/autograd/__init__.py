"""autograd's API besides derivatives: custom gradients, its optimisers, fixed points, checks.

The derivatives are in `flowgraph.functional`, NumPy in `flowgraph.numpy`, the distributions in `flowgraph.stats`, the
rest of its SciPy in `flowgraph.scipy`. docs/from-autograd.md has the table of what stands for what.
"""

from flowgraph.interop.autograd.checks import check_grads
from flowgraph.interop.autograd.extend import defvjp, primitive
from flowgraph.interop.autograd.fixed_points import fixed_point
from flowgraph.interop.autograd.optimizers import adam, rmsprop, sgd

__all__ = ["adam", "check_grads", "defvjp", "fixed_point", "primitive", "rmsprop", "sgd"]
