"""Complex children and leaves as two real ones each, since differences are taken along real directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, registry
from flowgraph.box.leaves import Input, Parameter
from flowgraph.boxes.elementwise.complex_numbers import real_part
from flowgraph.checking.cases import Case, child_labels
from flowgraph.graph import Graph
from flowgraph.graph.passes import Edge

_ENDS = {False: ("",), True: ("_re", "_im")}


class OfParts(Box):
    """A box of the registry, each complex child of which is given as two real ones.

    h = inner(re + i im, ...)        where inner sends g to a child, its parts get Re g and −Im g

    `pairs` says for each child of the box whether it is given as two.
    """

    inner: str
    given: Any
    pairs: tuple[bool, ...]

    symbol = "of parts"
    examples = None  # it is tested with the boxes that have complex examples

    def fprop(self, *parts: Value) -> Value:
        """The value of the box at the complex children."""
        children = self.whole(parts)
        return self._box(children).fprop(*children)

    def bprop(self, grad: Value, h: Value, *parts: Value) -> tuple[Value, ...]:
        """The gradients by real and imaginary parts."""
        children = self.whole(parts)
        box = self._box(children)
        sent: list[Any] = []
        for i, (g, pair) in enumerate(zip(box.bprop(grad, h, *children), self.pairs, strict=True)):
            if not box.differentiable_wrt[i]:
                sent += [None] * (1 + pair)
                continue
            g = Edge(box, i).settle_gradient(g, children[i])
            sent += [np.real(g), -np.imag(g)] if pair else [real_part(g)]
        return tuple(sent)

    @property
    def constant(self) -> tuple[bool, ...]:
        """Both parts of a constant child."""
        inner = self._box(self.whole(self.children)).constant
        return tuple(is_constant for is_constant, pair in zip(inner, self.pairs, strict=True) for _ in range(1 + pair))

    def names_of_children(self) -> tuple[str, ...]:
        """Those of the box, with _re and _im for the two parts."""
        names = child_labels(registry[self.inner], len(self.pairs))
        return tuple(f"{name}{end}" for name, pair in zip(names, self.pairs, strict=True) for end in _ENDS[pair])

    def whole(self, parts: Sequence[Any]) -> list[Any]:
        """The children of the inner box."""
        rest, children = iter(parts), []
        for pair in self.pairs:
            child = next(rest)
            if pair:
                imaginary = next(rest)
                if child.shape != imaginary.shape:
                    raise self.shape_error("the real and the imaginary part of a child differ in shape")
                child = child + 1j * imaginary
            children.append(child)
        return children

    def _box(self, children: Sequence[Any]) -> Any:
        return registry[self.inner](*children, **self.given)


def in_parts(case: Case) -> Case:
    """The case with two real children in place of each complex one; the case itself where there is none."""
    pairs = tuple(child.dtype.kind == "c" for child in case.children)
    inner = next((name for name, cls in registry.items() if cls is case.cls), None)
    if not any(pairs) or inner is None or not case.cls.has_bprop:
        return case
    children = [
        part for a in case.children for part in ((a.real.copy(), a.imag.copy()) if a.dtype.kind == "c" else (a,))
    ]
    return Case(OfParts, tuple(children), {"inner": inner, "given": case.settings, "pairs": pairs})


def leaves_in_parts(graph: Graph, feeds: Mapping[Any, Any]) -> tuple[Graph, dict[Any, Any]]:
    """The graph with two real leaves for each complex parameter and input, and the values to feed."""
    whole = [box for box in (*graph.parameters, *graph.inputs) if box.dtype.kind == "c"]
    fed = {graph.box(key): value for key, value in feeds.items()}
    if not whole:
        return graph, dict(feeds)
    twins: dict[Box, Any] = {}
    for leaf in whole:
        real, imaginary = (_part(leaf, graph.names[leaf], end) for end in _ENDS[True])
        twins[leaf] = real + 1j * imaginary
        if leaf in fed:
            value = np.asarray(fed.pop(leaf))
            fed |= {real: value.real, imaginary: value.imag}
    return with_leaves(graph, twins), fed


def with_leaves(graph: Graph, twins: dict[Box, Any]) -> Graph:
    """The graph on other leaves; the twins of all its boxes are added to theirs."""
    for box in graph:
        if box not in twins:
            twins[box] = box.with_children(*(twins[child] for child in box.children)) if box.children else box
    return Graph(*(twins[output] for output in graph.outputs))


def _part(leaf: Box, name: str, end: str) -> Box:
    """A real leaf in place of the real or the imaginary part of a complex one."""
    if isinstance(leaf, Parameter):
        twin: Box = Parameter(leaf.value.real if end == "_re" else leaf.value.imag)
    else:
        twin = Input("part", shape=leaf.shape, dtype=leaf.dtype.type(0).real.dtype)
    twin._place(f"{name}{end}", "", leaf.built_at)
    return twin
