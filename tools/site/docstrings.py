"""Docstrings, which are read in terminals and editors first, as reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_CODE = re.compile(r"(`+)(.+?)\1")
_RULE = re.compile(r"^-{3,}$")
_PARAMETER = re.compile(r"^\*{0,2}\w[\w, *]*( : .*)?$")
"""The line of numpydoc that names a parameter."""
_COLUMN = re.compile(r"(?<=\S) {3,}(?=\S)")
_MARKS = re.compile(r"([*|\\]|(?<=\w)_(?!\w)|(?<!\w)_(?=\w))")
"""What means something in reStructuredText and stands for itself in a docstring."""


def as_rst(lines: Sequence[str]) -> list[str]:
    """The lines of a docstring, in which code stands between single backticks, and a formula beside its derivative.

    >>> as_rst(["The product a * b of `a`."])
    ['The product a \\\\* b of ``a``.']
    >>> as_rst(["h = a²        dh/da = 2a"])
    ['::', '', '    h = a²', '    dh/da = 2a', '']
    """
    found: list[str] = []
    in_section = False
    for paragraph in _paragraphs(lines):
        in_section = in_section or (len(paragraph) > 1 and bool(_RULE.match(paragraph[1])))
        found += _in_section(paragraph) if in_section else _paragraph(paragraph)
    return found


def _paragraphs(lines: Sequence[str]) -> Iterator[list[str]]:
    """The lines between empty ones; an empty line is a paragraph of its own."""
    found: list[str] = []
    for line in lines:
        if line.strip():
            found.append(line)
            continue
        yield from [found] if found else []
        found = []
        yield [""]
    yield from [found] if found else []


def _paragraph(lines: list[str]) -> list[str]:
    """Prose with its lists; what stands in columns or is indented is shown as it is."""
    if _is_code(lines):
        return lines
    margins = [len(line) - len(line.lstrip()) for line in lines]
    is_list = lines[0].lstrip().startswith("- ") or any(line.startswith("- ") for line in lines)
    if any(_COLUMN.search(line) for line in lines) or margins[0] >= 4 or (max(margins) > margins[0] and not is_list):
        shown = _COLUMN.split(lines[0].strip()) if len(lines) == 1 else lines
        return [f"{' ' * min(margins)}::", "", *(f"    {line.replace('`', '')}" for line in shown), ""]
    return [_escaped(line) for line in _list_apart(lines)]


def _in_section(lines: list[str]) -> list[str]:
    """A paragraph of a section of numpydoc, which reads the lines that name parameters by itself."""
    if _is_code(lines):
        return lines
    return [line if _PARAMETER.match(line) or _RULE.match(line) else _escaped(line) for line in lines]


def _is_code(lines: list[str]) -> bool:
    return any(line.lstrip().startswith((">>>", ".. ")) for line in lines)


def _list_apart(lines: list[str]) -> Iterator[str]:
    """The lines of a paragraph, with a list in it that has no empty line before it set apart."""
    for number, line in enumerate(lines):
        if number and line.startswith("- ") and not lines[number - 1].startswith(("- ", "  ")):
            yield ""
        yield line


def _escaped(line: str) -> str:
    """Code in double backticks, and every other mark as itself."""
    parts, end = [], 0
    for found in _CODE.finditer(line):
        parts += [_MARKS.sub(r"\\\1", line[end : found.start()]), f"``{found[2].strip()}``"]
        end = found.end()
        if line[end : end + 1].isalnum():
            parts.append("\\ ")
    return "".join([*parts, _MARKS.sub(r"\\\1", line[end:])])
