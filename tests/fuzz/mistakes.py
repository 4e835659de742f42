"""Mistakes that plans once had, to be put back: the fuzzer has to find each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowgraph.box import Constant
from flowgraph.boxes.elementwise.arithmetic import Divide, Multiply
from flowgraph.plan import store
from flowgraph.plan.numpy import emit, lines
from flowgraph.plan.passes import scalars
from flowgraph.plan.rebuild import is_scalar


def reshape_by_transposing(monkeypatch: Any) -> None:
    """An (a, b) array in the shape (b, a) is written as its transpose, though neither size is 1."""

    def reshaped(box: Any, name: str) -> str:
        if box.ndim == 2 and box.shape == box.children[0].shape[::-1]:
            return f"{name}.T"
        return f"{name}.reshape({lines.tuple_text(box.shape)})"

    (view,) = lines.VIEWS.by_class[lines.Reshape]
    monkeypatch.setitem(lines.VIEWS.by_class, lines.Reshape, [view._replace(expression=reshaped)])


def view_for_a_number(monkeypatch: Any) -> None:
    """`a[..., i]` of one dimension is taken for a number, though NumPy gives a view of the buffer."""
    monkeypatch.setattr(lines, "_pick_element", lines._text_of_index)


def factors_gathered(monkeypatch: Any) -> None:
    """(c x) (c y) is c² (x y), whatever c² is in the dtype of the arrays."""

    def factor_of_product(make: Any, box: Any) -> Any:
        for x, y in (box.children, box.children[::-1]):
            wide = not is_scalar(x) and not is_scalar(y) and box.dtype.kind == "f"
            if wide and isinstance(x, Multiply) and is_scalar(x.children[0]):
                return make.make(Multiply, x.children[0], make.make(Multiply, x.children[1], y))
        return None

    monkeypatch.setattr(scalars, "may_multiply", lambda c, d, dtype: True)
    monkeypatch.setitem(scalars.RULES, Multiply, [*scalars.RULES[Multiply], factor_of_product])


def reciprocals(monkeypatch: Any) -> None:
    """x / c is (1 / c) x, also for a c that is known in the run only, and whose reciprocal may be infinite."""

    def quotient_of_any(make: Any, box: Any) -> Any:
        a, c = box.children
        if box.dtype.kind != "f" or not is_scalar(c) or is_scalar(a) or isinstance(c, Constant):
            return None
        return make.make(Multiply, make.make(Divide, make.constant(1, box.dtype), c), a)

    monkeypatch.setitem(scalars.RULES, Divide, [*scalars.RULES[Divide], quotient_of_any])


def scopes_as_they_stand(monkeypatch: Any) -> None:
    """A scope may hold line ends, and stands in the source of a plan as it is."""
    monkeypatch.setattr("flowgraph.box.node.why_not_a_name", lambda name: None)
    monkeypatch.setattr(emit, "printable", lambda text: text)


def literals_everywhere(monkeypatch: Any) -> None:
    """Numbers are written as literals even where all of them are, so that Python computes with its own."""

    def numbers(self: Any, box: Any, texts: Any) -> Any:
        alike = len({child.dtype for child in box.children}) == 1
        return [
            (alike and emit.literal_of(child)) or self.numbers.get(child, text)
            for child, text in zip(box.children, texts, strict=True)
        ]

    monkeypatch.setattr(emit.Writer, "_numbers", numbers)


def flat_view_from_the_first(monkeypatch: Any) -> None:
    """Flat parameters are taken to begin where the first of them lies, which NumPy does not say of an empty one."""

    def flat_view(arrays: Any) -> Any:
        first = arrays[0]
        start = first.ctypes.data - first.base.ctypes.data
        return np.asarray(first.base[start : start + sum(a.nbytes for a in arrays)].view(first.dtype))

    monkeypatch.setattr("flowgraph.plan.binding.flat_view", flat_view)
    assert store.flat_view is not flat_view


PUT_BACK: Mapping[Any, int | None] = {
    reshape_by_transposing: 104, view_for_a_number: 101, factors_gathered: 105, scopes_as_they_stand: 103,
    literals_everywhere: 102, reciprocals: 102, flat_view_from_the_first: None,
}  # fmt: skip
"""The mistakes, each with a seed that finds it within seconds, if one of a few did.

`python -m benchmarks fuzz --put-back` tries other seeds: the first five are found within a minute from each, the
others, which need rarer programs, from some.
"""


def in_plans(failure: Any) -> bool:
    """Whether a failure is one of plans."""
    return bool(failure.difference.path.startswith("plan"))
