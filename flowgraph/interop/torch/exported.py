"""Modules and functions of PyTorch, exported as programs of operations."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn
from torch.autograd.function import BackwardCFunction
from torch.export import Dim, ExportedProgram, default_decompositions, export
from torch.utils import _pytree as pytree

from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import UsageError
from flowgraph.interop.torch.operations import has_rule

ITS_OWN = ("isinstance.treespec, LeafSpec.", "The tensor attributes self.*assigned during export")
"""Warnings of PyTorch about its own code, which the user can do nothing about."""


def exported(
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
                advice += "; several arguments are given one by one, not as a tuple"
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


def warn_of_own_backwards(called: nn.Module, examples: Sequence[Any], named: dict[str, Any]) -> None:
    """Warn where a module calls a `torch.autograd.Function` that is not PyTorch's: the graph has no such backward.

    Where such classes exist, the module is run once more, on copies of its parameters, buffers and examples.
    """
    if not any(not _is_of_torch(function) for function in _functions(torch.autograd.Function)):
        return
    names = sorted({function.__name__ for function in _called(called, examples, named) if not _is_of_torch(function)})
    if names:
        warnings.warn(
            f"graph_of: found a call of {', '.join(names)}, a torch.autograd.Function, whose backward torch.export "
            f"does not see; values of the graph are right, but its gradients are those of the forward. Make it a "
            f"torch.library.custom_op, whose backward the graph calls",
            UserWarning,
            stacklevel=4,
        )


def _functions(base: Foreign) -> Iterator[Any]:
    """Every subclass there is."""
    for function in base.__subclasses__():
        yield function
        yield from _functions(function)


def _is_of_torch(cls: Foreign) -> bool:
    return str(cls.__module__).partition(".")[0] == "torch"


def _called(called: nn.Module, examples: Sequence[Any], named: dict[str, Any]) -> set[Any]:
    """The classes whose backward a gradient of the outputs calls; none where the module does not run by itself."""
    state = {name: _leaf(tensor) for name, tensor in (*called.named_parameters(), *called.named_buffers())}
    given, by_name = pytree.tree_map_only(torch.Tensor, _leaf, (tuple(examples), named))
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = torch.func.functional_call(called, state, given, by_name)
    except Exception:  # torch.export has run it, in ways of its own
        return set()
    waiting = [tensor.grad_fn for tensor in pytree.tree_leaves(outputs) if isinstance(tensor, torch.Tensor)]
    seen: set[Any] = set()
    while waiting:
        node: Any = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return {type(node)._forward_cls for node in seen if isinstance(node, BackwardCFunction)}  # type: ignore[attr-defined]


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of its own that shares nothing but the numbers, and asks for a gradient where the first does."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    """A copy, with a gradient where a tensor can have one, which may be written to as a result can."""
    copy = tensor.detach().clone()
    real = copy.is_floating_point() or copy.is_complex()
    return copy.requires_grad_().clone() if real else copy
