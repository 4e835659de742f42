"""From a framework's function and its arguments to a target of the checker."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from flowgraph.checking.frameworks.adapter import Adapter
from flowgraph.checking.frameworks.arguments import Arguments, arrays_in
from flowgraph.checking.frameworks.autograd_code import AutogradCode, is_autograd_code
from flowgraph.checking.frameworks.jax_code import JaxCode
from flowgraph.checking.frameworks.jax_code import to_numpy as numpy_of_jax
from flowgraph.checking.frameworks.mygrad_code import MygradCode
from flowgraph.checking.frameworks.mygrad_code import to_numpy as numpy_of_mygrad
from flowgraph.checking.frameworks.torch_code import TorchCode, differentiated_inputs, module_as_function
from flowgraph.checking.frameworks.torch_code import to_numpy as numpy_of_torch
from flowgraph.checking.frameworks.writing import definition, title
from flowgraph.checking.target import Inputs, Target, is_float_array

FrameworkName: TypeAlias = Literal["torch", "jax", "mygrad", "autograd"]
KNOWN: tuple[str, ...] = get_args(FrameworkName)


def framework_target(
    function: Any,
    given: Sequence[Any],
    framework: str | None = None,
    names: Sequence[str] | None = None,
    valid: Callable[..., Any] | None = None,
) -> Target | None:
    """The target, or None where `function` and what it is given belong to no framework that has been imported.

    Arrays of floats are differentiated, in torch those that require a gradient if any does; everything else is a
    setting, Python floats too. `names` are of the flat inputs: nested containers are taken apart, the parameters of a
    module come last.
    """
    if framework is not None and framework not in KNOWN:
        raise ValueError(f"check: framework={framework!r} is not known; there are {', '.join(KNOWN)}")
    framework = framework or framework_of(function, given)
    if framework is None:
        return None
    if framework not in sys.modules:
        raise ImportError(f"check: framework={framework!r} was asked for, but {framework} has not been imported")
    adapter, name, label, own = _adapter(framework, function, tuple(given))
    if not adapter.differentiated:
        kinds = ", ".join(type(value).__name__ for value in given) or "nothing"
        raise TypeError(
            f"check: {name} was given {kinds}; at least one {framework} array of floats is needed to differentiate"
        )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        adapter.fprop(*adapter.arguments.inputs)  # what is wrong with the example shows itself here
    arguments = adapter.arguments
    chosen = tuple(names) if names is not None else label
    if len(chosen) != len(arguments.inputs):
        count = len(arguments.inputs)
        raise ValueError(f"check: {len(chosen)} names were given for {count} inputs; give one name each")
    plain = all(nest is None for nest in arguments.nests)
    target = Target(
        adapter.fprop,
        adapter.bprop,
        arguments.inputs,
        chosen,
        name,
        adapter.differentiated,
        valid=_with_axes_of_parameters(valid, arguments.inputs, own),
        code=_code(function),
        definition=definition(framework, adapter.function, adapter.differentiated) if plain else (),
    )
    return target if framework == "mygrad" else replace(target, second=adapter.second)


def framework_of(function: Any, given: Sequence[Any]) -> str | None:
    """By the arguments first, by the function itself otherwise; only what has been imported is looked at."""
    leaves = list(arrays_in(list(given)))
    module = getattr(function, "__module__", None) or ""
    torch, jax, mygrad = (sys.modules.get(name) for name in ("torch", "jax", "mygrad"))
    if torch is not None:
        custom = inspect.isclass(function) and issubclass(function, torch.autograd.Function)
        if custom or isinstance(function, torch.nn.Module) or any(isinstance(x, torch.Tensor) for x in leaves):
            return "torch"
    if jax is not None:
        ours = isinstance(function, jax.custom_vjp | jax.custom_jvp) or module.partition(".")[0] in ("jax", "jaxlib")
        if ours or any(isinstance(x, jax.Array) for x in leaves):
            return "jax"
    if mygrad is not None and (
        module.partition(".")[0] == "mygrad" or any(isinstance(x, mygrad.Tensor) for x in leaves)
    ):
        return "mygrad"
    if torch is not None and module.partition(".")[0] == "torch":
        return "torch"
    return "autograd" if "autograd" in sys.modules and is_autograd_code(function) else None


def _adapter(framework: str, function: Any, given: tuple[Any, ...]) -> tuple[Adapter, str, tuple[str, ...], int]:
    """The adapter, the title, the names of the flat inputs, and how many of the last are a module's own parameters."""
    name = title(function)
    if framework == "torch":
        own: list[str] = []
        inspected = function
        if isinstance(function, sys.modules["torch"].nn.Module):
            name = type(function).__name__
            function, given, own = module_as_function(function, given)
        arguments = Arguments.of(inspected, given, numpy_of_torch)
        names = (*arguments.names[: len(arguments.names) - len(own)], *own)
        return TorchCode(function, arguments, differentiated_inputs(arguments)), name, names, len(own)
    to_numpy = {"jax": numpy_of_jax, "mygrad": numpy_of_mygrad}.get(framework, lambda value: value)
    arguments = Arguments.of(function, given, to_numpy)
    floats = tuple(i for i, x in enumerate(arguments.inputs) if is_float_array(x))
    kinds: dict[str, type[Adapter]] = {"jax": JaxCode, "mygrad": MygradCode, "autograd": AutogradCode}
    return kinds[framework](function, arguments, floats), name, arguments.names, 0


def _with_axes_of_parameters(valid: Callable[..., Any] | None, inputs: Inputs, own: int) -> Callable[..., Any] | None:
    """The parameters of a module keep their number of axes, whatever size these have."""
    if not own:
        return valid
    axes = [np.ndim(x) for x in inputs[-own:]]

    def keeps_axes(*changed: Any) -> bool:
        kept = [np.ndim(x) for x in changed[-own:]] == axes
        return kept and (valid is None or bool(np.all(valid(*changed))))

    return keeps_axes


def _code(function: Any) -> tuple[Callable[..., Any], ...]:
    """The functions in which numbers and branches are looked for."""
    parts = [getattr(function, name, None) for name in ("forward", "backward", "fun", "fwd", "bwd", "__wrapped__")]
    found = tuple(part for part in parts if inspect.isroutine(part))
    return found or (function,)
