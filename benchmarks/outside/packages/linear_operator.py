"""linear-operator: solves, determinants and roots of dense operators."""

from __future__ import annotations

from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, spd, tensor

PACKAGE = Package("linear-operator", "torch", held_out=True)


def _operator(a: Any) -> Any:
    from linear_operator import to_linear_operator

    return to_linear_operator(a + a.mT)


@PACKAGE.right("solve")
def _solve() -> Case:
    return Case(lambda a, b: _operator(a).solve(b), (tensor(spd(3)), tensor(normal(3, 2))))


@PACKAGE.right("inv_quad")
def _inv_quad() -> Case:
    return Case(lambda a, b: _operator(a).inv_quad(b), (tensor(spd(3)), tensor(normal(3, 2))))


@PACKAGE.right("inv_quad_logdet")
def _inv_quad_logdet() -> Case:
    return Case(lambda a, b: _operator(a).inv_quad_logdet(b, logdet=True), (tensor(spd(3)), tensor(normal(3, 2))))


@PACKAGE.right("matmul")
def _matmul() -> Case:
    return Case(lambda a, b: _operator(a).matmul(b), (tensor(spd(3)), tensor(normal(3, 2))))


@PACKAGE.right("sqrt_inv_matmul")
def _sqrt() -> Case:
    return Case(lambda a, b: _operator(a).sqrt_inv_matmul(b), (tensor(spd(3)), tensor(normal(3, 2))))


@PACKAGE.right("root of a sum with a diagonal")
def _root() -> Case:
    return Case(lambda a: _operator(a).add_jitter(0.1).root_decomposition().to_dense(), (tensor(spd(3)),))
