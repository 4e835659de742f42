"""Reads the derivatives that docstrings of boxes say in plain text, as the LaTeX that derivations print."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_NAME = re.compile(r"(?:d\w+/d|∂\w+/∂|∇)(\w+) = ")
_REMARK = re.compile(r"infinite|∞|−∞|which|also|converted|repeated|the |both|right where|where|and|NaN|n = ")
_OUTPUT = re.compile(r"(\w+) = ")
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ⁽⁾", "0123456789+-nT()", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_SIGNS = {
    "−": "-", "≤": r" \le ", "≥": r" \ge ", "⌊": r" \lfloor ", "⌋": r" \rfloor ", "π": r" \pi ", "∞": r" \infty ",
    "σ": r" \sigma ", "Φ": r" \Phi ", "φ": r" \varphi ", "Γ": r" \Gamma ", "ψ": r" \psi ", "′": " ' ",
    "·": r" \cdot ", " and ": r" \wedge ", " or ": r" \vee ",
}  # fmt: skip
_FUNCTION = re.compile(r"\b(exprel|exp|ln|sinh|cosh|sin|cos|tan|trunc|sign|conj)(?![a-z])")


class Clause(NamedTuple):
    """What a docstring says of the derivative of `of` by a child: whether it is a gradient or a slope, and the text."""

    of: str
    by: str
    is_gradient: bool
    text: str


def clauses_of(cls: type) -> Iterator[Clause]:
    """What a docstring says of derivatives, but for the sentence about the source."""
    for paragraph in inspect.cleandoc(cls.__doc__ or "").split("\n\n"):
        if not paragraph.startswith("Source"):
            text = " ".join(paragraph.split("\n"))
            found = list(_NAME.finditer(text))
            output = _OUTPUT.match(text)
            for match, following in zip(found, [*found, None][1:], strict=True):
                said = text[match.end() : following.start() if following else None].rstrip(" ,;.")
                yield Clause(output[1] if output else "h", match[1], match[0].startswith("∇"), said)


def latex_of(text: str, by: str, letters: Mapping[str, str]) -> str:
    """A line of plain text as LaTeX, where each name of `letters` is written as its letter.

    "x where a > 0, else y" is one case and the rest; in "y, x at 0" the case stands after the rest, of the child `by`.
    """
    rows, rest = [], ""
    text, *_ = _split(text, "; ")
    for part in _split(text, ", "):
        if _REMARK.match(part):
            continue
        value, _, condition = part.partition(" where ")
        if not condition:
            value, at, place = part.removeprefix("else ").replace(" for ", " at ").partition(" at ")
            place = place.removeprefix("the kink ")
            condition = (place if "=" in place else f"{by} = {place}") if at else ""
        if condition:
            rows.append(f"{_expression(value, letters)} & {_expression(condition, letters)}")
        else:
            rest = _expression(value.split(" = ")[-1], letters)
    if not rows:
        return rest
    return r"\begin{cases} " + r" \\ ".join([*rows, rf"{rest} & \text{{otherwise}}"]) + r" \end{cases}"


def _expression(text: str, letters: Mapping[str, str]) -> str:
    text = re.sub(f"[{''.join(_RAISED)}]+", lambda match: f"^{{{_in_line(match[0], _RAISED)}}}", text)
    text = re.sub(f"[{''.join(_LOWERED)}]+", lambda match: f"_{{{_in_line(match[0], _LOWERED)}}}", text)
    text = text.replace("T}", r"\top}")
    for sign, latex in _SIGNS.items():
        text = text.replace(sign, latex)
    text = _FUNCTION.sub(r" \\\1 ", text)
    text = _in_braces(_in_braces(text, "√(", r"\sqrt"), "^(", "^")
    text = re.sub(r"√\s*(\\pi|\w+)", r"\\sqrt{\1}", text)
    text = re.sub(r"∇(\w+)", r"\\nabla_{\1}", text)
    names = "|".join(sorted(map(re.escape, letters), key=len, reverse=True))
    return re.sub(rf"(?<![\\a-zA-Z])(?:{names})(?![a-zA-Z])", lambda match: letters[match[0]], text)


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that stand in no brackets."""
    parts = [""]
    for piece in text.split(separator):
        inside = parts[-1].count("(") > parts[-1].count(")")
        if inside:
            parts[-1] += separator + piece
        else:
            parts.append(piece)
    return parts[1:]


def _in_line(text: str, signs: Mapping[str, str]) -> str:
    return "".join(signs[sign] for sign in text)


def _in_braces(text: str, opening: str, command: str) -> str:
    """With the command and braces around what an opening bracket begins."""
    while (start := text.find(opening)) >= 0:
        depth = 1
        end = start + len(opening)
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = f"{text[:start]}{command}{{{text[start + len(opening) : end - 1]}}}{text[end:]}"
    return text
