"""Plans that are split however little they gain."""

import contextlib
from unittest import mock

from flowgraph.plan.shards import split


@contextlib.contextmanager
def split_into(count=2):
    """Plans compiled inside compute all they can in so many pieces."""

    def pieces_of(boxes, analysis, joined):
        return min(count, analysis.examples) if boxes else 1

    with mock.patch.object(split, "pieces_of", pieces_of):
        yield
