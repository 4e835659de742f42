"""The product of a chain of matrices, in the order that needs the fewest multiplications."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.value import Value
from flowgraph.errors import ShapeError
from flowgraph.shapes.size import Size


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Value) -> Any:
    """np.linalg.multi_dot of boxes; from the left to the right where sizes follow the batch."""
    chain = list(arrays)
    dims = [np.ndim(a) for a in chain]
    if len(chain) < 2 or any(ndim != 2 for ndim in dims[1:-1]) or not {dims[0], dims[-1]} <= {1, 2}:
        raise ShapeError(
            f"np.linalg.multi_dot: found arrays of {dims} axes, needs two or more matrices, or vectors at the ends"
        )
    sizes = [1 if dims[0] == 1 else np.shape(chain[0])[0], *(np.shape(a)[0] for a in chain[1:])]
    sizes.append(1 if dims[-1] == 1 else np.shape(chain[-1])[-1])
    if any(isinstance(size, Size) for size in sizes):
        return functools.reduce(np.matmul, chain)
    cuts = _cuts(sizes)
    wanted = [(0, len(chain) - 1)]
    for first, last in wanted:
        if first < last:
            wanted += [(first, cuts[first, last]), (cuts[first, last] + 1, last)]
    products: dict[tuple[int, int], Any] = {}
    for first, last in reversed(wanted):
        cut = cuts.get((first, last))
        products[first, last] = chain[first] if cut is None else products[first, cut] @ products[cut + 1, last]
    return products[0, len(chain) - 1]


def _cuts(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each part of the chain the place to cut it; matrix i has sizes[i] rows and sizes[i + 1] columns."""
    count = len(sizes) - 1
    costs = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            costs[first, last], cuts[first, last] = min(
                (costs[first, cut] + costs[cut + 1, last] + sizes[first] * sizes[cut + 1] * sizes[last + 1], cut)
                for cut in range(first, last)
            )
    return cuts
