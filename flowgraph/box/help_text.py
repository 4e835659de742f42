"""The text that `help()` and the site show of a box class: its docstring, with sections made from its declarations."""

from __future__ import annotations

import inspect
import re
from math import inf
from typing import Any

from flowgraph.box.example_text import example_text
from flowgraph.box.setting_text import setting_lines
from flowgraph.shapes.signature import Signature

_HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_ORDER = ("Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples")
"""The sections in numpydoc's order."""


class HelpText:
    """`__doc__` of a box class: its docstring, then numpydoc sections generated from its declarations.

    The sections are made when they are read, not when the class is defined, so an import takes no longer for them. What
    a docstring says of a parameter, in a section of its own, stands in place of what would be made.
    """

    def __init__(self, written: str | None) -> None:
        self.written = inspect.cleandoc(written or "")

    def __get__(self, box: object, cls: type[Any]) -> str:
        try:
            return help_text(cls, self.written)
        except AttributeError:  # the class is being made, and has not read its declarations yet
            return self.written


def help_text(cls: type[Any], written: str) -> str:
    """The docstring of a box class with the sections Parameters, Raises, Notes and Examples.

    >>> from flowgraph.boxes import LeakyReLU
    >>> LeakyReLU.__doc__.partition("slope : ")[2].splitlines()[:2]
    ['float, default 0.01', '    Slope for a < 0, dimensionless.']
    """
    prose, sections = _parsed(written)
    sections["Parameters"] = _parameters(cls, prose, sections.get("Parameters", ""))
    sections.setdefault("Raises", _raises(cls))
    sections["Notes"] = "\n".join(filter(None, [sections.get("Notes", ""), *_notes(cls)]))
    if ">>>" not in written:
        sections["Examples"] = example_text(cls)
    parts = [prose]
    parts += [f"{name}\n{'-' * len(name)}\n{sections[name]}" for name in _ORDER if sections.get(name)]
    return "\n\n".join(part for part in parts if part)


def _parsed(written: str) -> tuple[str, dict[str, str]]:
    """The text before the first section, and the sections by name."""
    prose, *rest = _HEADING.split(written)
    return prose.strip(), dict(zip(rest[::2], (text.strip("\n") for text in rest[1::2]), strict=True))


def _parameters(cls: type[Any], prose: str, written: str) -> str:
    """One entry per child and setting; an entry written by hand is kept."""
    own = dict(re.findall(r"^(\w+)( :.*(?:\n[ ]+.*)*)", written, re.MULTILINE))
    last = len(cls.child_names) - 1
    lines = []
    for position, name in enumerate(cls.child_names):
        star = "*" * (cls.variadic and position == last)
        lines.append(f"{star}{name}{own[name]}" if name in own else _child(cls, position, star, prose))
    lines += [f"{name}{own[name]}" if name in own else setting_lines(cls, name) for name in cls.settings]
    lines.append("name : str, optional\n    Name of the node, in tables, pictures and errors.")
    return "\n".join(lines)


def _child(cls: type[Any], position: int, star: str, prose: str) -> str:
    name = cls.child_names[position]
    said = ["Children" if star else "Child"]
    said[0] += f", {_shape(cls, position, prose)}."
    if name in cls.domain:
        said.append(f"Values in {interval_text(cls.domain[name])}.")
    if name in cls.not_implemented_children:
        said.append("The derivative with respect to it is not implemented.")
    elif name in cls.constant_children:
        said.append("Constant: no gradient is sent to it.")
    return f"{star}{name} : box or array_like\n    {' '.join(said)}"


def _shape(cls: type[Any], position: int, prose: str) -> str:
    """The shape of a child: from the signature, from the line "Shapes:" of the docstring, else "broadcasts"."""
    told = re.search(rf"Shapes:[^.]*?\b{cls.child_names[position]} (\([^()]*(?:\([^()]*\)[^()]*)*\))", prose)
    if told:
        return f"shape {' '.join(told[1].split())}"
    if isinstance(cls.signature, Signature) and not cls.variadic:
        return f"shape ({', '.join(['...', *cls.signature.children[position]])})"
    if len(cls.child_names) == 1 or "like" in cls.child_names[position]:
        return "any shape"
    if _is_elementwise(cls):
        return "any shape that broadcasts with the other children"
    return "of the shape that is given above" if "Shapes:" in prose else "an array"


def _is_elementwise(cls: type[Any]) -> bool:
    """Whether the children broadcast; a loss, which works element by element too, has a rule of its own."""
    return any(base.__name__ == "Elementwise" and cls.infer is vars(base)["infer"] for base in cls.__mro__)


def interval_text(interval: Any) -> str:
    """An interval as mathematics writes it.

    >>> from flowgraph import Interval
    >>> interval_text(Interval(0, 1)), interval_text(Interval(0, open=True))
    ('[0, 1]', '(0, ∞)')
    """
    low = "(-∞" if interval.low == -inf else f"{'(' if interval.open else '['}{interval.low:.4g}"
    high = "∞)" if interval.high == inf else f"{interval.high:.4g}{')' if interval.open else ']'}"
    return f"{low}, {high}"


def _raises(cls: type[Any]) -> str:
    lines = ["UsageError", f"    If the number of children is not {_count(cls)}"]
    lines[-1] += ", or a setting is unknown or not of its type." if cls.settings else "."
    if len(cls.child_names) > 1 or not _is_elementwise(cls):
        lines += ["ShapeError", "    If the shapes of the children do not fit; raised on the line that builds the box."]
    return "\n".join(lines)


def _count(cls: type[Any]) -> str:
    count = len(cls.child_names) - cls.variadic
    return f"{count} or more" if cls.variadic else str(count)


def _notes(cls: type[Any]) -> list[str]:
    """One line for each further declaration."""
    lines = []
    if isinstance(cls.signature, Signature):
        lines.append(f"- Shapes: `{cls.signature.text}`, and axes in front of these broadcast.")
    elif _is_elementwise(cls):
        lines.append("- Shapes: the value has the shape to which the children broadcast.")
    if cls.domain:
        domains = (f"`{name}` in {interval_text(one)}" for name, one in cls.domain.items())
        lines.append(f"- Domain: {', '.join(domains)}; NaN or infinite outside, as NumPy gives it.")
    if cls.kinks:
        places = ", ".join(f"{kink:.4g}" for kink in cls.kinks)
        lines.append(f"- Kinks: at {places} the value is not differentiable, and `bprop` gives one subgradient.")
    if not cls.has_bprop:
        lines.append("- No `bprop`: no gradient is defined, or it is derived from `fprop`.")
    return lines
