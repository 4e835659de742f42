"""The source of a plan: one line of NumPy for each box, with the names of the boxes and their shapes beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowgraph.box import Box, Constant, Elementwise
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import AddMatMul
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, PlacesOf
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.plan.names import Names
from flowgraph.plan.numpy.emit_chains import write_chain
from flowgraph.plan.numpy.emit_labels import texts_of_places, write_refusal
from flowgraph.plan.numpy.emit_stretches import name_of_buffer, name_of_run, write_join
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.numpy.writers import (
    VIEWS,
    call_text,
    constant_text,
    fill_of,
    flat_name,
    is_single_place,
    scalar_text,
)
from flowgraph.plan.rebuild import shape_of, sizes_known
from flowgraph.plan.schedule import Schedule
from flowgraph.printable import printable
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.spec import shape_text

NUMPY = ("add", "multiply", "maximum", "minimum", "matmul", "copyto", "concatenate", "broadcast_to", "intp")
"""Functions of NumPy that lines call, whatever the boxes; ufuncs of the boxes come to them."""


@dataclass
class Source:
    """The text of a plan's function, and what the names in it stand for.

    `buffers` are names of filled buffers, by the box whose value they get; `views` are made once, by the name of the
    value and the expression; `flats` are views of buffers without axes; `sums` add products to buffers; `calls` are
    fprops by name; `pieces` are the arrays that a loop cuts, the rows of a piece and of all, and whether threads share.
    """

    text: str = ""
    arguments: tuple[Box, ...] = ()
    names: dict[Box, str] = field(default_factory=dict)
    buffers: dict[str, Box] = field(default_factory=dict)
    spares: dict[str, Parameter] = field(default_factory=dict)
    held: dict[str, Box] = field(default_factory=dict)
    views: list[tuple[str, str, Box]] = field(default_factory=list)
    flats: dict[str, str] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    calls: dict[str, Box] = field(default_factory=dict)
    labels: dict[str, PlaceOf | PlacesOf] = field(default_factory=dict)
    places: dict[tuple[str, str], PlacesOf] = field(default_factory=dict)
    pieces: dict[str, tuple[tuple[str, ...], int, int, bool]] = field(default_factory=dict)
    taken: Names = field(default_factory=lambda: Names(()))


def emit(plan: Schedule, arguments: Sequence[Box], results: Sequence[Box]) -> Source:
    """The source of a function of the arguments that computes the schedule and returns the results."""
    ufuncs = {ufunc.__name__ for box in plan.graph.boxes if (ufunc := ufunc_of(box)) is not None}
    source = Source(arguments=tuple(arguments))
    source.taken = Names({*NUMPY, *ufuncs, "step", "in_threads", "keep_where"})
    source.names = source.taken.of_values(list(dict.fromkeys([*arguments, *plan.updated, *plan.graph.boxes])))
    for parameter, box in plan.updated.items():
        source.names[box] = source.taken.free(f"new_{source.names[parameter]}")
    for box, run in plan.stretches.joined.items():
        source.names[box] = source.taken.free(name_of_run(source, run))
    for box, run in plan.stretches.new.items():
        source.names[box] = source.taken.free(f"new_{name_of_run(source, run)}")
    return Writer(plan, source).write(results)


class Writer:
    """What grows while the lines are written."""

    def __init__(self, plan: Schedule, source: Source) -> None:
        self.plan = plan
        self.source = source
        self.lines: list[tuple[str, str]] = []
        self.outs: dict[tuple[int, tuple[int, ...], str], str] = {}
        self.texts: dict[Box, str] = {}
        self.scope: str | None = None
        self.numbers: dict[Box, str] = {}
        self.readers: dict[Box, list[Box]] = {}
        for box in plan.graph.boxes:
            for child in box.children:
                self.readers.setdefault(child, []).append(box)
        self.results: set[Box] = set()
        self.new = {box: parameter for parameter, box in plan.updated.items()}
        self.joins: dict[Box, dict[int, Box]] = {}
        self.wholes: dict[int, Box] = {}
        for box, section in plan.sections.items():
            self.joins.setdefault(section.whole, {})[section.number] = box
            self.wholes[id(plan.buffers[box])] = section.whole

    def write(self, results: Sequence[Box]) -> Source:
        self.results = set(results)
        waiting: list[Box] = []  # views of members of a chain, which gets its lines at its last member
        for box in self.plan.graph.boxes:
            chain = self.plan.chains.get(box)
            if chain is None and self.plan.kinds[box] == "view" and box.children[0] not in self.texts:
                waiting.append(box)
            elif chain is None:
                self._write(box)
            elif box is chain.boxes[-1]:
                write_chain(self, chain)
                for view in waiting:
                    self._write(view)
                waiting.clear()
        returned = ", ".join(self.numbers.get(box, self.texts[box]) for box in results)
        body = [_beside(text, comment) for text, comment in self.lines]
        arguments = ", ".join(self.source.names[box] for box in self.source.arguments)
        head = f"def step({arguments}):"
        body.append(f"    return ({returned},)" if len(results) == 1 else f"    return ({returned})")
        self.source.text = "\n".join([head, *body]) + "\n"
        return self.source

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
            texts = self._numbers(box, texts)
            if isinstance(box, Index) and ARRAY in box.index:
                texts[1] = self.source.names[box.children[1]]
            self.line(box, f"{name} = {scalar_text(box, texts)}")
            if isinstance(box, PlaceOf):
                write_refusal(self, box, name, texts[0])
                return f"intp({name})"  # NumPy's own number, for all that is not an index
            if any(self.plan.kinds[p] == "fill" and not _takes_number(p) for p in self.readers.get(box, ())):
                self.texts[box] = self._held(box, name)
            if box in self.new:
                self.line(box, f"copyto({self._spare(self.new[box], box)}, {name})")
        elif box in self.joins:
            return write_join(self, box, texts)
        elif kind == "fill":
            self._fill(box, name, texts)
        else:
            self.line(box, f"{name} = {call_text(box, texts) or self._call(box, texts)}")
        return name

    def _numbers(self, box: Box, texts: list[str]) -> list[str]:
        """The children of a number, literals where NumPy's own number stands beside them and gives the dtype."""
        literals = [_literal(child) for child in box.children]
        beside = [child.dtype for child, literal in zip(box.children, literals, strict=True) if literal is None]
        alike = bool(beside) and len({child.dtype for child in box.children}) == 1
        return [
            (literal if alike else None) or self.numbers.get(child, text)
            for child, literal, text in zip(box.children, literals, texts, strict=True)
        ]

    def _held(self, box: Box, name: str) -> str:
        """A number that arrays are computed with is put into an array without axes, which NumPy takes in faster."""
        held = self.source.taken.free(f"{name}_")
        self.source.held[held] = box
        self.numbers[box] = name
        self.line(box, f"{held}[()] = {name}", comment=False)
        return held

    def _call(self, box: Box, texts: list[str]) -> str:
        called = self.source.taken.free(type(box).__name__)
        self.source.calls[called] = box
        return f"{called}({', '.join(texts)})"

    def _view(self, box: Box) -> str:
        """The text of a view; one of a fixed place is made before the first run, with a name that tells what it is."""
        base = self.texts[box.children[0]]
        text = VIEWS[type(box)](box, base)
        if self.plan.is_fixed(box):
            fixed = self.source.taken.free(f"{base}_{_kind_of_view(box)}")
            self.source.views.append((fixed, text, box))
            return fixed
        return text

    def _fill(self, box: Box, name: str, texts: list[str]) -> None:
        writing = fill_of(box)
        assert writing is not None
        out = self.out(box)
        inside = self.plan.in_place.get(box)
        places = [place for place, child in enumerate(box.children) if child is inside]
        if not isinstance(box, Elementwise) or ufunc_of(box) is None:
            texts = [out if place in places else text for place, text in enumerate(texts)]
        if isinstance(box, MinusAt):
            if _takes_number(box):
                texts[1] = self.source.names[box.children[1].children[0]]
                texts[2] = _literal(box.children[2]) or self.numbers.get(box.children[2], texts[2])
            self.source.flats[flat_name(out)] = out
            self.source.taken.used.add(flat_name(out))
        if isinstance(box, AddMatMul):
            self.source.sums[f"add_product_{out}"] = out
        if isinstance(box, PlacesOf):
            texts = texts_of_places(self, box, texts[0])
        lines = writing.lines(box, texts, out)
        for text in lines[:-1]:
            self.line(box, text, comment=False)
        last = lines[-1]
        self.line(box, f"{name} = {last}" if _returns_out(last) else last)
        if not _returns_out(last):
            self.line(box, f"{name} = {out}", comment=False)

    def out(self, box: Box) -> str:
        """The name of the buffer as the array that the value is."""
        buffer = self.plan.buffers[box]
        key = (id(buffer), shape_of(box), box.dtype.str)
        if key not in self.outs:
            name = self.outs[key] = self.source.taken.free(name_of_buffer(self, buffer))
            self.source.buffers[name] = box
        return self.outs[key]

    def _spare(self, parameter: Parameter, box: Box) -> str:
        """The name of the spare buffer of a parameter without axes."""
        name = self.source.taken.free(f"spare_{self.source.names[parameter]}")
        self.source.spares[name] = parameter
        return name

    def headline(self, box: Box) -> None:
        scope = box.scope.rstrip("/")
        if scope != self.scope:
            if scope or self.scope is not None:
                self.lines.append((f"    # {printable(scope)}" if scope else "    #", ""))
            self.scope = scope

    def line(self, box: Box, text: str, comment: bool = True) -> None:
        known = sizes_known(box)
        shape = " and ".join(shape_text(spec.shape) for spec in box.outputs) if known else "size from values"
        self.lines.append((f"    {text}", shape if comment and shape != "()" else ""))


def _kind_of_view(box: Box) -> str:
    if isinstance(box, Transpose):
        return "T"
    if isinstance(box, Reshape):
        if len(box.shape) == 2 and 1 in box.shape:
            return "row" if box.shape[0] == 1 else "column"
        return "flat" if len(box.shape) == 1 else "reshaped"
    return "repeated" if isinstance(box, BroadcastTo) else "part"


def _takes_number(box: Box) -> bool:
    """Whether a box that fills an array reads its children that are numbers as such."""
    return isinstance(box, MinusAt) and is_single_place(box.children[1])


def _returns_out(line: str) -> bool:
    return not line.startswith("copyto") and " -= " not in line and not line.startswith("add_product_")


def _literal(box: Box) -> str | None:
    return constant_text(box) if isinstance(box, Constant) else None


def _beside(text: str, comment: str) -> str:
    return f"{text:<60}  # {printable(comment)}" if comment else text
