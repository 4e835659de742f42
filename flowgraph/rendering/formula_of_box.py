"""The declared formulas of a box, with the names of this graph in place of the letters of the declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.rendering.formulas import number_latex, text_latex
from flowgraph.rendering.operations import index_text, settings_in_words
from flowgraph.shapes.size import Size, product

ALSO = {"targets": "y", "logits": "a", "labels": "y", "weights": "W", "lmbda": r"\lambda"}
"""Letters of the lecture for children that `fprop` calls by a word."""

SETTINGS = {"s": "slope", "p": "exponent", r"\alpha": "alpha", r"\delta": "delta"}
"""Letters for settings that have a name."""

_TOKEN = re.compile(r"\\(?:operatorname|mathrm|text)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|[A-Za-z]+|.", re.S)
_RAISED = re.compile(r"\s*\^(?!\s*(?:\\top|\{?\\top))")
_NUMBER = re.compile(r"(?:\\frac|[{}\d.\s-])*")
_NOTHING_OFF = re.compile(r"\s*-\s*\{0\}")
_ONE_LESS = re.compile(r"\{\{(\d+)\} - 1\}")
_FIRST_POWER = re.compile(r"\^\{1\}")
_TWO_INDICES = re.compile(r"1_\{([a-z])\s*(?:=|\\leq)\s*([a-z])\}")


def forward(box: Box, letter: Mapping[Box, str]) -> str:
    """The right side of the line for the value of a box."""
    declared = type(box).formula
    if not declared:
        read = [*(letter[child] for child in box.children), *map(text_latex, settings_in_words(box))]
        return rf"{text_latex(type(box).symbol)}({', '.join(read)})"
    if type(box).role == "regularizer":
        return " + ".join(_filled(declared, box, letter, position) for position in range(len(box.children)))
    right = _filled(declared, box, letter)
    unsaid = _unsaid(box, declared)
    if _is_relation(declared):
        truth = all(spec.dtype.kind == "b" for spec in box.outputs)
        return (rf"\left({right}\right)" if truth else rf"\text{{such that }} {right}") + unsaid
    indices = _indices(box, type(box).derivative)
    return (rf"\left[{right}\right]_{indices[0]}" if indices else right) + unsaid


def backward(box: Box, position: int, letter: Mapping[Box, str]) -> str:
    """The gradient sent to the child at a position, by the declared derivative."""
    arriving = rf"\nabla_{{{letter[box]}}}"
    declared = _declared_derivative(box, position)
    if not declared:
        child = letter[box.children[position]]
        return rf"\left(\frac{{\partial {letter[box]}}}{{\partial {child}}}\right)^\top {arriving}"
    sent = _by_derivative(box, position, letter, arriving, declared)
    return sent if sent == "0" else sent + _unsaid(box, declared)


def _by_derivative(box: Box, position: int, letter: Mapping[Box, str], arriving: str, declared: str) -> str:
    factor = _filled(declared, box, letter, position).strip()
    if r"\nabla" in factor:
        return factor
    indices = _indices(box, declared)
    if indices:
        inner = rf"\textstyle\sum_{indices[0]} {{{arriving}}}_{indices[0]} \, {in_brackets(factor)}"
        return rf"\left[{inner}\right]_{indices[1]}"
    number = _trivial(factor) is not None or _NUMBER.fullmatch(factor) is not None
    if not (number or _goes_by_element(box) or _scalar(box)):
        return rf"\textstyle\sum {arriving} \, {in_brackets(factor)}"
    plain = number or _scalar(box) or _scalar(box.children[position])
    sent = _times(arriving, factor, plain)
    sign = "-" if sent.startswith("-") else ""
    return sent if sent == "0" else sign + _summed(box, position) + sent.removeprefix(sign)


def _unsaid(box: Box, declared: str) -> str:
    """The settings of a box that a declaration does not hold, in words, as the axis of a sum."""
    tokens = set(_TOKEN.findall(declared))
    said = tokens | {name for sign, name in SETTINGS.items() if sign in tokens}
    words = settings_in_words(box, said)
    return rf" \; {text_latex('(' + ', '.join(words) + ')')}" if words else ""


def split(declared: str) -> list[str]:
    """The parts of a declaration between commas outside of brackets."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(declared):
        depth += _deeper(token)
        if token == "," and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return [re.sub(r"^(\\[;, ]|\s)+", "", part).strip() for part in parts]


def _is_relation(declared: str) -> bool:
    """Whether a formula is an equation rather than the expression of the value."""
    depth = 0
    for token in _TOKEN.findall(split(declared)[0]):
        depth += _deeper(token)
        if not depth and token in ("=", "<", ">", r"\leq", r"\geq", r"\neq"):
            return True
    return False


def _deeper(token: str) -> int:
    """1 for what opens a bracket, -1 for what closes one."""
    return (token in ("(", "{", "[", r"\langle")) - (token in (")", "}", "]", r"\rangle"))


def _declared_derivative(box: Box, position: int) -> str:
    """The part of the declared derivative for a child; "" where none is declared."""
    cls = type(box)
    if not cls.derivative:
        return ""
    parts = split(cls.derivative)
    free = [name for name in cls.child_names if name not in cls.constant_children]
    name = box.names_of_children()[position].partition("[")[0]
    return parts[free.index(name)] if len(parts) == len(free) and name in free else ""


def _indices(box: Box, derivative: str) -> tuple[str, str] | None:
    """The index of the own value and that of the child, where a derivative is declared element by element."""
    match = _TWO_INDICES.search(derivative)
    if match is None or {match[1], match[2]} & {"h", *box.child_names}:
        return None
    return (match[1], match[2]) if match[1] in "ci" else (match[2], match[1])


def _goes_by_element(box: Box) -> bool:
    """Whether each element of the value reads one element of a child, or a child is summed up along axes."""
    reduces = {"axis", "keepdims"} <= box.settings.keys()
    return isinstance(box, Elementwise) or reduces or type(box).role in ("loss", "regularizer")


def _filled(declared: str, box: Box, letter: Mapping[Box, str], position: int | None = None) -> str:
    """The declaration with letters replaced; of several children under one letter, that at `position` is meant."""
    by = _replacements(box, letter, position)
    tokens = _TOKEN.findall(declared)
    text = ""
    for place, token in enumerate(tokens):
        replacement = by.get(token)
        if replacement is None:
            text += token
            continue
        raised = _RAISED.match("".join(tokens[place + 1 :])) is not None
        needs = (raised and "^" in replacement) or replacement.startswith("-")
        text += rf"\left({replacement}\right)" if needs else f"{{{replacement}}}"
    text = _ONE_LESS.sub(lambda match: f"{{{int(match[1]) - 1}}}", _NOTHING_OFF.sub("", text))
    return _FIRST_POWER.sub("", text)


def _replacements(box: Box, letter: Mapping[Box, str], position: int | None) -> dict[str, str]:
    cls = type(box)
    by = {"a" if "h" in cls.child_names else "h": letter[box], "n": _averaged(box)}
    if position is not None:
        by["g"] = rf"\nabla_{{{letter[box]}}}"
    for name, value in box.setting_values().items():
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            by[name] = number_latex(np.asarray(value).item())
        elif isinstance(value, str):
            by[name] = text_latex(value)
        elif name == "index":
            by[name] = text_latex(", ".join(map(index_text, value)))
    by |= {sign: by[name] for sign, name in SETTINGS.items() if name in by}
    names = [name.partition("[")[0] for name in box.names_of_children()]
    for name in dict.fromkeys(names):
        meant = [i for i, other in enumerate(names) if other == name]
        meant = [position] if position in meant else meant
        by[name] = ", ".join(letter[box.children[i]] for i in meant)
        if name in ALSO and ALSO[name] not in cls.child_names:
            by[ALSO[name]] = by[name]
    return by


def _averaged(box: Box) -> str:
    """How many elements a mean is taken of."""
    if len(box.children) != 1 or len(box.outputs) != 1 or len(box.children[0].outputs) != 1:
        return "n"
    whole, part = product(box.children[0].shape), product(box.shape)
    if isinstance(whole, Size) or isinstance(part, Size):
        unlike = [size for size in box.children[0].shape if size not in tuple(box.shape)]
        return r" \cdot ".join(map(str, unlike)) if unlike and not _unknown(unlike) else "n"
    return str(whole // part) if part else "n"


def _unknown(sizes: Sequence[object]) -> bool:
    return any(not str(size).isalnum() for size in sizes)


def _scalar(box: Box) -> bool:
    return len(box.outputs) == 1 and box.outputs[0].shape == ()


def _summed(box: Box, position: int) -> str:
    """The sum over the axes along which an elementwise box broadcasts a child."""
    child = box.children[position]
    if not isinstance(box, Elementwise) or child.shape == box.shape:
        return ""
    lead = len(box.shape) - len(child.shape)
    axes = [*range(lead)] + [
        axis for axis in range(lead, len(box.shape)) if child.shape[axis - lead] != box.shape[axis]
    ]
    return rf"\textstyle\sum_{{\text{{axis {', '.join(map(str, axes))}}}}} " if axes else ""


def _times(arriving: str, factor: str, plain: bool) -> str:
    trivial = _trivial(factor)
    if trivial is not None:
        return {"1": arriving, "-1": f"-{arriving}", "0": "0"}[trivial]
    if plain:
        return rf"{in_brackets(factor)} \, {arriving}"
    return rf"{arriving} \odot {in_brackets(factor)}"


def _trivial(factor: str) -> str | None:
    bare = factor.strip("{}")
    return bare if bare in ("1", "-1", "0") else None


def in_brackets(factor: str) -> str:
    """The factor, in brackets where a sum or a sign would come apart."""
    depth = 0
    for place, token in enumerate(_TOKEN.findall(factor)):
        depth += _deeper(token)
        if token in ("+", "-") and not depth:
            return rf"\left({factor}\right)" if place or token == "-" else factor
    return factor
