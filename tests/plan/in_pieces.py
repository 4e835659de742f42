"""Plans that are computed in shards, wherever they are compiled."""

import contextlib
import os
from unittest import mock

from flowgraph.plan.shards.box import Running


@contextlib.contextmanager
def split_into(count=2, whole=True):
    """Plans compiled inside compute all they can in so many shards.

    A call in which a shard fails computes the `whole` batch at once; not where that is not allowed.
    """

    def at_once(running, values):
        raise AssertionError("a shard has failed")

    with mock.patch.dict(os.environ, FLOWGRAPH_THREADS=str(count)), contextlib.ExitStack() as stack:
        if not whole:
            stack.enter_context(mock.patch.object(Running, "_at_once", at_once))
        yield
