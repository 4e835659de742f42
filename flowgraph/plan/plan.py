"""A plan: a graph compiled into one function of NumPy calls, which also updates parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsIndex

from flowgraph.attached import OnPlan
from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.graph import Graph
from flowgraph.plan.backends import Backend, BackendName
from flowgraph.plan.calling import make_call
from flowgraph.plan.reading import KEYWORDS, MISSING, Inputs
from flowgraph.plan.specialised import Specialised
from flowgraph.plan.variants import Variants
from flowgraph.printable import printable


class Plan(OnPlan):
    """A graph as straight-line NumPy: `step(x=X, y=Y)` gives the values of the outputs and updates the parameters.

    Values come as a tuple in the order of the outputs, or alone where a single box was compiled. All updates read the
    old values and are applied together at the end of the call: an exception or Ctrl-C leaves every parameter as it was,
    or every one updated. For inputs of other shapes the plan is compiled once more, and both functions stay.

    In debug mode (`fg.debug()`) every call is held against the graph.

    Plans may run in any threads; calls of one plan, and of plans that update one parameter, run one after the other. A
    copy by `copy.deepcopy` or pickle has parameters of its own, and is compiled anew.

    A plan is made by `fg.compile`, and not by hand.

    Examples
    --------
    >>> import flowgraph as fg
    >>> x, w = fg.Input("x", shape=("N",)), fg.Parameter(2.0, name="w")
    >>> step = fg.compile(fg.sum(x * w))
    >>> float(step(x=[1.0, 3.0]))
    8.0
    """

    # Python looks for `__call__` in the class of what is called: there it finds the place in which each plan has a
    # function of its own. A method that passes arguments on would add 80 to 120 ns to the 1,800 of the smallest step.
    __slots__ = ("__call__",)

    __call__: Callable[..., Any]

    def __init__(
        self,
        outputs: Sequence[Box],
        updates: Mapping[Parameter, Box],
        inputs: Sequence[Box],
        *,
        alone: bool,
        borrow: bool,
        without: frozenset[str],
        backend: BackendName = "numpy",
        placement: Any = None,
    ) -> None:
        self._forward = Graph(*outputs, *updates.values())
        self._settings = {"alone": alone, "borrow": borrow, "without": without, "backend": backend}
        self._settings |= {} if placement is None else {"placement": placement}
        self.inputs = tuple(inputs)
        computing = Backend(backend, placement)
        self.store = computing.store(updates)
        self._read = Inputs(inputs, self._forward, self.store)
        self.input_names = self._read.names
        self._variants = Variants(self._forward, self.store, self._read, computing, without)
        self.__call__ = make_call(self._variants, alone=alone, borrow=borrow)
        self.__signature__ = inspect.signature(self.__call__)

    def __repr__(self: Any) -> str:
        inputs = ", ".join(map(printable, self.input_names))
        ran = "not run yet" if self.last is None else f"{len(self.graph)} boxes, {self.bytes:,} bytes of buffers"
        note = f"; {printable(self.last.note)}" if self.last is not None and self.last.note else ""
        return f"<Plan of {inputs or 'no inputs'}: {ran}{note}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """What pickle and copy build the plan from; the functions are compiled anew, when they are needed."""
        return _plan, (self._forward, self.store.parameters, self.inputs, self._settings)

    @property
    def source(self) -> str:
        """The function that ran last, as text."""
        return self._latest().program.text

    @property
    def graph(self) -> Graph:
        """The simplified flow graph of the function that ran last: its outputs, then the new values."""
        return self._latest().graph

    @property
    def bytes(self) -> int:
        """Bytes of the buffers of the function that ran last, without the parameters and their spare copies."""
        return self._latest().program.bytes

    @property
    def last(self) -> Specialised | None:
        """The function that ran last, None before the first call."""
        return self._variants.last

    @property
    def known(self) -> Mapping[Any, Specialised]:
        """The functions that are kept, by the shapes of their inputs."""
        return self._variants.known

    def _latest(self) -> Specialised:
        return self._variants.latest()

    def prepare(self, /, *positional: Any, **named: Any) -> Plan:
        """Compile for the shapes and dtypes of these inputs, without running.

        Parameters
        ----------
        *positional : array_like
            Inputs in the order of `inputs`.
        **named : array_like
            Inputs by name.

        Returns
        -------
        Plan
            This plan; its next call with such inputs needs no compilation.
        """
        read = self._read.read(positional, [MISSING] * len(self.inputs), named, KEYWORDS["seed"], True)
        self._variants.prepare(read.values)
        return self


def _plan(forward: Graph, parameters: Sequence[Parameter], inputs: Sequence[Box], settings: Mapping[str, Any]) -> Plan:
    """The plan whose graph this is, the last outputs of which are new values of parameters."""
    count = len(forward.outputs) - len(parameters)
    updates = dict(zip(parameters, forward.outputs[count:], strict=True))
    return Plan(forward.outputs[:count], updates, inputs, **settings)
