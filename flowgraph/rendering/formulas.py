"""The formulas that boxes declare in LaTeX, as a line of plain text."""

from __future__ import annotations

import functools
import re
from unicodedata import normalize

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
_COMMAND = re.compile(r"\\([A-Za-z]+)")


@functools.cache
def plain_formula(latex: str) -> str:
    """A LaTeX formula with signs in place of commands, fractions with a slash, short powers raised."""
    text = re.sub(
        r"\\bar\s*([^\s{}]|\{[^\s{}]\})", lambda match: normalize("NFC", match[1].strip("{}") + "\u0304"), latex
    )
    before = ""
    while text != before:
        before = text
        for pattern, by in _INNERMOST:
            text = pattern.sub(by, text)
    text = _COMMAND.sub(lambda match: _SIGNS.get(match[1], match[1]), text)
    text = re.sub(r"\\[,;:! ]", " ", text).replace("\\|", "‖")
    text = re.sub(r"[{]([^{}]*)[}]", r"\1", text)
    return re.sub(r" {3,}", "  ", text.replace("\\", "")).strip()


def _slash(match: re.Match[str]) -> str:
    above, below = (part if re.fullmatch(r"\w+|\\\w+|√\(.*\)", part) else f"({part})" for part in match.groups())
    return f"{above}/{below}"


def _power(match: re.Match[str]) -> str:
    raised = match[1].strip()
    if re.fullmatch(r"[0-9+\-nT]+|\\top", raised):
        return "ᵀ" if raised == "\\top" else raised.translate(_SUPERSCRIPTS)
    return f"^({raised})" if len(raised) > 1 else f"^{raised}"


_INNERMOST = (
    (re.compile(r"\{\{([^{}]*)\}\}"), r"{\1}"),
    (re.compile(r"\\(?:operatorname|mathrm|text|mathbf|mathbb|boldsymbol)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\sqrt\[3\]\s*\{([^{}]*)\}"), r"∛(\1)"),
    (re.compile(r"\\sqrt\s*\{([^{}]*)\}"), r"√(\1)"),
    (re.compile(r"\^\{([^{}]*)\}"), _power),
    (re.compile(r"\^(\d|\\top|T)"), _power),
    (re.compile(r"_\{([^{}]{2,})\}"), r"_(\1)"),
    (re.compile(r"_\{([^{}])\}"), r"_\1"),
    (re.compile(r"\\[td]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), _slash),
)
"""What has no braces left inside is written plainly, until nothing changes."""
