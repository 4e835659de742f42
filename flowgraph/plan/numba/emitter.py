"""The back end of Numba: a plan as one kernel, where NumPy's calls would take longer than it, or with kernels in it."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Array, Box, Constant, Leaf
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.reduction.sums import Reduction
from flowgraph.graph import Graph
from flowgraph.plan.binding import Program, number_in_array, value_itself
from flowgraph.plan.emitter import Emitter, RefusedError, Request
from flowgraph.plan.numba import compiling
from flowgraph.plan.numba.blocks import LARGE, write_block
from flowgraph.plan.numba.compiled_calls import bind_changer, compiled_call
from flowgraph.plan.numba.kernels import Kernel, address_in, addressed_in, addresses, number
from flowgraph.plan.numba.loops import find_loops, role_of, write_loop
from flowgraph.plan.numba.machine import number_name, refuse_dtypes, why_missing
from flowgraph.plan.numba.rules import CHECKS, RULES, checked_child, expression, refuse
from flowgraph.plan.numpy.emit import Source, Writer
from flowgraph.plan.numpy.emitter import NumPyEmitter
from flowgraph.plan.numpy.rules import VIEWS, ufunc_of
from flowgraph.plan.passes.products import accumulate
from flowgraph.plan.passes.scales import work_of
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.plan.schedule import Buffer, FindKernels, Schedule, depths, schedule, with_new_values
from flowgraph.plan.shards.box import Sharded
from flowgraph.printable import printable
from flowgraph.shapes.spec import shape_text

# Functions that NumPy has vector instructions for, and Numba has not.

LEAST = 48
"""Elements from which NumPy's own loop is faster than a call of the C library for each.

An estimate, which no benchmark has tuned.
"""

SLOW = (
    np.log, np.log1p, np.exp2, np.log2, np.log10, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.arctan,
)  # fmt: skip
"""Where Numba calls the C library for each number; exp, expm1 and tanh it has from `exponentials`."""


# Which lines of NumPy's plan become kernels: consecutive ones, element by element over arrays of one shape, and sums.

FEWEST = 2
"""Lines from which a kernel is made of them. One line alone is no faster in a kernel: NumPy's ufunc goes once over the
arrays too, and begins its call in the same time."""

MOST = 64
"""Lines of one kernel: a bound on the seconds in which Numba compiles it, not tuned."""


LONG = 4096
"""Elements from which a sum is a kernel: NumPy takes fewer in about the time in which an address is found."""


def find_kernels(plan: Schedule) -> list[tuple[Box, ...]]:
    """The groups of lines of a schedule that become kernels."""
    groups: list[tuple[Box, ...]] = []
    members: list[Box] = []

    def end() -> None:
        if len(members) >= FEWEST:
            groups.append(tuple(members))
        members.clear()

    for box in plan.graph.boxes:
        if isinstance(box, Leaf) or plan.kinds[box] in ("view", "fixed"):
            continue
        fits = is_member(plan, box)
        if not fits or not _joins(plan, box, members):
            end()
        if _is_long_sum(plan, box):
            groups.append((box,))
        if fits:
            members.append(box)
    end()
    return groups


def is_member(plan: Schedule, box: Box) -> bool:
    """Whether the elements of the value are computed one by one by what Numba compiles as fast as NumPy does it."""
    if plan.kinds[box] != "fill" or not sizes_known(box) or not elements(box):
        return False
    ufunc, rule = ufunc_of(box), RULES.of(box)
    if ufunc is None and (rule is None or rule.element is None):
        return False
    if ufunc in SLOW and elements(box) >= LEAST:
        return False
    return _is_compiled(box) and all(map(_has_place, box.children))


def _is_long_sum(plan: Schedule, box: Box) -> bool:
    """Whether the box is a sum, or an extreme, of many floats over some axes."""
    if not isinstance(box, Reduction) or plan.kinds[box] != "fill" or not RULES.has(box) or not sizes_known(box):
        return False
    (child,) = box.children
    floats = box.dtype in (np.float32, np.float64) and child.dtype == box.dtype
    return floats and sizes_known(child) and elements(child) >= LONG and _has_place(child)


def _is_compiled(box: Box) -> bool:
    try:
        for operand in (box, *box.children):
            number_name(operand.dtype, operand)
        expression(box, ["0"] * len(box.children))
    except RefusedError:
        return False
    return True


def _has_place(box: Box) -> bool:
    """Whether the elements of a child can be found by its strides, which are known before a run."""
    if len(box.outputs) != 1 or not sizes_known(box):
        return False
    return not isinstance(box, Constant) or all(stride % box.dtype.itemsize == 0 for stride in box.value.strides)


def _joins(plan: Schedule, box: Box, members: Sequence[Box]) -> bool:
    """Whether a box goes on with the loop of others: in their order, and reading of them only its own element."""
    if not members:
        return True
    inside = set(members)
    first = members[0]
    same = box.shape == first.shape and plan.orders.get(box) == plan.orders.get(first) and len(members) < MOST
    return same and not any(plan.bases[child] in inside and child not in inside for child in box.children)


# Large products are added to new values by BLAS.


def add_products(graph: Graph, updates: int) -> Graph:
    """The graph in which AddMatMul stands for new values, the last outputs, to which a large product is added.

    Only where nobody else reads the new value or its terms: the product is then added in their memory.
    """
    new = set(graph.outputs[len(graph.outputs) - updates :])

    def adds(total: Box, product: Box, other: Box, readers: Counter[Box]) -> bool:
        sizes = (*shape_of(product), shape_of(product.children[0])[1])
        alone = total in new and readers[total] == readers[other] == 1
        return alone and math.prod(sizes) >= LARGE and min(sizes) > 1

    return accumulate(graph, set(), adds)


# The lines of NumPy's plan, in which kernels are called; and those that call the one kernel of all boxes.


class KernelWriter(Writer):
    """Writes calls of kernels in place of lines that a kernel computes."""

    def __init__(self, plan: Schedule, source: Source) -> None:
        super().__init__(plan, source)
        self.kernels: dict[tuple[str, tuple[str, ...]], str] = {}
        self.compiled = 0
        self.local = plan.local_boxes()

    def call_kernel(self, boxes: Sequence[Box]) -> None:
        """Write the call of a kernel."""
        kernel = Kernel(self, self.local, self.address)
        write_loop(kernel, boxes)
        names = self.source.names
        first, last = names[boxes[0]], names[boxes[-1]]
        which = first if first == last else f"{first} to {last}"
        self.lines.append((f"    {self.write_call(kernel)}", printable(f"{which} {shape_text(shape_of(boxes[0]))}")))
        for box in boxes:
            self.texts[box] = names[box] if box in self.local else self.out(box)

    def write_call(self, kernel: Kernel) -> str:
        """The call of a kernel; kernels of equal text are one function."""
        key = kernel.text(), tuple(kernel.types)
        if key not in self.kernels:
            function = compiling.compiled_kernel(*key, kernel.ufuncs())
            self.kernels[key] = self.source.bind_new("kernel", value_itself, function)
        table = self.source.bind_new("arrays", addresses, kernel.table)
        at = self.source.bind_new("at", address_in, table)
        self.source.bind("number", value_itself, number)
        self.compiled += len(kernel.boxes)
        return f"{self.kernels[key]}({', '.join([at, *kernel.given])})"

    def function_of(self, box: Box) -> Callable[..., Any] | None:
        """What is called for a box without lines; None for its fprop."""
        function = compiled_call(self.plan, box, fills=False)
        self.compiled += function is not None
        return function or super().function_of(box)

    def _fill(self, box: Box, name: str, texts: list[str]) -> None:
        self.compiled += bind_changer(self, box)
        filling = compiled_call(self.plan, box, fills=True)
        if filling is None:
            super()._fill(box, name, texts)
            return
        self.compiled += 1
        called = self.source.bind_new(type(box).__name__, value_itself, filling)
        self.line(box, f"{name} = {called}({', '.join([*texts, self.out(box)])})")

    def address(self, box: Box, text: str, layout: Array) -> str:
        """The text of the address of an array that is not always at one place, which stays alive beside it."""
        if not text.isidentifier():
            held = self.source.taken.free(f"{self.source.names[box]}_read")
            self.lines.append((f"    {held} = {text}", ""))
            text = held
        find = self.source.bind_new("address", addressed_in, layout)
        return f"{find}({text})"


MakesWriter = Callable[[Schedule, Source], Writer]


class WholeWriter(KernelWriter):
    """Writes the call of the one kernel that computes all boxes."""

    def __init__(self, plan: Schedule, source: Source) -> None:
        super().__init__(plan, source)
        self.kernel = Kernel(self, self.local)
        self.last = next((box for box in reversed(plan.graph.boxes) if box in plan.kernels), None)
        read = [*plan.graph.outputs, *[checked_child(box) for box in _boxes_to_check(plan.graph)]]
        self.kept = {plan.bases[box] for box in read}

    def call_kernel(self, boxes: Sequence[Box]) -> None:
        """Write the loops of some boxes; after the last ones, the call."""
        names = self.source.names
        if role_of(boxes[0]) == "block":
            self.kernel.lines.append(printable(f"    # {names[boxes[0]]}_ {shape_text(shape_of(boxes[0]))}"))
            write_block(self.kernel, boxes[0])
        else:
            write_loop(self.kernel, boxes)
        for box in boxes:
            if box.shape:
                self.texts[box] = names[box] if box in self.local else self.out(box)
            else:
                self._keep_number(box)
        if boxes[-1] is self.last:
            self._run()

    def _keep_number(self, box: Box) -> None:
        """Store a number in memory, if it is wanted there."""
        places = [self._spare(self.new[box], box)] if box in self.new else []
        self.texts[box] = self.kernel.texts[box]
        if box in self.kept:
            held = self.source.bind_new(f"{self.source.names[box]}_", number_in_array, box.dtype.str)
            self.texts[box] = f"{held}[()]"
            places.append(held)
        self.kernel.keep(box, places)

    def _run(self) -> None:
        """The arrays in rows, the call, and the errors of boxes that refuse some values."""
        in_rows = [name for name, kind in zip(self.kernel.given, self.kernel.types[1:], strict=True) if "[" in kind]
        for name in in_rows:
            require = self.source.bind("require", value_itself, np.require)
            self.lines.append((f"    if not {name}.flags.carray:", ""))
            self.lines.append((f'        {name} = {require}({name}, requirements="CA")', ""))
        called = self.write_call(self.kernel)
        self.lines.append((f"    code = {called}" if self.kernel.checks else f"    {called}", ""))
        for code, box in enumerate(self.kernel.checks, 1):
            name = self.source.bind_new("refuse", value_itself, functools.partial(refuse, box))
            self.lines.append((f"    if code == {code}:", ""))
            self.lines.append((f"        {name}({self.texts[checked_child(box)]})", ""))


def _boxes_to_check(graph: Graph) -> list[Box]:
    return [box for box in graph.boxes if CHECKS.of(box) is not None]


# The emitters: of one kernel for the whole plan, and of NumPy's plan with kernels in it.


class MixedEmitter(NumPyEmitter):
    """Takes every graph that has lines for a kernel, and refuses the others, which NumPy runs as fast."""

    name: ClassVar[str] = "numba"
    shared: ClassVar[bool] = True
    fused: FindKernels | None = staticmethod(find_kernels)

    def why_missing(self) -> Any:
        """Whether Numba can be imported."""
        return why_missing()

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The lines of Python, which call kernels."""
        program = self.write_program(request, schedule)
        if not program.compiled:
            raise RefusedError("has no lines that Numba would make faster")
        program.note = f"NumPy's plan, {program.compiled} of its values from Numba"
        return program

    def write_program(self, request: Request, schedule: Schedule, writer: MakesWriter = KernelWriter) -> Program:
        """The program, and how many values Numba computes in it and in its shards; of a shard, none is enough."""
        made: list[Any] = []

        def make_writer(plan: Schedule, source: Source) -> Writer:
            made.append(writer(plan, source))
            return made[0]  # type: ignore[no-any-return]

        program = super().write_program(request, schedule, make_writer)
        shards = [box.body.programs.values() for box in schedule.graph.boxes if isinstance(box, Sharded)]
        program.compiled = made[0].compiled + sum(
            max((inner.compiled for inner in programs), default=0) for programs in shards
        )
        return program


OF_NUMPY = frozenset({"pooling", "transpose_layout", "products", "batch_one", "accumulation"})
"""Passes that turn a graph into what NumPy is fast at, which loops do not need."""

LARGEST = 1000
"""Boxes that are compiled into one function: Numba would take minutes for more."""

FEW, LARGE_VALUES = 150, 4096
"""Boxes, and elements of a value in the mean, above which kernels are made of NumPy's plan.

One function saves the half microsecond that each call of NumPy takes to begin, which such arrays take many times over.
Of the 237 boxes of a transformer layer Numba made one function in 6.9 s, kernels in 2.1 s. The function ran in 0.72 of
the time of NumPy's plan, the kernels in 0.80 of it.
"""


HALF = 8192
"""Numbers that a line computes in the mean, a product with its terms, up to which one function takes half the time.

It takes 0.3 of the time of NumPy's lines at 300 of them, 0.44 to 0.52 at 5,000 to 7,000, and 0.8 at 88,000 (`python -m
benchmarks mlp_step --peers "flowgraph,flowgraph native"`).
"""


def halves(plan: Schedule) -> bool:
    """Whether the function of a plan would take about half the time of NumPy's lines, or less."""
    lines = [box for box in plan.graph.boxes if box.children and plan.kinds[box] != "view"]
    return sum(map(work_of, lines)) <= HALF * len(lines)


class NumbaEmitter(MixedEmitter):
    """Makes one kernel of a plan; refuses boxes without a rule for Numba, and sizes that depend on values."""

    shared: ClassVar[bool] = True
    instead: ClassVar[Emitter] = MixedEmitter()

    def has_rule(self, box: Box) -> bool:
        """Whether there is a line for the box."""
        return ufunc_of(box) is not None or VIEWS.has(box) or RULES.has(box)

    def schedule(self, request: Request) -> Schedule:
        """The passes that do not aim at NumPy; boxes of one loop stand together."""
        if request.threads > 1:
            raise RefusedError(f"the plan is computed in {request.threads} threads, which run kernels")
        parameters = request.store.parameters
        small = simplify(request.graph, request.without | OF_NUMPY, len(parameters))
        whole = add_products(with_new_values(small, parameters), len(parameters))
        if any(isinstance(box, Barrier) for box in whole.boxes):  # each gradient while its values are there
            whole = Graph(*whole.outputs, along=sorted(whole.outputs, key=depths(whole).__getitem__))
        if len(whole.boxes) > LARGEST:
            raise RefusedError(
                f"the plan has {len(whole.boxes)} boxes, more than the {LARGEST} that are compiled at once"
            )
        if len(whole.boxes) > FEW and sum(map(_elements, whole.boxes)) > LARGE_VALUES * len(whole.boxes):
            raise RefusedError(
                f"the plan has {len(whole.boxes)} boxes of large arrays, of which kernels are compiled sooner"
            )
        refuse_dtypes(whole.boxes)
        updated = dict(zip(parameters, whole.outputs[request.returned :], strict=True))
        loops = find_loops(schedule(whole, updated, fused=_give_memory))
        ordered = Graph(*whole.outputs, along=[box for loop in loops for box in loop])

        def give_memory_to_loops(plan: Schedule) -> Iterable[Sequence[Box]]:
            _give_memory(plan, loops)
            return map(tuple, loops)

        return schedule(ordered, updated, fused=give_memory_to_loops)

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The kernel, compiled; what Python runs calls it."""
        made: list[WholeWriter] = []

        def make_writer(plan: Schedule, source: Source) -> WholeWriter:
            made.append(WholeWriter(plan, source))
            return made[0]

        program = self.write_program(request, schedule, make_writer)
        program.text = made[0].kernel.text()
        return program


def _give_memory(plan: Schedule, loops: Iterable[Sequence[Box]] = ()) -> Iterable[Sequence[Box]]:
    """Give buffers to what NumPy has a call for and no line, and refuse boxes that have no place in a kernel."""
    slots, ends = plan.graph.slots, {}
    for loop in loops:
        lines = [slots[box] for box in loop]
        ends.update(dict.fromkeys(loop, (min(lines), max(lines))))
    for line, box in enumerate(plan.graph.boxes):
        if len(box.outputs) != 1 or not sizes_known(box):
            raise RefusedError("has several outputs, or a size that depends on values", box)
        count, ufunc = elements(box), ufunc_of(box)
        if not count:
            raise RefusedError("has no elements", box)
        if ufunc in SLOW and count > LARGE_VALUES:
            raise RefusedError(f"computes {ufunc.__name__} of {count:,} numbers, which NumPy does faster", box)
        if plan.kinds[box] == "call" and box.shape:
            plan.kinds[box] = "fill"
            first, last = ends.get(box, (line, line))
            plan.buffers[box] = Buffer(count * box.dtype.itemsize, first, max(plan.last[box], last))
            for child in box.children:
                plan.last[plan.bases[child]] = max(plan.last[plan.bases[child]], last)
        elif plan.kinds[box] == "call":
            plan.kinds[box] = "number"
    for box in _boxes_to_check(plan.graph):
        plan.last[plan.bases[checked_child(box)]] = len(plan.graph.boxes)
    return ()


def _elements(box: Box) -> int:
    return elements(box) if len(box.outputs) == 1 and sizes_known(box) else 0
