"""Which functions of NumPy and SciPy boxes understand, by the dispatch table: `python -m tools.coverage_page FILE`."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from flowgraph.box import Box, registry
from flowgraph.box.numpy_dispatch import implemented
from flowgraph.rendering.gallery import derivative_of
from flowgraph.saving.replacing import replace_text
from tools.doors import DOORS, marks

MODULES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}
SPECIAL = "scipy.special"


class Covered(NamedTuple):
    """A function that boxes understand: its names, and the box that stands for it, None where it is made of others."""

    module: str
    names: tuple[str, ...]
    box: type[Box] | None


def covered() -> list[Covered]:
    """Every function that boxes understand, in the order of its module and name.

    >>> [one.names for one in covered() if one.box is not None and one.box.__name__ == "Arccos"]
    [('acos', 'arccos')]
    """
    return sorted(_read(), key=lambda one: ([*MODULES, SPECIAL].index(one.module), one.names))


def page() -> str:
    """The page docs/coverage.md."""
    rows = covered()
    numpy, scipy = map(_release, ("numpy", "scipy"))
    lines = [
        "# What boxes understand",
        "",
        "For those who bring code written on NumPy and SciPy: the functions that take boxes as they take arrays.",
        f"Made by `python -m tools.coverage_page` with NumPy {numpy} and SciPy {scipy}: {len(rows)} functions.",
        "A function without a box of its own is composed of others. Integers and booleans have no gradient.",
        "The last columns say what computes a box, itself or what it is made of; *some* where some of its declared",
        "examples are. NumPy: lines of a [plan](plans.md), or one call of the `fprop`. Numba: one machine function.",
        "JavaScript: a module. [JAX](jax.md), [ONNX](onnx.md): a function, a file. What holds for boxes holds for a",
        "function that is composed of them.",
    ]
    for module in [*MODULES, SPECIAL]:
        lines += ["", f"## {module}", "", *_head("function", "box", "its derivative")]
        lines += [_row(one) for one in rows if one.module == module]
    lines += ["", "## Boxes of flowgraph's own", "", *_head("box", "formula", "its derivative")]
    standing = {one.box for one in rows}
    lines += [_own_row(box) for _, box in sorted(registry.items()) if _is_own(box) and box not in standing]
    return "\n".join(lines) + "\n"


def _read() -> Iterator[Covered]:
    for function, builder in implemented().items():
        box = getattr(builder, "__self__", None) or (builder.args[0] if hasattr(builder, "args") else builder)
        box = box if isinstance(box, type) else None
        if isinstance(function, str):
            yield Covered(SPECIAL, (function.rpartition(".")[2],), box)
            continue
        for module, place in MODULES.items():
            names = tuple(name for name in dir(place) if not name.startswith("_") and vars(place).get(name) is function)
            if names:
                yield Covered(module, names, box)
                break


def _row(one: Covered) -> str:
    names = ", ".join(f"`{one.module}.{name}`" for name in one.names)
    if one.box is None:
        return _line(names, "", "", *marks(None))
    return _line(names, f"`{one.box.__name__}`", _latex(derivative_of(one.box)), *marks(one.box))


def _is_own(box: type[Box]) -> bool:
    """Whether a user writes this box by its name: one of the package's with an example of its own."""
    return box.__module__.startswith("flowgraph.boxes.") and box.examples is not None and bool(box.formula)


def _own_row(box: type[Box]) -> str:
    name = f"`{'fg' if box.public else 'fg.boxes'}.{box.__name__}`"
    return _line(name, _latex(box.formula), _latex(derivative_of(box)), *marks(box))


def _head(*titles: str) -> list[str]:
    """The first two lines of a table, with a column for each door."""
    columns = [*titles, *DOORS]
    return [_line(*columns), _line(*("---" for _ in columns))]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _latex(formula: str) -> str:
    escaped = formula.replace("|", r"\vert ")
    return f"${escaped}$" if formula else ""


def _release(package: str) -> str:
    try:
        return ".".join(importlib.metadata.version(package).split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    replace_text(sys.argv[1], page())
