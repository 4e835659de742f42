"""Numbers, shapes and names as a picture shows them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any

from numpy.typing import DTypeLike

from flowgraph.printable import printable
from flowgraph.shapes.size import Size, evaluate

LONGEST = 28
"""Characters of a name that a picture shows; the tooltip has them all."""

_UNFIT = re.compile(r"[^A-Za-z0-9_./-]")


def number_text(number: Any) -> str:
    """Three digits of a number, and the whole part of one below 100,000: 2.57, 0.0348, 12345, 7.8e−5, NaN."""
    if isinstance(number, complex):
        return _complex_text(number, number_text)
    value = float(number) + 0.0  # a negative zero is 0
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "−Inf"
    return _sign_text(f"{value:.0f}" if 999.5 <= abs(value) < 99999.5 else f"{value:.3g}")


def exact_text(number: object) -> str:
    """A number that somebody wrote, as it is written: 0.001, 1e−5, 2, 1−2i."""
    value: Any = number.item() if hasattr(number, "item") else number
    if isinstance(value, complex):
        return _complex_text(value, exact_text)
    return str(value) if isinstance(value, bool) else _sign_text(f"{value + 0:g}")  # -0.0 + 0 is 0.0


def numbers_in_javascript() -> str:
    """The source of numberText and exactText in JavaScript, which write numbers as the two functions above do."""
    return (files("flowgraph.rendering") / "assets" / "numbers.js").read_text("utf-8")


def _complex_text(number: complex, write: Callable[[Any], str]) -> str:
    """Real and imaginary part, each as a number is written: 1−2i."""
    return f"{write(number.real)}{'−' if number.imag < 0 else '+'}{write(abs(number.imag))}i"


def _sign_text(text: str) -> str:
    """A number of Python as one writes it: 1.5e-07 is 1.5e−7."""
    mantissa, _, exponent = text.partition("e")
    return (f"{mantissa}e{int(exponent)}" if exponent else mantissa).replace("-", "−")


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


def shorten_text(text: str) -> str:
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
        return f"∇{shorten_text(printable(name))}"
    return f"∇{match[1]}" + f"({match[2]})".translate(_RAISED)


def missing_letters(finder: str, letters: Iterable[str]) -> str:
    """What is said of letters for which there is no font."""
    shown = ", ".join(map(repr, list(dict.fromkeys(letters))[:4]))
    problem = f"no font {finder} has {shown}, which the picture shows as a box"
    return f"render: {problem}; install the Noto fonts, or write an .svg"
