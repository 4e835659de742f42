"""The graph and the plan of a function under `jit`, for arguments of one kind."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.node import current
from flowgraph.box.random_draws import seed_of_run
from flowgraph.box.tape import Trace, refuse_stranger, run_trace
from flowgraph.errors import PlanError, UsageError
from flowgraph.functional.arguments import OF_VALUES
from flowgraph.functional.compiled import Compiled, Evaluation
from flowgraph.graph import Graph
from flowgraph.graph.steps import copy_on
from flowgraph.graph.topology import debugging
from flowgraph.loops.containers import LEAF, flatten, rebuild
from flowgraph.plan.backends import BackendName
from flowgraph.shapes.spec import shape_text

MISS = object()
"""What a quick call returns where the arguments are of another kind."""


class Static:
    """A static argument: equal to others of its type and value, to the sign of a zero."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static) or type(self.value) is not type(other.value):
            return False
        if isinstance(self.value, float):
            return bool(self.value.hex() == other.value.hex())
        return self.value is other.value or bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


class Kind(NamedTuple):
    """What calls have in common for which a function is called once: containers, shapes and dtypes, static values.

    `specs` has the shape and the dtype of each array; the type, where it is a number of Python.
    """

    structure: Any
    specs: tuple[tuple[Any, Any], ...]


_NUMBERS = frozenset({bool, int, float, complex})


def spec_of(leaf: Any, array: Any) -> tuple[Any, Any]:
    """The shape and the dtype of an argument that is given as this array or box, the type of a number of Python."""
    if type(leaf) in _NUMBERS:
        return (), type(leaf)
    trace = current()
    if trace is not None and isinstance(trace.each_call, _Weak) and isinstance(leaf, Box):  # of a jitted caller
        return array.shape, trace.each_call.kinds.get(leaf, array.dtype)
    return array.shape, array.dtype


class _Weak:
    """Gives boxes that stand for Python's numbers the precision of what they are combined with, in each call of NumPy.

    As in NumPy such a number does not widen floats; what is computed of such numbers alone is one too. An integer that
    meets integers keeps its 64 bits, as no value may be cut off.
    """

    def __init__(self, kinds: dict[Box, type]) -> None:
        self.kinds = kinds

    def __call__(
        self, build: Callable[..., Any], function: Callable[..., Any], method: str, inputs: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """What the function makes of its arguments."""
        weak = {i: self.kinds[box] for i, box in enumerate(inputs) if isinstance(box, Box) and box in self.kinds}
        if not weak:
            return build(function, method, inputs, keywords)
        met = [box.dtype for i, box in enumerate(inputs) if i not in weak and hasattr(box, "dtype")]
        if met:
            dtype = np.result_type(*met, *[kind(1) for kind in weak.values()])
            narrowed = dtype.kind in "fc" and dtype.itemsize < np.result_type(dtype, float).itemsize
            inputs = [value.astype(dtype) if i in weak and narrowed else value for i, value in enumerate(inputs)]
        result = build(function, method, inputs, keywords)
        of_elements = isinstance(function, np.ufunc) or function is operator.pow
        if not met and of_elements and isinstance(result, Box) and result.dtype.kind in "ifc":
            self.kinds[result] = type(result.dtype.type(0).item())
        return result


def keep_weak(copies: Mapping[Box, Box]) -> None:
    """Let the copies of boxes that stand for Python's numbers stand for these too."""
    trace = current()
    if trace is not None and isinstance(trace.each_call, _Weak):
        kinds = trace.each_call.kinds
        kinds.update({copy: kinds[box] for box, copy in copies.items() if box in kinds})


class Variant:
    """A function for one kind of arguments: its graph as traced, and the plan that runs it.

    `strangers` are leaves and arguments that it reads from a function around it; it is then a part of that function,
    and no plan. It `changes` from call to call where it reads parameters or draws.
    """

    def __init__(
        self, who: str, inputs: Sequence[Input], output: Any, kind: Kind, trace: Trace,
        backend: BackendName, seed: Any,
    ) -> None:  # fmt: skip
        outputs: list[Any] = []
        self._structure = flatten(output, outputs)
        self._who, self._kind, self._backend, self._seed = who, kind, backend, seed
        self._inputs: list[Box] = list(inputs)
        self._outputs = [output if isinstance(output, Box) else Constant(output) for output in outputs]
        self._traced = Graph(*self._outputs)
        leaves = [box for box in self._traced.boxes if not box.children and not isinstance(box, Constant)]
        self._parameters = [box for box in leaves if isinstance(box, Parameter)]
        self._draws = [(box, *trace.randoms[box]) for box in leaves if box in trace.randoms]
        own = {*self._inputs, *self._parameters, *trace.randoms}
        arguments = [box for box in self._traced.boxes if box.is_argument]
        self.strangers = [*[box for box in leaves if box not in own], *arguments]
        self.changes = bool(self._parameters or self._draws)
        self.quick: Callable[..., Any] = _miss
        self._compiled: Compiled | None = None
        self._by_boxes: Evaluation | None = None

    @property
    def source(self) -> str:
        """The straight-line code of the plan."""
        return self._plan().plan.program.text

    @property
    def graph(self) -> Graph:
        """The simplified flow graph of the plan."""
        return self._plan().plan.graph

    def __repr__(self) -> str:
        given = ", ".join([f"{box.name} {shape_text(box.shape)} {box.dtype}" for box in self._inputs])
        note = f"{len(self._traced)} boxes, part of other graphs"
        if self._compiled is not None:
            note = f"{len(self._traced)} boxes by {self._backend}"
            note += f" ({self._compiled.plan.note})" if self._compiled.plan.note else ""
        return f"{note} for {given or 'no arrays'}"

    def run(self, arrays: Sequence[Any]) -> Any:
        """The value for the arrays of the arguments."""
        if debugging():
            return self._compute_by_boxes(arrays)
        compiled = self._plan()
        try:
            return compiled.call(arrays, self._values())
        except OF_VALUES:
            return self._compute_by_boxes(arrays)  # which raises the error of the box

    def inline_on(self, boxes: Sequence[Box]) -> Any:
        """The value for boxes as arguments: the boxes of the graph on these, with draws of their own."""
        trace = current()
        if self.strangers and trace is None and not any(isinstance(box, Input) for box in boxes):
            refuse_stranger(self.strangers[0])
        new: dict[Box, Box] = dict(zip(self._inputs, boxes, strict=True))
        for leaf, seed, number in self._draws:
            seed = self._seed if seed is None else seed
            if seed is not None and (trace is None or not trace.runs):
                raise UsageError(
                    f"{self._who}: found seed= and boxes as arguments, whose graph draws when it runs; give the seed "
                    f"to its fprop(seed=...), or arrays as arguments"
                )
            new[leaf] = copy = leaf._copy_with()
            if trace is not None and seed is None:
                trace.note(copy)
            elif trace is not None:
                trace.randoms[copy] = seed, number
        return rebuild(self._structure, iter(copy_on(self._outputs, new)))

    def _plan(self) -> Compiled:
        """The plan, made when it is first asked for."""
        if self.strangers:
            raise PlanError(f"{self._who}: is a part of the function around it, and has no plan of its own")
        if self._compiled is None:
            self._compiled = Compiled(self._traced, *self._places(), self._structure, self._backend)
            self.quick = self._quick(self._compiled)
        return self._compiled

    def _places(self) -> tuple[dict[Box, int], dict[Box, int]]:
        """The numbers of the arguments, and of what is read or drawn in each call."""
        sources = [*self._parameters, *[leaf for leaf, *_ in self._draws]]
        return {box: i for i, box in enumerate(self._inputs)}, {box: i for i, box in enumerate(sources)}

    def _values(self) -> list[Any]:
        """The parameters and draws of this call."""
        values = [parameter.current()[()] for parameter in self._parameters]
        if self._draws:
            fresh = seed_of_run(self._seed)
            for leaf, own, number in self._draws:
                values.append(leaf.value_for(fresh if own is None else own, number, {})[()])
        return values

    def _compute_by_boxes(self, arrays: Sequence[Any]) -> Any:
        """The value box by box."""
        if self._by_boxes is None:
            self._by_boxes = Evaluation(self._outputs, *self._places())
        outputs = [np.array(value)[()] for value in self._by_boxes(arrays, self._values())]
        return rebuild(self._structure, iter(outputs))

    def _quick(self, compiled: Compiled) -> Callable[..., Any]:
        """A function of arguments and keywords that runs the plan, or returns `MISS` at once."""
        space: dict[str, Any] = {"MISS": MISS, "ndarray": np.ndarray, "debugging": debugging, "values_of": self._values}
        guard = _Guard(space, self._kind)
        lines = [*guard.lines, "if debugging(): return MISS"]
        if self.changes:
            space["current"] = current
            lines += ["if current() is not None: return MISS", "values = values_of()"]
        text = "".join(f"    {line}\n" for line in lines)
        call = compiled.write_function(
            "args, keywords", text, lambda place: f"leaf{place}", lambda place: f"values[{place}]", space
        )

        def quick(args: Any, keywords: Any) -> Any:
            try:
                return call(args, keywords)
            except OF_VALUES:  # then the call runs box by box, and the error names the box
                return MISS

        return quick


class _Guard:
    """Lines that take arguments apart and compare them with a kind, and bind each array to `leaf0`, `leaf1` ..."""

    def __init__(self, space: dict[str, Any], kind: Kind) -> None:
        self.lines: list[str] = []
        self._space = space
        self._specs: Iterator[tuple[int, tuple[Any, Any]]] = iter(enumerate(kind.specs))
        self._count = 0
        _, ((_, args), (_, keywords)) = kind.structure
        self._several("args", [(str(i), part) for i, part in enumerate(args)], None)
        self._several("keywords", keywords, "[{!r}]")

    def _name(self, value: Any) -> str:
        self._count += 1
        name = f"known{self._count}"
        self._space[name] = value
        return name

    def _fails(self, condition: str) -> None:
        self.lines.append(f"if {condition}: return MISS")

    def _any(self, name: str, structure: Any) -> None:
        if structure is LEAF:
            self._leaf(name)
            return
        kind, parts = structure
        if kind == "static":
            value = parts.value
            if type(value) is Static:
                self._fails(f"{self._name(Static)}({name}) != {self._name(value)}")
            elif value is None or value is ...:
                self._fails(f"{name} is not {value}")
            else:
                self._fails(f"type({name}) is not {self._name(type(value))} or {name} != {self._name(value)}")
            return
        self._fails(f"type({name}) is not {self._name(kind)}")
        if issubclass(kind, list | tuple):
            self._several(name, [(str(i), part) for i, part in enumerate(parts)], None)
        else:
            self._several(name, parts, "[{!r}]" if issubclass(kind, dict) else ".{}")

    def _several(self, name: str, parts: Sequence[tuple[Any, Any]], access: str | None) -> None:
        """The parts of a container: all at once, or each by its key or its attribute."""
        names = []
        for _ in parts:
            self._count += 1
            names.append(f"part{self._count}")
        if access == "[{!r}]":  # in the order in which the function sees them
            self._fails(
                f"len({name}) != {len(parts)} or tuple({name}) != {self._name(tuple([key for key, _ in parts]))}"
            )
        elif access is None:
            self._fails(f"len({name}) != {len(parts)}")
        if access is None and names:
            self.lines.append(f"{', '.join(names)}, = {name}")
        for own, (key, part) in zip(names, parts, strict=True):
            if access == "[{!r}]":
                self.lines.append(f"{own} = {name}[{self._name(key)}]")
            elif access is not None:
                self.lines.append(f"{own} = {name}.{key}")
            self._any(own, part)

    def _leaf(self, name: str) -> None:
        place, (shape, dtype) = next(self._specs)
        leaf = f"leaf{place}"
        self.lines.append(f"{leaf} = {name}")
        if shape:
            wanted = self._name(dtype), self._name(shape)
            self._fails(
                f"type({leaf}) is not ndarray or {leaf}.dtype is not {wanted[0]} or {leaf}.shape != {wanted[1]}"
            )
            return
        if dtype in _NUMBERS:
            self._fails(f"type({leaf}) is not {self._name(dtype)}")
            self.lines.append(f"{leaf} = {self._name(np.dtype(dtype).type)}({leaf})")
        else:
            self._fails(f"type({leaf}) is not {self._name(dtype.type)}")


def _miss(args: Any, keywords: Any) -> Any:
    return MISS


def traced_variant(
    who: str,
    on_boxes: Callable[[Sequence[Box]], Any],
    kind: Kind,
    names: Sequence[str],
    backend: BackendName,
    seed: Any,
) -> Variant:
    """Call a function on inputs of these names and specs, in which no box has a value."""
    inputs = [
        Input(name, shape=shape, dtype=dtype)._copy_with(of_a_call=True)
        for name, (shape, dtype) in zip(names, kind.specs, strict=True)
    ]
    trace = Trace(seed, for_all=True)
    numbers: dict[Box, type] = {
        box: dtype for box, (_, dtype) in zip(inputs, kind.specs, strict=True) if dtype in _NUMBERS
    }
    trace.each_call = _Weak(numbers) if numbers else None
    with run_trace(trace):
        output = on_boxes(inputs)
    leaves: list[Any] = []
    flatten(output, leaves)
    if not leaves:
        what = "None" if output is None else f"a {type(output).__name__}"
        raise UsageError(f"{who}: returned {what}, needs arrays and numbers, or containers of them")
    return Variant(who, inputs, output, kind, trace, backend, seed)
