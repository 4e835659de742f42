"""What mypy and editors see of flowgraph.boxes, made from the registry: `python -m tools.boxes_stub FILE`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import flowgraph.boxes
from flowgraph.box.exports import exports, is_public
from flowgraph.saving.replacing import replace_text

HEAD = """\
# Made by `python -m tools.boxes_stub` from the registry of boxes.

from typing import Any, Literal, overload

from flowgraph.box import Box
from flowgraph.box.inference import Axes
"""


def stub() -> str:
    """The text of flowgraph/boxes/__init__.pyi."""
    package = flowgraph.boxes.__name__
    found = exports(package, flowgraph.boxes.__path__)
    written = [name for name, one in found.items() if _is_of_both(one)]
    lines = [HEAD.rstrip()]
    lines += [f"from {one.__module__} import {name} as {name}" for name, one in found.items() if name not in written]
    lines += ["", *(line for name in written for line in _overloads(found[name]))]
    lines += ["", "__all__ = [", *(f'    "{name}",' for name, one in found.items() if is_public(one)), "]"]
    return "\n".join(lines) + "\n"


def _is_of_both(one: Callable[..., Any]) -> bool:
    """Whether it is a function of a box or an array `a` that returns the same of both."""
    if isinstance(one, type):
        return False
    signature = inspect.signature(one)
    return signature.return_annotation in ("Any", "Value") and next(iter(signature.parameters), "") == "a"


def _overloads(function: Callable[..., Any]) -> list[str]:
    """A box gives a box; the rest stays open, as NumPy's annotations take np.tanh(box) for an array."""
    first, *others = inspect.signature(function).parameters.values()
    rest = [_shown(one) for one in others]
    return [
        "@overload",
        f"def {function.__name__}({', '.join([f'{first.name}: Box', *rest])}) -> Box: ...",
        "@overload",
        f"def {function.__name__}({', '.join([f'{first.name}: Any', *rest])}) -> Any: ...",
    ]


def _shown(parameter: inspect.Parameter) -> str:
    annotation = str(parameter.annotation).replace("Value", "Any").replace("'", '"')
    return f"{parameter.name}: {annotation}" + ("" if parameter.default is parameter.empty else " = ...")


if __name__ == "__main__":
    replace_text(sys.argv[1], stub())
