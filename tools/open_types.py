"""How many parameters of the package are annotated with a bare `Any`, by folder: `python -m tools.open_types`.

What holds the value of a box says `Value`, an array in a run and a box in a gradient graph: it is counted apart. So is
`Foreign`, an object of a package that need not be installed.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import flowgraph

HOME = Path(flowgraph.__file__).parent


def annotations(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names and annotations of all parameters of functions, but `self` and `cls`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            for one in [*named, node.args.vararg, node.args.kwarg]:
                if one is not None and one.annotation is not None:
                    yield one.arg, ast.unparse(one.annotation)


def counts() -> dict[str, Counter[str]]:
    """By folder the number of parameters, of those that are `Any`, and of those that are `Value`."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(HOME.rglob("*.py")):
        folder = path.relative_to(HOME).parts[0]
        count = found.setdefault(folder, Counter())
        for _, annotation in annotations(ast.parse(path.read_text(encoding="utf-8"))):
            count.update(["all", annotation] if annotation in ("Any", "Value") else ["all"])
    return found


def share(count: Counter[str]) -> float:
    """The share of bare `Any` among the parameters."""
    return count["Any"] / max(count["all"], 1)


def table() -> str:
    """A line per folder, and the total."""
    found = counts()
    total = sum(found.values(), Counter())
    lines = [f"{'':16}{'parameters':>12}{'Value':>8}{'Any':>8}{'share':>8}"]
    for name, count in [*found.items(), ("total", total)]:
        lines.append(f"{name:16}{count['all']:12,}{count['Value']:8,}{count['Any']:8,}{share(count):8.1%}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
