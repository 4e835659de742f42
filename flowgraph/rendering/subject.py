"""What is drawn: a graph, optionally with the values of a run and the gradients of its bprop."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from flowgraph.box import Box, registry
from flowgraph.errors import UsageError
from flowgraph.plan.rebuild import owner_of
from flowgraph.rendering import kinds
from flowgraph.rendering.assigned import assigned_names
from flowgraph.rendering.kinds import View
from flowgraph.rendering.statistics import Statistics, describe
from flowgraph.rendering.wording import gradient_name

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.graph.graph import Grads, Run

VIEWS: tuple[str, ...] = get_args(View)


@dataclass(frozen=True)
class Memory:
    """Where a plan keeps its values: a few words for each box, and the child in whose place it is written, if any."""

    words: Mapping[Box, str]
    in_place: Mapping[Box, Box]
    summary: str


@dataclass
class Subject:
    """A graph, the view of it, and what was computed; everything read from it is found once.

    `stepped` is the subject of an animation, which shows values and gradients when they are computed; `memory` is drawn
    where the graph is a plan's.
    """

    graph: Graph
    view: str = "forward"
    run: Run | None = None
    grads: Grads | None = None
    stepped: bool = False
    memory: Memory | None = None
    _statistics: dict[tuple[str, Box], Statistics | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise UsageError(f"render: found view={self.view!r}, needs one of {', '.join(VIEWS)}")
        for name in ("run", "grads"):
            given = getattr(self, name)
            if given is not None and getattr(given, "graph", None) is not self.graph:
                raise UsageError(f"render: {name}= belongs to another graph than the one that is drawn")

    @cached_property
    def kind(self) -> dict[Box, str]:
        """What each box is to a reader; what `fg.gradient` has built is the backward pass, whatever else it may be."""
        return {**kinds.kinds(self.graph), **dict.fromkeys(self.backward, "backward")}

    @cached_property
    def backward(self) -> set[Box]:
        """The boxes of a gradient graph that compute derivatives."""
        return _backward_boxes(self.graph.boxes)

    @cached_property
    def assigned(self) -> dict[Box, str]:
        """The names of boxes that nobody named, after the variables of the source to which they are assigned."""
        return assigned_names(self.graph.boxes, self.graph.names)

    @cached_property
    def names(self) -> dict[Box, str]:
        """The label of each box: its name, else the variable it was assigned to, else its symbol with a number."""
        return {**self.graph.names, **self.assigned}

    @cached_property
    def gradients(self) -> dict[Box, str]:
        """The names of gradients in a gradient graph, "" for those of boxes without a name."""
        return _gradient_names(
            self.backward, {name: box for box, name in self.graph.names.items()}, self._given_names()
        )

    def _given_names(self) -> dict[Box, str]:
        return {box: self.names[box] for box in self.graph.boxes if box.name is not None or box in self.assigned}

    def is_named(self, box: Box) -> bool:
        """Whether a box has a name of its user, given or by a variable."""
        if box in self.gradients:
            return self.gradients[box] != ""
        return box.name is not None or box in self.assigned

    def local_name(self, box: Box) -> str:
        """The name without the scopes that are drawn around the box."""
        return (self.gradients.get(box) or self.names[box]).removeprefix(box.scope)

    @cached_property
    def spine(self) -> list[Box]:
        """The boxes that the picture draws in a straight line."""
        return kinds.spine(self.graph, self.kind)

    @cached_property
    def receivers(self) -> set[Box]:
        """The boxes to which bprop sends a gradient."""
        wrt = self.grads.wrt if self.grads is not None else self.graph.parameters or self.graph.inputs
        return kinds.receivers(self.graph, wrt)

    @cached_property
    def totals(self) -> set[Box]:
        """The numbers that sum up losses and regularizers: their gradients say nothing of the network."""
        totals: set[Box] = set()
        for box in self.graph.boxes:
            read = any(type(child).role in ("loss", "regularizer") or child in totals for child in box.children)
            if read and len(box.outputs) == 1 and box.shape == ():
                totals.add(box)
        return totals

    @cached_property
    def parents(self) -> dict[Box, list[Box]]:
        """For each box, those that read it, each once."""
        parents: dict[Box, list[Box]] = {box: [] for box in self.graph.boxes}
        for box in self.graph.boxes:
            for child in dict.fromkeys(box.children):
                parents[child].append(box)
        return parents

    @cached_property
    def dtype(self) -> str:
        """The dtype of most floats; the caption says it once."""
        counts = Counter(spec.dtype for box in self.graph.boxes for spec in box.outputs if spec.dtype.kind in "fc")
        return str(counts.most_common(1)[0][0]) if counts else str(self.graph.boxes[0].outputs[0].dtype)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The number of each named axis, where a run has fixed it."""
        return dict(self.run.sizes) if self.run is not None else {}

    @cached_property
    def reference(self) -> float | None:
        """The rms gradient of the output layer, against which the others are coloured."""
        readers = [b for b in self.spine if any(self.kind[c] == "parameter" for c in b.children)]
        for box in [*reversed(readers), *reversed(self.spine), *reversed(self.graph.boxes)]:
            statistics = self.gradient(box)
            if statistics is not None and statistics.finite and statistics.rms > 0:
                return statistics.rms
        return None

    def array(self, box: Box) -> Any:
        """The value of a box in the run; None where it is not known."""
        if self.run is None:
            return None
        kept = self.run.has_all_values or box in self.graph.outputs
        return self.run[box] if kept else None

    def value(self, box: Box) -> Statistics | None:
        """Statistics of the value of a box; None where it is not known."""
        key = ("value", box)
        if key not in self._statistics:
            array = self.array(box)
            self._statistics[key] = None if array is None or isinstance(array, tuple) else describe(array)
        return self._statistics[key]

    def gradient(self, box: Box) -> Statistics | None:
        """Statistics of the gradient of a box; None where it was not computed."""
        key = ("gradient", box)
        if key not in self._statistics:
            known = self.grads is not None and box in self.grads
            array = self.grads[box] if known and self.grads is not None else None
            self._statistics[key] = None if array is None or isinstance(array, tuple) else describe(array)
        return self._statistics[key]


def _backward_boxes(boxes: Iterable[Box]) -> set[Box]:
    """The boxes built by a derivative; in a plan, those that replace them."""
    owners = {box: owner_of(box) for box in boxes}
    places = {owner.built_at for owner in owners.values() if owner.is_derivative}
    return {box for box, owner in owners.items() if box.children and owner.built_at in places}


def _gradient_names(backward: Iterable[Box], by_name: Mapping[str, Box], names: Mapping[Box, str]) -> dict[Box, str]:
    """The names of gradients as mathematics, ∇W⁽¹⁾ for what `fg.gradient` has called dW1; "" where the box had no name.

    `by_name` has the boxes of the graph by their own names, `names` what the picture calls those that have a name.
    """
    shown_names = {}
    for box in backward:
        path, slash, last = (box.name or "").rpartition("/")
        if not last.startswith("d"):
            continue
        source = by_name.get(f"{path}{slash}{last[1:]}")
        shown = _own_name(last[1:]) if source is None else names.get(source, "").rpartition("/")[2]
        if shown[:1].isalpha() and box.name is not None and box.name.startswith(box.scope):
            shown_names[box] = f"{box.scope}{gradient_name(shown)}"
        else:
            shown_names[box] = ""
    return shown_names


def _own_name(name: str) -> str:
    """A name of a box that the graph does not hold; "" where it is the symbol of a kind of boxes."""
    return "" if re.sub(r"_\d+$", "", name) in {cls.symbol for cls in registry.values()} else name
