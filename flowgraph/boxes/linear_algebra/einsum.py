"""Sums of products in Einstein's notation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value, join_boxes
from flowgraph.box.axes import AxisLabels
from flowgraph.box.vocabulary import example
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.engine.shape_like import sum_like
from flowgraph.boxes.indexing.index import index, index_add, open_grid
from flowgraph.errors import UsageError
from flowgraph.shapes.indexing import ARRAY
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec, broadcast

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Einsum(Box):
    """Sum over the labels that are not in the output of the product of the operands, as np.einsum.

    h = Σ a b ...        each operand gets the einsum of the gradient with the other operands, to its own labels

    `subscripts` names every axis, "ij,jk->ik"; np.einsum also understands "...", an output left out, and lists of
    axes. A label twice in an operand takes its diagonal; an axis of size 1 broadcasts.

    Parameters
    ----------
    subscripts : str
        Labels of the axes of every operand and of the value, such as "ij,jk->ik".
    optimize : bool or str or tuple, default True
        The order in which the products are made, as in `numpy.einsum`.
    """

    subscripts: str
    optimize: bool | str | tuple[Any, ...] = True

    numpy = np.einsum
    symbol = "einsum"
    remedies = {"fprop": remedies.PRODUCT}
    examples = (
        example((3, 4), (4, 2), subscripts="ij,jk->ik"),
        example((3, 4), subscripts="ij->ji"),
        example((3, 4), subscripts="ij->"),
        example((3, 3), subscripts="ii->"),
        example((3, 3, 2), subscripts="iij->ji"),
        example((3, 3), (3,), subscripts="ii,i->i"),
        example((2, 3, 4), (2, 4, 5), subscripts="bij,bjk->bik"),
        example((3,), (4,), (4, 3), subscripts="i,j,ji->"),
        example((3, 2), (4,), subscripts="ij,k->k"),
        example((1, 3), (2, 1), subscripts="ij,ij->ij"),
        example((), (2,), subscripts=",i->i"),
    )

    @classmethod
    def from_numpy(
        cls, *operands: Any, optimize: Any = True, dtype: DTypeLike | None = None, casting: Any = "safe",
        order: str = "K",
    ) -> Any:  # fmt: skip
        """np.einsum in both of its forms; boxes have no memory order."""
        if not isinstance(operands[0], str):
            operands = _from_lists(operands)
        subscripts, *arrays = operands
        arrays = [join_boxes(a) for a in arrays]
        if dtype is not None:
            bad = next((a.dtype for a in arrays if not np.can_cast(a.dtype, dtype, casting)), None)
            if bad is not None:
                raise UsageError(
                    f"np.einsum: found an operand of dtype {bad}, which casting={casting!r} keeps from {dtype}"
                )
            arrays = [a.astype(dtype) for a in arrays]
        common = np.result_type(*(a.dtype for a in arrays))  # an optimised order would sum int8 by itself
        arrays = [a if a.dtype == common else a.astype(common) for a in arrays]
        return cls(*arrays, subscripts=explicit(subscripts, [a.ndim for a in arrays]), optimize=optimize)

    def check_settings(self) -> None:
        """Refuse subscripts that do not name every axis; np.einsum fills them up."""
        terms, output = _terms(self.subscripts)
        labels = "".join(terms)
        named = set(labels) <= set(_LETTERS) and set(output) <= set(labels) and not _repeats(output)
        if not named or "->" not in self.subscripts:
            raise UsageError(
                f"Einsum: found subscripts={self.subscripts!r}, needs letters as in 'ij,jk->ik', those of the output "
                f"once each and from the operands; np.einsum understands the other forms"
            )

    def fprop(self, *operands: Value) -> Value:
        return np.einsum(self.subscripts, *operands, optimize=self.optimize and len(operands) > 1)

    def bprop(
        self, grad: Value, h: Value, *operands: Value, needs: tuple[bool, ...] | None = None
    ) -> tuple[Value, ...]:
        return tuple(
            self._gradient(grad, operands, i) if needs is None or needs[i] else None for i in range(len(operands))
        )

    def infer(self, *operands: Spec) -> Spec:
        """The sizes of the labels of the output."""
        sizes = self._sizes([a.shape for a in operands])
        _, output = _terms(self.subscripts)
        return Spec(tuple(sizes[label] for label in output), np.result_type(*(a.dtype for a in operands)))

    def axis_labels(self) -> AxisLabels:
        """Those of the subscripts, but for labels that an operand has twice, of which it takes the diagonal."""
        terms, output = _terms(self.subscripts)
        twice = {label for term in terms for label in term if term.count(label) > 1}
        *children, value = ([None if a in twice else a for a in term] for term in (*terms, output))
        return AxisLabels(tuple(children), value)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A product per further operand and a sum, for every place of all labels."""
        return len(shapes) * product(self._sizes(shapes).values())

    def _gradient(self, grad: Value, operands: Sequence[Any], i: int) -> Any:
        terms, output = _terms(self.subscripts)
        a, labels = operands[i], "".join(dict.fromkeys(terms[i]))
        places = None
        if _repeats(terms[i]):
            line = dict(zip(labels, open_grid(a, [terms[i].index(label) for label in labels]), strict=True))
            places = [line[label] for label in terms[i]]
        diagonal = a if places is None else index(a, *places, index=(ARRAY,) * len(places))
        factors = [(output, grad), *((terms[j], b) for j, b in enumerate(operands) if j != i)]
        if not set(labels) <= set("".join(term for term, _ in factors)):
            factors.append((labels, np.ones_like(diagonal)))
        subscripts = ",".join(term for term, _ in factors) + "->" + labels
        slope = np.einsum(subscripts, *(b for _, b in factors), optimize=True)
        if slope.shape != diagonal.shape:  # an axis of size 1 was broadcast, here or in the other operands
            slope = sum_like(slope * np.ones_like(diagonal), diagonal)
        return slope if places is None else index_add(slope, a, *places, index=(ARRAY,) * len(places))

    def _sizes(self, shapes: Sequence[Shape]) -> dict[str, int | Size]:
        """The size of each label."""
        terms, _ = _terms(self.subscripts)
        if [len(term) for term in terms] != [len(shape) for shape in shapes]:
            raise self.shape_error(f"the subscripts {self.subscripts!r} do not name the axes of the operands")
        sizes: dict[str, int | Size] = {}
        for term, shape in zip(terms, shapes, strict=True):
            for label, size in zip(term, shape, strict=True):
                common = broadcast([(sizes.get(label, size),), (size,)])
                if common is None:
                    raise self.shape_error(f"the label {label!r} has the sizes {sizes[label]} and {size}")
                sizes[label] = common[0]
        return sizes


def explicit(subscripts: str, ndims: Sequence[int]) -> str:
    """The subscripts with the ellipsis written out, and the output."""
    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise UsageError(f"np.einsum: found {len(ndims)} operands for the subscripts {subscripts!r}")
    counts = [
        ndim - len(term.replace("...", "")) if "..." in term else 0 for term, ndim in zip(terms, ndims, strict=True)
    ]
    if min(counts) < 0:
        raise UsageError(f"np.einsum: the subscripts {subscripts!r} name more axes than the operands have, {ndims}")
    if arrow and max(counts) and "..." not in output:
        raise UsageError(f"np.einsum: the output of {subscripts!r} needs the '...' of the operands")
    free = [letter for letter in _LETTERS if letter not in text]
    hidden = "".join(free[: max(counts)])
    terms = [term.replace("...", hidden[len(hidden) - n :]) for term, n in zip(terms, counts, strict=True)]
    if arrow:
        output = output.replace("...", hidden)
    else:
        labels = "".join(terms)
        output = hidden + "".join(sorted(x for x in set(labels) - set(hidden) if labels.count(x) == 1))
    return ",".join(terms) + "->" + output


def _from_lists(operands: Sequence[Any]) -> tuple[Any, ...]:
    """The form einsum(a, [0, 1], b, [1, 2], [0, 2]) in letters."""
    pairs = len(operands) // 2
    lists = [operands[2 * i + 1] for i in range(pairs)]
    terms = ["".join("..." if x is ... else _LETTERS[x] for x in axes) for axes in lists]
    text = ",".join(terms)
    if len(operands) % 2:
        text += "->" + "".join("..." if x is ... else _LETTERS[x] for x in operands[-1])
    return text, *(operands[2 * i] for i in range(pairs))


def _terms(subscripts: str) -> tuple[list[str], str]:
    left, _, output = subscripts.partition("->")
    return left.split(","), output


def _repeats(term: str) -> bool:
    return len(set(term)) < len(term)
