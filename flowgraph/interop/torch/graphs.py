"""A module or a function of PyTorch, exported as a program of operations, as a graph of boxes."""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.export import Dim, ExportedProgram, default_decompositions, export
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node
from torch.utils import _pytree as pytree

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.node import current_scope, reopen_scope
from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import UnsupportedError, UsageError
from flowgraph.graph import Graph
from flowgraph.interop.rules import NoBoxesError, fit_dtype
from flowgraph.interop.torch.operations import RULES, arrays, elementwise, has_rule, names_of, networks, places  # noqa: F401  (they register)
from flowgraph.interop.torch.own_backwards import warn_of_own_backwards
from flowgraph.interop.torch.symbolic_sizes import (
    Batch,
    array_of,
    batch_of,
    check_device,
    number_of,
    numpy_dtype,
    shape_of,
    size_of,
    tensor_of,
    torch_dtype,
)
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Spec

ITS_OWN = ("isinstance.treespec, LeafSpec.", "The tensor attributes self.*assigned during export")
"""Warnings of PyTorch about its own code, which the user can do nothing about."""


def export_program(
    target: Foreign, examples: Sequence[Any], named: dict[str, Any], batch_axis: str | None = None
) -> ExportedProgram:
    """The program of a module or function, decomposed into operations that have rules where possible.

    `batch_axis` lets the size of the first axis of every tensor vary, together.
    """
    called = target if isinstance(target, nn.Module) else _Called(target)
    warn_of_own_backwards(called, examples, named)
    # torch.export tells tensors apart by identity: one that is given twice, or is a parameter too, would be one input
    given, named = pytree.tree_map_only(torch.Tensor, _copy, (tuple(examples), named))
    with _quiet():
        try:
            sizes = None if batch_axis is None else _first_axes(called, examples, named, Dim(batch_axis))
            program = export(called, given, named or None, dynamic_shapes=sizes)
        except Exception as error:
            name = getattr(target, "__name__", type(target).__name__)
            advice = (
                f"; if the size {batch_axis} is the reason, leave batch_axis out, or give examples of 2 rows or more"
                if batch_axis is not None else ""
            )  # fmt: skip
            if len(examples) == 1 and isinstance(examples[0], tuple | list):
                letters = ", ".join("abcdefgh"[: len(examples[0])])
                advice += f"; several arguments are given one by one, not as a tuple: {letters} in place of ({letters})"
            raise UsageError(
                f"graph_of: torch.export cannot export {name} on these examples: {_reason(error)}{advice}"
            ) from error
        _detach_what_has_no_gradient(program.graph_module)
        table = default_decompositions()
        for operation in [operation for operation in table if has_rule(operation)]:
            table.pop(operation)  # type: ignore[no-untyped-call]
        return cast(ExportedProgram, program.run_decompositions(table))


def _detach_what_has_no_gradient(program: torch.fx.GraphModule) -> None:
    """Put a `detach` behind each result of a block under `torch.no_grad`, which decomposition would forget."""
    graph = program.graph
    for node in list(graph.nodes):
        if node.target is not torch.ops.higher_order.wrap_with_set_grad_enabled or node.args[0]:
            continue
        for result in list(node.users):
            if not isinstance(result.meta.get("val"), torch.Tensor):
                continue
            with graph.inserting_after(result):
                cut = graph.call_function(torch.ops.aten.detach.default, (result,))
            cut.meta = dict(result.meta)
            result.replace_all_uses_with(cut, delete_user_cb=lambda user, cut=cut: user is not cut)
    program.recompile()


def argument_names(target: Foreign, examples: Sequence[Any]) -> list[str]:
    """The names of the positional arguments of a function, where they have names."""
    call = target.forward if isinstance(target, nn.Module) else target
    try:
        bound = inspect.signature(call).bind(*examples)
    except (TypeError, ValueError):
        return []
    names = []
    for name, value in bound.arguments.items():
        star = inspect.signature(call).parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        names += [f"{name}_{i}" for i in range(len(value))] if star else [name]
    return names


def _as_declared(target: Foreign, named: dict[str, Any]) -> dict[str, Any]:
    """Arguments by keyword in the order in which the function declares them, others after those."""
    try:
        declared = list(inspect.signature(target.forward if isinstance(target, nn.Module) else target).parameters)
    except (TypeError, ValueError):
        return named
    return {name: named[name] for name in (*(name for name in declared if name in named), *named)}


def _first_axes(called: nn.Module, examples: Sequence[Any], named: dict[str, Any], size: Foreign) -> dict[str, Any]:
    """For each argument which sizes vary: those of the first axes of its tensors."""
    arguments = inspect.signature(called.forward).bind(*examples, **named).arguments

    def axes(leaf: Foreign) -> Any:
        return {0: size} if isinstance(leaf, torch.Tensor) and leaf.ndim else None

    by_argument = {name: pytree.tree_map(axes, value) for name, value in arguments.items()}
    return {**by_argument, **by_argument.pop("named", {})} if isinstance(called, _Called) else by_argument


class _Called(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Foreign, **named: Foreign) -> Any:
        return self.function(*tensors, **named)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        for text in ITS_OWN:
            warnings.filterwarnings("ignore", f"(?s).*{text}")
        yield


def _reason(error: Exception) -> str:
    """The first line of an error of PyTorch, and of violated constraints the first that says what is violated."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    violated = next((line for line in lines[1:] if line.startswith("- ")), "")
    return f"{lines[0]} {violated}".strip()


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of its own that shares nothing but the numbers, and asks for a gradient where the first does."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


_aten = torch.ops.aten
ASSERTIONS = {
    _aten._assert_scalar.default,
    _aten.sym_constrain_range.default,
    _aten.sym_constrain_range_for_size.default,
}
"""Operations without a result, by which an exported program checks its sizes."""


def graph_of(target: Foreign, *examples: Foreign, batch_axis: str | None = None, **named: Foreign) -> Graph:
    """The graph of a module or a function of PyTorch, as `torch.export` traces it on examples.

    Parameters
    ----------
    target
        An `nn.Module`, or a function of tensors.
    *examples, **named
        What it is called with. Tensors become inputs of their shape and dtype, called as the argument; everything else
        is fixed.
    batch_axis
        A name for the size of the first axis of every tensor, such as "N"; without it the graph is that of the shapes
        of the examples. The examples need two rows or more.

    Returns
    -------
    Graph
        Its outputs are those of the target, its inputs stand in the order of the arguments, those that nothing reads
        included. Parameters that require a gradient are parameters of the graph, others and
        buffers constants, all of them copies. Modules are scopes, so that a picture folds as the modules do. Operations
        that no box stands for are boxes that call PyTorch (`TorchOperation`), under the name of the operation.

    Raises
    ------
    UsageError
        Where torch.export cannot export the target: it follows no branch that depends on values.
    UnsupportedError
        For an operation that draws random numbers, other than dropout.

    Examples
    --------
    >>> import torch
    >>> from flowgraph.interop.torch import graph_of
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh())
    >>> x = torch.ones(2, 3)
    >>> graph = graph_of(net, x)
    >>> [name for name in graph.names.values() if "weight" in name]
    ['0/weight']
    >>> run = graph.fprop(input=x.numpy())
    >>> bool(abs(run.outputs[0] - net(x).detach().numpy()).max() < 1e-6)
    True
    """
    if not callable(target):
        raise UsageError(f"graph_of: found a {type(target).__name__}, needs a module or a function of PyTorch")
    for tensor in pytree.tree_leaves((examples, named)):
        if isinstance(tensor, torch.Tensor):
            check_device("graph_of", tensor.device)
    program = export_program(target, examples, _as_declared(target, named), batch_axis)
    return _Translation(program, argument_names(target, examples), batch_axis, _names_of_tensors(target)).graph()


def _names_of_tensors(target: Foreign) -> dict[int, str]:
    """The first name of each parameter and buffer of a module, as `named_parameters()` gives it, by identity."""
    if not isinstance(target, nn.Module):
        return {}
    return {id(tensor): name for name, tensor in (*target.named_parameters(), *target.named_buffers())}


class _Translation:
    """The boxes for the nodes of an exported program."""

    def __init__(
        self, program: Foreign, names: Sequence[str], batch_axis: str | None, names_of_tensors: Mapping[int, str]
    ) -> None:
        self._program, self._names_of_tensors = program, names_of_tensors
        self._state: dict[int, Any] = {}
        self._batch = None if batch_axis is None else Batch(batch_axis)
        self._inputs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
        self._boxes: dict[Node, Any] = {}
        self._arguments: list[Input] = []
        user = [spec.arg.name for spec in self._inputs.values() if spec.kind == InputKind.USER_INPUT]
        self._called = dict(zip(user, names, strict=True)) if len(user) == len(names) else {}
        self._first_calls: dict[str, int] = {}

    def graph(self) -> Graph:
        """The graph of the outputs of the user."""
        with batch_of(self._batch):
            return self._graph()

    def _graph(self) -> Graph:
        steps: dict[str, Callable[[Node], Any]] = {"placeholder": self._leaf, "call_function": self._operation}
        outputs: Any = ()
        for node in self._program.graph.nodes:
            if node.op == "output":
                outputs = node.args[0]
            elif node.op in steps:
                self._boxes[node] = steps[node.op](node)
            else:
                raise UnsupportedError(f"graph_of: found a {node.op} {node.target!r}, for which there is no box")
        self._warn_of_changes()
        specs = self._program.graph_signature.output_specs
        kept = [
            self._boxes[output] if isinstance(output, Node) else output
            for output, spec in zip(outputs, specs, strict=True)
            if spec.kind == OutputKind.USER_OUTPUT
        ]
        boxes = [value if isinstance(value, Box) else Constant(value) for value in kept if value is not None]
        return Graph(*boxes, along=self._arguments)

    def _leaf(self, node: Node) -> Any:
        """The leaf for an argument, a parameter, a buffer or a constant of the program."""
        spec = self._inputs[node.name]
        if spec.kind == InputKind.USER_INPUT:
            return self._input(node)
        state = {**self._program.state_dict, **self._program.constants}
        tensor = state[spec.target]
        if not isinstance(tensor, torch.Tensor):
            raise UnsupportedError(f"graph_of: found {spec.target!r}, a {type(tensor).__name__}, needs tensors")
        check_device(f"graph_of: {spec.target!r}", tensor.device)
        numpy_dtype(tensor.dtype, f"graph_of: {spec.target!r}")
        if id(tensor) not in self._state:  # a tensor of several names is one leaf
            *scopes, last = self._names_of_tensors.get(id(tensor), spec.target).split(".")
            is_parameter = spec.kind == InputKind.PARAMETER and tensor.requires_grad
            with reopen_scope(current_scope() + "".join(f"{part}/" for part in scopes)):
                self._state[id(tensor)] = (Parameter if is_parameter else Constant)(
                    np.array(array_of(tensor)), name=last
                )
        return self._state[id(tensor)]

    def _input(self, node: Node) -> Any:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            return value
        name = self._called.get(node.name, node.name)
        if self._batch is not None:
            self._batch.find_symbol(value)
        box = Input(name, shape=shape_of(value), dtype=numpy_dtype(value.dtype, f"graph_of: {name!r}"))
        self._arguments.append(box)
        if self._batch is not None and self._batch.box is None and box.shape and isinstance(box.shape[0], Size):
            self._batch.box = box
        return box

    def _operation(self, node: Node) -> Any:
        """The box, or the tuple of boxes, for one call; what a size that varies cannot say is refused by its name."""
        if node.target is operator.getitem:
            return self._boxes[node.args[0]][node.args[1]]  # type: ignore[index]
        try:
            return self._called_with(node)
        except Exception as error:
            if self._batch is None or (isinstance(error, UnsupportedError) and _draws(node)):
                raise
            name = self._batch.name
            raise UnsupportedError(
                f"graph_of: found {node.target} in {_module(node)}, which no box computes for the named size {name} "
                f"({str(error).removeprefix('graph_of: ')}); leave batch_axis out, for the graph of the sizes of the "
                f"examples, or write it without the size of the batch"
            ) from error

    def _called_with(self, node: Node) -> Any:
        value = node.meta.get("val")
        if isinstance(value, torch.SymInt):
            return size_of(value)
        if isinstance(value, torch.SymBool) or node.target in ASSERTIONS:
            return None  # what the export asserts of sizes
        given = pytree.tree_map_only(Node, self._boxes.__getitem__, (node.args, node.kwargs))
        with reopen_scope(current_scope() + _scope(node, self._first_calls)):
            if isinstance(value, torch.SymFloat):
                return _number(node, given[0])
            return self._fit_result(node, self._boxes_for(node, *_with_numbers(node, *given)))

    def _boxes_for(self, node: Node, positional: Foreign, named: Foreign) -> Any:
        rule = RULES.of(names_of(node.target))
        if rule is not None:
            try:
                made = rule(*_wide(node, positional), **named)
                if not _is_missed(node, made):
                    return made
            except NoBoxesError:
                pass
        return _opaque(node, positional, named)

    def _fit_result(self, node: Node, made: Foreign) -> Any:
        """The result of a rule, with the shapes and dtypes of PyTorch."""
        expected = node.meta.get("val")
        if isinstance(expected, list | tuple):
            pairs = zip(made, expected, strict=False)
            return tuple(part if part is None else self._fitted_one(node, part, tensor) for part, tensor in pairs)
        return self._fitted_one(node, made, expected)

    def _fitted_one(self, node: Node, made: Foreign, expected: Foreign) -> Any:
        if not isinstance(expected, torch.Tensor):
            return made
        dtype = numpy_dtype(expected.dtype, f"graph_of: {node.target}")
        return fit_dtype(f"graph_of: the rule for {node.target}", made, shape_of(expected), dtype)

    def _warn_of_changes(self) -> None:
        """Say which buffers a module changes when it is called, as the graph changes nothing."""
        specs = self._program.graph_signature.output_specs
        changed = [spec.target for spec in specs if spec.kind == OutputKind.BUFFER_MUTATION]
        if changed:
            warnings.warn(
                f"graph_of: the module changes {', '.join(changed[:3])}{', ...' * (len(changed) > 3)} when it is "
                f"called, and the graph does not; call module.eval() first for the graph of its use",
                UserWarning,
                stacklevel=4,
            )


def _scope(node: Node, first_calls: dict[str, int]) -> str:
    """The path of the module that made a call; a further call of a module is a scope of its own, "cell@1".

    `first_calls` notes the number, among all calls of a module, of the first one in each scope.
    """
    scope = before = ""
    for key, (path, _) in (node.meta.get("nn_module_stack") or {}).items():
        if path:
            inside = path.startswith(f"{before}.") if before else True
            inner = (path[len(before) :] if inside else path).strip(".").replace(".", "/")
            outer = scope if inside else ""
            call = int(key.partition("@")[2] or 0)
            call -= first_calls.setdefault(f"{outer}{inner}", call)
            scope, before = f"{outer}{inner}{f'@{call}' if call else ''}/", path
    return scope


def _module(node: Node) -> str:
    """The module that made a call, for errors."""
    stack = node.meta.get("nn_module_stack") or {}
    path, kind = next(((path, kind) for path, kind in reversed(stack.values()) if path), ("", ""))
    return f"the module {path!r} ({str(kind).rpartition('.')[2]})" if path else "what was called"


def _draws(node: Node) -> bool:
    """Whether an operation draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def _with_numbers(node: Node, positional: Foreign, named: Foreign) -> tuple[Any, Any]:
    """The arguments, with a number to compute with where an operation takes a size as a number or a tensor."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return positional, named
    kinds = {argument.name: str(argument.type) for argument in schema.arguments}

    def number_or_value(value: Foreign, kind: str) -> Any:
        is_number = any(word in kind for word in ("number", "Tensor", "float"))
        return number_of(value) if is_number and isinstance(value, Size) else value

    read_named = {name: number_or_value(value, kinds[name]) for name, value in named.items()}
    return tuple(map(number_or_value, positional, kinds.values())), read_named


def _wide(node: Node, given: Foreign) -> Any:
    """The arguments of an operation that makes floats of whole numbers: of narrow ones NumPy makes half precision."""
    value = node.meta.get("val")
    boxes = [box for box in pytree.tree_leaves(given) if isinstance(box, Box)]
    if (
        not isinstance(value, torch.Tensor)
        or not value.dtype.is_floating_point
        or any(box.dtype.kind in "fc" or box.dtype.itemsize > 2 for box in boxes)
    ):
        return given
    dtype: Any = numpy_dtype(value.dtype, f"graph_of: {node.target}")
    return pytree.tree_map_only(Box, lambda box: box.astype(dtype), given)


def _is_missed(node: Node, made: Foreign) -> bool:
    """Whether the program reads a result that the boxes of a rule do not have: the memory of PyTorch's own backward."""
    read: list[Any] = [user.args[1] for user in node.users if user.target is operator.getitem and user.users]
    return isinstance(made, tuple) and any(made[place] is None for place in read)


def _number(node: Node, given: Foreign) -> Any:
    """A number that is computed of sizes, outside of tensors."""
    numbers = [number_of(number).astype(float) if isinstance(number, Size) else number for number in given]
    operation: Any = node.target
    if operation is torch.sym_float:
        return numbers[0]
    return np.sqrt(numbers[0]) if operation is torch.sym_sqrt else operation(*numbers)


def _opaque(node: Node, positional: Foreign, named: Foreign) -> Any:
    """A box that calls PyTorch."""
    operation: Any = node.target
    name = getattr(operation, "_opname", None)
    if not isinstance(operation, torch._ops.OpOverload):
        raise UnsupportedError(f"graph_of: found {operation}, for which there is no box and no single call of PyTorch")
    if _draws(node):
        raise UnsupportedError(
            f"graph_of: found {operation}, which draws random numbers; give them as an argument, or call module.eval()"
        )
    children: list[Box] = []

    def place(box: Box) -> Place:
        children.append(box)
        return Place(len(children) - 1)

    arguments = pytree.tree_map_only(Box, place, (positional, named))
    value = node.meta.get("val")
    listed = list(value) if isinstance(value, list | tuple) else [value]
    results = [result for result in listed if isinstance(result, torch.Tensor)]
    if not results:
        raise UnsupportedError(f"graph_of: found {operation}, which gives no tensor, so that no box stands for it")
    if any(isinstance(leaf, Size) for leaf in pytree.tree_leaves((positional, named))):
        raise UnsupportedError(f"graph_of: found {operation} of a size that varies, which PyTorch computes")
    specs = tuple(Spec(shape_of(result), numpy_dtype(result.dtype, f"graph_of: {operation}")) for result in results)
    known = (tuple(child.spec for child in children), specs)
    box = TorchOperation(*children, operation=operation, arguments=arguments, known=known, name=name)
    if value is listed[0]:
        return box
    parts = iter(box if len(results) > 1 else [box])
    return tuple(next(parts) if isinstance(result, torch.Tensor) else None for result in listed)


class TorchOperation(Box):
    """An operation of PyTorch that PyTorch computes and differentiates.

    h = operation(tensors)        what PyTorch sends back to each tensor

    `arguments` are the arguments of the operation, positional and named, in which a `Place` stands for each tensor.
    `known` are shapes and dtypes of such tensors and those of the results that belong to them.
    """

    operation: Any
    arguments: Any
    known: Any

    public = False
    symbol = "torch"
    examples = None  # it is tested with operations that have no boxes

    def fprop(self, *tensors: Value) -> Value:
        """What PyTorch computes."""
        with torch.no_grad():
            results = self._call([tensor_of(tensor) for tensor in tensors])
        values = tuple(result.numpy()[()] for result in results)
        return values if len(self.outputs) > 1 else values[0]

    def bprop(self, grad: Value, h: Value, *tensors: Value, needs: Sequence[bool] = ()) -> tuple[Value, ...]:
        """What PyTorch sends back to each tensor of floats that needs it; PyTorch refuses some of those that do not."""
        leaves = [tensor_of(tensor) for tensor in tensors]
        asked = needs or (True,) * len(leaves)
        wanted = [i for i, leaf in enumerate(leaves) if asked[i] and (leaf.is_floating_point() or leaf.is_complex())]
        for place in wanted:
            leaves[place].requires_grad_()
        with torch.enable_grad():
            results = self._call(leaves)
        arriving = grad if isinstance(grad, tuple) else (grad,)
        pairs = [(out, g) for out, g in zip(results, arriving, strict=True) if g is not None and out.requires_grad]
        sent = torch.autograd.grad(
            [out for out, _ in pairs],
            [leaves[place] for place in wanted],
            [tensor_of(np.conj(g)) for _, g in pairs],  # PyTorch sends gradients, a bprop factors: their conjugates
            allow_unused=True,
        )
        parts: list[Any] = [None] * len(leaves)
        for place, part in zip(wanted, sent, strict=True):
            parts[place] = np.zeros_like(tensors[place]) if part is None else np.conj(part.resolve_conj().numpy())[()]
        return tuple(parts)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """The known shapes and dtypes; for other tensors those that PyTorch infers."""
        given, specs = self.known
        own = tuple(child.spec for child in self.children)
        if own != given and all(isinstance(size, int) for spec in own for size in spec.shape):
            metas = [torch.empty(cast(Any, spec.shape), dtype=torch_dtype(spec.dtype), device="meta") for spec in own]
            results = self._call(metas)
            specs = [Spec(tuple(result.shape), numpy_dtype(result.dtype, self.title)) for result in results]
        return list(specs) if len(specs) > 1 else specs[0]

    def _call(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The results that are tensors."""
        positional, named = pytree.tree_map_only(Place, lambda place: tensors[place.number], self.arguments)
        returned = self.operation(*positional, **named)
        listed = list(returned) if isinstance(returned, list | tuple) else [returned]
        return [result for result in listed if isinstance(result, torch.Tensor)]


class Place:
    """A placeholder for a tensor among the arguments of an operation: the number of the child."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"<tensor {self.number}>"
