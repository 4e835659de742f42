"""Why an objective or a gradient is NaN or infinite: numbers of its batch that are, or else the learning rate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flowgraph.box import Array, Box

SMALLER = "try a smaller learning rate"


def cause_in(arrays: Mapping[Box, Array], step: int) -> str:
    """What to do about the first objective or gradient that is not finite, of the batch of a step of an epoch."""
    for box, array in arrays.items():
        bad = np.argwhere(~np.isfinite(array)) if array.dtype.kind in "fc" else np.empty((0, 0), int)
        if len(bad):
            place = tuple(int(i) for i in bad[0])
            return (
                f"{len(bad)} of the numbers of {box.title} are not finite in the batch of step {step}, such as "
                f"{array[place]} at {list(place)}; leave such examples out, or fill them in"
            )
    return SMALLER
