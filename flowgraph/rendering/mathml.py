"""LaTeX as MathML, which browsers typeset themselves; by latex2mathml, which the extra `cli` installs."""

from __future__ import annotations

import functools
import re
from html import escape

from flowgraph.errors import RenderError, install_hint
from flowgraph.printable import printable
from flowgraph.rendering.notation import TEXT, unescaped

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
    latex = printable(latex)
    texts: list[str] = []

    def aside(found: re.Match[str]) -> str:
        texts.append(unescaped(found[1]))
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
