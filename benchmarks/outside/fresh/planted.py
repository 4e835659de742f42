"""Mistakes planted in the right entries that were drawn.

    python -m benchmarks.outside.fresh.planted      choose a kind for each drawn entry that has none, into planted.csv

The kinds of `mistakes.py` are gone through in an order drawn for each entry, the rarest so far first; the first one
that the differences of `proof.py` show to be a mistake, at the example or at an input like it, is planted.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.outside.calling import Callable64
from benchmarks.outside.entry import Case, Entry, Framework, Package
from benchmarks.outside.fresh import proof, registry
from benchmarks.outside.fresh.mistakes import KINDS, Call, Impossible

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
        entry = registry.found_among(row["entry"], registry.gathered())
        original = next(one for one in registry.gathered() if one.name == entry.package)
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


def chosen(entry: Entry, used: Counter[str], before: set[str]) -> dict[str, str]:
    """The row of a drawn entry; in the regimes `before` it disagrees without a mistake."""
    rng = np.random.default_rng([registry.SEED, *entry.title.encode()])
    case = entry.make()
    places = Callable64(case, entry.framework).places
    place = places[int(rng.integers(len(places)))]
    order = sorted(rng.permutation(sorted(KINDS)), key=lambda kind: used[kind])
    for kind in order:
        if entry.framework == "jax" and kind.startswith("stale"):
            continue
        mistaken = Entry(
            f"{entry.name} [{kind}]", entry.package, entry.framework, False, _maker(entry, kind, place), "wrong", ""
        )
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                _attempt(mistaken)
                seen = first_seen(mistaken, before)
            except (Impossible, AttributeError, TypeError, ValueError, RuntimeError):
                continue
        if seen:
            return {"entry": entry.title, "kind": str(kind), "input": str(place), "first seen": seen}
    raise AssertionError(f"no kind of mistake can be planted in {entry.title}")


def first_seen(entry: Entry, before: set[str]) -> str:
    """The first regime in which differences show the mistake; one neighbour is enough."""
    rng = np.random.default_rng(list(entry.title.encode()))
    target = Callable64(entry.make(), entry.framework)
    visited: set[str] = set()
    for name, arrays in proof.regimes(target.start, rng):
        if name == "same graph again" or name in before | visited:
            continue
        visited.add(name)
        try:
            finite = all(np.all(np.isfinite(y)) for y in target.values(arrays))
        except Exception:
            finite = False
        mismatch, bar = proof.compared(target, arrays, rng) if finite else (0.0, 0.0)
        if mismatch > max(1e-5, 50 * bar):
            return name
    return ""


def _attempt(entry: Entry) -> None:
    """The backward pass once, so that an impossible kind is seen as such."""
    target = Callable64(entry.make(), entry.framework)
    target.vjp(target.start, [np.ones(np.shape(y)) for y in target.values(target.start)])


def main(options: list[str]) -> None:
    """The entries of each package in a process of its own."""
    if options:
        before = proof.written()
        for title in options:
            used = Counter(row["kind"] for row in rows()) if FILE.exists() else Counter()
            row = chosen(registry.found_among(title, registry.gathered()), used, before.get(title, set()))
            with FILE.open("a", newline="") as file:
                csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
            print(row, flush=True)
        return
    if not FILE.exists():
        FILE.write_text(",".join(COLUMNS) + "\n")
    done = {row["entry"] for row in rows()}
    titles = []
    for name in registry.SETS:
        left = [entry.title for entry in registry.order(name) if entry.title not in done]
        here = sum(registry.split()[title.partition(": ")[0]] == name for title in done)
        titles += left[: registry.PLANTED[name] - here]
    groups = [
        [title for title in titles if title.startswith(f"{package}: ")]
        for package in dict.fromkeys(title.partition(": ")[0] for title in titles)
    ]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda mine: subprocess.run([*COMMAND, *mine], check=False), groups))


if __name__ == "__main__":
    main(sys.argv[1:])
