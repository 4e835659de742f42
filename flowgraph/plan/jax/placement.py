"""Where arrays lie: the batch divided among the devices of a mesh, weights on each of them or divided too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.errors import ShapeError, UsageError
from flowgraph.plan.emitter import Request
from flowgraph.shapes.size import Size


@dataclass(frozen=True, eq=False)
class Placement:
    """How a plan uses the devices of a mesh.

    The batch is divided along `axis` of the mesh, its first by default. `weights` maps parameters to the
    `jax.sharding.PartitionSpec` by which they are divided; the others lie on every device. A batch that the number of
    devices does not divide is refused, or with `uneven=True` computed by every device, whole.

    Parameters
    ----------
    mesh : jax.sharding.Mesh
        The devices.
    weights : mapping of Parameter to PartitionSpec, optional
        How parameters are divided; others lie on every device.
    axis : str, default ''
        Name of the axis of the mesh along which the batch is divided; its first by default.
    uneven : bool, default False
        Whether a batch that the number of devices does not divide is computed whole by each.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from flowgraph.interop.jax import Placement
    >>> mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))
    >>> Placement(mesh).parts
    1
    """

    mesh: Mesh
    weights: Mapping[Parameter, PartitionSpec] = field(default_factory=dict)
    axis: str = ""
    uneven: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.mesh, Mesh):
            raise UsageError(
                f"Placement: found a {type(self.mesh).__name__} as the mesh, needs a jax.sharding.Mesh, such as "
                f'Mesh(np.array(jax.devices()), ("data",))'
            )
        if self.axis not in ("", *self.mesh.axis_names):
            names = ", ".join(map(str, self.mesh.axis_names))
            raise UsageError(f"Placement: found axis={self.axis!r}, needs one of the mesh: {names}")
        for parameter, spec in self.weights.items():
            self._check(parameter, spec)

    def __reduce__(self) -> Any:
        """What pickle and copy build it from; devices are found again by their numbers."""
        numbers = np.vectorize(lambda device: device.id, otypes=[int])(self.mesh.devices)
        return _placement, (numbers, self.mesh.axis_names, dict(self.weights), self.axis, self.uneven)

    @property
    def along(self) -> str:
        """The axis of the mesh along which the batch is divided."""
        return self.axis or str(self.mesh.axis_names[0])

    @property
    def parts(self) -> int:
        """Into how many parts the batch is divided."""
        return int(self.mesh.shape[self.along])

    def whole(self) -> NamedSharding:
        """The sharding of an array that every device holds whole.

        Returns
        -------
        jax.sharding.NamedSharding
            Replicated over the mesh.
        """
        return NamedSharding(self.mesh, _whole())

    def of_batch(self) -> NamedSharding:
        """The sharding of an array whose first axis, the batch, is divided among the devices.

        Returns
        -------
        jax.sharding.NamedSharding
            Divided along the axis `along` of the mesh.
        """
        return NamedSharding(self.mesh, _spec(self.along))

    def of_parameter(self, parameter: Parameter) -> NamedSharding:
        """The sharding of a parameter.

        Parameters
        ----------
        parameter : Parameter
            A parameter of the graph.

        Returns
        -------
        jax.sharding.NamedSharding
            That given for it in `weights`; else replicated.
        """
        return NamedSharding(self.mesh, self.weights.get(parameter, _whole()))

    def _check(self, parameter: Any, spec: Any) -> None:
        if not isinstance(parameter, Parameter) or not isinstance(spec, PartitionSpec):
            raise UsageError(
                f"Placement: found weights={{{parameter!r}: {spec!r}}}, needs a dict of parameters to "
                f'jax.sharding.PartitionSpec(None, "model")'
            )
        for size, names in zip(parameter.shape, spec, strict=False):
            along = () if names is None else (names,) if isinstance(names, str) else tuple(names)
            unknown = [name for name in along if name not in self.mesh.axis_names]
            parts = 0 if unknown else int(np.prod([self.mesh.shape[name] for name in along], dtype=int))
            if unknown or int(size) % parts:
                what = f"no axis {unknown[0]!r}" if unknown else f"{parts} devices, which do not divide {size}"
                raise UsageError(
                    f"Placement: {parameter.title} of shape {parameter.shape} cannot be divided by {spec}: the mesh "
                    f"has {what}\n  built at {parameter.built_at}"
                )
        if len(spec) > len(parameter.shape):
            raise UsageError(f"Placement: {parameter.title} has {len(parameter.shape)} axes, and {spec} divides more")


_spec: Any = PartitionSpec


def _whole() -> PartitionSpec:
    """Of an array that is not divided."""
    spec: PartitionSpec = _spec()
    return spec


def _placement(numbers: Any, names: Any, weights: Any, axis: str, uneven: bool) -> Placement:
    by_number = {device.id: device for device in jax.devices()}
    missing = sorted({int(number) for number in numbers.flat} - by_number.keys())
    if missing:
        raise UsageError(
            f"Placement: found the device {missing[0]} in what was copied, this machine has {_devices_text()}"
        )
    devices = np.vectorize(by_number.__getitem__, otypes=[object])(numbers)
    return Placement(Mesh(devices, names), weights, axis, uneven)


def placement_of(who: str, mesh: Any, devices: Any) -> Placement:
    """The placement that a user means: one, a mesh, or the devices of one axis."""
    if mesh is not None and devices is not None:
        raise UsageError(f"{who}: found mesh= and devices=, needs one of the two")
    if isinstance(mesh, Placement):
        return mesh
    if mesh is not None:
        return Placement(mesh)
    return Placement(Mesh(np.array(_devices(who, devices)), ("data",)))


def _devices(who: str, given: Value) -> list[Any]:
    if isinstance(given, str):
        try:
            return list(jax.devices(given))
        except RuntimeError:
            raise UsageError(f"{who}: found devices={given!r}, needs some of this machine: {_devices_text()}") from None
    if isinstance(given, int) and not isinstance(given, bool):
        if not 1 <= given <= len(jax.devices()):
            raise UsageError(
                f"{who}: found devices={given}, needs a number from 1 to {len(jax.devices())}: {_devices_text()}"
            )
        return list(jax.devices()[:given])
    listed = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
    if not listed or not all(isinstance(device, jax.Device) for device in listed):
        raise UsageError(
            f"{who}: found devices={given!r}, needs a number of devices or a list of them: {_devices_text()}"
        )
    return listed


def _devices_text() -> str:
    kinds = [device.platform for device in jax.devices()]
    return ", ".join(f"{kinds.count(kind)} of {kind!r}" for kind in dict.fromkeys(kinds))


class Layout:
    """Where what a function is given, and what it returns, lies for inputs of given shapes."""

    def __init__(self, placement: Placement | None, request: Request) -> None:
        self.placement = placement
        self.shardings: dict[str, Any] = {}
        self._of_leaves: tuple[Any, ...] = ()
        if placement is None:
            return
        whole, batch = placement.whole(), _batch_of(placement, request)
        self._of_leaves = tuple([placement.of_batch() if leaf in batch else whole for leaf in request.given])
        of_parameters = tuple(map(placement.of_parameter, request.store.parameters))
        of_reads = tuple(map(placement.of_parameter, request.reads))
        self.shardings = {
            "in_shardings": (self._of_leaves, of_parameters, of_reads),
            "out_shardings": (whole, of_parameters, whole),
        }

    def put(self, leaves: Sequence[Any]) -> Any:
        """The inputs as the function takes them; on one host it puts them in their places itself."""
        if self.placement is None or not _is_over_hosts(self.placement.mesh):
            return tuple(leaves)
        return tuple(map(on_devices, leaves, self._of_leaves))

    def place_parameter(self, parameter: Parameter, array: Array) -> Any:
        """A parameter that is only read, on the devices."""
        return on_devices(array, None if self.placement is None else self.placement.of_parameter(parameter))


def _batch_of(placement: Placement, request: Request) -> set[Box]:
    """The leaves that are divided; a batch that cannot be is refused, or none are."""
    name = next((leaf.shape[0] for leaf in request.given if leaf.shape and isinstance(leaf.shape[0], Size)), None)
    if name is None:
        raise UsageError(
            "plan: found a mesh, but no input whose first axis has a name, which is what is divided among the devices; "
            'declare it, fg.Input("x", shape=("N", ...))'
        )
    divided = {given: leaf for given, leaf in zip(request.given, request.leaves, strict=True)
               if given.shape and given.shape[0] == name}  # fmt: skip
    for given, leaf in divided.items():
        size = int(leaf.shape[0])
        if size % placement.parts and not placement.uneven:
            raise ShapeError(
                f"plan: found {size} examples in {given.name!r}, which the {placement.parts} devices along "
                f"{placement.along!r} of the mesh do not divide; give a multiple of {placement.parts}, or let each "
                f"device compute such a batch whole, mesh=Placement(mesh, uneven=True)"
            )
        if size % placement.parts:
            return set()
    return set(divided)


def _is_over_hosts(mesh: Mesh) -> bool:
    return any(device.process_index != jax.process_index() for device in mesh.devices.flat)


def on_devices(array: Value, sharding: NamedSharding | None) -> Any:
    """An array that every host has, in its place; each host puts there what belongs to its own devices."""
    if sharding is None:
        return jax.device_put(array)
    mesh: Any = sharding.mesh
    if not _is_over_hosts(mesh):
        return jax.device_put(array, sharding)
    whole = np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, lambda place: whole[place])


def replicate_array(value: Value) -> Any:
    """The whole of an array, on this host."""
    if value.is_fully_addressable or value.is_fully_replicated:
        return value
    whole = NamedSharding(value.sharding.mesh, _whole())
    return jax.jit(lambda array: array, out_shardings=whole)(value)
