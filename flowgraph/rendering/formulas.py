"""The formulas that boxes declare in LaTeX, as a line of plain text and as MathML."""

from __future__ import annotations

import functools
import re
from html import escape
from unicodedata import decomposition, normalize
from unicodedata import name as unicode_name

from flowgraph.box import Box, Constant
from flowgraph.errors import RenderError, install_hint
from flowgraph.printable import printable
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.subject import Subject

_SIGNS = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "lambda": "λ",
    "mu": "μ",
    "sigma": "σ",
    "Phi": "Φ",
    "phi": "φ",
    "pi": "π",
    "theta": "θ",
    "Omega": "Ω",
    "cdot": "·",
    "times": "×",
    "partial": "∂",
    "sum": "∑",
    "prod": "∏",
    "sqrt": "√",
    "infty": "∞",
    "le": "≤",
    "leq": "≤",
    "ge": "≥",
    "geq": "≥",
    "ne": "≠",
    "neq": "≠",
    "pm": "±",
    "to": "→",
    "top": "ᵀ",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lceil": "⌈",
    "rceil": "⌉",
    "in": "∈",
    "odot": "⊙",
    "circ": "∘",
    "ldots": "…",
    "dots": "…",
    "quad": "  ",
    "left": "",
    "right": "",
    "textstyle": "",
    "nabla": "∇",
    "varphi": "φ",
    "bar": "",
    "neg": "¬",
    "exists": "∃",
    "forall": "∀",
    "wedge": "∧",
    "vee": "∨",
    "oplus": "⊕",
    "angle": "∠",
    "langle": "⟨",
    "rangle": "⟩",
    "int": "∫",
    "Gamma": "Γ",
    "psi": "ψ",
    "mathrel": "",
}
_SUPERSCRIPTS = str.maketrans("0123456789+-nT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ")
_CASES = re.compile(r"\\begin\{cases\} ((?:(?!\\begin).)*?) \\end\{cases\}")
_OTHERWISE = re.compile(r", ((?:(?!, ).)*) if (?:\\text\{)?otherwise\}?$")
_COMMAND = re.compile(r"\\([A-Za-z]+)")


@functools.cache
def plain_formula(latex: str) -> str:
    """A LaTeX formula with signs in place of commands, fractions with a slash, short powers raised."""
    text = re.sub(
        r"\\bar\s*([^\s{}]|\{[^\s{}]\})", lambda match: normalize("NFC", match[1].strip("{}") + "\u0304"), latex
    )
    text = text.replace(r"\textasciicircum{}", "^").replace(r"\textasciitilde{}", "~")
    before = ""
    while text != before:
        before = text
        for pattern, by in _INNERMOST:
            text = pattern.sub(by, text)
    text = _COMMAND.sub(lambda match: _SIGNS.get(match[1], match[1]), text)
    text = re.sub(r"\\[,;:! ]", " ", text).replace("\\|", "‖")
    text = re.sub(r"[{]([^{}]*)[}]", r"\1", text)
    return re.sub(r" {3,}", "  ", text.replace("\\", "")).replace("-", "−").strip()


def _slash(match: re.Match[str]) -> str:
    above, below = (part if re.fullmatch(r"\w+|\\\w+|√\(.*\)", part) else f"({part})" for part in match.groups())
    return f"{above}/{below}"


def _power(match: re.Match[str]) -> str:
    raised = match[1].strip()
    if re.fullmatch(r"[0-9+\-nT]+|\\top", raised):
        return "ᵀ" if raised == "\\top" else raised.translate(_SUPERSCRIPTS)
    return f"^({raised})" if len(raised) > 1 else f"^{raised}"


_FONTS = "operatorname|mathrm|text|mathbf|mathbb|boldsymbol"
_GROUP = re.compile(
    rf"(\\(?:[td]?frac|sqrt|overline|bar|begin|end|{_FONTS})\s*|[_^])?(?<![\\}}\]])(?<!\}} )\{{([^{{}}]*)\}}"
)


def _group(match: re.Match[str]) -> str:
    """What braces hold that are no argument of a command."""
    return match[0] if match[1] else match[2]


def _cases(match: re.Match[str]) -> str:
    """Each value with its condition, and what is left by "else"."""
    rows = [row.split(" & ") for row in match[1].split(r" \\ ")]
    text = ", ".join(f"{f'({value})' if ' if ' in value else value} if {condition}" for value, condition in rows)
    return _OTHERWISE.sub(r" else \1", text)


_INNERMOST = (
    (_CASES, _cases),
    (re.compile(rf"\\(?:{_FONTS})\s*\{{([^{{}}]*)\}}"), r"\1"),
    (re.compile(r"\\sqrt\[3\]\s*\{([^{}]*)\}"), r"∛(\1)"),
    (re.compile(r"\\sqrt\s*\{([^{}]*)\}"), r"√(\1)"),
    (re.compile(r"\^\{([^{}]*)\}"), _power),
    (re.compile(r"\^(\d|\\top|T)"), _power),
    (re.compile(r"_\{([^{}]{2,})\}"), r"_(\1)"),
    (re.compile(r"_\{([^{}])\}"), r"_\1"),
    (re.compile(r"\\[td]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), _slash),
    (re.compile(r"\\(?:overline|bar)\s*\{([^{}]*)\}"), r"conj(\1)"),
    (_GROUP, _group),
)
"""What has no braces left inside is written plainly, until nothing changes."""


_FIRST = 0xE000
"""Of the characters that stand for texts, since what a text holds must mean nothing to the converter."""

_TIGHT = re.compile(r"(\\(?:log|ln|exp|max|min)(?:_\w|_\{\w+\})?)\s*(?=[^\s(_{]|\{[^(])")
"""A function without brackets, which needs a little space before what it is applied to."""

_PLAIN = re.compile(r"\\(?:mathrm|operatorname)\{(\w+)\}")

_AS_WRITTEN = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mtext>{}</mtext></math>'


@functools.lru_cache(maxsize=4096)
def mathml(latex: str) -> str:
    """The MathML of a formula; one that the converter does not read stands as it is written."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise RenderError(
            f"a page with formulas needs latex2mathml; run: {install_hint('cli')}, or explain into a .md or .tex"
        ) from None
    latex = printable(" ".join(latex.split()))
    texts: list[str] = []

    def aside(match: re.Match[str]) -> str:
        texts.append(unescape_latex(match[1]))
        return chr(_FIRST + len(texts) - 1)

    ready = _PLAIN.sub(r"\\operatorname{\1}", TEXT.sub(aside, latex)).replace(r"\arg", r"\operatorname{arg}")
    try:
        math = convert(_TIGHT.sub(r"\1\\,", ready))
    except Exception:  # it has many errors of its own, and some of Python's, for what is no LaTeX
        return _AS_WRITTEN.format(escape(latex))
    for place, text in enumerate(texts):
        shown = escape(text).replace(" ", "\u00a0")
        math = math.replace(f"<mi>{chr(_FIRST + place)}</mi>", f"<mtext>{shown}</mtext>")
    return math.replace("<mo>&#x022A4;</mo>", '<mi mathvariant="normal">T</mi>')


_BRACKET_OR_SIGN = re.compile(
    r"(?P<opens>\\(?:begin|left)\b|[{(\[])|(?P<closes>\\(?:end|right)\b|[})\]])|(?P<bar>\\?\|)|\\[A-Za-z]+|\\."
    r"| (?P<sign>[+-]) "
)
"""What opens, what closes, a bar, what is none of them though it has a bracket in it, and the sign of a term."""


def split_terms(latex: str) -> list[str]:
    """The terms of a sum, each but the first with its sign, between which a line may end."""
    terms: list[str] = []
    level = bars = start = 0
    for found in _BRACKET_OR_SIGN.finditer(latex):
        level += bool(found["opens"]) - bool(found["closes"])
        bars += bool(found["bar"])
        if found["sign"] and level == 0 and bars % 2 == 0 and latex[start : found.start()].strip():
            terms.append(latex[start : found.start()].strip())
            start = found.start() + 1
    return [*terms, latex[start:].strip()]


_WORD = re.compile(r"([^\W\d_]+)_?(\d*)(?:_(\w+))?")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_NUMBERED = re.compile(r"(.*?)([₀-₉]+)")
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
TEXT = re.compile(r"\\text\{((?:\\[a-z]+\{\}|\\.|[^{}\\])*)\}")
"""What `text_latex` writes, and what formulas declare in words."""

_LARGE_GREEK = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")
_GREEK = {large.lower() for large in _LARGE_GREEK} | set(_LARGE_GREEK)
_GREEK |= {"alpha", "beta", "epsilon", "zeta", "eta", "iota", "kappa", "mu", "nu", "rho", "tau", "chi"}


def letters(subject: Subject) -> dict[Box, str]:
    """For each box of a graph its name in LaTeX; no two share one."""
    letter_of: dict[Box, str] = {}
    taken: set[str] = set()
    count = 0
    for box in sorted(subject.graph.boxes, key=lambda box: (box.name is None) + (not subject.is_named(box))):
        if isinstance(box, Constant) and is_number(box):
            letter_of[box] = number_latex(box.value.item())
            continue
        if not subject.is_named(box):
            while (latex := f"u_{{{(count := count + 1)}}}") in taken:
                pass
        else:
            latex = name_latex(subject.names[box])
            if latex in taken:
                latex = text_latex(subject.names[box])
        taken.add(latex)
        letter_of[box] = latex
    return letter_of


def name_latex(name: str) -> str:
    """A name as a letter with its number above: `W1`, `layer1/W` and `W_1` are W^{(1)}; others as they are written."""
    numbered = _NUMBERED.fullmatch(name)
    if numbered is not None:
        return f"{name_latex(numbered[1])}_{{{numbered[2].translate(_LOWERED)}}}"
    scope, _, last = name.rpartition("/")
    match = _WORD.fullmatch(last)
    if match is None:
        return text_latex(name)
    word, number, index = match.groups()
    depth = re.search(r"(\d+)$", scope)
    above = [scope and (depth[1] if depth and "/" not in scope else text_latex(scope)), number]
    base = _letter(word)
    if base is None:
        return text_latex(name) if scope or index else text_latex(word) + _exponent_text(above)
    return base + (f"_{{{text_latex(index)}}}" if index else "") + _exponent_text(above)


def text_latex(text: str) -> str:
    """A text in upright letters, in which nothing has a meaning."""
    return rf"\text{{{''.join(map(_escape, printable(text)))}}}"


def number_latex(value: complex) -> str:
    """A number, as it was written."""
    if isinstance(value, complex) and value.imag:
        return f"({value:g})".replace("j", "i")
    value = complex(value).real
    mantissa, _, exponent = f"{value:g}".partition("e")
    if not exponent:
        return {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\text{NaN}"}.get(mantissa, mantissa)
    power = f"10^{{{int(exponent)}}}"
    return {"1": power, "-1": f"-{power}"}.get(mantissa, rf"{mantissa} \cdot {power}")


def unescape_latex(latex: str) -> str:
    """The text that was escaped."""
    for sign, written in _SPECIAL.items():
        latex = latex.replace(written, f"\\{sign}")
    return re.sub(r"\\(.)", r"\1", latex)


def _exponent_text(above: list[str]) -> str:
    parts = [part for part in above if part]
    return f"^{{({', '.join(parts)})}}" if parts else ""


def _letter(word: str) -> str | None:
    """A single letter, Latin or Greek; None for a longer word."""
    if len(word) == 1 and word.isascii():
        return word
    if word in _GREEK:
        return f"\\{word}"
    if len(word) == 1 and "GREEK" in (said := unicode_name(word, "")):
        greek = said.rpartition(" ")[2].lower().replace("lamda", "lambda")
        large = "CAPITAL" in said
        known = greek.capitalize() in _LARGE_GREEK if large else greek in _GREEK
        return f"\\{greek.capitalize() if large else greek}" if known else None
    return None


def _escape(character: str) -> str:
    if character in "#$%&_{}":
        return f"\\{character}"
    return _SPECIAL.get(character, character)


_ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc", strict=True)
)
_LATIN = {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i"}


def ascii_latex(sign: str) -> str:
    """A letter in text as every LaTeX reads it: with its accent, Greek, raised or lowered; its number if it is none."""
    letter, *accents = list(normalize("NFD", sign))
    if letter.isascii() and _ACCENTS.keys() >= set(accents):
        for accent in accents:
            letter = f"\\{_ACCENTS[accent]}{{{letter}}}"
        return letter
    if sign in _LATIN:
        return f"\\{_LATIN[sign]}{{}}"
    kind, *plain = decomposition(sign).split() or [""]
    if kind in ("<sub>", "<super>") and len(plain) == 1 and int(plain[0], 16) < 128:
        return rf"\ensuremath{{{'_' if kind == '<sub>' else '^'}{{{chr(int(plain[0], 16))}}}}}"
    greek = _letter(sign)
    return rf"\ensuremath{{{greek}}}" if greek else f"U+{ord(sign):04X}"
