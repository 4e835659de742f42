"""The declared formulas of a box, with the names of this graph in place of the letters of the declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.inference import axes_of
from flowgraph.rendering.formulas import name_latex, number_latex, text_latex
from flowgraph.rendering.operations import index_text, settings_in_words
from flowgraph.shapes.size import Size, product

ALSO = {"targets": "y", "logits": "a", "labels": "y", "weights": "W", "lmbda": r"\lambda"}
"""Letters of the lecture for children that `fprop` calls by a word."""

SETTINGS = {"s": "slope", "p": "exponent", r"\alpha": "alpha", r"\delta": "delta"}
"""Letters for settings that have a name."""

_TOKEN = re.compile(r"\\(?:operatorname|mathrm|text)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|[A-Za-z]+|.", re.S)
_RAISED = re.compile(r"\s*\^(?!\s*(?:\\top|\{?\\top))")
_POSTFIX = re.compile(r"\s*[\^_]")
_NOTHING_OFF = re.compile(r"(?<=\S)\s*-\s*\{0\}")
_ONE_LESS = re.compile(r"\{\{(\d+)\} - 1\}")
_FIRST_POWER = re.compile(r"\^\{1\}")
_SQUARE = re.compile(r"\|([^|]+)\|\^2")
_WORDS_OF_AXES = [rf"\operatorname{{{word}}}" for word in ("median", "mean")]
_OF_AXES = [r"\sum", r"\prod", r"\max", r"\min", r"\exists", r"\forall", *_WORDS_OF_AXES]
"""What reduces along axes, which stand below."""

_NO_INDEX = re.compile(rf"(?:{'|'.join(map(re.escape, _OF_AXES))})(?!\s*_)(?![A-Za-z])")
"""What reduces along the axes of its box."""

_OF_ELEMENTS = re.compile(r"(?<![1JYIKWE])_(?!\{?(?:10|2|y|\[index)\b)|\\prod_|\\int|\\ldots|nabla|such|\\text\{ if")
"""What a formula holds that speaks of single elements, or in words."""


def forward(box: Box, letter: Mapping[Box, str]) -> str | None:
    """The value of a box by the formula of its class; None where that does not hold all of its settings."""
    declared = _formula_on(box)
    if not declared or _unsaid(box, declared) or not _holds(box, declared):
        return None
    if type(box).role == "regularizer":
        return " + ".join(_fill_letters(declared, box, letter, position) for position in range(len(box.children)))
    right = _fill_letters(declared, box, letter)
    if _is_relation(declared):
        truth = all(spec.dtype.kind == "b" for spec in box.outputs)
        return rf"\left({right}\right)" if truth else rf"\text{{such that }} {right}"
    return right


def _formula_on(box: Box) -> str:
    """The formula of the class of a box, in which |u|² is u² where the box reads no complex numbers."""
    declared = type(box).formula
    if any(spec.dtype.kind == "c" for child in box.children for spec in child.outputs):
        return declared
    return _SQUARE.sub(lambda match: f"{match[1]}^2" if match[1].isalnum() else f"({match[1]})^2", declared)


def _holds(box: Box, declared: str) -> bool:
    """Whether what a formula takes one element of each row by are labels, not shares of each class."""
    names = {match[1] for match in re.finditer(r"_(\w+)", declared)}
    called: dict[str, Box] = dict(zip(box.names_of_children(), box.children, strict=True))
    called |= {ALSO[name]: child for name, child in called.items() if name in ALSO}
    return all(called[name].dtype.kind in "iu" for name in names & called.keys() if len(called[name].outputs) == 1)


def declared_derivative(box: Box, position: int, letter: Mapping[Box, str]) -> str | None:
    """What a class that declares a derivative says of a child; None of one that it leaves out."""
    cls = type(box)
    free = [name for name in cls.child_names if name not in cls.constant_children]
    parts = dict(zip(free, split(cls.derivative), strict=True))
    declared = parts.get(box.names_of_children()[position].partition("[")[0])
    if declared is None or declared == "0":
        return declared
    unsaid = _unsaid(box, declared)
    note = rf" \; {text_latex('(' + ', '.join(unsaid) + ')')}" if unsaid else ""
    return _fill_letters(declared, box, letter, position).strip() + note


def words(box: Box, read: Sequence[str], index: int | None = None) -> str:
    """A box in words: its symbol, what it reads and its settings; of several outputs that of an index."""
    part = [rf"\text{{part {index}}}"] if index is not None else []
    return rf"{name_of_operation(box)}({', '.join([*read, *map(text_latex, settings_in_words(box)), *part])})"


def define_operation(box: Box) -> str:
    """An operation in words on the letters of its class, and the formula that it has for each element."""
    names = [name.partition("[")[0] for name in box.names_of_children()]
    letters = [ALSO.get(name, name_latex(name)) for name in dict.fromkeys(names) if name not in ("like", "likes")]
    letters += [r"[\ldots]"] if "index" in box.settings else []
    left = rf"{name_of_operation(box)}({', '.join(letters)})"
    formula = _formula_on(box)
    return f"{left} = {_with_steps(formula, box)}" if formula and not _is_relation(formula) else left


def _with_steps(formula: str, box: Box) -> str:
    """The formula with the numbers of a sliding window: where it goes from place to place, and reads."""
    settings = box.setting_values()
    stride = settings.get("stride") or settings.get("size", 1)
    stride, dilation = (_one_of(steps) for steps in (stride, settings.get("dilation", 1)))
    if stride is None or dilation is None:
        return formula
    of_place = "i" if stride == 1 else rf"{stride} \, i"
    of_window = "u" if dilation == 1 else rf"{dilation} \, u"
    return formula.replace("s i + d u", f"{of_place} + {of_window}")


def _one_of(steps: Any) -> int | None:
    """The number of steps along all axes, if it is one."""
    numbers = set(steps) if isinstance(steps, tuple) else {steps}
    return int(numbers.pop()) if len(numbers) == 1 else None


def about(cls: type[Box]) -> str:
    """The first line of what a class says of itself."""
    return (cls.__doc__ or "").strip().partition("\n")[0]


def name_of_operation(box: Box) -> str:
    """The symbol of a box in words; that it takes the shape of another array is not said."""
    return text_latex(type(box).symbol.removesuffix(" like"))


def write_formula(box: Box, letter: Mapping[Box, str]) -> str | None:
    """The formula of a box on what its children are written as; None where it says not all, or is an equation."""
    declared = type(box).formula
    is_expression = not _is_relation(declared) and type(box).role != "regularizer" and r"\nabla" not in declared
    return forward(box, letter) if is_expression else None


def is_closed(box: Box) -> bool:
    """Whether the formula of a box speaks of its children as wholes, so that anything may stand in their place."""
    return not _OF_ELEMENTS.search(type(box).formula)


def _unsaid(box: Box, declared: str) -> list[str]:
    """The settings of a box that a declaration does not hold, in words."""
    tokens = set(_TOKEN.findall(declared))
    said = tokens | {name for sign, name in SETTINGS.items() if sign in tokens}
    return settings_in_words(box, said | ({"axis"} if _NO_INDEX.search(declared) else set()))


def over_axes_latex(axes: Sequence[int] | None) -> str:
    """What stands below a sum along axes; nothing for all."""
    if axes is None:
        return ""
    if not axes:
        return r"_{\text{no axis}}"
    return rf"_{{\text{{{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}}}}}"


def _axes_text(box: Box) -> str:
    """The axes along which a box reduces, as they stand below a sum."""
    if "axis" not in box.settings or len(box.children) != 1 or box.setting_values()["axis"] is None:
        return ""
    ndim = len(box.children[0].outputs[0].shape)
    axes = axes_of(box, box.setting_values()["axis"], ndim)
    return "" if len(axes) == ndim else over_axes_latex(axes)


def is_atom(latex: str) -> bool:
    """Whether an expression is one sign, with what stands above and below, or one thing in brackets."""
    if re.fullmatch(r"[\d.]+", latex.strip()):
        return True
    rest = _first_removed(latex.strip())
    while rest.startswith(("_", "^")):
        rest = _first_removed(rest[1:].lstrip())
    return not rest


def is_fraction(latex: str) -> bool:
    """Whether an expression is one over another, and no more."""
    rest = latex.strip().removeprefix(r"\frac")
    return rest != latex.strip() and not _first_removed(_first_removed(rest.lstrip()))


def is_call(latex: str) -> bool:
    """Whether an expression is a function of what stands in brackets behind it."""
    rest = _first_removed(latex.strip())
    return bool(rest) and rest.removeprefix(r"\left").startswith("(") and is_atom(rest)


def _first_removed(latex: str) -> str:
    """What comes after the first sign or bracket."""
    tokens, depth = _TOKEN.findall(latex), 0
    for place, token in enumerate(tokens):
        if token in (r"\left", r"\overline", r"\bar") and not depth:
            continue
        depth += _deeper(token)
        if not depth:
            return "".join(tokens[place + 1 :]).lstrip()
    return ""


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


def _deeper(token: str) -> int:
    """1 for what opens a bracket, -1 for what closes one."""
    return (token in ("(", "{", "[", r"\langle", r"\begin")) - (token in (")", "}", "]", r"\rangle", r"\end"))


def _is_relation(declared: str) -> bool:
    """Whether a formula is an equation rather than the expression of the value."""
    depth = 0
    for token in _TOKEN.findall(split(declared)[0]):
        depth += _deeper(token)
        if not depth and token in ("=", "<", ">", r"\leq", r"\geq", r"\neq"):
            return True
    return False


def _fill_letters(declared: str, box: Box, letter: Mapping[Box, str], position: int | None = None) -> str:
    """The declaration with letters replaced; of several children under one letter, that at `position` is meant."""
    by = _replacements(box, letter, position)
    tokens = _TOKEN.findall(declared)
    reduced = _axes_text(box)
    text = ""
    for place, token in enumerate(tokens):
        after = "".join(tokens[place + 1 :])
        replacement = by.get(token)
        if replacement is None:
            text += token + (reduced if token in _OF_AXES and not _POSTFIX.match(after) else "")
            continue
        if token == "index":
            text += replacement
            continue
        text += rf"\left({replacement}\right)" if _needs_brackets(replacement, text, after) else f"{{{replacement}}}"
    text = _ONE_LESS.sub(lambda match: f"{{{int(match[1]) - 1}}}", _NOTHING_OFF.sub("", text))
    return _FIRST_POWER.sub("", text)


def _needs_brackets(replacement: str, before: str, after: str) -> bool:
    """Whether a replacement would come apart where it stands."""
    raised = _RAISED.match(after) is not None
    if raised and "^" in replacement:
        return True
    if before.endswith(("_", "^")):
        return False
    alone = before.rstrip().endswith(("(", "{", ",", "|")) and after.lstrip().startswith((")", "}", ",", "|"))
    if replacement.startswith("-"):
        return not alone
    return not (alone or is_atom(replacement) or before.rstrip().endswith(r"\text") or "," in replacement)


def _replacements(box: Box, letter: Mapping[Box, str], position: int | None) -> dict[str, str]:
    cls = type(box)
    by = {"n": _count_averaged(box)}
    if box in letter:
        by["a" if "h" in cls.child_names else "h"] = letter[box]
    for name, value in box.setting_values().items():
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            by[name] = number_latex(np.asarray(value).item())
        elif isinstance(value, str):
            by[name] = text_latex(value)
        elif name == "index":
            by[name] = _index_latex(box, value, letter)
    by |= {sign: by[name] for sign, name in SETTINGS.items() if name in by}
    names = [name.partition("[")[0] for name in box.names_of_children()]
    for name in dict.fromkeys(names):
        meant = [i for i, other in enumerate(names) if other == name]
        meant = [position] if position in meant else meant
        by[name] = ", ".join(letter[box.children[i]] for i in meant)
        if name in ALSO and ALSO[name] not in cls.child_names:
            by[ALSO[name]] = by[name]
    return by


def _index_latex(box: Box, parts: Sequence[object], letter: Mapping[Box, str]) -> str:
    """An index as it stands between brackets, arrays of places by their letters."""
    names = box.names_of_children()
    places = [letter[child] for name, child in zip(names, box.children, strict=True) if name.startswith("ind")]
    texts = [
        f"{{{places.pop(0)}}}" if isinstance(part, str) and places else text_latex(index_text(part)) for part in parts
    ]
    return ", ".join(texts)


def _count_averaged(box: Box) -> str:
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


def in_brackets(factor: str) -> str:
    """The factor, in brackets where a sum or a sign would come apart."""
    depth = 0
    for place, token in enumerate(_TOKEN.findall(factor)):
        depth += _deeper(token)
        if token in ("+", "-") and not depth:
            return rf"\left({factor}\right)" if place or token == "-" else factor
    return factor
