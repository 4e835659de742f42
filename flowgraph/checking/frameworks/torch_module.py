"""PyTorch modules: a copy in float64 whose parameters are those of the run that reads them."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowgraph.box.value import Value


class ModuleCopy:
    """A deep copy of a module as a function of its inputs, into which parameters are put before a run.

    They stay in the module until another run needs others, not for the forward pass alone: what runs the forward pass
    again in its backward pass, as torch.utils.checkpoint does, must read the parameters of its own run. Frozen
    parameters stay as they are. Buffers are put back before every run, so that no average drifts.
    """

    def __init__(self, module: Any, given: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        self.module = _in_double(_copied(module))
        self._run_once(given, keywords)
        places: dict[int, list[tuple[Any, str]]] = {}
        for inner in self.module.modules():
            for name, parameter in inner._parameters.items():
                if parameter is not None and parameter.requires_grad:
                    places.setdefault(id(parameter), []).append((inner, name))
        self.parameters = {
            name: parameter for name, parameter in self.module.named_parameters() if parameter.requires_grad
        }
        self.frozen = tuple(name for name, one in self.module.named_parameters() if not one.requires_grad)
        self._places = [places[id(parameter)] for parameter in self.parameters.values()]
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
            wide = [_wide(value) for value in given]
            self.module(*wide, **{name: _wide(value) for name, value in keywords.items()})
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


def _copied(module: Any) -> Any:
    """A deep copy; tensors that were computed and are kept as plain attributes are copied as numbers."""
    lazy = sys.modules["torch"].nn.parameter
    memo: dict[int, Any] = {
        id(buffer): lazy.UninitializedBuffer(dtype=buffer.dtype) for buffer in module.buffers() if lazy.is_lazy(buffer)
    }
    for _, _, value in _plain_tensors(module):
        if not value.is_leaf:
            memo[id(value)] = value.detach().clone()
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
