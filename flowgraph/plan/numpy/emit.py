"""The source of a plan: one line of NumPy for each box, with the names of the boxes and their shapes beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.box.leaves import Parameter
from flowgraph.graph.passes import as_values, guarded
from flowgraph.plan.binding import constant
from flowgraph.plan.names import Names
from flowgraph.plan.numpy.emit_tiles import write_chain
from flowgraph.plan.numpy.lines import fill_of, number_of
from flowgraph.plan.numpy.operands import literal_of
from flowgraph.plan.numpy.rules import CALLS, FILLS, VIEWS
from flowgraph.plan.numpy.threads import in_threads
from flowgraph.plan.numpy.tiling import Chain
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.numpy.writing import Source, Writing, name_of_run, write_join
from flowgraph.plan.passes.masking import keep_where
from flowgraph.plan.schedule import Schedule
from flowgraph.plan.store import flat_view
from flowgraph.printable import printable

FUNCTIONS: dict[str, Any] = {
    function.__name__: function
    for function in (
        np.add, np.multiply, np.maximum, np.minimum, np.matmul, np.copyto, np.concatenate, np.broadcast_to, in_threads,
        keep_where,
    )
} | {"intp": np.intp, "inf": np.inf}  # fmt: skip
"""What lines name, whatever the boxes; ufuncs of the boxes come to them."""


def emit(
    plan: Schedule,
    arguments: Sequence[Box],
    results: Sequence[Box],
    writer: Callable[[Schedule, Source], Writer] | None = None,
) -> Source:
    """The source of a function of the arguments that computes the schedule and returns the results."""
    functions = {ufunc.__name__: ufunc for box in plan.graph.boxes if (ufunc := ufunc_of(box)) is not None}
    for box in plan.graph.boxes:
        rule = FILLS.of(box)
        functions |= rule.functions if rule is not None else {}
    source = Source(arguments=tuple(arguments))
    source.taken = Names({*FUNCTIONS, *functions, "step"})
    source.names = source.taken.of_values(list(dict.fromkeys([*arguments, *plan.updated, *plan.graph.boxes])))
    for parameter, box in plan.updated.items():
        source.names[box] = source.taken.free(f"new_{source.names[parameter]}")
    for box, run in plan.flat.joined.items():
        source.names[box] = source.taken.free(name_of_run(source, run))
    for box, run in plan.flat.new.items():
        source.names[box] = source.taken.free(f"new_{name_of_run(source, run)}")
    source.bindings = [constant(name, function) for name, function in {**FUNCTIONS, **functions}.items()]
    for box in plan.graph.boxes:
        _bind_leaf(plan, source, box)
    return (writer or Writer)(plan, source).write(results)


def _bind_leaf(plan: Schedule, source: Source, box: Box) -> None:
    """Constants, and parameters that the plan updates, have names of their own."""
    name = source.names[box]
    if isinstance(box, Constant):
        source.bind(name, lambda memory: box.value)
    elif box in plan.updated:
        source.bind(name, lambda memory: memory.old[box])  # type: ignore[index]
    elif box in plan.flat.joined:
        run = plan.flat.joined[box]
        source.bind(name, lambda memory: flat_view([memory.old[parameter] for parameter in run]))


class Writer(Writing):
    """Writes the line of each box."""

    def write(self, results: Sequence[Box]) -> Source:
        """The source of the step, which returns these results."""
        self.results = set(results)
        waiting: list[Box] = []  # views of members of a chain, which gets its lines at its last member
        for box in self.plan.graph.boxes:
            chain = self.plan.chains.get(box)
            if chain is None and self.plan.kinds[box] == "view" and box.children[0] not in self.texts:
                waiting.append(box)
            elif chain is None:
                self._write(box)
            elif box is chain.boxes[-1]:
                self.chain(chain)
                for view in waiting:
                    self._write(view)
                waiting.clear()
        returned = ", ".join(self.numbers.get(box, self.texts[box]) for box in results)
        body = [beside(text, comment) for text, comment in self.lines]
        arguments = ", ".join(self.source.names[box] for box in self.source.arguments)
        head = f"def step({arguments}):"
        body.append(f"    return ({returned},)" if len(results) == 1 else f"    return ({returned})")
        self.source.text = "\n".join([head, *body]) + "\n"
        return self.source

    def chain(self, chain: Chain) -> None:
        """Write the lines of a chain, and say how its members are read."""
        write_chain(self, chain)

    def function_of(self, box: Box) -> Callable[..., Any]:
        """What is called for a box without lines."""
        return guarded(box, box.fprop)

    def _write(self, box: Box) -> None:
        text = self._value(box)
        self.texts.setdefault(box, text)  # _value may have said how parents read it

    def _value(self, box: Box) -> str:
        """Write the lines of a box; the text by which its parents read it."""
        kind = self.plan.kinds[box]
        name = self.source.names[box]
        if kind in ("given", "fixed"):
            return name
        if kind == "view":
            return self._view(box)
        self.headline(box)
        texts = [self.texts[child] for child in box.children]
        if kind == "number":
            if self._write_number(box, name, texts):
                return self.texts[box]
            if any(self.plan.kinds[p] == "fill" and not _takes_numbers(p) for p in self.readers.get(box, ())):
                self.texts[box] = self._held(box, name)
            if box in self.new:
                self.line(box, f"copyto({self._spare(self.new[box], box)}, {name})")
        elif box in self.joins:
            return write_join(self, box, texts)
        elif kind == "fill":
            self._fill(box, name, texts)
        else:
            call = CALLS.of(box)
            if call is not None and call.operands is not None:
                texts = call.operands(self, box, texts, name)
            self.line(box, f"{name} = {call.expression(box, texts) if call else self._call(box, texts)}")
        return name

    def _write_number(self, box: Box, name: str, texts: list[str]) -> bool:
        """Write the line of a number; whether its rule has said how parents read it."""
        number = number_of(box)
        assert number is not None
        texts = self._numbers(box, texts)
        if number.operands is not None:
            texts = number.operands(self, box, texts, name)
        self.line(box, f"{name} = {number.expression(box, texts)}")
        if number.after is not None:
            self.texts[box] = number.after(self, box, name, texts)
        return number.after is not None

    def _numbers(self, box: Box, texts: list[str]) -> list[str]:
        """The children of a number, literals where NumPy's own number stands beside them and gives the dtype.

        An integer that is compared, or becomes a float, is computed with in another dtype where it is a literal.
        """
        literals = [literal_of(child) for child in box.children]
        beside = [child.dtype for child, literal in zip(box.children, literals, strict=True) if literal is None]
        alike = bool(beside) and len({child.dtype for child in box.children}) == 1
        alike = alike and (beside[0].kind == "f" or beside[0] == box.dtype)
        return [
            (literal if alike else None) or self.numbers.get(child, text)
            for child, literal, text in zip(box.children, literals, texts, strict=True)
        ]

    def _held(self, box: Box, name: str) -> str:
        """A number that arrays are computed with is put into an array without axes, which NumPy takes in faster."""
        held = self.source.bind_new(f"{name}_", lambda memory: np.empty((), box.dtype))
        self.numbers[box] = name
        self.line(box, f"{held}[()] = {name}", comment=False)
        return held

    def _call(self, box: Box, texts: list[str]) -> str:
        fprop = self.function_of(box)
        called = self.source.bind_new(type(box).__name__, lambda memory: lambda *values: as_values(fprop(*values)))
        return f"{called}({', '.join(texts)})"

    def _view(self, box: Box) -> str:
        """The text of a view; one of a fixed place is made before the first run, with a name that tells what it is."""
        base = self.texts[box.children[0]]
        view = VIEWS.of(box)
        assert view is not None
        text = view.expression(box, base)
        if self.plan.is_fixed(box):
            child = box.children[0]
            of = self.out(child) if child in self.plan.buffers else base
            return self.source.bind_new(f"{base}_{view.suffix(box)}", lambda memory: box.fprop(memory[of]))
        return text

    def _fill(self, box: Box, name: str, texts: list[str]) -> None:
        writing = fill_of(box)
        assert writing is not None
        out = self.out(box)
        inside = self.plan.in_place.get(box)
        places = [place for place, child in enumerate(box.children) if child is inside]
        if not isinstance(box, Elementwise) or ufunc_of(box) is None:
            texts = [out if place in places else text for place, text in enumerate(texts)]
        if writing.operands is not None:
            texts = writing.operands(self, box, texts, out)
        *before, value = writing.lines(box, texts, out)
        for text in before:
            self.line(box, text, comment=value == out and text is before[-1])
        self.line(box, f"{name} = {value}", comment=value != out)

    def _spare(self, parameter: Parameter, box: Box) -> str:
        """The name of the spare buffer of a parameter without axes."""
        return self.source.bind_new(f"spare_{self.source.names[parameter]}", lambda memory: memory.new[parameter])


def _takes_numbers(box: Box) -> bool:
    """Whether a box that fills an array reads its children that are numbers as such."""
    writing = fill_of(box)
    return writing is not None and writing.takes_numbers(box)


def beside(text: str, comment: str) -> str:
    """A line with a comment in a column of its own."""
    return f"{text:<60}  # {printable(comment)}" if comment else text
