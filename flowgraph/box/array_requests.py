"""Errors for code that needs the numbers of a box: which call needs them, and what to write instead."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

import numpy as np

from flowgraph.box.naming import is_inside_flowgraph

_OF_SCIPY = frozenset({"logsumexp", "softmax", "log_softmax", "polygamma"})
"""Functions of scipy.special that are no ufuncs, so that no box can answer for itself."""

_JOIN = "join boxes with np.stack([...]) or np.concatenate([...])"

_INSTEAD = {
    "np.take": "index a box: fg.Constant(array)[box], or np.take(fg.Constant(array), box)",
    "np.full": "repeat the box: np.broadcast_to(box, shape), or np.ones(shape) * box",
    "np.r_": "join boxes with np.concatenate([...]), numbers with np.stack([...])",
    "np.c_": "join boxes with np.stack([...], axis=1), or np.concatenate([...], axis=1)",
    "np.vectorize": "call the function on the whole box, written with NumPy functions; choose with np.where",
    "np.array": _JOIN,
    "np.asarray": f"use the box itself, which computes as an array does; {_JOIN}",
    "np.arange": "scale whole numbers: box * np.arange(n) / n",
    "np.fromiter": _JOIN,
    "np.ma": "choose with np.where(mask, a, b)",
    "np.random": "draw first and compute with what was drawn: mean + scale * rng.normal(size=shape); or fg.Random",
    "scipy.fft": "use np.fft, whose functions take boxes",
    "scipy.linalg": "use np.linalg or flowgraph.scipy.linalg, whose functions take boxes, or declare a box that calls "
    "SciPy in its fprop",
    "scipy.sparse": "multiply by the dense matrix, matrix.toarray() @ box, or declare a box with the product inside",
    "scipy.stats": "write the density with NumPy and scipy.special, whose functions take boxes",
}
"""The way out for a function, or for all of a package."""


class Asker(NamedTuple):
    """A call that needs the numbers of a box, as text, and what to write instead."""

    call: str
    instead: str


def who_asks(default: str, instead: str) -> Asker:
    """The call on the stack that needs the numbers of a box: a library function, or the user's expression."""
    frames = list(_callers())
    inside = [frame for frame in frames if _library_of(frame)]
    if inside:
        return _of_library(inside)
    if not frames:
        return Asker(default, instead)
    expression = _expression(frames[0])
    if expression is None:
        return Asker(default, instead)
    return _of_expression(expression, instead)


def _callers() -> Iterator[FrameType]:
    """The frames of the library that asks, innermost first, up to that of the user; or that one alone."""
    frame: FrameType | None = sys._getframe(1)
    asked = False
    while frame is not None:
        own = is_inside_flowgraph(frame.f_code.co_filename) or frame.f_globals.get("__name__") == "numpy.lib.mixins"
        if own and asked:
            return
        if not own:
            asked = True
            yield frame
            if not _library_of(frame):
                return
        frame = frame.f_back


def _library_of(frame: FrameType) -> str:
    """The package that a frame belongs to, nothing for code of the user."""
    root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    site = f"{os.sep}site-packages{os.sep}" in frame.f_code.co_filename
    return root if root in ("numpy", "scipy") or site else ""


def _of_library(frames: list[FrameType]) -> Asker:
    """The library function that was called, and what to use instead."""
    root = _library_of(frames[-1])
    own = [frame for frame in frames if _library_of(frame) == root]
    name = _public_name(next((frame for frame in reversed(own) if _is_public(frame.f_code.co_name)), own[-1]))
    last = name.rpartition(".")[2]
    if name == f"scipy.special.{last}" and last in _OF_SCIPY:
        return Asker(name, f"use fg.{last}")
    for known, instead in _INSTEAD.items():
        if name == known or name.startswith((f"{known}.", f"{known} ", f"{known}[")):
            return Asker(name, instead)
    if root == "numpy":
        return Asker(name, f"use a NumPy function that takes boxes; {_JOIN}")
    return Asker(
        name,
        f"{'SciPy' if root == 'scipy' else root} takes arrays only: write it with NumPy and scipy.special, or declare "
        f"a box that calls it in its fprop and gives the gradient in its bprop",
    )


def _is_public(name: str) -> bool:
    """Whether a function has a name that a user may have called, as a wrapper has not."""
    return not name.startswith(("_", "<")) and name not in ("wrapper", "inner", "decorated", "wrapped")


def _public_name(frame: FrameType) -> str:
    """The public name of the function of a frame: np.full, scipy.linalg.solve, np.r_[...]."""
    module, name = str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
    owner = frame.f_locals.get("self")
    path = ".".join(part for part in module.split(".") if not part.startswith("_"))
    if module.startswith("numpy"):
        for special in ("r_", "c_"):
            if owner is getattr(np, special):
                return f"np.{special}[...]"
        if isinstance(owner, np.vectorize):
            return "np.vectorize"
        path = "np.ma" if module.startswith("numpy.ma") else "np"
    if path.startswith("scipy.stats") and isinstance(getattr(owner, "name", None), str):
        path = f"scipy.stats.{getattr(owner, 'name', '')}"
    return (
        f"{path} ({type(owner).__name__}.{name})" if name.startswith("__") and owner is not None else f"{path}.{name}"
    )


def _expression(frame: FrameType) -> ast.expr | None:
    """The expression that a frame is evaluating, if its source is available."""
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last, start, end = positions
    if first is None or last is None or start is None or end is None:
        return None
    lines = [linecache.getline(frame.f_code.co_filename, n).encode() for n in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    if not b"".join(lines).strip():
        return None
    try:
        return ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _of_expression(expression: ast.expr, instead: str) -> Asker:
    """An expression of the user's code as text, and what to write instead."""
    text = ast.unparse(expression)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    if isinstance(expression, ast.Subscript):
        array = ast.unparse(expression.value)
        return Asker(text, f"index a box: fg.Constant({array})[box]")
    if not isinstance(expression, ast.Call):
        return Asker(text, instead)
    name = ast.unparse(expression.func)
    root, _, rest = name.partition(".")
    plain = f"np.{rest}" if root in ("np", "numpy") and rest else name
    for known, other in _INSTEAD.items():
        if plain == known or plain.startswith(f"{known}."):
            single = (
                known == "np.array" and expression.args and not isinstance(expression.args[0], ast.List | ast.Tuple)
            )
            return Asker(text, _INSTEAD["np.asarray"] if single else other)
    if root == "math":
        return Asker(text, f"use NumPy's function, np.{_OF_MATH.get(rest, rest)}")
    if any(isinstance(argument, ast.List | ast.Tuple | ast.ListComp) for argument in expression.args):
        return Asker(text, _JOIN)
    return Asker(text, instead)


_OF_MATH = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "pow": "power", "fsum": "sum", "dist": "linalg.norm",
}  # fmt: skip
"""Functions of `math` by their names in NumPy, where these differ."""
