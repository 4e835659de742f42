"""Mistakes planted in the right entries that were drawn, 20, 40 and 20 in the three sets; planted.csv names them.

The kinds of `mistakes.py` were gone through in an order drawn for each entry, the rarest so far first; the first one
that the differences of `proof.py` showed to be a mistake, at the example or at an input like it, was planted.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Entry, Framework, Package
from benchmarks.outside.fresh import registry
from benchmarks.outside.fresh.mistakes import KINDS, Call

FILE = Path(__file__).with_name("planted.csv")
COMMAND = (sys.executable, "-m", "benchmarks.outside.fresh.planted")
COLUMNS = ("entry", "kind", "input", "first seen")


def rows() -> list[dict[str, str]]:
    """What was planted: title of the entry, kind, place of the input, and the first regime in which it shows."""
    with FILE.open() as file:
        return list(csv.DictReader(file))


def planted() -> dict[str, Package]:
    """The packages of mistakes, by the name of the package that they are planted in."""
    found: dict[str, Package] = {}
    for row in rows() if FILE.exists() else ():
        every = ((package, one) for package in registry.gathered() for one in package.entries)
        original, entry = next(pair for pair in every if pair[1].title == row["entry"])
        if entry.package not in found:
            found[entry.package] = type(original)(original.name, original.framework)
        text = f"planted, {row['kind']} (input {row['input']}); differences show it first at: {row['first seen']}"
        made = _maker(entry, row["kind"], int(row["input"]))
        found[entry.package].add(f"{entry.name} [{row['kind']}]", made, "wrong", text)
    return found


def _maker(entry: Entry, kind: str, place: int) -> Any:
    return lambda: spoilt(entry.make(), entry.framework, kind, place)


def spoilt(case: Case, framework: Framework, kind: str, place: int) -> Case:
    """The case with this mistake in the gradient by the input at this place."""
    memory: dict[str, Any] = {}
    make = {"numpy": _numpy, "torch": _torch, "jax": _jax}[framework]
    return make(case, kind, place, memory)


def _numpy(case: Case, kind: str, place: int, memory: dict[str, Any]) -> Case:
    assert case.bprop is not None
    right = case.bprop

    def pull(grad: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(right(np.array(grad), case.function(*inputs), *inputs))

    def backward(grad: Any, value: Any, *inputs: Any) -> Any:
        found = list(right(grad, value, *inputs))
        kept = tuple(np.array(x) if isinstance(x, np.ndarray) else x for x in inputs)
        found[place] = KINDS[kind](Call(pull, grad, value, kept, place, memory))
        return tuple(found)

    return Case(case.function, case.inputs, backward)


def _torch(case: Case, kind: str, place: int, memory: dict[str, Any]) -> Case:
    import torch

    def pull(grad: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        with torch.enable_grad():
            fresh = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
            found = torch.autograd.grad(case.function(*fresh), fresh, grad, allow_unused=True)
        return tuple(torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))

    class Spoilt(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            value = case.function(*inputs)
            ctx.save_for_backward(*inputs, value)
            return value.detach().clone()

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            *inputs, value = ctx.saved_tensors
            found = list(pull(grad, tuple(inputs)))
            found[place] = KINDS[kind](Call(pull, grad, value, tuple(inputs), place, memory))
            return tuple(found)

    return Case(lambda *inputs: Spoilt.apply(*inputs), case.inputs)  # type: ignore[no-untyped-call]


def _jax(case: Case, kind: str, place: int, memory: dict[str, Any]) -> Case:
    import jax

    def pull(grad: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(jax.vjp(case.function, *inputs)[1](grad))

    def forward(*inputs: Any) -> Any:
        value = case.function(*inputs)
        return value, (value, inputs)

    def backward(kept: Any, grad: Any) -> Any:
        value, inputs = kept
        found = list(pull(grad, inputs))
        found[place] = KINDS[kind](Call(pull, grad, value, inputs, place, memory))
        return tuple(found)

    spoilt = jax.custom_vjp(case.function)
    spoilt.defvjp(forward, backward)
    return Case(lambda *inputs: spoilt(*inputs), case.inputs)
