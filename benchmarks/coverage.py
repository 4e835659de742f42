"""How many functions of NumPy and SciPy have a gradient: flowgraph, autograd and MyGrad, each by its own table.

A function with several names counts once. What has no gradient at all (comparisons, argmax) is counted apart where a
table tells it apart.

    python -m benchmarks coverage
"""

from __future__ import annotations

import importlib
import json

import flowgraph as fg
from tools.coverage_page import covered

RULES_OF_AUTOGRAD = (
    "numpy.numpy_vjps", "numpy.linalg", "numpy.fft", "scipy.special", "scipy.linalg", "scipy.signal", "scipy.integrate",
    "scipy.stats",
)  # fmt: skip


def of_flowgraph() -> list[tuple[str, int]]:
    """From the dispatch table; the boxes are those that the package registers."""
    rows = covered()
    own = [cls for cls in fg.registry.values() if cls.__module__.startswith("flowgraph.boxes.")]
    return [
        ("functions of NumPy and scipy.special that boxes understand", len(rows)),
        ("  of them with a box of their own", sum(one.box is not None for one in rows)),
        ("boxes", len(own)),
    ]


def of_autograd() -> list[tuple[str, int]]:
    """From the table that defvjp fills, once every module of rules is imported."""
    for name in RULES_OF_AUTOGRAD:
        importlib.import_module(f"autograd.{name}")
    rules = importlib.import_module("autograd.core").primitive_vjps
    homes = [str(getattr(getattr(rule, "fun", rule), "__module__", "")) for rule in rules]
    internal = sum(home.startswith("autograd.") for home in homes)
    return [("rules (defvjp)", len(rules)), ("  of them for its own functions", internal)]


def of_mygrad() -> list[tuple[str, int]]:
    """From the tables with which a Tensor answers NumPy."""
    tables = importlib.import_module("mygrad.tensor_base")
    ufuncs, functions = tables._REGISTERED_UFUNC, tables._REGISTERED_DIFFERENTIABLE_NUMPY_FUNCS
    without = (tables._REGISTERED_BOOL_ONLY_UFUNC, tables._REGISTERED_CONST_ONLY_UFUNC)
    constants = sum(map(len, (*without, tables._REGISTERED_NO_DIFF_NUMPY_FUNCS)))
    return [
        ("functions of NumPy with a gradient", len(ufuncs) + len(functions)),
        ("functions of NumPy answered without one", constants),
    ]


def main() -> None:
    """Print the counts, and the same as JSON."""
    found = {"flowgraph": of_flowgraph(), "autograd": of_autograd(), "MyGrad": of_mygrad()}
    for library, rows in found.items():
        for what, count in rows:
            print(f"{library:10} {count:5}  {what}")
    print(json.dumps({library: [count for _, count in rows] for library, rows in found.items()}))


if __name__ == "__main__":
    main()
