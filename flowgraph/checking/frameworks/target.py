"""From a framework's function and its arguments to a target of the checker."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.code_contents import reachable_values
from flowgraph.checking.frameworks.adapter import ARRAYS as AUTOGRAD_ARRAYS
from flowgraph.checking.frameworks.adapter import MYGRAD_TENSORS, Adapter, AutogradCode, MygradCode
from flowgraph.checking.frameworks.arguments import Arguments, ArrayKind, arrays_in
from flowgraph.checking.frameworks.jax_code import JAX_ARRAYS, JaxCode
from flowgraph.checking.frameworks.torch_code import TENSORS, ModuleCopy, TorchCode, differentiated_inputs
from flowgraph.checking.frameworks.writing import definition, title
from flowgraph.checking.target import Target, annotations_of, is_float_array
from flowgraph.errors import UsageError

FrameworkName: TypeAlias = Literal["torch", "jax", "mygrad", "autograd"]
KNOWN: tuple[str, ...] = get_args(FrameworkName)


def framework_of(function: Callable[..., Any], given: Sequence[Any]) -> str | None:
    """By the arguments first, then by the function itself, at last by the modules that its code names."""
    leaves = list(arrays_in(list(given)))
    for name, recognise in (("torch", _is_torch), ("jax", _is_jax), ("mygrad", _is_mygrad)):
        if sys.modules.get(name) is not None and recognise(function, leaves):
            return name
    for name in ("autograd", "jax"):
        if name in sys.modules and _names(function, name):
            return name
    return None


def _is_torch(function: Any, leaves: list[Any]) -> bool:
    torch = sys.modules["torch"]
    custom = inspect.isclass(function) and issubclass(function, torch.autograd.Function)
    ours = custom or isinstance(function, torch.nn.Module) or any(isinstance(x, torch.Tensor) for x in leaves)
    return ours or (_of(function, "torch") and not any(_is_foreign(x) for x in leaves))


def _is_jax(function: Any, leaves: list[Any]) -> bool:
    jax = sys.modules["jax"]
    ours = isinstance(function, jax.custom_vjp | jax.custom_jvp) or _of(function, "jax") or _of(function, "jaxlib")
    compiled = type(function).__module__.partition(".")[0] in ("jax", "jaxlib")
    return ours or compiled or any(isinstance(x, jax.Array) for x in jax.tree_util.tree_leaves([function, *leaves]))


def _is_mygrad(function: Any, leaves: list[Any]) -> bool:
    tensor = sys.modules["mygrad"].Tensor
    return _of(function, "mygrad") or any(isinstance(x, tensor) for x in leaves)


def _is_foreign(leaf: object) -> bool:
    return type(leaf).__module__.partition(".")[0] in ("jax", "jaxlib", "mygrad")


def _of(function: Any, package: str) -> bool:
    return (getattr(function, "__module__", None) or "").partition(".")[0] == package


def _names(function: Callable[..., Any], package: str) -> bool:
    """A primitive or function of the package, or one whose code names its modules, functions or primitives."""
    if _of(function, package) or _is_primitive(function, package):
        return True
    for value in reachable_values(function):
        named = getattr(value, "__name__", None) if type(value).__name__ == "module" else None
        if (isinstance(named, str) and named.partition(".")[0] == package) or _is_primitive(value, package):
            return True
    return False


def _is_primitive(value: Value, package: str) -> bool:
    """autograd's primitives, JAX's compiled and custom functions: callables that the package has wrapped."""
    if package == "autograd":
        return bool(getattr(value, "_is_autograd_primitive", False))
    return callable(value) and type(value).__module__.partition(".")[0] in (package, f"{package}lib")


CODE: dict[str, tuple[type[Adapter], ArrayKind]] = {
    "torch": (TorchCode, TENSORS),
    "jax": (JaxCode, JAX_ARRAYS),
    "mygrad": (MygradCode, MYGRAD_TENSORS),
    "autograd": (AutogradCode, AUTOGRAD_ARRAYS),
}


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
    if framework is not None and framework not in KNOWN:
        raise ValueError(f"check: found framework={framework!r}, needs one of {', '.join(KNOWN)}")
    keywords = keywords or {}
    framework = framework or framework_of(function, [*given, *keywords.values()])
    if framework is None:
        return None
    if framework not in sys.modules:
        raise ImportError(
            f"check: found framework={framework!r}, but {framework} has not been imported; import it first"
        )
    name, function = title(function), _of_apply(function)
    adapter = _adapter(framework, function, given, keywords, name)
    arguments = adapter.arguments
    if not adapter.differentiated:
        kinds = ", ".join(type(value).__name__ for value in given) or "nothing"
        raise TypeError(
            f"check: {name} was given {kinds}; at least one {framework} array of floats is needed to differentiate"
        )
    _run_example(adapter, name)
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
        definition=definition(framework, function, adapter),
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


def _adapter(
    framework: str, function: Callable[..., Any], given: Sequence[Any], keywords: Mapping[str, Any], name: str
) -> Adapter:
    """What runs the function, on the arguments and on the parameters that the function has itself."""
    made, kind = CODE[framework]
    arguments = Arguments.of(function, given, keywords, kind)
    try:
        if framework == "torch":
            module = None
            if isinstance(function, sys.modules["torch"].nn.Module):
                module = ModuleCopy(function, given, keywords)
                arguments = arguments.with_own(module.parameters, kind)
            return TorchCode(function, arguments, differentiated_inputs(arguments), module)
        if framework == "jax" and kind.opened(function) is not None:
            arguments = arguments.with_own({"": function}, kind)
    except Exception as error:
        raise _with_way_out(error, name) from error
    floats = tuple(i for i, x in enumerate(arguments.inputs) if is_float_array(x))
    return made(function, arguments, floats)


def _role(arguments: Arguments, differentiated: Sequence[int]) -> str:
    """The name of the differentiated inputs together, if the function has parameters of its own."""
    own = [i >= arguments.first_own for i in differentiated]
    return "parameters" if all(own) else "inputs and parameters" if any(own) else ""


def _run_example(adapter: Adapter, name: str) -> None:
    """Run the example, so that its errors are raised here."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            adapter.fprop(*adapter.arguments.inputs)
    except Exception as error:
        raise _with_way_out(error, name) from error


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
