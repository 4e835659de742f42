"""A framework's function as source text: where it is defined, and fprop and bprop in the framework's terms."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from flowgraph.checking.definitions import definition_of, literal
from flowgraph.checking.frameworks.adapter import Adapter
from flowgraph.checking.frameworks.arguments import Arguments
from flowgraph.checking.frameworks.torch_code import ModuleCopy
from flowgraph.checking.target import name_of

PUBLIC = (
    "torch", "torch.nn.functional", "torch.special", "torch.linalg", "torch.fft",
    "jax.numpy", "jax.nn", "jax.numpy.linalg", "jax.numpy.fft", "jax.scipy.special", "jax.scipy.linalg", "jax.lax",
    "autograd.numpy", "autograd.numpy.linalg", "autograd.numpy.fft", "autograd.scipy.special",
    "autograd.scipy.linalg", "autograd.scipy.signal", "mygrad", "mygrad.nnet.activations",
)  # fmt: skip

CALLS = {
    "torch": (
        "import torch",
        "",
        "",
        "def tensors(inputs):",
        "    arrays = [torch.tensor(np.asarray(x)) if k in {differentiated} or isinstance(x, np.ndarray) else x"
        " for k, x in enumerate(inputs)]",
        "    return [x.requires_grad_() if k in {differentiated} else x for k, x in enumerate(arrays)]",
        "",
        "",
        "def outputs(x):",
        "    found = {call}",
        "    found = found if isinstance(found, tuple | list) else [found]",
        "    return [y for y in found if y.is_floating_point() or y.is_complex()]",
        "",
        "",
        "def fprop(*inputs):",
        "    parts = [y.detach().numpy() for y in outputs(tensors(inputs))]",
        "    return parts[0] if len(parts) == 1 else tuple(parts)",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    leaves = tensors(inputs)",
        "    grads = grad if isinstance(grad, tuple) else (grad,)",
        "    torch.autograd.backward(outputs(leaves), [torch.tensor(np.asarray(g)) for g in grads])",
        "    return [torch.zeros_like(x) if k in {differentiated} and x.grad is None else getattr(x, 'grad', None)"
        " for k, x in enumerate(leaves)]",
    ),
    "jax": (
        "import jax",
        "",
        "jax.config.update('jax_enable_x64', True)",
        "",
        "",
        "def outputs(*x):",
        "    leaves = jax.tree_util.tree_leaves({call})",
        "    return [y for y in leaves if jax.numpy.issubdtype(y.dtype, jax.numpy.inexact)]",
        "",
        "",
        "def fprop(*inputs):",
        "    parts = [np.asarray(y) for y in outputs(*inputs)]",
        "    return parts[0] if len(parts) == 1 else tuple(parts)",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    def of_differentiated(*values):",
        "        places = dict(zip({differentiated}, values))",
        "        return outputs(*[places.get(k, x) for k, x in enumerate(inputs)])",
        "",
        "    pull = jax.vjp(of_differentiated, *[jax.numpy.asarray(inputs[k]) for k in {differentiated}])[1]",
        "    grads = grad if isinstance(grad, tuple) else (grad,)",
        "    found = dict(zip({differentiated}, pull([jax.numpy.asarray(np.conj(g)) for g in grads])))",
        "    return [found.get(k) for k in range(len(inputs))]",
    ),
    "autograd": (
        "from autograd import make_vjp",
        "",
        "",
        "def fprop(*x):",
        "    return {call}",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    found = dict(zip({differentiated}, make_vjp(fprop, {differentiated})(*inputs)[0](np.conj(grad))))",
        "    return [found.get(k) for k in range(len(inputs))]",
    ),
    "mygrad": (
        "import mygrad",
        "",
        "",
        "def called(x):",
        "    return {call}",
        "",
        "",
        "def tensors(inputs):",
        "    return [mygrad.tensor(x) if k in {differentiated} else x for k, x in enumerate(inputs)]",
        "",
        "",
        "def fprop(*inputs):",
        "    return called(tensors(inputs)).data",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    leaves = tensors(inputs)",
        "    called(leaves).backward(np.asarray(grad))",
        "    return [getattr(x, 'grad', None) for x in leaves]",
    ),
}


def public_name(function: Callable[..., Any]) -> tuple[str, str] | None:
    """The module and name under which a framework's user finds the function."""
    name = getattr(function, "__name__", None)
    for module in PUBLIC:
        if isinstance(name, str) and getattr(sys.modules.get(module), name, None) is function:
            return module, name
    return None


def title(function: Callable[..., Any]) -> str:
    """torch.hypot rather than the name of whatever implements it."""
    found = public_name(function)
    return ".".join(found) if found is not None else name_of(function)


def definition(framework: str, function: Callable[..., Any], adapter: Adapter) -> tuple[str, ...]:
    """The lines that define fprop and bprop, with what cannot be written out left to be filled in."""
    found = public_name(function)
    module = getattr(adapter, "module", None)
    if found is not None:
        lines = [f"from {found[0]} import {found[1]} as function"]
    else:
        lines = function_lines(function) if module is None else module_lines(function)
    call = call_text(function, adapter.arguments, framework, module)
    if call is None:
        names = ", ".join(adapter.arguments.names)
        lines.append(f"# fill in: function, which makes the arguments of a list of {names}, and calls yours with them")
        call = "function(x)"
    places = {"{differentiated}": repr(adapter.differentiated), "{call}": call}
    return (*lines, *(_filled(line, places) for line in CALLS[framework]))


def _filled(line: str, places: dict[str, str]) -> str:
    for place, text in places.items():
        line = line.replace(place, text)
    return line


def call_text(
    function: Callable[..., Any], arguments: Arguments, framework: str, module: ModuleCopy | None
) -> str | None:
    """`function(x[0], dim=x[1])`; None where an argument cannot be built from its parts in a line."""
    places = iter(range(len(arguments.inputs)))
    texts = [_built(nest, places) for nest in arguments.nests[: len(arguments.nests) - arguments.own]]
    if any(text is None for text in texts) or (arguments.own and module is None):
        return None
    positional = len(texts) - len(arguments.keywords)
    if module is not None:
        given = "".join(f"{text}, " for text in texts[:positional])
        named = ", ".join(
            f"'{name}': {text}" for name, text in zip(arguments.keywords, texts[positional:], strict=True)
        )
        parameters = f"dict(zip({literal(list(module.parameters))}, x[{arguments.first_own}:]))"
        return f"torch.func.functional_call(function, {parameters}, ({given}), {{{named}}})"
    by_name = zip(arguments.keywords, texts[positional:], strict=True)
    named_texts = [f"{name}={text}" for name, text in by_name]
    applied = "function.apply" if framework == "torch" and isinstance(function, type) else "function"
    return f"{applied}({', '.join([*map(str, texts[:positional]), *named_texts])})"


def _built(nest: Any, places: Iterator[int]) -> str | None:
    if nest is None:
        return f"x[{next(places)}]"
    _, text, nests = nest
    texts = [_built(inner, places) for inner in nests]
    return None if text is None or any(one is None for one in texts) else str(text(*texts))


def module_lines(module: Any) -> list[str]:
    """A module of torch.nn as the constructor's call that its repr is; what to fill in for any other."""
    torch_nn = f"torch.nn.{module!r}"
    if re.fullmatch(r"torch\.nn\.\w+\([^()]*(\([^()]*\)[^()]*)*\)", torch_nn.replace("\n", "")):
        made = _evaluated(torch_nn)
        if type(made) is type(module):
            training = "" if module.training else ".eval()"
            return ["import torch", f"function = {torch_nn}.double(){training}"]
    return [f"# fill in: function = your {type(module).__name__}, as it was given to the check, and .double()"]


def _evaluated(text: str) -> Any:
    try:
        return eval(text, {"torch": sys.modules["torch"]})
    except Exception:
        return None


def function_lines(function: Callable[..., Any]) -> list[str]:
    """Where the function is found, or its source; what to fill in for any other."""
    lines = definition_of("function", function)
    if len(lines) == 1 and lines[0].startswith("#"):
        return [f"# fill in: function = your {lines[0].rpartition(' ')[2]}; it cannot be written out"]
    return lines
