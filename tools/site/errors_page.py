"""The page of errors by name: what each means, and the messages with which the package raises it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import flowgraph
from flowgraph.checking import GradientError
from flowgraph.errors import FlowgraphError

PACKAGE = Path(flowgraph.__file__).parent
HEAD = """\
Errors by name
==============

Every error of flowgraph is a ``FlowgraphError``, and one of Python's own as well, as its second base says;
``GradientError`` is an ``AssertionError``, which test runners show. A message says who, what was found, what is needed,
and the way out. Under each name stand what causes it and what to do, then the messages that the package raises it with;
… stands for what is filled in.
"""


class Message(NamedTuple):
    """A message in the source: the class that is raised, and its text."""

    error: str
    text: str


def errors_page() -> str:
    """The text of the page."""
    by_error: dict[str, set[str]] = {}
    for message in messages():
        by_error.setdefault(message.error, set()).add(message.text)
    lines = [HEAD]
    for cls in errors():
        lines += [cls.__name__, "-" * len(cls.__name__), "", *_meaning(cls)]
        lines += [f"- ``{text}``" for text in sorted(by_error.get(cls.__name__, ()))]
        lines.append("")
    return "\n".join(lines)


def errors() -> list[type[BaseException]]:
    """Every error and warning that a user can meet, by name, the base of all first.

    >>> [cls.__name__ for cls in errors()][:3]
    ['FlowgraphError', 'BoxContractError', 'BpropError']
    """
    found = {cls for module in _modules() for cls in vars(importlib.import_module(module)).values() if _is_ours(cls)}
    return sorted(found, key=lambda cls: (cls is not FlowgraphError, cls.__name__))


def messages() -> Iterator[Message]:
    """Every message that stands in a `raise`, or in a call of a `..._error` method or of `warn`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                text = _text(node.args[0])
                error = _raised(node)
                if error and text:
                    yield Message(error, text)


def _modules() -> Iterator[str]:
    """The modules that define classes of errors, which an import of the whole package would need every extra for."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if re.search(r"^class \w+(Error|Warning)\(", path.read_text(encoding="utf-8"), re.M):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            if not _is_of_an_extra(parts):
                yield ".".join(part for part in parts if part != "__init__")


def _is_of_an_extra(parts: tuple[str, ...]) -> bool:
    return parts[1] in ("search", "cli")


def _is_ours(cls: object) -> bool:
    if not isinstance(cls, type) or not cls.__module__.startswith("flowgraph.") or cls.__name__.startswith("_"):
        return False
    return issubclass(cls, (FlowgraphError, GradientError, Warning))


def _meaning(cls: type[BaseException]) -> list[str]:
    bases = ", ".join(f"``{base.__name__}``" for base in cls.__bases__)
    text = inspect.cleandoc(cls.__doc__ or "").partition(">>>")[0].strip()
    text = re.sub(r"\s*\b(Cause|Cure): ", r"\n\n**\1:** ", text)
    return [re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text), "", f"Bases: {bases}", ""]


def _raised(call: ast.Call) -> str | None:
    """The class that a call makes or warns with: `ShapeError(...)`, `box.shape_error(...)`, `warn("...", Category)`."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "warn":
        given = [one.id for one in call.args[1:] if isinstance(one, ast.Name)]
        return given[0] if given else None
    if name == "shape_error":
        return "ShapeError"
    return name if re.fullmatch(r"[A-Z]\w*(Error|Warning)", name) else None


def _text(node: ast.expr) -> str:
    """The words of a message, with … for what is filled in; nothing for one that is put together elsewhere."""
    if isinstance(node, ast.Constant):
        parts = [node.value if isinstance(node.value, str) else "…"]
    elif isinstance(node, ast.JoinedStr):
        parts = [str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values]
    else:
        return ""
    text = re.sub(r"…+", "…", " ".join("".join(parts).replace("`", "'").split()))
    return text if len(re.sub(r"\W", "", text)) > 12 else ""
