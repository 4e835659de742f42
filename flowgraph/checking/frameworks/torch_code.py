"""PyTorch: functions of tensors, torch.autograd.Function subclasses, and modules with their parameters."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.frameworks.adapter import Adapter, Pullback, wide_enough
from flowgraph.checking.frameworks.arguments import Arguments, arrays_in
from flowgraph.checking.target import Inputs, is_float_array


def to_numpy(value: Value) -> Any:
    """Float tensors in float64, others in their own type."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu()
    return np.array((value.double() if value.is_floating_point() else value).numpy())


class TorchCode(Adapter):
    """Gradients come from torch.autograd.grad."""

    framework = "torch"

    def __init__(self, function: Callable[..., Any], arguments: Arguments, differentiated: tuple[int, ...]) -> None:
        super().__init__(function, arguments, differentiated)
        self.torch = sys.modules["torch"]
        self.call: Any = function
        if inspect.isclass(function):
            self.call = function.apply  # type: ignore[attr-defined]
        self._random_state = None
        before = self.torch.get_rng_state()
        self._values([self._tensor(x) for x in arguments.inputs])
        if not self.torch.equal(before, self.torch.get_rng_state()):
            self._random_state = before
            self.torch.set_rng_state(before)

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        leaves = [self._tensor(x) for x in inputs]
        active = [leaves[i].requires_grad_() for i in self.differentiated]
        outputs = self._values(leaves)
        if outputs and not any(y.requires_grad for y in outputs):
            raise NotImplementedError("torch: no output requires a gradient, so that backward would raise")

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            chosen = [(y, self._tensor(g)) for y, g in zip(outputs, grads, strict=True) if y.requires_grad]
            found = self._grad([y for y, _ in chosen], active, [g for _, g in chosen])
            return [None if g is None else g.to_dense().numpy(force=True) for g in found]

        return [y.numpy(force=True) for y in outputs], pull

    def second(
        self, grads: Sequence[Value], gradients: Any, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        leaves = [self._tensor(x) for x in inputs]
        arriving = self._tensor(grad).requires_grad_()
        active = [leaves[i].requires_grad_() for i in self.differentiated]
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
        by_inputs: list[Any] = [None] * len(inputs)
        for i, g in zip(self.differentiated, by_active, strict=True):
            by_inputs[i] = g
        return (by_grad, None, *by_inputs)

    def _grad(self, outputs: list[Any], inputs: list[Any], grads: list[Any], create_graph: bool = False) -> Any:
        if not outputs:
            return [None] * len(inputs)
        return self.torch.autograd.grad(
            outputs, inputs, grads, retain_graph=True, allow_unused=True, create_graph=create_graph
        )

    def _values(self, leaves: list[Any]) -> list[Any]:
        with contextlib.ExitStack() as stack:
            if self._random_state is not None:
                stack.enter_context(self.torch.random.fork_rng(devices=[]))
                self.torch.set_rng_state(self._random_state)
            result = self.call(*self.arguments.put_together(leaves))
        found = [y for y in arrays_in(result) if isinstance(y, self.torch.Tensor)]
        return [y for y in found if y.is_floating_point() or y.is_complex()]

    def _tensor(self, value: Value) -> Any:
        """Shares memory, so that writing in place is seen."""
        if not isinstance(value, np.ndarray | np.generic):
            return value
        array = wide_enough(np.asarray(value))
        if any(stride < 0 for stride in array.strides):
            array = array.copy()
        return self.torch.from_numpy(array)


def module_as_function(module: Any, given: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...], list[str]]:
    """A function of the inputs and the parameters; buffers are copied for every call, so that none of them drifts."""
    torch = sys.modules["torch"]
    parameters = dict(module.named_parameters())
    count = len(given)

    def function(*inputs: Any) -> Any:
        values = dict(zip(parameters, inputs[count:], strict=True))
        dtype = next((x.dtype for x in inputs if isinstance(x, torch.Tensor) and x.is_floating_point()), torch.float64)
        for name, buffer in module.named_buffers():
            values[name] = buffer.detach().to(dtype if buffer.is_floating_point() else buffer.dtype, copy=True)
        return torch.func.functional_call(module, values, inputs[:count])

    function.__name__ = function.__qualname__ = type(module).__name__
    return function, (*given, *parameters.values()), list(parameters)


def differentiated_inputs(arguments: Arguments) -> tuple[int, ...]:
    """Those that require a gradient if any does, as torch's own gradcheck has it; otherwise every tensor of floats."""
    floats = [i for i, x in enumerate(arguments.inputs) if is_float_array(x)]
    asked = [i for i in floats if getattr(arguments.originals[i], "requires_grad", False)]
    return tuple(asked or floats)
