"""The values of one fprop, and the gradients of one bprop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from flowgraph.box import Array, Box, Built
from flowgraph.box.underflow import again
from flowgraph.boxes.elementwise.complex_numbers import turned
from flowgraph.errors import DtypeError, FeedError, UnknownBoxError, UsageError
from flowgraph.graph import feeding, postconditions, reachability
from flowgraph.graph.debug_mode import debugging
from flowgraph.graph.pictures import ExplainedGrads, ExplainedRun
from flowgraph.graph.sweep import Step, sweep
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text

if TYPE_CHECKING:
    from flowgraph.graph.graph import Graph


class Run(ExplainedRun):
    """What `Graph.fprop` computed: `run[box]` or `run["name"]` is a value, `run.bprop()` gives the gradients.

    A run never changes; values are read-only arrays. `graph.fprop(seed=run.seed)` repeats what random leaves drew.
    """

    def __init__(self, graph: Graph, values: list[Any], complete: bool, seed: Any, sizes: dict[str, int]) -> None:
        self.graph = graph
        self.seed = seed
        self.sizes = sizes
        self.complete = complete
        self._values = values
        if debugging():
            postconditions.assert_values(graph, values, sizes)

    def __getitem__(self, key: Built | str) -> Array:
        box = self.graph.box(key)
        value = self._values[self.graph.slots[box]]
        if value is None:
            raise UsageError(
                f"{self.graph.names[box]}: its value was not kept; run fprop with keep='all' or keep=[box, ...]"
            )
        return cast(Array, read_only(value))

    @property
    def outputs(self) -> tuple[Array, ...]:
        """The values of the outputs of the graph."""
        return tuple(self[box] for box in self.graph.outputs)

    def __float__(self) -> float:
        if len(self.graph.outputs) != 1 or self._outputs()[0].shape != ():
            raise UsageError("float(run): the graph has not one scalar output; take the value you mean, run[box]")
        return float(self._outputs()[0])

    def update(self, feeds: Mapping[Any, Any] | None = None, /, **named: Any) -> Run:
        """A new run with other values for some leaves: only what descends from them is computed again."""
        self._needs_all("update")
        graph = self.graph
        values = self._values.copy()
        given = feeding.read_feeds(graph, feeds, named)
        for box, value in given.items():
            values[graph.slots[box]] = value
        sizes = feeding.bind_sizes(graph, {box: values[graph.slots[box]].shape for box in graph.inputs})
        if sizes != self.sizes:
            raise FeedError(f"update: the sizes change from {self.sizes} to {sizes}; run graph.fprop for another batch")
        graph.compute(graph.fsteps(None, frozenset(graph.slots[box] for box in given)), values)
        return Run(graph, values, True, self.seed, sizes)

    def bprop(
        self,
        grad: Any = None,
        *,
        wrt: Built | str | Iterable[Built | str] | None = None,
        keep: Literal["wrt", "all"] = "wrt",
        unused: Literal["raise", "zeros"] = "raise",
    ) -> Grads:
        """The gradients of the output with respect to the parameters, or to the boxes in `wrt`.

        Boxes are visited in reverse topological order, and only those that lead to `wrt`; each sends to its children
        the vector-Jacobian product of what arrived. `grad` is what arrives at the output, 1 for a scalar; for several
        outputs give one each, in their order or by box or name, [1.0, 0.5] or {loss: 1.0}, where nothing arrives at
        those left out; or leave it out where all are scalar: then it is the gradient of their sum.
        `keep="all"` keeps the gradient of every box on the way. A box to which no gradient leads raises an error;
        `unused="zeros"` gives zeros for it.

        Source: Larochelle, Training neural networks, "flow graph", bprop.
        """
        self._needs_all("bprop")
        if keep not in ("wrt", "all") or unused not in ("raise", "zeros"):
            raise UsageError("bprop: keep is 'wrt' or 'all', unused is 'raise' or 'zeros'")
        graph = self.graph
        boxes = self._wrt(wrt)
        seeds = self._seeds(grad)
        cut = reachability.unreached(graph, boxes) if boxes not in graph.reached else []
        if unused == "raise":
            reachability.refuse_cut(graph, cut)
        if not cut:
            graph.reached.add(boxes)
        steps = graph.bsteps(boxes)
        try:
            grads = self._swept(boxes, steps, seeds)
        except (FloatingPointError, RuntimeWarning) as error:
            grads = again(error, self._swept, boxes, steps, seeds)
        found = {box: turned(grads[graph.slots[box]]) for box in boxes}
        if keep == "all":
            found |= {b: turned(grads[i]) for i, b in enumerate(graph.boxes) if grads[i] is not None and b not in found}
        zeros = {box: np.zeros_like(self._values[graph.slots[box]]) for box, part in found.items() if part is None}
        return Grads(graph, {**found, **zeros}, boxes, self._values, seeds)

    def _wrt(self, wrt: Built | str | Iterable[Built | str] | None) -> tuple[Box, ...]:
        if wrt is None:
            if not self.graph.parameters:
                raise UsageError("bprop: the graph has no parameters; say with respect to what, wrt=[box, ...]")
            return self.graph.parameters
        listed = [wrt] if isinstance(wrt, str | Box) else list(wrt)
        return tuple(dict.fromkeys(self.graph.box(box) for box in listed))

    def _outputs(self) -> list[Any]:
        return [self._values[self.graph.slots[box]] for box in self.graph.outputs]

    def _seeds(self, grad: Any) -> list[Any]:
        """The gradients that arrive at the outputs, in a list with a place for every box."""
        grads: list[Any] = [None] * len(self.graph)
        for box, part in self._by_output(grad):
            slot = self.graph.slots[box]
            seed = self._seed(self.graph.names[box], self._values[slot], part)
            grads[slot] = seed if grads[slot] is None else grads[slot] + seed
        return grads

    def _by_output(self, grad: Any) -> list[tuple[Box, Any]]:
        """The outputs at which something arrives, and what: for all, in their order, or by output."""
        outputs = self.graph.outputs
        if isinstance(grad, Mapping):
            given = [(self.graph.box(key), part) for key, part in grad.items()]
            strange = [box for box, _ in given if box not in outputs]
            if strange or not given:
                found = f"a gradient for {strange[0].title}" if strange else "an empty dict"
                names = ", ".join(self.graph.names[box] for box in outputs)
                raise FeedError(f"bprop: found {found}, needs outputs of the graph: {names}")
            return given
        listed = [None] * len(outputs) if grad is None else [grad]
        if len(outputs) > 1 and np.iterable(grad) and not isinstance(grad, Box):
            listed = list(grad)
        if len(listed) != len(outputs) and not isinstance(grad, Box):
            raise FeedError(
                f"bprop: found {len(listed)} gradients in grad=, needs one per output ({len(outputs)}), "
                f"[{', '.join('...' for _ in outputs)}], or a dict from outputs to gradients"
            )
        return list(zip(outputs, listed, strict=False))

    def _seed(self, name: str, value: Any, grad: Any) -> Any:
        if isinstance(grad, Box):
            raise UsageError(
                f"bprop: found {grad.title} as grad=, which takes arrays that arrive at the outputs; to differentiate "
                f"that box run its own graph, fg.Graph(box); what to differentiate by is wrt=[box, ...]"
            )
        if isinstance(value, tuple):
            raise UsageError(f"bprop: the output {name!r} has several parts; make each, {name}[0], an output")
        if value.dtype.kind not in "fc":
            raise UsageError(f"bprop: the output {name!r} has dtype {value.dtype}; only real values have a gradient")
        if grad is None and value.dtype.kind == "c":
            raise UsageError(
                f"bprop: the output {name!r} has dtype {value.dtype}, and only a real value has a gradient by itself; "
                f"take np.real, np.imag or np.abs of it, or give grad= of that dtype"
            )
        if grad is None and value.shape == ():
            return value.dtype.type(1)
        if grad is None:
            raise UsageError(
                f"bprop: the output {name!r} has the shape {shape_text(value.shape)}, and only a scalar has a gradient "
                f"by itself; reduce it with fg.sum or fg.mean, or give grad= of that shape"
            )
        seed = np.asarray(grad)
        if seed.shape != value.shape:
            raise FeedError(
                f"bprop: grad= of {name!r} has the shape {shape_text(seed.shape)}, needs {shape_text(value.shape)}"
            )
        if seed.dtype.kind == "c" and value.dtype.kind != "c":
            raise DtypeError(f"bprop: grad= of {name!r} has dtype {seed.dtype}, needs {value.dtype}")
        return turned(np.array(seed, value.dtype)[()])

    def _swept(self, boxes: Sequence[Box], steps: Sequence[Step], seeds: Sequence[Any]) -> list[Any]:
        """The gradients of all boxes; where one of `boxes` is NaN, once more with a look at who made it."""
        graph, grads = self.graph, list(seeds)
        if debugging():
            postconditions.checked_sweep(graph, steps, self._values, grads)
        else:
            sweep(steps, self._values, grads)
        if any(_has_nan(grads[graph.slots[box]]) for box in boxes):
            grads = postconditions.sweep_to_nan(graph, steps, self._values, seeds)
        return grads

    def _needs_all(self, what: str) -> None:
        if not self.complete:
            raise UsageError(f"{what}: needs the values of every box; run fprop with keep='all'")

    def __repr__(self) -> str:
        return f"<Run of {self.graph!r}>"


class Grads(ExplainedGrads, Mapping[Any, Array]):
    """The gradients of one bprop, by box or by name: `grads[W1]`, `grads["W1"]`; iteration goes over the boxes."""

    def __init__(
        self, graph: Graph, grads: dict[Box, Any], wrt: tuple[Box, ...], values: list[Any], seeds: list[Any]
    ) -> None:
        self.graph = graph
        self.wrt = wrt
        self._grads = grads
        self._values = values
        self._seeds = seeds

    def __getitem__(self, key: Built | str) -> Array:
        box = self.graph.box(key)
        if box not in self._grads:
            raise UnknownBoxError(
                f"{self.graph.names[box]}: this bprop did not keep its gradient; "
                f"run bprop with wrt=[box], or with keep='all' for every box on the way"
            )
        return cast(Array, read_only(self._grads[box]))

    def __iter__(self) -> Iterator[Box]:
        return iter(self._grads)

    def __len__(self) -> int:
        return len(self._grads)

    def __contains__(self, key: object) -> bool:
        box = self.graph.box(key) if isinstance(key, str) else key
        return isinstance(box, Box) and box in self._grads

    def __repr__(self) -> str:
        return f"<Grads of {', '.join(printable(self.graph.names[box]) for box in self._grads)}>"


def as_values(value: Any) -> Any:
    """What an fprop returned, as an array or a tuple of arrays."""
    if isinstance(value, tuple):
        return tuple(np.asarray(part)[()] for part in value)
    return np.asarray(value)[()]


def read_only(value: Any) -> Any:
    """A view that cannot be written to; scalars are immutable as they are."""
    if isinstance(value, tuple):
        return tuple(read_only(part) for part in value)
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.setflags(write=False)
    return view


def _has_nan(part: Any) -> bool:
    """A cheap look: a sum that is no NaN rules one out."""
    if part is None or isinstance(part, tuple):
        return False
    with np.errstate(all="ignore"):
        return bool(np.isnan(np.sum(part))) and bool(np.isnan(part).any())
