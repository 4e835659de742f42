"""The back end of JAX: lines of `jax.numpy`, compiled by XLA, on whatever devices JAX has."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.inference import axes_of
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Value
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.loss import ClassLoss
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.errors import LabelError
from flowgraph.graph import Graph
from flowgraph.plan.binding import Binding, Memory, Names, Program
from flowgraph.plan.emitter import Request
from flowgraph.plan.jax.array import flags, is_replaced, note_refused, struct_of
from flowgraph.plan.jax.evaluation import refuse_unfit, value_of
from flowgraph.plan.jax.placement import Layout, Placement, on_devices, replicate_array
from flowgraph.plan.jax.rules import RULES
from flowgraph.plan.numpy.emit import beside
from flowgraph.plan.numpy.lines import CALLED, index_text, literal_of, tuple_text
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import shape_of, sizes_known
from flowgraph.plan.schedule import Schedule, schedule
from flowgraph.plan.store import Store
from flowgraph.printable import printable
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.spec import shape_text

# How a box is written as an expression of `jax.numpy`, where that says what it computes, in NumPy's dtypes.

Expression = Callable[[Any, Sequence[str]], str]

_OPERATORS: dict[Any, str] = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
_EXPRESSIONS: dict[type[Box], Expression] = {}


def _line_for(*classes: type[Box]) -> Callable[[Expression], Expression]:
    def register(expression: Expression) -> Expression:
        _EXPRESSIONS.update(dict.fromkeys(classes, expression))
        return expression

    return register


def has_line(box: Box) -> bool:
    """Whether a box is written as it is, and not as what its fprop is made of.

    So does what is one call of NumPy, which JAX has by the same name. A loss of classes stays one call too: opened, it
    indexes the scores of all examples at once, which would gather them from all devices.
    """
    own = ufunc_of(box) is not None or type(box) in _EXPRESSIONS or RULES.has(box)
    return own or type(box) in CALLED or isinstance(box, ClassLoss)


def expression_of(box: Box, texts: Sequence[str]) -> str | None:
    """The expression on the texts of the children.

    There is none (None) where JAX would compute in another dtype than NumPy, where the box has a rule, and where it is
    no function of JAX.
    """
    if RULES.of(box) is not None and type(box) not in _EXPRESSIONS:
        return None
    ufunc = ufunc_of(box)
    if ufunc is not None:
        return _call_of_ufunc(ufunc, texts) if _computes_alike(box, ufunc) else None
    expression = _EXPRESSIONS.get(type(box))
    return None if expression is None else expression(box, texts) or None


def _computes_alike(box: Box, ufunc: np.ufunc) -> bool:
    """Whether the children have the dtype that NumPy computes in, as JAX does then, and JAX has the function."""
    dtypes = [child.dtype for child in box.children]
    known = getattr(np, ufunc.__name__, None) is ufunc and hasattr(jnp, ufunc.__name__)
    alike = known and not is_replaced(ufunc, dtypes)
    return alike and ufunc.nout == 1 and ufunc.resolve_dtypes((*dtypes, None)) == (*dtypes, box.dtype)


def _call_of_ufunc(ufunc: np.ufunc, texts: Sequence[str]) -> str:
    sign = _OPERATORS.get(ufunc)
    if sign is not None and len(texts) == 2:
        return f"{texts[0]} {sign} {texts[1]}"
    return f"-{texts[0]}" if ufunc is np.negative else f"jnp.{ufunc.__name__}({', '.join(texts)})"


@_line_for(MatMul)
def _product(box: MatMul, texts: Sequence[str]) -> str:
    return f"{texts[0]} @ {texts[1]}" if len({box.dtype, *(child.dtype for child in box.children)}) == 1 else ""


@_line_for(Sum, Max, Min)
def _reduction(box: Reduction, texts: Sequence[str]) -> str:
    child = box.children[0]
    if box.dtype != child.dtype:
        return ""
    axes = box.axes(child.ndim)
    axis = "" if len(axes) == child.ndim else f", axis={axes[0] if len(axes) == 1 else axes}"
    keep = ", keepdims=True" if box.keepdims else ""
    return f"jnp.{type(box).__name__.lower()}({texts[0]}{axis}{keep})"


@_line_for(Where)
def _where(box: Where, texts: Sequence[str]) -> str:
    mask, *branches = box.children
    same = mask.dtype == bool and {box.dtype} == {branch.dtype for branch in branches}
    return f"jnp.where({', '.join(texts)})" if same else ""


@_line_for(Cast)
def _cast(box: Cast, texts: Sequence[str]) -> str:
    plain = box.dtype.kind in "fc" and box.children[0].dtype.kind in "biuf"
    if box.children[0].dtype == bool:  # as `in_dtype` says why
        return f"jnp.where({texts[0]}, jnp.{box.dtype}(1), jnp.{box.dtype}(0))" if plain else ""
    return f'{texts[0]}.astype("{box.dtype}")' if plain else ""


@_line_for(Concatenate)
def _concatenate(box: Concatenate, texts: Sequence[str]) -> str:
    same = len({child.dtype for child in box.children}) == 1
    return f"jnp.concatenate(({', '.join(texts)},), axis={int(box.axis)})" if same else ""


@_line_for(Barrier)
def _behind(box: Barrier, texts: Sequence[str]) -> str:
    return f"optimization_barrier(({', '.join(texts)},))[0]"


@_line_for(Transpose)
def _write_transpose(box: Transpose, texts: Sequence[str]) -> str:
    return (
        f"{texts[0]}.T" if box.axes is None else f"{texts[0]}.transpose({tuple_text(axes_of(box, box.axes, box.ndim))})"
    )


@_line_for(Reshape)
def _write_reshape(box: Reshape, texts: Sequence[str]) -> str:
    return f"{texts[0]}.reshape({tuple_text(shape_of(box))})"


@_line_for(BroadcastTo)
def _write_broadcast(box: BroadcastTo, texts: Sequence[str]) -> str:
    return f"jnp.broadcast_to({texts[0]}, {tuple_text(shape_of(box))})"


@_line_for(Index)
def _write_index(box: Index, texts: Sequence[str]) -> str:
    if ARRAY in box.index or any(isinstance(child, bool) for child in box.index):
        return ""
    return f"{texts[0]}[{', '.join(index_text(part) for part in box.index) or '...'}]"


# Parameters of a plan on the devices that compute it, read back when somebody asks for their values.


class Held:
    """A place for one value of a parameter, an array of JAX."""

    __slots__ = ("value",)

    value: Value


class DeviceStore(Store):
    """A store whose values lie on devices: a step reads the one and leaves new arrays in the other."""

    def __init__(self, updates: Mapping[Parameter, Box], placement: Placement | None) -> None:
        self.placement = placement
        super().__init__(updates)

    def _allocate(self) -> list[Any]:
        return [Held() for _ in self.parameters]

    def _write(self, place: int, value: Array) -> None:
        parameter = self.parameters[place]
        with jax.enable_x64(True):
            sharding = None if self.placement is None else self.placement.of_parameter(parameter)
            held: Any = self.old[place]
            held.value = on_devices(np.asarray(value), sharding)

    def _copy_of(self, place: int) -> Array:
        """A copy on this host; of a value that lies on several hosts, which all of them have to ask for."""
        held: Any = self.old[place]
        with jax.enable_x64(True):
            return np.array(replicate_array(held.value))


# The call of a compiled function: inputs to the devices, parameters where they are, results to NumPy.


class Compiled:
    """The function of a source, to be compiled by XLA for the devices of a layout; both sides of a store call it.

    What it is given are the leaves of the request, the old values of parameters, and those of parameters that it reads.
    It returns results, new values, and how much of what it was given a box refuses.
    """

    def __init__(self, function: Callable[..., Any], request: Request, layout: Layout) -> None:
        self.layout, self.graph, self.leaves, self.reads = layout, request.graph, request.leaves, request.reads
        self.parameters = request.store.parameters

        def step(leaves: Sequence[Any], old: Sequence[Any], reads: Sequence[Any]) -> Any:
            with flags() as refused:
                results, new = function(*leaves, *old, *reads)
            return tuple(map(_array, results)), tuple(map(_array, new)), _count(refused, results)

        self.run = jax.jit(step, **layout.shardings)
        with jax.enable_x64(True):
            structs = [
                tuple([struct_of(box.shape, box.dtype) for box in boxes])
                for boxes in (self.leaves, self.parameters, self.reads)
            ]
            jax.eval_shape(step, *structs)  # what JAX cannot compute is refused before anything runs

    def refuse(self, leaves: Sequence[Any], old: Sequence[Any], reads: Sequence[Any]) -> None:
        """Raise what the graph raises on the same values, computed by NumPy."""
        arrays = [
            np.asarray(replicate_array(value) if isinstance(value, jax.Array) else value)
            for value in (*leaves, *old, *reads)
        ]
        boxes = (*self.leaves, *self.parameters, *self.reads)
        given = {box: array for box, array in zip(boxes, arrays, strict=True) if box in self.graph}
        with np.errstate(all="ignore"):
            Graph(*self.graph.outputs).fprop(given, keep="outputs")
        raise LabelError("plan: JAX refused labels that NumPy takes; needs the same on both")


def _count(refused: Sequence[Any], results: Sequence[Any]) -> Any:
    """How many numbers are refused, None where none can be.

    It is a sum, of the dtype of a result, as gradients are: then devices exchange it together with these.
    """
    if not refused:
        return None
    floats = [result.dtype for result in results if getattr(result, "dtype", np.dtype(int)).kind == "f"]
    return sum(jnp.sum(flag, dtype=floats[0] if floats else np.float32) for flag in refused)


def _array(value: Value) -> Any:
    """A result as an array of JAX, also where it is a constant."""
    return tuple(map(_array, value)) if isinstance(value, tuple) else jnp.asarray(value)


class Runner:
    """What `step` calls, for one of the two sides of the store."""

    def __init__(self, compiled: Compiled, old: Sequence[Held], new: Sequence[Held]) -> None:
        self.compiled, self.old, self.new = compiled, old, new
        self._seen: dict[Parameter, tuple[Any, Any]] = {}

    def __call__(self, leaves: Sequence[Any], reads: Sequence[Any]) -> tuple[Any, ...]:
        """The results, as NumPy has them; the new values go to the other side once nothing was refused."""
        compiled = self.compiled
        with jax.enable_x64(True):
            given = compiled.layout.put(leaves)
            old = tuple([held.value for held in self.old])
            read = tuple(map(self._read_parameter, compiled.reads, reads))
            results, new, wrong = compiled.run(given, old, read)
            if wrong is not None and float(wrong) > 0:  # an array of JAX would compare on the device
                compiled.refuse(leaves, old, read)
            arrays = tuple([_to_numpy(result) for result in results])
        for held, value in zip(self.new, new, strict=True):
            held.value = value
        return arrays

    def _read_parameter(self, parameter: Parameter, array: Value) -> Any:
        """A parameter that no update changes, put on the devices when it is another array than before."""
        seen = self._seen.get(parameter)
        if seen is None or seen[0] is not array:
            seen = self._seen[parameter] = (array, self.compiled.layout.place_parameter(parameter, array))
        return seen[1]


def _to_numpy(value: Value) -> Any:
    return tuple(map(_to_numpy, value)) if isinstance(value, tuple) else np.asarray(value)[()]


# The back end of JAX: lines of `jax.numpy`, compiled by XLA, on whatever devices JAX has.

OF_NUMPY = frozenset(
    {"labels", "pooling", "transpose_layout", "products", "batch_one", "accumulation", "flat_parameters"}
)
"""Passes that turn a graph into what NumPy is fast at; XLA optimises by itself."""

_CALL = """\
def step({arguments}):
    return run(({leaves}), ({reads}))
"""


class JaxEmitter:
    """Needs JAX, and that it computes every box: what it cannot is refused by name, and no other back end runs it."""

    name: ClassVar[str] = "jax"
    standalone: ClassVar[bool] = False

    def __init__(self, placement: Placement | None = None) -> None:
        self.placement = placement

    def place_on(self, placement: Placement) -> JaxEmitter:
        """The back end for these devices."""
        return JaxEmitter(placement)

    def why_missing(self) -> None:
        """JAX is there, as this module imports it."""

    def store(self, updates: Mapping[Parameter, Box]) -> DeviceStore:
        """Parameters live where they are computed."""
        return DeviceStore(updates, self.placement)

    def has_rule(self, box: Box) -> bool:
        """Whether there is an expression or a rule for the box."""
        return has_line(box)

    def schedule(self, request: Request) -> Schedule:
        """The graph after the passes that do not aim at NumPy; XLA lays out the memory."""
        parameters = request.store.parameters
        small = simplify(request.graph, request.without | OF_NUMPY, len(parameters))
        refuse_unfit(small.boxes)
        return schedule(small, dict(zip(parameters, small.outputs[request.returned :], strict=True)))

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The lines, traced once so that what JAX cannot compute is refused here; the call hands them to XLA."""
        writer = _Writer(request, schedule)
        layout = Layout(self.placement, request)
        compiled = Compiled(writer.function(), request, layout)
        names = [f"a{place}" for place in range(len(request.leaves) + len(request.reads))]
        leaves, reads = names[: len(request.leaves)], names[len(request.leaves) :]
        call = _CALL.format(
            arguments=", ".join(names),
            leaves="".join(f"{name}, " for name in leaves),
            reads="".join(f"{name}, " for name in reads),
        )
        copied = tuple([len(box.outputs) > 1 or bool(box.shape) for box in schedule.graph.outputs[: request.returned]])
        bindings = [Binding("run", functools.partial(_runner, compiled))]
        return Program(writer.text, call, bindings, 0, copied)


def _runner(compiled: Compiled, memory: Memory) -> Runner:
    old: Mapping[Parameter, Any] = memory.old
    new: Mapping[Parameter, Any] = memory.new
    return Runner(compiled, list(old.values()), list(new.values()))


class _Writer:
    """The source of a function of the leaves, of the parameters that are updated and of those that are read."""

    def __init__(self, request: Request, schedule: Schedule) -> None:
        self.graph = schedule.graph
        self.returned = request.returned
        self.arguments = list(dict.fromkeys([*request.leaves, *request.store.parameters, *request.reads]))
        self.space: dict[str, Any] = {"jnp": jnp, "optimization_barrier": jax.lax.optimization_barrier}
        self.taken = Names({*self.space, "step"})
        self.names = self.taken.of_values(list(dict.fromkeys([*self.arguments, *self.graph.boxes])))
        for parameter, box in schedule.updated.items():
            if box.children:
                self.names[box] = self.taken.free(f"new_{self.names[parameter]}")
        self.texts: dict[Box, str] = {}
        self.lines: list[str] = []
        self.scope = ""
        for box in self.graph.boxes:
            self.texts[box] = self._text(box)
        results = [self.texts[box] for box in self.graph.outputs]
        head = f"def step({', '.join(self.names[box] for box in self.arguments)}):"
        kept, new = ("".join(f"{text}, " for text in part).rstrip() for part in (results[: self.returned],
                                                                              results[self.returned :]))  # fmt: skip
        self.lines.append(f"    return ({kept}), ({new})")
        self.text = "\n".join([head, *self.lines]) + "\n"

    def function(self) -> Any:
        """What the text says, as a function."""
        space = dict(self.space)
        exec(compile(self.text, "<plan of JAX>", "exec"), space)
        return space["step"]

    def _text(self, box: Box) -> str:
        """Write the line of a box; the text by which its parents read it."""
        name = self.names[box]
        if isinstance(box, Constant):
            self.space[name] = box.value[()]
            return name
        if not box.children:
            return name
        scope = box.scope.rstrip("/")
        if scope != self.scope:
            self.lines.append(f"    # {printable(scope)}".rstrip())
            self.scope = scope
        text = expression_of(box, self._operands(box))
        if text is None:
            text = f"{self._name_of_call(box)}({', '.join(self.texts[child] for child in box.children)})"
        shapes = " and ".join(shape_text(spec.shape) for spec in box.outputs)
        self.lines.append(beside(f"    {name} = {text}", shapes if sizes_known(box) else "size from values"))
        return name

    def _operands(self, box: Box) -> Sequence[str]:
        """The children, literals where another child of the same dtype stands beside them and gives theirs."""
        if any(len(child.outputs) > 1 for child in box.children):
            return [self.texts[child] for child in box.children]
        literals = [literal_of(child) for child in box.children]
        alike = len({child.dtype for child in box.children}) == 1 and None in literals
        return [
            literal if alike and literal is not None else self.texts[child]
            for child, literal in zip(box.children, literals, strict=True)
        ]

    def _name_of_call(self, box: Box) -> str:
        """The name of a function that computes the box by its rule or its fprop."""

        def compute(*values: Value) -> Any:
            value, refused = value_of(box, values)
            note_refused(refused)
            return value

        name = self.taken.free(type(box).__name__)
        self.space[name] = compute
        return name
