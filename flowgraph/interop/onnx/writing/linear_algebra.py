"""How products and the few factorisations that ONNX has are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.writing.rules import parts_for, rule_for
from flowgraph.interop.onnx.writing.writer import Writer


@rule_for(boxes.MatMul, when=lambda box: box.dtype.kind in "fiu" and box.dtype.itemsize > 2)
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    return writer.op("MatMul", *[writer.cast(name, box.dtype) for name in names])


@rule_for(boxes.Einsum, when=lambda box: box.dtype.kind == "f" and _spells_out(box))
def _(writer: Writer, box: Foreign, *names: str) -> Any:
    return writer.op("Einsum", *[writer.cast(name, box.dtype) for name in names], equation=box.subscripts)


def _spells_out(box: Foreign) -> bool:
    """Whether the equation names all axes; one that a size of 1 is broadcast along is left to NumPy."""
    sizes: dict[str, Any] = {}
    terms = box.subscripts.replace(" ", "").split("->")[0].split(",")
    for term, child in zip(terms, box.children, strict=True):
        if "." in term or any(sizes.setdefault(letter, n) != n for letter, n in zip(term, child.shape, strict=True)):
            return False
    return "->" in box.subscripts


@parts_for(boxes.TensorDot)
def _(box: Foreign, a: Foreign, b: Foreign) -> Any:
    """The equation with a letter for each axis."""
    letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    of_a, of_b = ([axis % len(c.shape) for axis in axes] for axes, c in zip(box.axes, (a, b), strict=True))
    left = [next(letters) for _ in a.shape]
    right = [left[of_a[of_b.index(axis)]] if axis in of_b else next(letters) for axis in range(len(b.shape))]
    kept = [c for i, c in enumerate(left) if i not in of_a] + [c for i, c in enumerate(right) if i not in of_b]
    return boxes.Einsum(a, b, subscripts=f"{''.join(left)},{''.join(right)}->{''.join(kept)}")


@rule_for(boxes.Det, when=lambda box: box.dtype.kind == "f")
def _(writer: Writer, box: Foreign, a: str) -> Any:
    return writer.op("Det", writer.cast(a, box.dtype))


@parts_for(boxes.AddMatMul)
def _(box: Foreign, c: Foreign, left: Foreign, right: Foreign) -> Any:
    return c + np.matmul(left, right)
