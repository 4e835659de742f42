"""All parameters as one vector, for methods that see the whole of theta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.box.leaves import Parameter


class ParameterVector:
    """Reads and writes parameters as one vector, in their order."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.ends = np.cumsum([parameter.value.size for parameter in parameters])
        self.size = int(self.ends[-1])

    def read(self) -> Array:
        """The values now, in float64."""
        return self.join([parameter.value for parameter in self.parameters])

    def join(self, arrays: Sequence[Any]) -> Array:
        """One array per parameter as a vector."""
        return np.concatenate([np.asarray(array, float).reshape(-1) for array in arrays])

    def split(self, vector: Array) -> dict[Parameter, Array]:
        """The part of the vector for each parameter, in its shape and dtype."""
        pairs = zip(self.parameters, np.split(vector, self.ends[:-1]), strict=True)
        return {p: part.reshape(p.value.shape).astype(p.dtype) for p, part in pairs}

    def write(self, vector: Array) -> None:
        """Give every parameter its part of the vector."""
        for parameter, part in self.split(vector).items():
            parameter.value = part
