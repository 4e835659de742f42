"""Programs that are loops: scans in both directions, loops with a condition on values, functions computed again."""

from __future__ import annotations

import numpy as np

from tests.fuzz.case import Case, Leaf

CELLS = ("np.tanh(c @ w + x)", "c * 0.5 + x", "np.sin(c) * x + b", "np.maximum(c, x) - 0.1 * c", "x * b")
"""The next carry from the carry, the element of the sequence, and what the body reads from outside."""

KEPT = ("c", "c * x", "np.sum(c * b)", "np.exp(-c * c)")
SHRINKING = ("c * 0.5", "np.tanh(c) * 0.7", "0.9 * c * np.exp(-0.3 * np.abs(c))", "0.25 * (c @ w) + 0.1 * c")
AGAIN = ("np.tanh(a * d) + np.exp(-a)", "np.sum(np.sin(a) * d) * a", "(a @ w) * d", "a * a - d")


def draw_loop(rng: np.random.Generator) -> Case:
    """A loop of a few steps, or a function that is computed again, on small arrays."""
    dtype = ("f8", "f8", "f4")[int(rng.integers(3))]
    width, steps, named = int(rng.choice([1, 2, 3])), int(rng.choice([1, 2, 5])), rng.random() < 0.3
    shape = (4, width) if named else (width,)
    arrays = {"b": (width,), "w": (width, width), "c0": shape, "d0": shape, "xs": (steps, *shape)}
    leaves = [
        Leaf(
            name,
            "parameter" if name in ("b", "w") else "input",
            (rng.normal(size=one) * (0.5 if name == "w" else 1.0)).astype(dtype),
            named and name in ("c0", "d0"),
        )
        for name, one in arrays.items()
    ]
    kind = int(rng.integers(3)) if not named else int(rng.integers(1, 3))  # the axis of a scan is no batch
    lines = [_scan, _while, _again][kind](rng)
    lines.append(("v", f"{lines[-1][0]} * 2.0" if rng.random() < 0.5 else f"np.sum(np.sin({lines[-1][0]}))"))
    outputs = ("v", *[name for name, _ in lines[:-1]])
    return Case(tuple(leaves), tuple(lines), (), "loop").only(outputs[: int(rng.integers(1, len(outputs) + 1))])


def _scan(rng: np.random.Generator) -> list[tuple[str, str]]:
    settings = ("", ", reverse=True", ", checkpoint=2")[int(rng.integers(3))]
    body = f"lambda c, x: ({rng.choice(CELLS)}, {rng.choice(KEPT)})"
    return [(name, f"fg.scan({body}, c0, xs{settings})[{place}]") for place, name in enumerate(("last", "kept"))]


def _while(rng: np.random.Generator) -> list[tuple[str, str]]:
    bound = float(rng.choice([0.1, 0.5, 2.0]))
    body = f"lambda c: {rng.choice(SHRINKING)}"
    return [("end", f"fg.while_loop(lambda c: np.sum(np.abs(c)) > {bound}, {body}, c0, max_steps=60)")]


def _again(rng: np.random.Generator) -> list[tuple[str, str]]:
    return [("same", f"fg.checkpoint(lambda a, d: {rng.choice(AGAIN)})(c0, d0)")]
