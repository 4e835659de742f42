"""Where Python or NumPy asks a box for its numbers: answered while a function is traced, else refused, and how."""

from __future__ import annotations

import ast
import linecache
import operator
import os
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import concrete_values
from flowgraph.box.node import Node, is_inside_flowgraph
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape

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
    if root == "math" and (same := _of_math(rest)) is not None:
        return Asker(text, f"use NumPy's function, np.{same}")
    if any(isinstance(argument, ast.List | ast.Tuple | ast.ListComp) for argument in expression.args):
        return Asker(text, _JOIN)
    return Asker(text, instead)


def _of_math(name: str) -> str | None:
    """The name in NumPy of a function of `math`: that of the same function (asin is arcsin), else one that is near."""
    same = getattr(np, name, None)
    return same.__name__ if same is not None else next(iter(get_close_matches(name, dir(np), 1, 0.8)), None)


_AS_A_NUMBER = "work with the box itself, which compares and computes as a number does"
_JIT = "loop with fg.scan or fg.while_loop; or name the argument that decides in static_argnums or static_argnames"
_ITSELF = "use the box itself, which compares and computes as an array does; join boxes with np.stack or np.concatenate"


class NumberConversion(Node):
    """`bool(box)`, `float(box)`, `np.asarray(box)` and what else converts a box to numbers."""

    shape: Shape
    dtype: np.dtype[Any]

    def item(self, *place: Any) -> NoReturn:
        """Refuse: a box has no value before a run.

        Parameters
        ----------
        *place : int
            Not read.

        Raises
        ------
        UsageError
            In every call; the message says how to run the graph.
        """
        self._refuse("item()", _AS_A_NUMBER, ".item()")

    def tolist(self) -> NoReturn:
        """Refuse: a box has no value before a run.

        Raises
        ------
        UsageError
            In every call; the message says how to run the graph.
        """
        self._refuse("tolist()", "iterate over the box itself: [one for one in box]", ".tolist()")

    def __contains__(self, value: object) -> NoReturn:
        self._refuse("in", "build np.any(box == value), or look at the value of a run")

    def __bool__(self) -> bool:
        answer: bool = self._answer(
            bool,
            "bool() (an `if`, `and`, `or` or `not`)",
            "choose with np.where(condition, a, b), combine with & | ~, and compare boxes themselves with `is`",
        )
        return answer

    def __float__(self) -> float:
        if concrete_values.current() is not None and self.dtype.kind in "fc":
            self._refuse_to(who_asks("float()", _AS_A_NUMBER))
        if concrete_values.current() is None:
            asker = who_asks("float()", "")
            if asker.instead:
                self._refuse_to(asker)
        return float(self._answer(float, "float()", "run the graph: float(fg.Graph(box).fprop(...))"))

    def __int__(self) -> int:
        return int(self._answer(int, "int()", "run the graph: int(fg.Graph(box).fprop(...)[box])"))

    def __complex__(self) -> NoReturn:
        self._refuse_to(who_asks("complex()", _AS_A_NUMBER))

    def __index__(self) -> int:
        way_out = "index with the box itself: other_box[box], fg.Constant(array)[box] or np.take(other_box, box)"
        if self.dtype.kind not in "iu":
            self._refuse("an integer index", way_out)
        return operator.index(self._answer(operator.index, "an integer index", way_out))

    def __format__(self, spec: str) -> str:
        if spec:
            self._refuse(f"a number to print as {spec!r}", "print the box itself, or the result of the function", "")
        return str(self)

    def __array__(self, dtype: DTypeLike | None = None, copy: Any = None) -> Any:
        """Whole numbers and booleans, which have no gradient, while a function is traced; else refused.

        Those of the box, or what is asked for: np.int64(box) rounds to zero as box.astype(int) does.
        """
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        if (
            concrete_values.current() is None
            or len(self.outputs) > 1
            or not {self.dtype.kind, wanted.kind} & set("biu")
        ):
            self._refuse_to(who_asks("np.asarray() or np.array()", _ITSELF))
        shape, kind, numbers = self._answer(_as_numbers, "np.asarray()", _ITSELF)
        return np.array(np.frombuffer(numbers, kind).reshape(shape), dtype)

    def _answer(self, kind: Callable[[Any], Any], what: str, way_out: str) -> Any:
        """The concrete value of the box while a function is traced, converted by `kind`; refused anywhere else."""
        trace = concrete_values.current()
        answer = None if trace is None else trace.answer(self, kind)
        if answer is None and trace is not None and trace.for_all:
            self._refuse(what, f"{way_out}; {_JIT}")
        if answer is None and trace is not None:
            self._refuse(what, "it reads an input from outside of the function, which has to be an argument")
        if answer is None:
            self._refuse(what, way_out)
        return answer

    def _refuse(self, what: str, way_out: str, run: str | None = None) -> NoReturn:
        """Refuse what needs a number; with `run`, outside of a function that is traced, send to the run of a graph."""
        trace = concrete_values.current()
        if trace is not None:
            where = concrete_values.UNDER_JIT if trace.for_all else "has no number in a function that is differentiated"
            why = f"which {where}"
        else:
            why = "which has no value before a run"
            way_out = way_out if run is None else f"run the graph: fg.Graph(box).fprop(...)[box]{run}; or {way_out}"
        raise UsageError(f"{self.title}: found {what} of a box, {why}; {way_out}")

    def _refuse_to(self, asker: Asker) -> NoReturn:
        """Refuse a call that wants numbers."""
        trace = concrete_values.current()
        if trace is not None:
            why, run = f"and it {concrete_values.UNDER_JIT}" if trace.for_all else "and these carry no gradient", ""
        else:
            why, run = "and it has none before a run", "; or run the graph: fg.Graph(box).fprop(...)[box]"
        raise UsageError(
            f"{self.title}: found {asker.call}, which takes the numbers of a box, {why}; {asker.instead}{run}"
        )


def _as_numbers(value: Any) -> tuple[tuple[int, ...], str, bytes]:
    """An array as what can be compared and made an array again."""
    return value.shape, value.dtype.str, value.tobytes()
