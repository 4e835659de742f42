"""Functions that are called by a lone participle: `python -m tools.names`, or with a room, to list its own.

A function is a verb with an object (`read_settings`), a value a noun (`settings`): `_taken(taken, kept)` does not say
at the call what it does. Properties are values, and are not counted.
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "flowgraph"

_IRREGULAR = """
begun bent bound broken brought built bought caught chosen done drawn driven fallen fed felt found given gone grown
heard held hidden hung kept known laid led left lent lost made meant met paid read said seen sent shown sought sold
spent stood sunk swept taken taught thought thrown told turned understood undone woven written
"""
"""Without those that are the verb itself, as cast and split are; `read` alone does not say what."""

_NO_PARTICIPLES = "bed bleed breed embed exceed feed hundred need proceed red seed shed speed succeed"

_PUBLIC = "implemented named opened recorded searchsorted shown standardised transformed"
"""What users call: `box.named("h")`, `fg.opened(box)`, `split.recorded(path)` and so on keep their names."""

_VALUES = frozenset({"property", "cached_property", "setter"})


def is_participle(name: str) -> bool:
    """Whether a name is one word, and that a participle."""
    word = name.strip("_").lower()
    regular = word.isalpha() and word.endswith("ed") and word not in _NO_PARTICIPLES.split()
    return regular or word in _IRREGULAR.split()


def lone_participles(source: str) -> Iterator[tuple[int, str]]:
    """The line and the name of each function of a source that is called by one."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in _PUBLIC.split():
            continue
        if is_participle(node.name):
            decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
            if not decorators & _VALUES:
                yield node.lineno, node.name


def main() -> None:
    """Print how many there are in each room, or those of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", nargs="?", help="list those of this folder of the package")
    room = parser.parse_args().room
    counts: Counter[str] = Counter()
    for path in sorted((PACKAGE / room if room else PACKAGE).rglob("*.py")):
        for line, name in lone_participles(path.read_text(encoding="utf-8")):
            place = path.relative_to(PACKAGE)
            counts[place.parts[0] if len(place.parts) > 1 else "."] += 1
            if room:
                print(f"{place}:{line}: {name}")
    for folder, count in counts.most_common():
        print(f"{count:4} {folder}")
    print(f"{counts.total():4} functions are called by a lone participle")


if __name__ == "__main__":
    main()
