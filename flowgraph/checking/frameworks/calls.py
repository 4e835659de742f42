"""The call of a framework's function as Python text, from a list `x` of its flat inputs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from flowgraph.checking.frameworks.arguments import Arguments
from flowgraph.checking.frameworks.torch_module import ModuleCopy
from flowgraph.checking.reproduce import definition_of, literal


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
    build, nests = nest
    texts = [_built(inner, places) for inner in nests]
    text = getattr(build, "text", None)
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
