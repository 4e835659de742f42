"""fg.compile: from boxes and updates to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowgraph.box import Box, Built
from flowgraph.box.leaves import Input, Parameter
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.graph import Graph
from flowgraph.plan.backends import BackendName
from flowgraph.plan.emitter import emitter_of
from flowgraph.plan.numpy.threads import MOST
from flowgraph.plan.plan import Plan
from flowgraph.shapes.spec import same, shape_text


def compile(  # noqa: PLR0913  (its keywords are its interface)
    outputs: Built | Sequence[Built] | Graph,
    updates: Mapping[Parameter, Built] | None = None,
    inputs: Sequence[Box] | None = None,
    *,
    borrow: bool = False,
    without: Sequence[str] = (),
    backend: BackendName = "numpy",
    mesh: Any = None,
    devices: Any = None,
    threads: int | None = None,
    tune: bool | Sequence[BackendName] = False,
) -> Plan:
    """Compile boxes, and new values for parameters, into one function of NumPy calls on buffers.

    `outputs` are the boxes whose values a call returns. `updates` maps parameters to boxes: the new values, all
    computed from the old ones. `inputs` fixes the order of arguments given by position; it may name inputs that the
    outputs do not read. `borrow=True` returns arrays of the plan's own memory, which the next call overwrites.
    `without` leaves out passes of the simplification, to see what each does: any of those in `flowgraph.plan.PASSES`.
    `backend="numba"` (extra `native`) makes one machine function of the plan, for networks so small that the calls of
    NumPy take longer than their work; Numba needs seconds to compile it. Where it has no rule for a box, or the plan
    is large, it compiles parts of NumPy's plan. `repr` says which, and why; a plan in which Numba finds nothing to
    compile, or Numba missing, is said in a warning, and NumPy runs the plan.
    `backend="jax"` (extra `jax`) lets XLA compile the plan, for CPUs, GPUs and TPUs; parameters stay on the device
    between the calls. A box that JAX cannot compute is refused by name. `devices`, a number of them or a list, or
    `mesh`, a `jax.sharding.Mesh` or a `flowgraph.interop.jax.Placement`, divide the batch among several devices: the
    inputs whose first axis has the name that the first input's has. See docs/jax.md.
    `tune=True` measures at the first call which of the back ends that are installed is fastest for its inputs, and in
    how many threads, and keeps that; `repr` says the keywords that fix it. Without it nothing is chosen by a clock.
    `threads=2` computes shards of the batch in that many threads, one shard in each; NumPy runs the rest. It pays where
    lines are few and arrays large, as in attention; many short lines take longer so.

    Parameters
    ----------
    outputs : Box, sequence of Box, or Graph
        The boxes whose values a call returns; a single box is returned alone.
    updates : mapping of Parameter to Box, optional
        New values for parameters, all computed from the old ones and applied together.
    inputs : sequence of Box, optional
        Order of the arguments that are given by position.
    borrow : bool, default False
        Whether results are arrays of the plan's own memory, which the next call overwrites.
    without : sequence of str, default ()
        Passes of the optimiser that are left out, from `flowgraph.plan.PASSES`.
    backend : {'numpy', 'numba', 'jax', 'javascript'}, default 'numpy'
        What runs the plan.
    mesh : jax.sharding.Mesh or Placement, optional
        The devices among which JAX divides the batch.
    devices : int or list, optional
        Their number, or the devices themselves, in place of `mesh`.
    threads : int, optional
        In how many threads shards of the batch are computed, from 1 to 64; without it, what the environment variable
        FLOWGRAPH_THREADS says, else one.
    tune : bool or list of {'numpy', 'numba', 'jax'}, default False
        Whether the back end and the threads are those that take least time at the first call, by copies of the plan;
        a list names the back ends that are tried.

    Returns
    -------
    Plan
        A function of the inputs, by name or by position.

    Raises
    ------
    UsageError
        If an argument does not fit, such as an update for what is no parameter.
    PlanError
        If the back end cannot run one of the boxes.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> x, w = fg.Input("x", shape=("N",)), fg.Parameter(0.0, name="w")
    >>> loss = fg.mean((x - w) ** 2)
    >>> dw, = fg.gradient(loss, [w])
    >>> step = fg.compile([loss], updates={w: w - 0.25 * dw})
    >>> [float(step(x=[1.0, 3.0])[0]) for _ in range(3)]
    [5.0, 2.0, 1.25]
    """
    boxes, alone = _read_outputs(outputs)
    changed = _read_updates(updates or {})
    graph = Graph(*boxes, *changed.values()) if boxes or changed else None
    if graph is None:
        raise UsageError("compile: found no output and no update, needs one or more")
    if without:
        _read_without(without)
    placement = read_placement("compile", backend, mesh, devices)
    return Plan(
        graph,
        changed,
        _read_inputs(graph, inputs, outputs),
        alone=alone,
        borrow=borrow,
        without=frozenset(without),
        backend=backend,
        placement=placement,
        threads=_read_threads(backend, threads),
        tune=_read_tune(tune, backend, threads, placement),
    )


def _read_without(without: Sequence[str]) -> None:
    from flowgraph.plan.passes.simplify import PASSES  # the passes are imported when a plan is made

    unknown = set(without) - set(PASSES)
    if unknown:
        raise UsageError(f"compile: found without={sorted(unknown)[0]!r}, needs some of {', '.join(PASSES)}")


def _read_threads(backend: BackendName, threads: int | None) -> int | None:
    if threads is None:
        return None
    if backend not in ("numpy", "numba"):
        raise UsageError(
            f"compile: found threads={threads!r} with backend={backend!r}, needs 'numpy' or 'numba', "
            f"which compute shards of a batch in threads"
        )
    if not isinstance(threads, int) or not 1 <= threads <= MOST:
        raise UsageError(f"compile: found threads={threads!r}, needs a number from 1 to {MOST}")
    return threads


def _read_tune(tune: Any, backend: BackendName, threads: int | None, placement: Any) -> tuple[BackendName, ...]:
    if tune is False:
        return ()
    from flowgraph.plan.tuning import read_tune  # which few plans need

    if placement is not None:
        raise UsageError(f"compile: found tune={tune!r} with devices, needs one of the two")
    return read_tune(tune, backend, threads)


def read_placement(who: str, backend: BackendName, mesh: Any, devices: Any) -> Any:
    """Which devices compute the plan, None where nothing was said."""
    if mesh is None and devices is None:
        return None
    if backend != "jax":
        what = "mesh" if mesh is not None else "devices"
        raise UsageError(f'{who}: found {what}= with backend={backend!r}, needs backend="jax", which runs on devices')
    emitter_of(backend)  # which says what is missing
    from flowgraph.plan.jax.placement import placement_of

    return placement_of(who, mesh, devices)


def _read_outputs(outputs: object) -> tuple[list[Box], bool]:
    if isinstance(outputs, Graph):
        return list(outputs.outputs), False
    if callable(outputs) and not isinstance(outputs, Box):
        raise UsageError("compile: found a function, needs boxes; make a graph of it first: fg.trace(f, x=...)")
    if not isinstance(outputs, Box | Iterable):
        raise UsageError(f"compile: found a {type(outputs).__name__}, needs a box, a list of boxes or a Graph")
    listed = [outputs] if isinstance(outputs, Box) else list(outputs)
    for box in listed:
        if not isinstance(box, Box):
            raise UsageError(f"compile: found {type(box).__name__} as an output, needs boxes")
    return listed, isinstance(outputs, Box)


def _read_updates(updates: Mapping[Any, Any]) -> dict[Parameter, Box]:
    if not isinstance(updates, Mapping):
        raise UsageError(
            f"compile: found a {type(updates).__name__} as updates, needs a dict from parameters to boxes, "
            f"{{W: W - lr * dW}}"
        )
    for parameter, new in updates.items():
        if not isinstance(parameter, Parameter):
            raise UsageError(f"compile: found {parameter!r} among updates, needs parameters: only their values change")
        if not isinstance(new, Box):
            raise UsageError(f"compile: found {type(new).__name__} as the new value of {parameter.title}, needs a box")
        if len(new.shape) != len(parameter.shape) or not all(map(same, new.shape, parameter.shape)):
            raise ShapeError(
                f"compile: found a new value of shape {shape_text(new.shape)} for {parameter.title}, needs "
                f"{shape_text(parameter.shape)}\n  built at {new.built_at}"
            )
        if new.dtype != parameter.dtype:
            raise DtypeError(
                f"compile: found a new value of dtype {new.dtype} for {parameter.title}, needs {parameter.dtype}; "
                f"convert it with .astype({str(parameter.dtype)!r})\n  built at {new.built_at}"
            )
    return dict(updates)


def _read_inputs(graph: Graph, inputs: Sequence[Box] | None, outputs: object) -> list[Box]:
    """The inputs in their order; those of a graph that is given whole are its own, which nothing may read."""
    if inputs is None:
        return list(dict.fromkeys([*(outputs.inputs if isinstance(outputs, Graph) else ()), *graph.inputs]))
    listed: list[Box] = [inputs] if isinstance(inputs, Box) else list(inputs)
    for box in listed:
        if not isinstance(box, Input):
            raise UsageError(f"compile: found {box!r} among inputs, needs inputs of the graph")
    missing = [box for box in graph.inputs if not any(box is given for given in listed)]
    if missing:
        raise UsageError(f"compile: inputs= leaves out {missing[0].name!r}, which the outputs read; add it")
    return listed
