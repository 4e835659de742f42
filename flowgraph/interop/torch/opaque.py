"""Operations of PyTorch without boxes, as opaque boxes that call PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.utils import _pytree as pytree

from flowgraph.box import Box, Value
from flowgraph.interop.torch.tensors import numpy_dtype, tensor_of, torch_dtype
from flowgraph.shapes.spec import Spec


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
            found = self._call([tensor_of(one) for one in tensors])
        arrays = tuple(one.numpy()[()] for one in found)
        return arrays if len(self.outputs) > 1 else arrays[0]

    def bprop(self, grad: Value, h: Value, *tensors: Value, needs: Sequence[bool] = ()) -> tuple[Value, ...]:
        """What PyTorch sends back to each tensor of floats that needs it; PyTorch refuses some of those that do not."""
        leaves = [tensor_of(one) for one in tensors]
        asked = needs or (True,) * len(leaves)
        wanted = [i for i, one in enumerate(leaves) if asked[i] and (one.is_floating_point() or one.is_complex())]
        for place in wanted:
            leaves[place].requires_grad_()
        with torch.enable_grad():
            found = self._call(leaves)
        arriving = grad if isinstance(grad, tuple) else (grad,)
        pairs = [(one, g) for one, g in zip(found, arriving, strict=True) if g is not None and one.requires_grad]
        sent = torch.autograd.grad(
            [one for one, _ in pairs],
            [leaves[place] for place in wanted],
            [tensor_of(np.conj(g)) for _, g in pairs],  # PyTorch sends gradients, a bprop factors: their conjugates
            allow_unused=True,
        )
        parts: list[Any] = [None] * len(leaves)
        for place, one in zip(wanted, sent, strict=True):
            parts[place] = np.zeros_like(tensors[place]) if one is None else np.conj(one.resolve_conj().numpy())[()]
        return tuple(parts)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """The known shapes and dtypes; for other tensors those that PyTorch infers."""
        given, specs = self.known
        found = tuple(child.spec for child in self.children)
        if found != given and all(isinstance(size, int) for one in found for size in one.shape):
            metas = [torch.empty(cast(Any, one.shape), dtype=torch_dtype(one.dtype), device="meta") for one in found]
            results = self._call(metas)
            specs = [Spec(tuple(one.shape), numpy_dtype(one.dtype, self.title)) for one in results]
        return list(specs) if len(specs) > 1 else specs[0]

    def _call(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The results that are tensors."""
        positional, named = pytree.tree_map_only(Place, lambda place: tensors[place.number], self.arguments)
        found = self.operation(*positional, **named)
        listed = list(found) if isinstance(found, list | tuple) else [found]
        return [one for one in listed if isinstance(one, torch.Tensor)]


class Place:
    """A placeholder for a tensor among the arguments of an operation: the number of the child."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"<tensor {self.number}>"
