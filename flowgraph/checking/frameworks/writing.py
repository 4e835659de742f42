"""A framework's function as source text: where it is defined, and fprop and bprop in the framework's terms."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from flowgraph.checking.frameworks.adapter import Adapter
from flowgraph.checking.reproduce import definition_of, literal
from flowgraph.checking.target import name_of

PUBLIC = (
    "torch", "torch.nn.functional", "torch.special", "torch.linalg", "torch.fft",
    "jax.numpy", "jax.nn", "jax.numpy.linalg", "jax.numpy.fft", "jax.scipy.special", "jax.scipy.linalg", "jax.lax",
    "autograd.numpy", "autograd.numpy.linalg", "autograd.numpy.fft", "autograd.scipy.special",
    "autograd.scipy.linalg", "autograd.scipy.signal", "mygrad", "mygrad.nnet.activations",
)  # fmt: skip

CALLS = {
    "torch": """
import torch


def tensors(inputs):
    arrays = (isinstance(x, np.ndarray) or k in {differentiated} for k, x in enumerate(inputs))
    found = [torch.tensor(x) if array else x for array, x in zip(arrays, inputs)]
    return [x.requires_grad_() if k in {differentiated} else x for k, x in enumerate(found)]


def called(x):
    found = {call}
    found = found if isinstance(found, tuple | list) else [found]
    return [y for y in found if y.is_floating_point() or y.is_complex()]


def outputs(*inputs):
    return [y.detach() for y in called(tensors(inputs))]


def pulled(inputs, grads):
    x = tensors(inputs)
    torch.autograd.backward(called(x), [torch.tensor(g) for g in grads])
    return [torch.zeros_like(x[k]) if x[k].grad is None else x[k].grad for k in {differentiated}]
""",
    "jax": """
import jax

jax.config.update('jax_enable_x64', True)


def outputs(*x):
    leaves = jax.tree_util.tree_leaves({call})
    return [y for y in leaves if jax.numpy.issubdtype(y.dtype, jax.numpy.inexact)]


def pulled(inputs, grads):
    def of_differentiated(*values):
        places = dict(zip({differentiated}, values))
        return outputs(*[places.get(k, x) for k, x in enumerate(inputs)])

    pull = jax.vjp(of_differentiated, *[jax.numpy.asarray(inputs[k]) for k in {differentiated}])[1]
    return pull([jax.numpy.asarray(np.conj(g)) for g in grads])
""",
    "autograd": """
from autograd import make_vjp


def outputs(*x):
    return [{call}]


def pulled(inputs, grads):
    return make_vjp(lambda *x: outputs(*x)[0], {differentiated})(*inputs)[0](np.conj(grads[0]))
""",
    "mygrad": """
import mygrad


def tensors(inputs):
    return [mygrad.tensor(x) if k in {differentiated} else x for k, x in enumerate(inputs)]


def called(x):
    return {call}


def outputs(*inputs):
    return [called(tensors(inputs)).data]


def pulled(inputs, grads):
    x = tensors(inputs)
    called(x).backward(np.asarray(grads[0]))
    return [x[k].grad for k in {differentiated}]
""",
}
"""What defines `outputs(*inputs)` and `pulled(inputs, grads)` by {call} and {differentiated}."""

PAIR = """

def fprop(*inputs):
    parts = [np.asarray(y) for y in outputs(*inputs)]
    return parts[0] if len(parts) == 1 else tuple(parts)


def bprop(grad, output, *inputs):
    grads = grad if isinstance(grad, tuple) else (grad,)
    found = dict(zip({differentiated}, map(np.asarray, pulled(inputs, grads))))
    return [found.get(k) for k in range(len(inputs))]
"""


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


def definition(function: Callable[..., Any], adapter: Adapter) -> tuple[str, ...]:
    """The lines that define fprop and bprop, with what cannot be written out left to be filled in."""
    found, module = public_name(function), getattr(adapter, "module", None)
    if found is not None:
        lines = [f"from {found[0]} import {found[1]} as function"]
    else:
        lines = function_lines(function) if module is None else module_lines(function)
    call = call_text(adapter, applied=adapter.framework == "torch" and isinstance(function, type))
    if call is None:
        names = ", ".join(adapter.arguments.names)
        lines.append(f"# fill in: function, which makes the arguments of a list of {names}, and calls yours with them")
        call = "function(x)"
    text = (CALLS[adapter.framework] + PAIR).replace("{differentiated}", repr(adapter.differentiated))
    return (*lines, *text.replace("{call}", call).strip("\n").splitlines())


def call_text(adapter: Adapter, applied: bool) -> str | None:
    """`function(x[0], dim=x[1])`; None where an argument cannot be built from its parts in a line."""
    arguments, module = adapter.arguments, getattr(adapter, "module", None)
    positional, keywords, own = arguments.put_together((f"x[{k}]" for k in range(len(arguments.inputs))), written=True)
    if None in (*positional, *keywords.values()) or (own and module is None):
        return None
    if module is None:
        named = (f"{name}={text}" for name, text in keywords.items())
        return f"function{'.apply' * applied}({', '.join([*positional, *named])})"
    given, by_name = "".join(f"{text}, " for text in positional), [f"'{k}': {text}" for k, text in keywords.items()]
    parameters = f"dict(zip({literal(list(module.parameters))}, x[{arguments.first_own}:]))"
    return f"torch.func.functional_call(function, {parameters}, ({given}), {{{', '.join(by_name)}}})"


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
