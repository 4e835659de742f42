"""Σ W1² + Σ W2² of adjacent parameters is one inner product of the flat array that they make up."""

from __future__ import annotations

from collections.abc import Sequence

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.passes.nested_sums import inner_sums, terms_of
from flowgraph.plan.rebuild import elements, is_scalar, on_children, rebuild
from flowgraph.plan.store import Store

Joined = dict[tuple[Parameter, ...], Box]
"""Adjacent parameters, and the box that is the flat array of their values."""


def join_squares(graph: Graph, store: Store, joined: Joined) -> Graph:
    """The graph with one inner product for adjacent parameters; their flat arrays are noted in `joined`."""
    inner = inner_sums(graph, lambda one, reader: _is_sum(one) and _is_sum(reader))
    place = {p: number for number, p in enumerate(store.order)}
    new: dict[Box, Box] = {}

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        new[box] = on_children(box, children)
        if _is_sum(box) and box not in inner:
            terms = terms_of(box, inner)
            squares = {p: term for term in terms if (p := _squared(term)) in place}
            for run in _runs(sorted(squares, key=place.__getitem__), store):
                flat = joined_once(run, joined)
                of_run = {squares[p] for p in run}
                terms = [term for term in terms if term not in of_run] + [MatMul(flat, flat)]
                new[box] = _total([new.get(term, term) for term in terms])
        return new[box]

    return rebuild(graph, rule)


def joined_once(run: tuple[Parameter, ...], joined: Joined) -> Box:
    """The flat array of adjacent parameters, the same box each time."""
    if run not in joined:
        joined[run] = join(run)
    return joined[run]


def join(parts: Sequence[Box]) -> Box:
    """The elements of arrays one after another."""
    return Concatenate(*[part if part.ndim == 1 else Reshape(part, to=(elements(part),)) for part in parts])


def _is_sum(box: Box) -> bool:
    return isinstance(box, Add) and all(is_scalar(one) and one.dtype == box.dtype for one in (box, *box.children))


def _total(terms: Sequence[Box]) -> Box:
    total = terms[0]
    for term in terms[1:]:
        total = Add(total, term)
    return total


def _squared(box: Box) -> Parameter | None:
    """The parameter of which the box is the sum of squares."""
    if not isinstance(box, MatMul) or box.shape != ():
        return None
    one, other = (child.children[0] if isinstance(child, Reshape) else child for child in box.children)
    return one if one is other and isinstance(one, Parameter) else None


def _runs(parameters: Sequence[Parameter], store: Store) -> list[tuple[Parameter, ...]]:
    """Adjacent parameters, two or more."""
    runs: list[list[Parameter]] = []
    for p in parameters:
        if runs and store.are_adjacent((runs[-1][-1], p)):
            runs[-1].append(p)
        else:
            runs.append([p])
    return [tuple(run) for run in runs if len(run) > 1]
