"""A framework's function in Python text: where it is found, and fprop and bprop in that framework's own words."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from flowgraph.checking.reproduce import definition_of
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
        "    arrays = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in inputs]",
        "    return [x.requires_grad_() if i in {differentiated} else x for i, x in enumerate(arrays)]",
        "",
        "",
        "def fprop(*inputs):",
        "    return function(*tensors(inputs)).detach().numpy()",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    leaves = tensors(inputs)",
        "    function(*leaves).backward(torch.tensor(grad))",
        "    return [getattr(x, 'grad', None) for x in leaves]",
    ),
    "jax": (
        "import jax",
        "",
        "jax.config.update('jax_enable_x64', True)",
        "",
        "",
        "def fprop(*inputs):",
        "    return np.asarray(function(*inputs))",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    def of_differentiated(*values):",
        "        places = dict(zip({differentiated}, values))",
        "        return function(*[places.get(i, x) for i, x in enumerate(inputs)])",
        "",
        "    pull = jax.vjp(of_differentiated, *[inputs[i] for i in {differentiated}])[1]",
        "    found = dict(zip({differentiated}, pull(jax.numpy.asarray(grad))))",
        "    return [found.get(i) for i in range(len(inputs))]",
    ),
    "autograd": (
        "from autograd import make_vjp",
        "",
        "fprop = function",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    found = dict(zip({differentiated}, make_vjp(function, {differentiated})(*inputs)[0](grad)))",
        "    return [found.get(i) for i in range(len(inputs))]",
    ),
    "mygrad": (
        "import mygrad",
        "",
        "",
        "def fprop(*inputs):",
        "    return function(*inputs).data",
        "",
        "",
        "def bprop(grad, output, *inputs):",
        "    leaves = [mygrad.tensor(x) if i in {differentiated} else x for i, x in enumerate(inputs)]",
        "    function(*leaves).backward(grad)",
        "    return [getattr(x, 'grad', None) for x in leaves]",
    ),
}


def public_name(function: Any) -> tuple[str, str] | None:
    """The module and name under which a framework's user finds the function."""
    name = getattr(function, "__name__", None)
    for module in PUBLIC:
        if isinstance(name, str) and getattr(sys.modules.get(module), name, None) is function:
            return module, name
    return None


def title(function: Any) -> str:
    """torch.hypot rather than the name of whatever implements it."""
    found = public_name(function)
    return ".".join(found) if found is not None else name_of(function)


def definition(framework: str, function: Callable[..., Any], differentiated: tuple[int, ...]) -> tuple[str, ...]:
    """The lines that define fprop and bprop of a function of plain arguments."""
    found = public_name(function)
    lines = [f"from {found[0]} import {found[1]} as function"] if found else definition_of("function", function)
    calls = [line.replace("{differentiated}", repr(differentiated)) for line in CALLS[framework]]
    return (*lines, *calls)
