"""Which backwards of a user's own a module of PyTorch calls: `torch.export` does not see them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import BackwardCFunction
from torch.utils import _pytree as pytree

from flowgraph.box.vocabulary import Foreign


def warn_of_own_backwards(called: nn.Module, examples: Sequence[Any], named: dict[str, Any]) -> None:
    """Warn where a module calls a `torch.autograd.Function` that is not PyTorch's: the graph has no such backward.

    Where such classes exist, the module is run once more, on copies of its parameters, buffers and examples.
    """
    if not any(not _is_of_torch(function) for function in _functions(torch.autograd.Function)):
        return
    names = sorted(
        {function.__name__ for function in _backwards_called(called, examples, named) if not _is_of_torch(function)}
    )
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


def _backwards_called(called: nn.Module, examples: Sequence[Any], named: dict[str, Any]) -> set[Any]:
    """The classes whose backward a gradient of the outputs calls; none where the module does not run by itself.

    Tied weights stay: where a module has two names, PyTorch would not put its parameters back.
    """
    state = {name: _leaf(tensor) for name, tensor in (*called.named_parameters(), *called.named_buffers())}
    given, by_name = pytree.tree_map_only(torch.Tensor, _leaf, (tuple(examples), named))
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = torch.func.functional_call(called, state, given, by_name, tie_weights=False)
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


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    """A copy, with a gradient where a tensor can have one, which may be written to as a result can."""
    copy = tensor.detach().clone()
    real = copy.is_floating_point() or copy.is_complex()
    return copy.requires_grad_().clone() if real else copy
