"""The steps of the passes over a graph, each made once: a graph runs many times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowgraph.box import Box
from flowgraph.graph.backward_steps import backward_steps
from flowgraph.graph.forward import forward_steps
from flowgraph.graph.order import Boxes
from flowgraph.graph.reachability import unreached
from flowgraph.graph.steps import Fstep, Step
from flowgraph.graph.topology import Topology


class CachedSteps(Topology):
    """A topology that keeps the steps that were made of it."""

    def __init__(self, outputs: Iterable[Box], along: Iterable[Box] = ()) -> None:
        super().__init__(outputs, along)
        self._fsteps: dict[Any, tuple[Fstep, ...]] = {}
        self._bsteps: dict[tuple[Box, ...], tuple[Step, ...]] = {}
        self._cut: dict[tuple[Box, ...], Boxes] = {}

    def fsteps(self, kept: frozenset[int] | None, dirty: frozenset[int] | None = None) -> tuple[Fstep, ...]:
        """The steps of the forward pass.

        Parameters
        ----------
        kept : frozenset of int or None
            Slots whose values the run keeps; others are freed after their last reader. None keeps all.
        dirty : frozenset of int, optional
            Slots that changed: only their descendants are computed. By default everything is.

        Returns
        -------
        tuple of Fstep
            In topological order.
        """
        key = (kept, dirty)
        if key not in self._fsteps:
            self._fsteps[key] = forward_steps(self, kept, dirty)
        return self._fsteps[key]

    def bsteps(self, wrt: tuple[Box, ...]) -> tuple[Step, ...]:
        """The steps of the backward pass: the boxes on a path from an output to one of `wrt`.

        Parameters
        ----------
        wrt : tuple of Box
            The boxes to differentiate by.

        Returns
        -------
        tuple of Step
            In reverse topological order.
        """
        if wrt not in self._bsteps:
            self._bsteps[wrt] = backward_steps(self.boxes, self.slots, wrt, self.outputs)
        return self._bsteps[wrt]

    def cut(self, wrt: tuple[Box, ...]) -> Boxes:
        """The boxes of `wrt` that no differentiable path from an output reaches.

        Parameters
        ----------
        wrt : tuple of Box
            The boxes to differentiate by.

        Returns
        -------
        Boxes
            Empty if all are reached.
        """
        if wrt not in self._cut:
            self._cut[wrt] = unreached(self, wrt)
        return self._cut[wrt]
