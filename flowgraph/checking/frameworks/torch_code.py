"""PyTorch: functions of tensors, torch.autograd.Function subclasses, and modules with their parameters."""

from __future__ import annotations

import contextlib
import copy
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.frameworks.adapter import Adapter, ArrayKind, Opened, Pullback, arrays_in, is_of, wide_enough
from flowgraph.checking.target import Inputs

WRITES_IN_PLACE = re.compile(r"leaf Variable.* in-?place operation|view of a leaf Variable", re.IGNORECASE)
BACKWARD_ALONE = re.compile(r"(not |in)compatible with \.grad\(\)")  # of reentrant checkpoints


def to_numpy(value: Value) -> Any:
    """Float tensors in float64, others in their own type."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu()
    return np.array((value.double() if value.is_floating_point() else value).numpy())


def open_tensor(value: Value) -> Opened | None:
    """Complex tensors in two parts, of sparse ones the values."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor):
        return None
    if value.layout is torch.sparse_coo:
        value = value.coalesce()
        made, places, more = torch.sparse_coo_tensor, [value.indices()], {"is_coalesced": True}
    elif value.layout in (torch.sparse_csr, torch.sparse_csc):
        by_rows = value.layout is torch.sparse_csr
        places = [value.crow_indices(), value.col_indices()] if by_rows else [value.ccol_indices(), value.row_indices()]
        made, more = torch.sparse_compressed_tensor, {"layout": value.layout}
    elif value.is_complex():
        parts = [(".real", value.real), (".imag", value.imag)]
        return Opened(parts, lambda leaves: torch.complex(*leaves), "torch.complex({}, {})".format)
    else:
        return None
    size = value.size()

    def build(leaves: list[Any]) -> Any:
        return made(*places, leaves[0], size, check_invariants=False, **more)

    return Opened([(".values", value.values())], build, fixed=True)


class TorchCode(Adapter):
    """Gradients come from torch.autograd.grad."""

    framework = "torch"
    kind = ArrayKind(to_numpy, open_tensor)
    words = ("forward", "backward")

    def __init__(self, function: Callable[..., Any], given: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        self.torch = sys.modules["torch"]
        self.module: ModuleCopy | None = None
        super().__init__(function, given, keywords)
        self.function: Any = function.apply if inspect.isclass(function) else function  # type: ignore[attr-defined]
        self.writes_in_place = False
        self.adds_to_grad = False
        self._random_state = None
        before = self.torch.get_rng_state()
        self._try_out()
        if not self.torch.equal(before, self.torch.get_rng_state()):
            self._random_state = before
            self.torch.set_rng_state(before)

    @classmethod
    def recognises(cls, function: Any, leaves: Sequence[Any]) -> bool:
        """By a tensor among the arguments, or by itself unless an argument is of another framework."""
        torch = sys.modules["torch"]
        custom = inspect.isclass(function) and issubclass(function, torch.autograd.Function)
        if custom or isinstance(function, torch.nn.Module) or any(isinstance(x, torch.Tensor) for x in leaves):
            return True
        others = (is_of(type(x), package) for x in leaves for package in ("jax", "jaxlib", "mygrad"))
        return is_of(function, "torch") and not any(others)

    def own(self, given: Sequence[Any], keywords: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those parameters of a module that require a gradient."""
        if not isinstance(self.function, self.torch.nn.Module):
            return {}
        self.module = ModuleCopy(self.function, given, keywords)
        self.beside = self.module.frozen
        return self.module.parameters

    def differentiated_inputs(self) -> tuple[int, ...]:
        """As torch's own gradcheck has it.

        Of what is given those that require a gradient if any does, otherwise every tensor of floats; and all parameters
        of a module, since frozen ones are none of its inputs.
        """
        arguments, floats = self.arguments, super().differentiated_inputs()
        given = [i for i in floats if i < arguments.first_own]
        asked = [i for i in given if getattr(arguments.originals[i], "requires_grad", False)]
        return (*(asked or given), *(i for i in floats if i >= arguments.first_own))

    @contextlib.contextmanager
    def one_thread(self) -> Iterator[None]:
        """Each of 750 calls of softmax for 12 numbers wakes all threads: 1.3 s of the processor, in place of 0.12 s."""
        threads = self.torch.get_num_threads()
        self.torch.set_num_threads(1)
        try:
            yield
        finally:
            self.torch.set_num_threads(threads)

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        leaves = self._leaves(inputs)
        active = self._active(leaves)
        outputs = self._values(leaves)
        if outputs and not any(y.requires_grad for y in outputs):
            raise NotImplementedError("torch: no output requires a gradient, so that backward would raise")

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            if self.module is not None:  # what runs forward again during backward finds the parameters of its own run
                self.module.put_in(self.arguments.put_together(leaves)[2])
            gradients: Any = None if self.adds_to_grad else self._pull_by_grad(outputs, active, grads)
            if self.adds_to_grad:
                gradients = self._pull_by_backward(self._values(leaves), active, grads)
            return [None if g is None else g.to_dense().numpy(force=True) for g in gradients]

        return [y.numpy(force=True) for y in outputs], pull

    def second(self, grads: Value, gradients: object, grad: Value, output: Value, *inputs: Any) -> tuple[Any, ...]:
        """The bprop of bprop, by torch.autograd.grad twice."""
        leaves = self._leaves(inputs)
        arriving = self._tensor(grad).requires_grad_()
        active = self._active(leaves)
        (y,) = self._values(leaves)
        first = self._grad([y] if y.requires_grad else [], [arriving], active, create_graph=True)
        pairs = [(r, grads[i]) for i, r in zip(self.differentiated, first, strict=True) if r is not None]
        chosen = [(r, self._tensor(g)) for r, g in pairs if g is not None and r.requires_grad]
        computed = self._grad([r for r, _ in chosen], [g for _, g in chosen], [arriving, *active])
        by_grad, *by_active = [None if g is None else g.to_dense().numpy(force=True) for g in computed]
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

    def _pull_by_grad(self, outputs: list[Any], inputs: list[Any], grads: Sequence[Any]) -> Any:
        """By torch.autograd.grad; finds out whether the code takes `backward` alone, or adds to `.grad` itself."""
        for x in inputs:
            x.grad = None
        try:
            gradients = self._grad(*self._with_grad(outputs, grads), inputs)
        except RuntimeError as error:
            if not BACKWARD_ALONE.search(str(error)):
                raise
            self.adds_to_grad = True
            return None
        self.adds_to_grad = any(x.grad is not None for x in inputs)
        return gradients

    def _pull_by_backward(self, outputs: list[Any], inputs: list[Any], grads: Sequence[Any]) -> list[Any]:
        """By `backward`, as in training: what a reversible layer adds to `.grad` in its own backward is part of it.

        Of a forward pass of its own, since such a layer frees or overwrites what it has kept.
        """
        for x in inputs:
            x.grad = None
        self.torch.autograd.backward(*self._with_grad(outputs, grads))
        return [x.grad for x in inputs]

    def _with_grad(self, outputs: list[Any], grads: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The outputs that depend on what is differentiated, and what arrives at them."""
        pairs = [(y, self._tensor(g)) for y, g in zip(outputs, grads, strict=True) if y.requires_grad]
        return [y for y, _ in pairs], [g for _, g in pairs]

    def _grad(self, outputs: list[Any], grads: list[Any], inputs: list[Any], create_graph: bool = False) -> Any:
        if not outputs:
            return [None] * len(inputs)
        return self.torch.autograd.grad(
            outputs, inputs, grads, retain_graph=True, allow_unused=True, create_graph=create_graph
        )

    def _values(self, leaves: list[Any]) -> list[Any]:
        if self.writes_in_place:
            given = range(self.arguments.first_own)
            leaves = [x.clone() if isinstance(x, self.torch.Tensor) and k in given else x for k, x in enumerate(leaves)]
        positional, keywords, own = self.arguments.put_together(leaves)
        with contextlib.ExitStack() as stack:
            if self._random_state is not None:
                stack.enter_context(self.torch.random.fork_rng(devices=[]))
                self.torch.set_rng_state(self._random_state)
            if self.module is None:
                result = self.function(*positional, **keywords)
            else:
                result = self.module.run(own, positional, keywords)
        self.gives_one = isinstance(result, self.torch.Tensor)
        tensors = (y for y in arrays_in(result) if isinstance(y, self.torch.Tensor))
        dense = [y if y.layout is self.torch.strided else y.to_dense() for y in tensors]
        return [y for y in dense if y.is_floating_point() or y.is_complex()]

    def _tensor(self, value: Value) -> Any:
        """Shares memory, so that writing in place is seen."""
        if not isinstance(value, np.ndarray | np.generic):
            return value
        array = wide_enough(np.asarray(value))
        return self.torch.from_numpy(array.copy() if any(stride < 0 for stride in array.strides) else array)


class ModuleCopy:
    """A deep copy of a module as a function of its inputs, into which parameters are put before a run.

    They stay in the module until another run needs others, not for the forward pass alone: what runs the forward pass
    again in its backward pass, as torch.utils.checkpoint does, must read the parameters of its own run. Frozen
    parameters stay as they are. Buffers are put back before every run, so that no average drifts.
    """

    def __init__(self, module: Any, given: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        self.module = _in_double(_copy_module(module))
        self._run_once(given, keywords)
        self.parameters = {name: tensor for name, tensor in self.module.named_parameters() if tensor.requires_grad}
        self.frozen = tuple(name for name, tensor in self.module.named_parameters() if not tensor.requires_grad)
        held = [(inner, name, tensor) for inner in self.module.modules() for name, tensor in inner._parameters.items()]
        self._places = [
            [(inner, name) for inner, name, tensor in held if tensor is parameter]
            for parameter in self.parameters.values()
        ]
        self._buffers = [
            (inner, name, buffer.detach().clone())
            for inner in self.module.modules()
            for name, buffer in inner._buffers.items()
            if buffer is not None
        ]

    def _run_once(self, given: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        """Gives lazy modules their parameters, which are then converted as the others are."""
        lazy = sys.modules["torch"].nn.parameter.is_lazy
        if any(lazy(parameter) for parameter in self.module.parameters()):
            self.module(*map(_wide, given), **{name: _wide(value) for name, value in keywords.items()})
            _in_double(self.module)

    def put_in(self, parameters: Sequence[Any]) -> None:
        """`parameters` in the order of those that require a gradient."""
        for places, value in zip(self._places, parameters, strict=True):
            for inner, name in places:
                inner._parameters[name] = value
                flat = getattr(inner, "_flat_weights_names", ())  # recurrent modules read their own list of them
                if name in flat:
                    inner._flat_weights[flat.index(name)] = value

    def run(self, parameters: Sequence[Any], positional: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """The outputs of the module with these parameters."""
        self.put_in(parameters)
        for inner, name, buffer in self._buffers:
            inner._buffers[name] = buffer.clone()
        return self.module(*positional, **keywords)


def _copy_module(module: Any) -> Any:
    """A deep copy; tensors that were computed and are kept as plain attributes are copied as numbers."""
    lazy = sys.modules["torch"].nn.parameter
    memo: dict[int, Any] = {
        id(buffer): lazy.UninitializedBuffer(dtype=buffer.dtype) for buffer in module.buffers() if lazy.is_lazy(buffer)
    }
    memo |= {id(tensor): tensor.detach().clone() for _, _, tensor in _plain_tensors(module) if not tensor.is_leaf}
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:
        raise TypeError(
            f"check: {type(module).__name__} cannot be copied ({type(error).__name__}: {error}), and a check must not "
            f"change yours; give a function of its inputs and parameters"
        ) from error


def _in_double(module: Any) -> Any:
    """The same module in float64 and complex128, tensors that are plain attributes too."""
    module._apply(_wide)
    for inner, name, value in list(_plain_tensors(module)):
        object.__setattr__(inner, name, _wide(value))
    return module


def _plain_tensors(module: Any) -> Iterator[tuple[Any, str, Any]]:
    torch = sys.modules["torch"]
    for inner in module.modules():
        for name, value in vars(inner).items():
            if isinstance(value, torch.Tensor):
                yield inner, name, value


def _wide(value: Value) -> Any:
    """A tensor in the widest type of its kind, in the memory of this machine."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor) or not (value.is_floating_point() or value.is_complex()):
        return value
    return value.to("cpu", torch.complex128 if value.is_complex() else torch.float64)
