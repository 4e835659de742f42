"""The derivatives that docstrings say are what bprop computes, on the examples of each box."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import flowgraph as fg
from tests.boxes.docstring_lines import Clause, clauses_of, latex_of
from tests.cases import Case, cases
from tests.registry import boxes_with_examples
from tests.rendering.latex_reader import Meaning, judge

CLAUSES = {
    f"{name}.{clause.by}": (cls, clause) for name, cls in boxes_with_examples().items() for clause in clauses_of(cls)
}
_IN_WORDS = """
    Affine.b Cast.a CofactorSlopes.a CofactorSlopes.g Det.a Interp.f Interp.x Interp.x_j Ldexp.a Max.a Median.a Min.a
    NanToNum.a PolyVal.p_i PolyVal.x Prod.a_i Quantile.a Where.a
"""
IN_WORDS = frozenset(_IN_WORDS.split())
"""Derivatives that are said in words, or by letters that stand for no child and no setting."""

ELSEWHERE = {"LambertW.a", "ModifiedBessel.a", "SlogDet.a"}
"""Of complex examples, of cases for the largest of several orders, of one of several outputs."""

LETTERS = {"exponent": "p", "lmbda": "λ", "alpha": "α"}
"""How docstrings write a child or a setting that is not written by its name."""

_FIRST = 0xF0000


class Said(NamedTuple):
    """What a docstring says of a case in LaTeX, the arrays of its letters, and what bprop computes."""

    latex: str
    meaning: Meaning
    needed: Any


def said_of(case: Case, clause: Clause) -> Said | None:
    """None where the docstring says nothing about it: of whole and complex numbers, of stacks and broadcasting.

    A setting that is a word chooses another formula, which stands in a sentence.
    """
    names = [LETTERS.get(name, name) for name in case.box.names_of_children()]
    settings = case.box.setting_values()
    words = {name: value for name, value in settings.items() if isinstance(value, str)}
    if (
        clause.by not in names
        or len(case.box.outputs) > 1
        or any(vars(case.cls)[name] != words[name] for name in words)
    ):
        return None
    child = case.children[names.index(clause.by)]
    if child.dtype.kind != "f" or case.box.dtype.kind != "f":
        return None
    leaves = [
        fg.Constant(array) if fixed or array.dtype.kind != "f" else fg.Parameter(array)
        for array, fixed in zip(case.children, case.box.constant, strict=True)
    ]
    box = case.cls(*leaves, **case.settings)
    run = fg.Graph(box).fprop()
    h = np.asarray(run[box])
    matrices = h.ndim == child.ndim == 2 and all(array.ndim <= 2 for array in case.children)
    if not (matrices if clause.is_gradient else h.shape == child.shape or h.size == 1):
        return None
    grad = np.random.default_rng(0).normal(size=h.shape) if clause.is_gradient else np.ones(h.shape)
    wrt = [leaf for leaf in leaves if isinstance(leaf, fg.Parameter)]
    grads = run.bprop({box: grad.astype(h.dtype)}, wrt=wrt)
    arrays = {"n": child.size / h.size, "mean": np.mean(child)}
    arrays |= {LETTERS.get(name, name): value for name, value in settings.items() if isinstance(value, int | float)}
    arrays |= dict(zip(names, case.children, strict=True)) | {clause.of: h}
    letters = {name: chr(_FIRST + number) for number, name in enumerate(arrays)}
    gradients = {letters[name]: grads[leaf] for name, leaf in zip(names, leaves, strict=True) if leaf in grads}
    values = {letters[name]: np.asarray(array) for name, array in arrays.items()}
    return Said(
        latex_of(clause.text, clause.by, letters),
        Meaning(values, gradients | {letters[clause.of]: grad}),
        grads[leaves[names.index(clause.by)]],
    )


def read_all(name: str) -> Iterator[Said]:
    cls, clause = CLAUSES[name]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield from (said for case in cases(cls) if (said := said_of(case, clause)) is not None)


@pytest.mark.parametrize("name", [name for name in CLAUSES if name not in IN_WORDS | ELSEWHERE])
def test_what_a_docstring_says_is_what_bprop_computes(name: str) -> None:
    """And twice as much is not, unless it is 0 everywhere."""
    some = list(read_all(name))
    assert some, "no example that the docstring speaks of"
    for said in some:
        found = judge(*said)
        assert found in ("right", "edge"), f"{CLAUSES[name][1].text}: {said.latex}"
        if found == "right" and np.any(said.needed[np.isfinite(said.needed)]):
            assert judge(f"2 ({said.latex})", said.meaning, said.needed).startswith("wrong")


@pytest.mark.parametrize("name", sorted(IN_WORDS))
def test_what_is_said_in_words_is_no_formula(name: str) -> None:
    """So that the list holds no line that could be computed."""
    assert not all(judge(*said) in ("right", "edge") for said in read_all(name)) or not list(read_all(name))
