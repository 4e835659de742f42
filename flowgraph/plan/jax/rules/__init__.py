"""What computes the boxes whose own fprop does not run on arrays of JAX, by family."""

import flowgraph.plan.jax.rules.indexing
import flowgraph.plan.jax.rules.linear_algebra
import flowgraph.plan.jax.rules.sliding
import flowgraph.plan.jax.rules.special
import flowgraph.plan.jax.rules.statistics  # noqa: F401
