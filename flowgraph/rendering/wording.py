"""Numbers, shapes and names as a picture shows them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import DTypeLike

from flowgraph.printable import printable
from flowgraph.shapes.size import Size, evaluate

LONGEST = 28
"""Characters of a name that a picture shows; the tooltip has them all."""

_UNFIT = re.compile(r"[^A-Za-z0-9_./-]")


def number_text(number: Any) -> str:
    """Three digits of a number: 2.57, 0.0348, 7.8e-3, NaN."""
    if isinstance(number, complex):
        return f"{number_text(number.real)}{'+' if number.imag >= 0 else '−'}{number_text(abs(number.imag))}i"
    value = float(number)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "−Inf"
    if value == int(value) and abs(value) < 1e5:
        text = str(int(value))
    elif 0.00995 <= abs(value) < 99999.5:
        text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    else:
        digits, exponent = f"{value:.1e}".split("e")
        text = f"{digits}e{int(exponent)}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def exact_text(number: object) -> str:
    """A number that somebody wrote, as it is written: 0.001, 1e-5, 2."""
    value = number.item() if hasattr(number, "item") else number
    if isinstance(value, bool | complex):
        return str(value)
    mantissa, _, exponent = f"{value:g}".partition("e")
    mantissa = mantissa.replace("-", "−")
    return mantissa + (f"e{exponent[:1].replace('+', '')}{exponent[1:].lstrip('0')}" if exponent else "")


def shape_text(shape: Iterable[Any], sizes: Mapping[str, int] | None = None) -> str:
    """A shape as it is said: 32×128, N×784, scalar; with numbers in place of names where they are known."""
    return _shape_text(tuple(shape), tuple((sizes or {}).items()))


@functools.lru_cache(maxsize=4096)
def _shape_text(shape: tuple[Any, ...], sizes: tuple[tuple[str, int], ...]) -> str:
    return "×".join(_size_text(size, dict(sizes)) for size in shape) or "scalar"


@functools.lru_cache(maxsize=256)
def dtype_text(dtype: DTypeLike | None) -> str:
    """The name of a dtype; NumPy's own way to it is slow."""
    return str(dtype)


def amount_text(amount: Any, unit: str, sizes: Mapping[str, int] | None = None) -> str:
    """A number of FLOP or bytes with its prefix, times the axes whose size is not known: 650 kFLOP × N."""
    if isinstance(amount, Size) and sizes and amount.names <= sizes.keys():
        amount = evaluate(amount, sizes)
    if not isinstance(amount, Size):
        return _with_prefix(float(amount), unit)
    if amount.unknown:
        return ""
    most = max(map(abs, amount.terms.values()))
    terms = [term for term in amount.terms.items() if abs(term[1]) > most / 200]
    terms.sort(key=lambda term: (-len(term[0]), term[0]))
    texts = [" × ".join([_with_prefix(float(factor), unit), *names]) for names, factor in terms]
    return " + ".join(texts) if len(texts) < 3 else f"{texts[0]} + …"


def shortened(text: str) -> str:
    """The text, or its beginning and end where it is long."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 9]}…{text[-8:]}"


def identifier(name: str) -> str:
    """A name as an identifier that DOT, SVG and a style sheet all take; no two names share one."""
    return _UNFIT.sub(lambda match: f":{ord(match[0]):x}:", name)


def _size_text(size: object, sizes: Mapping[str, int]) -> str:
    if not isinstance(size, Size):
        return str(size)
    if size.names <= sizes.keys():
        return str(evaluate(size, sizes))
    if size.unknown:
        return "?"
    text = str(size).replace("*", "·").replace("-", "−")
    return f"({text})" if "+" in text or "−" in text else text


def _with_prefix(number: float, unit: str) -> str:
    base, prefixes = (1024.0, ("", "Ki", "Mi", "Gi", "Ti")) if unit == "B" else (1000.0, ("", "k", "M", "G", "T"))
    step = 0
    while abs(number) >= base and step < len(prefixes) - 1:
        number /= base
        step += 1
    return f"{number:.3g} {prefixes[step]}{unit}" if number < 1000 else f"{number:.0f} {prefixes[step]}{unit}"


_LETTER = re.compile(r"([^\W\d_])_?(\d+)")
_RAISED = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")


def gradient_name(name: str) -> str:
    """The name of the gradient: that of a letter with a number has the number above; "" gives ∇ alone."""
    match = _LETTER.fullmatch(name)
    if match is None:
        return f"∇{shortened(printable(name))}"
    return f"∇{match[1]}" + f"({match[2]})".translate(_RAISED)


def missing_letters(finder: str, letters: Iterable[str]) -> str:
    """What is said of letters for which there is no font."""
    shown = ", ".join(map(repr, list(dict.fromkeys(letters))[:4]))
    problem = f"no font {finder} has {shown}, which the picture shows as a box"
    return f"render: {problem}; install the Noto fonts, or write an .svg"
