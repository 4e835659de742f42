"""What is drawn: a graph, its values and gradients with their statistics, and the names of variables."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowgraph.box import Box, registry
from flowgraph.box.leaves import Input, Parameter
from flowgraph.errors import UsageError
from flowgraph.plan.rebuild import has_owner, owner_of
from flowgraph.printable import why_not_a_name
from flowgraph.rendering import kinds
from flowgraph.rendering.statistics import Statistics, describe, rounded_zeros, with_rounding
from flowgraph.rendering.views import VIEWS, Look
from flowgraph.rendering.wording import exact_text, gradient_name

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.graph.graph import Grads, Run


_Place = tuple[int, ...]


def in_order(boxes: Sequence[Box]) -> dict[Box, tuple[int, int, int]]:
    """What sorts the boxes that one variable was given in turn after turn of a loop.

    Each turn stands deeper in the graph than the one before; what reads nothing of the loop, such as x[:, t], has less
    and less above it. Where neither says more, it is the order of the graph.
    """
    depth: dict[Box, int] = {}
    for box in boxes:
        depth[box] = 1 + max((depth[child] for child in box.children), default=0)
    height = dict.fromkeys(boxes, 0)
    for box in reversed(boxes):
        for child in box.children:
            height[child] = max(height[child], height[box] + 1)
    return {box: (depth[box], -height[box], place) for place, box in enumerate(boxes)}


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def assigned_names(boxes: Sequence[Box], names: Mapping[Box, str]) -> dict[Box, str]:
    """For unnamed boxes that are assigned to a variable, their scope and its name, numbered where a line ran often.

    Where a plan made a box in place of one of an expression, none of the others is known to be its value. An expression
    that makes inputs or parameters too, such as fg.load("net.onnx"), has a graph as its value and no box.
    """
    graphs = {(box.built_at.path, box.built_at.expression) for box in boxes if isinstance(box, Input | Parameter)}
    groups: dict[tuple[str, _Place], list[Box]] = {}
    for box in boxes:
        if box.children and box.built_at.expression:
            groups.setdefault((box.built_at.path, box.built_at.expression), []).append(box)
    wanted: dict[str, list[Box]] = {}
    for (path, place), group in groups.items():
        variable = variables_of(path).get(place) if (path, place) not in graphs else None
        for box in _results(group) if variable and not any(map(has_owner, group)) else ():
            if box.name is None:
                wanted.setdefault(f"{box.scope}{variable}", []).append(box)
    taken = {name for box, name in names.items() if box.name is not None}
    assigned: dict[Box, str] = {}
    order = in_order(boxes) if any(len(group) > 1 for group in wanted.values()) else {}
    for wish, group in wanted.items():
        ordered = sorted(group, key=order.__getitem__) if len(group) > 1 else group
        assigned.update(zip(ordered, _number_names(wish, len(group), taken), strict=True))
    return assigned


def variables_of(path: str) -> dict[_Place, str]:
    """For each expression of a file that is assigned to one variable, its place and the variable."""
    return _variables("".join(linecache.getlines(path)))


@functools.lru_cache(maxsize=32)
def _variables(text: str) -> dict[_Place, str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # a cell with magics, a template
        return {}
    variables: dict[_Place, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            _note(variables, node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            _note(variables, node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            _note(variables, node.target, node)
    return variables


def _note(variables: dict[_Place, str], target: ast.expr, value: ast.expr | ast.AugAssign) -> None:
    """Note the variable of an assignment, or those of `a, b = one, other`; of `one if ... else other` both."""
    if isinstance(value, ast.IfExp):
        _note(variables, target, value.body)
        _note(variables, target, value.orelse)
    if isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
        if len(parts) == len(target.elts):
            for element, part in zip(target.elts, parts, strict=True):
                _note(variables, element, part)
        return
    name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
    if name.strip("_") and why_not_a_name(name) is None:
        end = value.end_lineno or value.lineno, value.end_col_offset or value.col_offset
        variables[value.lineno, end[0], value.col_offset, end[1]] = name


def _results(group: list[Box]) -> list[Box]:
    """Of the boxes that an expression built, those that are its value.

    A box that no other of them reads is one. Where the line ran often, each run reads the one before: then those of the
    kind of the last are. A derivative is made of many boxes of one kind, so only its end is known.
    """
    read = {child for box in group for child in box.children}
    ends = [box for box in group if box not in read]
    if len(ends) != 1 or ends[0].is_derivative:
        return ends if len(ends) == 1 or all(type(end) is type(ends[0]) for end in ends) else []
    return [box for box in group if type(box) is type(ends[0])]


def _number_names(wish: str, count: int, taken: set[str]) -> list[str]:
    """The name itself for one box, else with numbers below; those that are taken are left out."""
    if count == 1 and wish not in taken:
        return [wish]
    texts = (wish + str(number).translate(_SUBSCRIPTS) for number in itertools.count(1))
    return list(itertools.islice((text for text in texts if text not in taken), count))


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
        if not isinstance(self.view, str) or self.view not in VIEWS:
            raise UsageError(f"render: found view={self.view!r}, needs one of {', '.join(VIEWS)}")
        for name in ("run", "grads"):
            given = getattr(self, name)
            if given is not None and getattr(given, "graph", None) is not self.graph:
                raise UsageError(f"render: {name}= belongs to another graph than the one that is drawn")

    @property
    def look(self) -> Look:
        """What the view shows."""
        return VIEWS[self.view]

    @cached_property
    def kind(self) -> dict[Box, str]:
        """What each box is to a reader; what `fg.gradient` has built is the backward pass, whatever else it may be."""
        return {**kinds.kinds(self.graph), **dict.fromkeys(self.backward, "backward")}

    @cached_property
    def backward(self) -> set[Box]:
        """The boxes of a gradient graph that compute derivatives."""
        return _backward_boxes(self.graph.boxes)

    @cached_property
    def marked(self) -> frozenset[Box]:
        """Several outputs, each of which a picture marks; it ends at the only one."""
        return frozenset(self.graph.outputs if len(self.graph.outputs) > 1 else ())

    @cached_property
    def assigned(self) -> dict[Box, str]:
        """The names of boxes that nobody named, after the variables of the source to which they are assigned."""
        return assigned_names(self.graph.boxes, self.graph.names)

    @cached_property
    def names(self) -> dict[Box, str]:
        """The label of each box: name, variable, or symbol with a number; a number without a name is its label."""
        numbers = {box: exact_text(box.value) for box in self.graph.boxes if kinds.is_number(box)}
        return {**self.graph.names, **numbers, **self.assigned}

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
    def scope(self) -> dict[Box, str]:
        """The scope of each box as it is drawn."""
        return kinds.drawn_scopes(self.graph.boxes)

    @cached_property
    def part(self) -> dict[str, int]:
        """For scopes that are drawn in parts, which part of its scope each but the first is."""
        return {
            drawn: int(drawn.rpartition("~")[2])
            for box, path in self.scope.items()
            for own, drawn in zip(kinds.around(kinds.scope_path(box)), kinds.around(path), strict=True)
            if own.rpartition("/")[2] != drawn.rpartition("/")[2]
        }

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
            found = None if array is None or isinstance(array, tuple) else describe(array)
            self._statistics[key] = with_rounding(found) if found is not None and box in self.rounded_zeros else found
        return self._statistics[key]

    @cached_property
    def rounded_zeros(self) -> frozenset[Box]:
        """The boxes whose gradients are 0 but for rounding errors."""
        return frozenset() if self.grads is None else rounded_zeros(self.grads)


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
