"""Whose code a function is: PyTorch's, JAX's, autograd's or MyGrad's. Only what has been imported is looked at."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args

from flowgraph.box.value import Value
from flowgraph.checking.frameworks.arguments import arrays_in
from flowgraph.checking.runner import reachable_values

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
