"""The functions of `kernels/*.js`, modules with imports: of them a plan takes those that its text calls."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `(?:\\.|[^`\\])*` )
  | (?P<member> (?<![.])\.[ \n]*[A-Za-z_$][\w$]* )
  | (?P<name> [A-Za-z_$][\w$]* )
  | (?P<bracket> [{}()\[\]] )
    """,
    re.VERBOSE | re.DOTALL,
)
"""What a text is made of, as far as it matters which names it reads; those in a template string are none of them."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)


class Kernel(NamedTuple):
    """A declaration of a module, with the comment above it, and the other declarations that it reads."""

    text: str
    needs: tuple[str, ...]


def names_in(text: str) -> set[str]:
    """The names that a text reads or declares: no words of comments and strings, no members of objects."""
    return {token["name"] for token in _TOKEN.finditer(text) if token["name"]}


@functools.cache
def kernels() -> dict[str, Kernel]:
    """Every exported function and constant by its name, in the order of the modules.

    A name of a module is one of its own, or one that it imports; so no name stands for two things.
    """
    folder = resources.files(__package__).joinpath("kernels")
    texts = {
        path.name.removesuffix(".js"): path.read_text("utf-8") for path in folder.iterdir() if path.name[-3:] == ".js"
    }
    found: dict[str, Kernel] = {}
    for module in _in_order(texts):
        text = texts[module]
        imported = {name.strip() for names, _ in _IMPORT.findall(text) for name in names.split(",") if name.strip()}
        declared = dict(_declarations(_IMPORT.sub("", text)))
        for name, declaration in declared.items():
            if name in found:
                raise ValueError(f"kernels/{module}.js: declares {name}, as another module does")
            needs = names_in(declaration) & (declared.keys() | imported) - {name}
            found[name] = Kernel(declaration, tuple(sorted(needs)))
    return found


def _in_order(texts: dict[str, str]) -> list[str]:
    """The modules, each after those that it imports from."""
    order: dict[str, None] = {}
    stack = sorted(texts, reverse=True)
    while stack:
        missing = [other for _, other in _IMPORT.findall(texts[stack[-1]]) if other not in order]
        if missing:
            stack += missing
        else:
            order[stack.pop()] = None
    return list(order)


def _declarations(text: str) -> Iterator[tuple[str, str]]:
    """The declarations that a module exports, without `export`: each up to the bracket or semicolon that ends it."""
    starts = [match.start() for match in re.finditer(r"^export (?=function|const)", text, re.MULTILINE)]
    for start in starts:
        name = re.match(r"export (?:function|const) ([\w$]+)", text[start:])
        assert name is not None
        yield name[1], f"{_comment_before(text, start)}{text[start + len('export ') : _end_of(text, start)]}"


def _comment_before(text: str, start: int) -> str:
    """The lines of comments that stand directly above a declaration."""
    lines = text[:start].splitlines(keepends=True)
    first = len(lines)
    while first and lines[first - 1].startswith("//"):
        first -= 1
    return "".join(lines[first:])


def _end_of(text: str, start: int) -> int:
    """Where the declaration ends that begins there: behind its last bracket, and the semicolon of a constant."""
    depth, is_function = 0, text.startswith("export function", start)
    for token in _TOKEN.finditer(text, start):
        bracket = token["bracket"]
        if bracket:
            depth += 1 if bracket in "{([" else -1
            if depth == 0 and bracket == "}" and is_function:
                return token.end()
        if depth == 0 and not is_function:
            semicolon, following = text.find(";", token.end()), _TOKEN.search(text, token.end())
            if semicolon >= 0 and (following is None or semicolon < following.start()):
                return semicolon + 1
    raise ValueError(f"a declaration without an end: {text[start : start + 60]!r}")


def called_by(text: str) -> list[str]:
    """The texts of the functions that a text needs, in the order of their modules."""
    every, needed, stack = kernels(), set[str](), list(names_in(text))
    while stack:
        name = stack.pop()
        if name in every and name not in needed:
            needed.add(name)
            stack += every[name].needs
    return [kernel.text for name, kernel in every.items() if name in needed]


def names_of_kernels() -> Iterable[str]:
    """The names that no value of a plan may have."""
    return kernels().keys()
