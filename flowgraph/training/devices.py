"""The devices that train a model, and the hosts that these belong to: who writes, and what all do at the same step."""

from __future__ import annotations

import dataclasses
from typing import Any

from flowgraph.errors import UsageError
from flowgraph.plan.backends import BackendName
from flowgraph.plan.emitter import emitter_of
from flowgraph.training.batches import Nothing, Shuffled, Stream


def read_placement(backend: BackendName, mesh: Any, devices: Any, batches: Shuffled | Stream | Nothing) -> Any:
    """How each batch is divided among devices, None for one device; refused where they do not divide it.

    The last batch of an epoch, and the last part of an evaluation, may be smaller: each device computes it whole.
    """
    if mesh is None and devices is None:
        return None
    if backend != "jax":
        what = "mesh" if mesh is not None else "devices"
        raise UsageError(f'fit: found {what}= with backend={backend!r}, needs backend="jax", which runs on devices')
    emitter_of(backend)
    from flowgraph.plan.jax.placement import placement_of

    placement = placement_of("fit", mesh, devices)
    if not isinstance(batches, Shuffled):
        return placement
    if batches.size % placement.parts:
        raise UsageError(
            f"fit: found batches of {batches.size} examples for {placement.parts} devices, which do not divide them; "
            f"give batch_size= a multiple of {placement.parts}"
        )
    return dataclasses.replace(placement, uneven=True)


def is_writer(placement: Any) -> bool:
    """Whether this process writes files for all of a training: the first one does."""
    if placement is None:
        return True
    import jax

    return bool(jax.process_index() == 0)


def agreed(placement: Any, wish: bool) -> bool:
    """The decision of the first process, on all of them, so that all act after the same step."""
    if placement is None:
        return wish
    import jax

    if jax.process_count() == 1:
        return wish
    from jax.experimental import multihost_utils

    return bool(multihost_utils.broadcast_one_to_all(int(wish)))
