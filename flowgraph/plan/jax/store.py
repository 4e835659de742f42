"""Parameters of a plan on the devices that compute it, read back when somebody asks for their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.plan.jax.placement import Placement, on_devices, replicated
from flowgraph.plan.store import Store


class Held:
    """A place for one value of a parameter, an array of JAX."""

    __slots__ = ("value",)

    value: Value


class DeviceStore(Store):
    """A store whose values lie on devices: a step reads the one and leaves new arrays in the other."""

    def __init__(self, updates: Mapping[Parameter, Box], placement: Placement | None) -> None:
        self.placement = placement
        super().__init__(updates)

    def _allocated(self) -> list[Any]:
        return [Held() for _ in self.parameters]

    def _write(self, place: int, value: Array) -> None:
        parameter = self.parameters[place]
        with jax.enable_x64(True):
            sharding = None if self.placement is None else self.placement.of_parameter(parameter)
            held: Any = self.old[place]
            held.value = on_devices(np.asarray(value), sharding)

    def _copied(self, place: int) -> Array:
        """A copy on this host; of a value that lies on several hosts, which all of them have to ask for."""
        held: Any = self.old[place]
        with jax.enable_x64(True):
            return np.array(replicated(held.value))
