"""PyTorch: functions of tensors, torch.autograd.Function subclasses, and modules with their parameters."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.frameworks.adapter import Adapter, Pullback, wide_enough
from flowgraph.checking.frameworks.arguments import Arguments, ArrayKind, Opened, Written, arrays_in
from flowgraph.checking.frameworks.torch_module import ModuleCopy
from flowgraph.checking.target import Inputs, is_float_array

WRITES_IN_PLACE = re.compile(r"leaf Variable.* in-?place operation|view of a leaf Variable", re.IGNORECASE)

BACKWARD_ALONE = re.compile(r"(not |in)compatible with \.grad\(\)")  # of reentrant checkpoints


def to_numpy(value: Value) -> Any:
    """Float tensors in float64, others in their own type."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu()
    return np.array((value.double() if value.is_floating_point() else value).numpy())


def opened(value: Value) -> Opened | None:
    """Complex tensors in two parts, of sparse ones the values."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor):
        return None
    if value.layout is torch.sparse_coo:
        value = value.coalesce()
        indices, size = value.indices(), value.size()

        def coo(found: list[Any]) -> Any:
            return torch.sparse_coo_tensor(indices, found[0], size, is_coalesced=True, check_invariants=False)

        return Opened([(".values", value.values())], coo, fixed=True)
    if value.layout in (torch.sparse_csr, torch.sparse_csc):
        by_rows = value.layout is torch.sparse_csr
        ends = (value.crow_indices(), value.col_indices()) if by_rows else (value.ccol_indices(), value.row_indices())
        size, layout = value.size(), value.layout

        def compressed(found: list[Any]) -> Any:
            return torch.sparse_compressed_tensor(*ends, found[0], size, layout=layout, check_invariants=False)

        return Opened([(".values", value.values())], compressed, fixed=True)
    if value.is_complex():
        parts = [(".real", value.real), (".imag", value.imag)]
        return Opened(parts, Written(lambda found: torch.complex(*found), "torch.complex({}, {})".format))
    return None


TENSORS = ArrayKind(to_numpy, opened)


class TorchCode(Adapter):
    """Gradients come from torch.autograd.grad."""

    framework = "torch"

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Arguments,
        differentiated: tuple[int, ...],
        module: ModuleCopy | None = None,
    ) -> None:
        super().__init__(function, arguments, differentiated)
        self.torch = sys.modules["torch"]
        self.module = module
        self.beside = () if module is None else module.frozen
        self.function: Any = function.apply if inspect.isclass(function) else function  # type: ignore[attr-defined]
        self.writes_in_place = False
        self._random_state = None
        before = self.torch.get_rng_state()
        self._try_out()
        if not self.torch.equal(before, self.torch.get_rng_state()):
            self._random_state = before
            self.torch.set_rng_state(before)

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        leaves = self._leaves(inputs)
        active = self._active(leaves)
        outputs = self._values(leaves)
        if outputs and not any(y.requires_grad for y in outputs):
            raise NotImplementedError("torch: no output requires a gradient, so that backward would raise")

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            chosen = [(y, self._tensor(g)) for y, g in zip(outputs, grads, strict=True) if y.requires_grad]
            self._put_in(leaves)
            found = self._pulled([y for y, _ in chosen], active, [g for _, g in chosen])
            return [None if g is None else g.to_dense().numpy(force=True) for g in found]

        return [y.numpy(force=True) for y in outputs], pull

    def many(self, inputs: Inputs, stacks: dict[int, Any]) -> list[Any]:
        """By torch.func.vmap."""
        leaves = self._leaves(inputs)

        def one(*rows: Any) -> tuple[Any, ...]:
            values = list(leaves)
            for i, row in zip(stacks, rows, strict=True):
                values[i] = row
            return tuple(self._values(values))

        with self.torch.no_grad():
            found = self.torch.func.vmap(one)(*(self._tensor(stack) for stack in stacks.values()))
        return [y.numpy(force=True) for y in found]

    def second(self, grads: Value, gradients: object, grad: Value, output: Value, *inputs: Any) -> tuple[Any, ...]:
        """The bprop of bprop, by torch.autograd.grad twice."""
        leaves = self._leaves(inputs)
        arriving = self._tensor(grad).requires_grad_()
        active = self._active(leaves)
        (y,) = self._values(leaves)
        first = self._grad([y] if y.requires_grad else [], active, [arriving], create_graph=True)
        of_each = [grads[i] for i in self.differentiated]
        chosen = [
            (r, self._tensor(g))
            for r, g in zip(first, of_each, strict=True)
            if r is not None and r.requires_grad and g is not None
        ]
        found = self._grad([r for r, _ in chosen], [arriving, *active], [g for _, g in chosen])
        by_grad, *by_active = [None if g is None else g.to_dense().numpy(force=True) for g in found]
        return (by_grad, None, *self._each(by_active, inputs))

    def _try_out(self) -> None:
        """Runs the example, and finds out whether the function writes into its inputs, which autograd allows."""
        leaves = self._leaves(self.arguments.inputs)
        self._active(leaves)
        try:
            self._values(leaves)
        except RuntimeError as error:
            if not WRITES_IN_PLACE.search(str(error)):
                raise
            self.writes_in_place = True

    def _leaves(self, inputs: Inputs) -> list[Any]:
        """The tensors of a run. Parameters of a module are contiguous, which kernels of recurrent nets rely on."""
        first_own = self.arguments.first_own
        given = [self._tensor(x) for x in inputs[:first_own]]
        own = [self._tensor(np.ascontiguousarray(x)) for x in inputs[first_own:]]
        return [*given, *(self.torch.nn.Parameter(x, requires_grad=False) for x in own)]

    def _active(self, leaves: list[Any]) -> list[Any]:
        """The differentiated tensors among the leaves, which require a gradient from here on."""
        return [leaves[i].requires_grad_() for i in self.differentiated]

    def _pulled(self, outputs: list[Any], inputs: list[Any], grads: list[Any]) -> Any:
        """By torch.autograd.grad, or by backward where the code says that it takes that alone."""
        try:
            return self._grad(outputs, inputs, grads)
        except RuntimeError as error:
            if not BACKWARD_ALONE.search(str(error)):
                raise
        for x in inputs:
            x.grad = None
        self.torch.autograd.backward(outputs, grads, retain_graph=True)
        return [x.grad for x in inputs]

    def _grad(self, outputs: list[Any], inputs: list[Any], grads: list[Any], create_graph: bool = False) -> Any:
        if not outputs:
            return [None] * len(inputs)
        return self.torch.autograd.grad(
            outputs, inputs, grads, retain_graph=True, allow_unused=True, create_graph=create_graph
        )

    def _put_in(self, leaves: list[Any]) -> None:
        """What runs the forward pass again during the backward pass finds the parameters of its own run."""
        if self.module is not None:
            self.module.put_in(self.arguments.put_together(leaves)[2])

    def _values(self, leaves: list[Any]) -> list[Any]:
        if self.writes_in_place:
            first_own = self.arguments.first_own
            leaves = [
                x.clone() if isinstance(x, self.torch.Tensor) and k < first_own else x for k, x in enumerate(leaves)
            ]
        positional, keywords, own = self.arguments.put_together(leaves)
        with contextlib.ExitStack() as stack:
            if self._random_state is not None:
                stack.enter_context(self.torch.random.fork_rng(devices=[]))
                self.torch.set_rng_state(self._random_state)
            if self.module is None:
                result = self.function(*positional, **keywords)
            else:
                result = self.module.run(own, positional, keywords)
        found = [y for y in arrays_in(result) if isinstance(y, self.torch.Tensor)]
        dense = [y if y.layout is self.torch.strided else y.to_dense() for y in found]
        return [y for y in dense if y.is_floating_point() or y.is_complex()]

    def _tensor(self, value: Value) -> Any:
        """Shares memory, so that writing in place is seen."""
        if not isinstance(value, np.ndarray | np.generic):
            return value
        array = wide_enough(np.asarray(value))
        if any(stride < 0 for stride in array.strides):
            array = array.copy()
        return self.torch.from_numpy(array)


def differentiated_inputs(arguments: Arguments) -> tuple[int, ...]:
    """The inputs that are differentiated, as torch's own gradcheck has it.

    Of what is given those that require a gradient if any does, otherwise every tensor of floats; and all parameters
    of a module, since frozen ones are none of its inputs.
    """
    floats = [i for i, x in enumerate(arguments.inputs) if is_float_array(x)]
    given = [i for i in floats if i < arguments.first_own]
    asked = [i for i in given if getattr(arguments.originals[i], "requires_grad", False)]
    return (*(asked or given), *(i for i in floats if i >= arguments.first_own))
