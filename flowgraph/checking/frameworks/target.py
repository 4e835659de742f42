"""From a framework's function and its arguments to a target of the checker."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from flowgraph.checking.frameworks.adapter import Adapter, AutogradCode, MygradCode
from flowgraph.checking.frameworks.arguments import Arguments, arrays_in
from flowgraph.checking.frameworks.jax_code import JaxCode
from flowgraph.checking.frameworks.torch_code import TorchCode
from flowgraph.checking.frameworks.writing import definition, title
from flowgraph.checking.target import Target, annotations_of
from flowgraph.errors import UsageError

FrameworkName: TypeAlias = Literal["torch", "jax", "mygrad", "autograd"]
ADAPTERS: dict[FrameworkName, type[Adapter]] = {
    "torch": TorchCode, "mygrad": MygradCode, "jax": JaxCode, "autograd": AutogradCode,
}  # fmt: skip


def framework_of(function: Callable[..., Any], given: Sequence[Any]) -> str | None:
    """By the arguments, by the function itself, or by what its code names."""
    leaves = list(arrays_in(list(given)))
    ours = (name for name, code in ADAPTERS.items() if name in sys.modules and code.recognises(function, leaves))
    return next(ours, None)


def framework_target(function: Callable[..., Any], given: Sequence[Any], **options: Any) -> Target | None:
    """The target of `framework_code` alone."""
    found = framework_code(function, given, **options)
    return None if found is None else found[0]


def framework_code(
    function: Any,
    given: Sequence[Any],
    keywords: Mapping[str, Any] | None = None,
    framework: str | None = None,
    names: Sequence[str] | None = None,
    valid: Callable[..., Any] | None = None,
) -> tuple[Target, Adapter] | None:
    """The target and what runs it, or None where `function` and its arguments belong to no imported framework.

    Arrays of floats are differentiated, in torch those that require a gradient if any that is given does; everything
    else is a setting, Python floats too. `names` are of the flat inputs: nested containers are taken apart, complex
    arrays are two inputs, the parameters of a module come last.
    """
    if framework is not None and framework not in ADAPTERS:
        raise ValueError(f"check: found framework={framework!r}, needs one of {', '.join(get_args(FrameworkName))}")
    keywords = keywords or {}
    framework = framework or framework_of(function, [*given, *keywords.values()])
    if framework is None:
        return None
    if framework not in sys.modules:
        raise ImportError(
            f"check: found framework={framework!r}, but {framework} has not been imported; import it first"
        )
    name, function = title(function), _of_apply(function)
    try:
        adapter = ADAPTERS[framework](function, given, keywords)  # type: ignore[index]
        if adapter.differentiated:
            _run_example(adapter)
    except Exception as error:
        raise _with_way_out(error, name) from error
    arguments = adapter.arguments
    if not adapter.differentiated:
        kinds = ", ".join(type(value).__name__ for value in given) or "nothing"
        raise TypeError(
            f"check: {name} was given {kinds}; at least one {framework} array of floats is needed to differentiate"
        )
    chosen = tuple(names) if names is not None else arguments.names
    if len(chosen) != len(arguments.inputs):
        count = len(arguments.inputs)
        raise ValueError(f"check: {len(chosen)} names were given for {count} inputs; give one name each")
    target = Target(
        adapter.fprop,
        adapter.bprop,
        arguments.inputs,
        chosen,
        name,
        adapter.differentiated,
        valid=valid,
        code=_code(function),
        definition=definition(function, adapter),
        fixed_shapes=arguments.fixed,
        annotations=annotations_of(getattr(function, "forward", None) or getattr(function, "fun", function)),
        role=_role(arguments, adapter.differentiated),
        beside=adapter.beside,
        many=adapter.many,
    )
    return (target if framework == "mygrad" else replace(target, second=adapter.second)), adapter


def _of_apply(function: Callable[..., Any]) -> Any:
    """The class where its `apply` is given: the class tells the names of its inputs, and its backward."""
    owner = getattr(function, "__self__", None)
    if getattr(function, "__name__", "") == "apply" and inspect.isclass(owner) and hasattr(owner, "backward"):
        return owner
    return function


def _role(arguments: Arguments, differentiated: Sequence[int]) -> str:
    """The name of the differentiated inputs together, if the function has parameters of its own."""
    own = [i >= arguments.first_own for i in differentiated]
    return "parameters" if all(own) else "inputs and parameters" if any(own) else ""


def _run_example(adapter: Adapter) -> None:
    """Run the example, so that its errors are raised here."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        adapter.fprop(*adapter.arguments.inputs)


def _with_way_out(error: Exception, name: str) -> Exception:
    """A hint if a float32 array from outside of the arguments is combined with float64; else the error itself."""
    text = str(error).lower()
    if isinstance(error, RuntimeError) and "double" in text and "float" in text:
        return UsageError(
            f"check: {name} mixes float32 with the float64 of the check ({error}): a tensor or a module that it finds "
            "outside of its arguments is float32; .double() your module, or give the tensor as an argument"
        )
    return error


def _code(function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """The functions in which numbers and branches are looked for."""
    parts = [getattr(function, name, None) for name in ("forward", "backward", "fun", "fwd", "bwd", "__wrapped__")]
    found = tuple(part for part in parts if inspect.isroutine(part))
    return found or (function,)
