"""Where Python or NumPy asks a box for its numbers: answered while a function is traced, refused before a run."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import concrete_values
from flowgraph.box.array_requests import Asker, who_asks
from flowgraph.box.node import Node
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape

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
