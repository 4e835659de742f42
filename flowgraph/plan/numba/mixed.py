"""NumPy's plan with kernels in it: what Numba has no rule for stays a call of NumPy, other lines are fused."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from flowgraph.box import Array, Box
from flowgraph.plan.binding import Program, constant
from flowgraph.plan.emitter import RefusedError, Request
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.compiled_calls import bind_changer, compiled_call
from flowgraph.plan.numba.kernels import (
    Addressed,
    address_of,
    addresses,
    find_kernels,
    kernel_of,
    number,
    signature_of,
    text_of,
    used_ufuncs,
)
from flowgraph.plan.numba.machine import why_missing
from flowgraph.plan.numpy.emit import Source, Writer
from flowgraph.plan.numpy.emitter import NumPyEmitter
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.schedule import FindKernels, Schedule
from flowgraph.plan.shards.box import InPieces
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text


class MixedWriter(Writer):
    """Writes calls of kernels in place of lines that a kernel computes."""

    def __init__(self, plan: Schedule, source: Source) -> None:
        super().__init__(plan, source)
        self.kernels: dict[tuple[str, tuple[str, ...]], str] = {}
        self.compiled = 0
        self.local = plan.local_boxes()

    def call_kernel(self, boxes: Sequence[Box]) -> None:
        """Write the call of a kernel."""
        kernel = kernel_of(self, boxes, self.local, self.address)
        text = text_of(kernel)
        key = text, signature_of(kernel)
        if key not in self.kernels:
            function = compiling.compiled_kernel(*key, frozenset(used_ufuncs(boxes)))
            self.kernels[key] = self.source.bind_new("kernel", lambda memory: function)
        table = self.source.bind_new("arrays", functools.partial(addresses, kernel.fixed))
        at = self.source.bind_new("at", lambda memory: address_of(memory[table]))
        self.source.bind("number", constant("number", number).make)
        names = self.source.names
        first, last = names[boxes[0]], names[boxes[-1]]
        which = first if first == last else f"{first} to {last}"
        note = printable(f"{which} {shape_text(shape_of(boxes[0]))}")
        self.lines.append((f"    {self.kernels[key]}({', '.join([at, *kernel.given])})", note))
        self.compiled += len(boxes)
        for box in boxes:
            self.texts[box] = self.out(box) if box in kernel.written else names[box]

    def function_of(self, box: Box) -> Callable[..., Any]:
        """What is called for a box without lines."""
        found = compiled_call(self.plan, box, fills=False)
        self.compiled += found is not None
        return found or super().function_of(box)

    def _fill(self, box: Box, name: str, texts: list[str]) -> None:
        self.compiled += bind_changer(self, box)
        filling = compiled_call(self.plan, box, fills=True)
        if filling is None:
            super()._fill(box, name, texts)
            return
        self.compiled += 1
        called = self.source.bind_new(type(box).__name__, lambda memory: filling)
        self.line(box, f"{name} = {called}({', '.join([*texts, self.out(box)])})")

    def address(self, box: Box, text: str, layout: Array) -> str:
        """The text of the address of an array that is not always at one place, which stays alive beside it."""
        if not text.isidentifier():
            held = self.source.taken.free(f"{self.source.names[box]}_read")
            self.lines.append((f"    {held} = {text}", ""))
            text = held
        find = self.source.bind_new("address", lambda memory: Addressed(layout))
        return f"{find}({text})"


MakesWriter = Callable[[Schedule, Source], Writer]


class MixedEmitter(NumPyEmitter):
    """Takes every graph that has lines for a kernel, and refuses the others, which NumPy runs as fast."""

    name: ClassVar[str] = "numba"
    fused: FindKernels | None = staticmethod(find_kernels)

    def why_missing(self) -> Any:
        """Whether Numba can be imported."""
        return why_missing()

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The lines of Python, which call kernels."""
        program = self.written(request, schedule)
        if not program.compiled:
            raise RefusedError("has no lines that Numba would make faster")
        program.note = f"NumPy's plan, {program.compiled} of its values from Numba"
        return program

    def written(self, request: Request, schedule: Schedule, writer: MakesWriter = MixedWriter) -> Program:
        """The program, and how many values Numba computes in it and in its pieces; of a piece, none is enough."""
        made: list[Any] = []

        def noted(plan: Schedule, source: Source) -> Writer:
            made.append(writer(plan, source))
            return made[0]  # type: ignore[no-any-return]

        program = super().written(request, schedule, noted)
        pieces = [box.body.programs.values() for box in schedule.graph.boxes if isinstance(box, InPieces)]
        program.compiled = made[0].compiled + sum(max((one.compiled for one in some), default=0) for some in pieces)
        return program
