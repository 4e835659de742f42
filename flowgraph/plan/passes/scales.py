"""Placement of scalar factors at the smallest array: -lr * (hᵀ @ g) scales g, not the weights."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Subtract
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.label import MinusAt
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.rebuild import Builder, all_sizes_known, elements, is_scalar, on_children, shape_of, with_place_of

_MOST_MOVES = 8
_MOST_FACTORS = 16
"""Bounds on the numbers that are looked at, so that the time stays linear in the boxes."""

_LARGE, _PART = 1 << 24, 512
"""A move saves one pass over its products at most. Where the work is large, and that a smaller part of it, it is not
looked for: no step gains by it (`python -m benchmarks passes`). Beside little work a single call of NumPy counts."""

_EITHER = {
    MatMul: (0, 1),
    Multiply: (0, 1),
    Transpose: (0,),
    Reshape: (0,),
    Sum: (0,),
    BroadcastTo: (0,),
    Negative: (0,),
}
_ALL = {Add: (0, 1), Subtract: (0, 1), MinusAt: (0, 2)}
_SUMS = (Add, Subtract, Negative)
_VIEWS = (Transpose, Reshape, BroadcastTo)


class Choice(NamedTuple):
    """How a box is scaled at least cost: the children to scale in its place; none to scale the box itself."""

    cost: float
    places: tuple[int, ...]


def move_scales(graph: Graph, make: Builder, updated: int) -> Graph:
    """The graph in which each product of a number and an array stands where it costs least.

    The last `updated` outputs are new values of parameters; only products that such values alone read are moved. What
    is scaled before it is multiplied may vanish or overflow earlier: the change that a step makes to a parameter may,
    a value that a caller gets may not.

    A box through which a factor is moved must be read in scaled form only, or it would be computed twice. Where all
    gradients are scaled by the same number, as -lr scales them in a step, it ends at the seed of the backward pass.
    """
    tried: set[Hashable] = set()
    work = _Work()
    for _ in range(_MOST_MOVES if updated else 0):
        moved = _first_move(graph, make, updated, tried, work)
        if moved is graph:
            break
        graph = moved
    return graph


def _first_move(graph: Graph, make: Builder, updated: int, tried: set[Hashable], work_of: _Work) -> Graph:
    """The graph after the first factor that it gains to move; the graph itself if there is none.

    `tried` holds the moves that gained nothing; one through the same boxes would gain nothing again.
    """
    roots: dict[Box, list[Box]] = {}
    for box in _changes(graph, updated):
        if isinstance(box, Multiply) and _is_scaled(box):
            roots.setdefault(box.children[0], []).append(box)
    for factor, products in list(roots.items())[:_MOST_FACTORS]:
        if work_of.exceeds(graph, max(_LARGE, _PART * sum(map(elements, products)))):
            continue
        move = _Move(graph, factor, products, make)
        through = factor, frozenset(move.roots), frozenset(move.region)
        if through in tried:
            continue
        moved = move.graph()
        if moved is not graph and work_of.graph(moved) < work_of.graph(graph):
            return moved
        tried.add(through)
    return graph


class _Work(dict[Box, int]):
    """Numbers that are computed, and terms that are summed in products; of a box, found once in all graphs with it."""

    def graph(self, graph: Graph) -> int:
        """The work of all boxes of a graph.

        What a move saves is judged box by box; where one reader scales a box and another one a child beside it, both
        the scaled and the plain one are needed, and with them all that leads to either.
        """
        return sum(map(self.__getitem__, graph.boxes))

    def exceeds(self, graph: Graph, bound: int) -> bool:
        """Whether the work of a graph is more than this, looked for in as few boxes as tell it."""
        return any(total > bound for total in itertools.accumulate(map(self.__getitem__, reversed(graph.boxes))))

    def __missing__(self, box: Box) -> int:
        self[box] = work = work_of(box)
        return work


def work_of(box: Box) -> int:
    """The numbers that a box computes, times the terms that are summed for each of a product."""
    if not box.children or len(box.outputs) != 1 or isinstance(box, _VIEWS) or not all_sizes_known(box):
        return 0
    return elements(box) * (shape_of(box.children[0])[-1] if isinstance(box, MatMul) else 1)


def _changes(graph: Graph, updated: int) -> list[Box]:
    """What only the new values of parameters read, and as linear terms of them."""
    kept = len(graph.outputs) - updated
    outside, terms, outputs = set(graph.outputs[:kept]), set(graph.outputs[kept:]), set(graph.outputs)
    for box in reversed(graph.boxes):
        inside = box in terms and box not in outside and (type(box) in _SUMS or box not in outputs)
        places = linear_places(box) if inside else ()
        for place, child in enumerate(box.children):
            (terms if place in places else outside).add(child)
    return [box for box in graph.boxes if box in terms and box not in outside and box not in outputs]


def linear_places(box: Box) -> tuple[int, ...]:
    """The places of the children in which the box is linear, where the dtypes are one."""
    places = _EITHER.get(type(box)) or _ALL.get(type(box)) or ((0,) if isinstance(box, Divide) else ())
    return places if all(box.children[place].dtype == box.dtype for place in places) else ()


def _is_scaled(box: Box) -> bool:
    c, x = box.children
    return is_scalar(c) and not is_scalar(x) and c.dtype == x.dtype == box.dtype and box.dtype.kind == "f"


class _Move:
    """One factor, and the products that it is taken out of."""

    def __init__(self, graph: Graph, factor: Box, roots: Iterable[Box], make: Builder) -> None:
        self.old = graph
        self.factor = factor
        self.roots = set(roots)
        self.make = make
        self.region = self._region()
        self.settled: set[Box] = set()
        self.choices: dict[Box, Choice] = {}

    def _region(self) -> set[Box]:
        """The boxes that are read by the products and by one another only: scaling them duplicates nothing."""
        region: set[Box] = set()
        stack = [root.children[1] for root in self.roots]
        while stack:
            box = stack.pop()
            if box not in region and box not in self.roots and box.children and box.dtype.kind == "f":
                region.add(box)
                stack.extend(box.children[place] for place in linear_places(box))
        outputs = set(self.old.outputs)
        readers: dict[Box, list[Box]] = {box: [] for box in region}
        for parent in self.old.boxes:
            for child in parent.children:
                if child in readers:
                    readers[child].append(parent)
        for parent_first in reversed(self.old.boxes):
            if parent_first in region and not self._only_scaled(parent_first, region, readers, outputs):
                region.discard(parent_first)
        return region

    def _only_scaled(self, box: Box, region: set[Box], readers: dict[Box, list[Box]], outputs: set[Box]) -> bool:
        if box in outputs:
            return False
        for parent in readers[box]:
            places = [place for place, child in enumerate(parent.children) if child is box]
            if parent in self.roots and places == [1]:
                continue
            if parent not in region or any(place not in linear_places(parent) for place in places):
                return False
            if len(places) > 1 and type(parent) not in _ALL:
                return False
        return True

    def _choose(self) -> None:
        """The cheapest way to scale each box of the region, where those settled cost nothing more."""
        for box in self.old.boxes:
            if box in self.region and box not in self.settled:
                self.choices[box] = self._choice(box)

    def _choice(self, box: Box) -> Choice:
        costs = {place: self._cost(box.children[place]) for place in linear_places(box)}
        best = Choice(float(elements(box)), ())
        if type(box) in _ALL and costs:
            total = sum(costs.values())
            return Choice(total, tuple(costs)) if total < best.cost else best
        if isinstance(box, Divide) and elements(box.children[1]) < best.cost:
            best = Choice(float(elements(box.children[1])), (1,))
        for place, cost in costs.items():
            if cost < best.cost:
                best = Choice(cost, (place,))
        return best

    def _cost(self, box: Box) -> float:
        if is_scalar(box):
            return 0.0 if isinstance(box, Constant) else 0.5
        if box in self.settled:
            return 0.0
        if box in self.choices:
            return self.choices[box].cost
        scaled = isinstance(box, Multiply) and _is_scaled(box)
        return float(elements(box)) * (1.5 if box.children and not scaled else 1)

    def graph(self) -> Graph:
        """The graph with the factor moved; the same graph where that gains nothing."""
        moved = self._move_factors()
        if not moved:
            return self.old
        demanded = self.settled
        plain: dict[Box, Box] = {}
        scaled: dict[Box, Box] = {}
        for box in self.old.boxes:
            children = tuple([plain[child] for child in box.children])
            plain[box] = scaled[moved[box]] if box in moved else self._reduce(box, children)
            if box in demanded:
                scaled[box] = self._scale(box, plain, scaled)
        return Graph(*[plain[output] for output in self.old.outputs])

    def _move_factors(self) -> dict[Box, Box]:
        """The products that go, and the box that is scaled in the place of each; what one needs is free for others."""
        moved: dict[Box, Box] = {}
        while True:
            self._choose()
            more = {root: root.children[1] for root in self.roots if root not in moved and self._gains(root)}
            if not more:
                return moved
            moved.update(more)
            self.settled |= self._demand(more.values())

    def _gains(self, root: Box) -> bool:
        box = root.children[1]
        if box in self.settled:
            return True
        choice = self.choices.get(box)
        return choice is not None and bool(choice.places) and choice.cost < elements(root)

    def _demand(self, boxes: Iterable[Box]) -> set[Box]:
        demanded: set[Box] = set()
        stack = list(boxes)
        while stack:
            box = stack.pop()
            if box in demanded:
                continue
            demanded.add(box)
            if box in self.choices and not (isinstance(box, Divide) and self.choices[box].places == (1,)):
                stack.extend(box.children[place] for place in self.choices[box].places)
        return demanded

    def _reduce(self, box: Box, children: tuple[Box, ...]) -> Box:
        same = on_children(box, children)
        if same is box:
            return self.make.share_box(box)
        return with_place_of(self.make.reduce_box(same), box, children, self.old)

    def _scale(self, box: Box, plain: dict[Box, Box], scaled: dict[Box, Box]) -> Box:
        """The box times the factor."""
        factor = plain.get(self.factor, self.factor)
        places = self.choices[box].places if box in self.choices else ()
        if not places:
            return with_place_of(self.make.make(Multiply, factor, plain[box]), box, plain[box].children, self.old)
        children = [plain[child] for child in box.children]
        if isinstance(box, Divide) and places == (1,):
            quotient = self.make.make(Divide, factor, children[1])
            return with_place_of(self.make.make(Multiply, children[0], quotient), box, children, self.old)
        for place in places:
            children[place] = scaled[box.children[place]]
        return with_place_of(self.make.reduce_box(box.with_children(*children)), box, children, self.old)
