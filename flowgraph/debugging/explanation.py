"""The result of `run.explain_nan`: the first non-finite element, its inputs, where it went, how to fix it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.debugging.bisect_nonfinite import Index

SHOWN = 14
"""Boxes of a long chain that are shown, its two ends: what fits a screen with the header."""


@dataclass(frozen=True)
class Element:
    """One number on the path: an element of the value of a box (fprop) or of its gradient (bprop)."""

    box: Box
    name: str
    phase: str
    part: int | None
    index: Index | None
    value: Any

    @property
    def kind(self) -> str:
        """nan, inf, or finite; a value that is shown as a whole is finite only if each element is."""
        if np.asarray(self.value).dtype.kind not in "fc":
            return "finite"
        return "nan" if np.isnan(self.value).any() else "inf" if np.isinf(self.value).any() else "finite"

    def __str__(self) -> str:
        of = "gradient of " if self.phase == "bprop" else ""
        part = "" if self.part is None else f" output {self.part}"
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return f"{of}{type(self.box).__name__} {self.name!r}{part}{place} = {_text(self.value)}"


@dataclass(frozen=True)
class NanExplanation:
    """The first non-finite element: an infinity, if the NaN was computed from one.

    `box` made it in its `phase`, "fprop" or "bprop"; `index` is its place in the value of the box or, in bprop, in the
    gradient of `child`. `chain` are the elements that fed it, itself, and those that it made bad, in the order in which
    they were computed. All are None or empty where nothing is bad, and then the explanation is false.
    """

    box: Box | None
    name: str
    phase: str
    child: Box | None
    index: Index | None
    value: Any
    kind: str
    chain: tuple[Element, ...]
    origin: int
    remedy: str
    note: str = ""

    def __bool__(self) -> bool:
        return self.box is not None

    @property
    def fed_by(self) -> tuple[Element, ...]:
        """The elements that fed the bad one."""
        return self.chain[: self.origin]

    @property
    def spread(self) -> tuple[Element, ...]:
        """The elements that it made bad."""
        return self.chain[self.origin + 1 :]

    def __str__(self) -> str:
        if self.box is None:
            return f"explain_nan: {self.note}"
        first = self.chain[self.origin]
        who = f"{type(self.box).__name__} {self.name!r}"
        lines = [f"explain_nan: the first {self.kind} is made by the {self.phase} of {who}"]
        lines += [f"  {first}", f"  built at {self.box.built_at}"]
        lines += [f"  what helps: {self.remedy}"]
        lines += _listed("fed by", self.fed_by)
        lines += _listed("goes on to", self.spread)
        return "\n".join([*lines, *([f"  {self.note}"] if self.note else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _listed(title: str, elements: tuple[Element, ...]) -> list[str]:
    if not elements:
        return []
    texts = [f"    {element}" for element in elements]
    if len(texts) > SHOWN:
        half = SHOWN // 2
        texts = [*texts[:half], f"    ... {len(texts) - 2 * half} more ...", *texts[-half:]]
    return [f"  {title}", *texts]


def _text(value: Value) -> str:
    array = np.asarray(value)
    if array.shape == ():
        return f"{array[()]:.6g}" if array.dtype.kind in "fc" else str(array[()])
    if array.size == 0:
        return f"no elements, shape {array.shape}"
    if array.dtype.kind not in "fiu":
        return f"{array.dtype} of shape {array.shape}"
    with np.errstate(all="ignore"):
        return f"{np.min(array):.6g} to {np.max(array):.6g}, shape {array.shape}"
