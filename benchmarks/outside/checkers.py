"""fg.check, and beside it the checker that the framework has itself: what each says of one case."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.outside.calling import Callable64
from benchmarks.outside.entry import Case, Entry

Answer = dict[str, Any]


def flowgraph(entry: Entry, case: Case) -> Answer:
    """The verdict with everyone's defaults, and the failures with their test cases."""
    import flowgraph as fg

    pair = {} if case.bprop is None else {"bprop": case.bprop}
    report = fg.check(case.function, *case.inputs, **pair)
    failures = [
        {"kind": one.kind, "input": one.child or "", "test_case": one.test_case, "message": one.message[:300]}
        for one in report.failures
    ]
    return {"verdict": report.verdict, "failures": failures, "reasons": [str(one)[:200] for one in report.warnings][:6]}


def own(entry: Entry, case: Case) -> Answer:
    """gradcheck of PyTorch, check_grads of JAX, verify_grad of PyTensor, or central differences."""
    return {"torch": _gradcheck, "jax": _check_grads, "numpy": _central, "pytensor": _verify_grad}[entry.framework](
        entry, case
    )


def _gradcheck(entry: Entry, case: Case) -> Answer:
    import torch

    torch.autograd.gradcheck(case.function, case.inputs)
    return {"verdict": "pass"}


def _check_grads(entry: Entry, case: Case) -> Answer:
    from jax.test_util import check_grads

    target = Callable64(case, entry.framework)
    inputs = list(case.inputs)

    def function(*active: Any) -> Any:
        for place, x in zip(target.places, active, strict=True):
            inputs[place] = x
        return case.function(*inputs)

    check_grads(function, [case.inputs[i] for i in target.places], order=1, modes=["rev"])
    return {"verdict": "pass"}


def _verify_grad(entry: Entry, case: Case) -> Answer:
    import pytensor

    mode = pytensor.compile.mode.Mode(linker="py", optimizer=None)
    outputs = len(Callable64(case, entry.framework).values(case.inputs))
    for k in range(outputs):

        def part(*xs: Any, k: int = k) -> Any:
            return case.function(*xs) if outputs == 1 else case.function(*xs)[k]

        pytensor.gradient.verify_grad(part, list(case.inputs), rng=np.random.default_rng(0), mode=mode)
    return {"verdict": "pass"}


def _central(entry: Entry, case: Case) -> Answer:
    target = Callable64(case, entry.framework)
    rng = np.random.default_rng(0)
    grads = [rng.normal(size=np.shape(y)) for y in target.values(target.start)]
    found = target.vjp(target.start, grads)
    for place, gradient in enumerate(found):
        for k in np.ndindex(np.shape(gradient)):
            up, down = ([np.array(x) for x in target.start] for _ in range(2))
            up[place][k] += 1e-6
            down[place][k] -= 1e-6
            change = [a - b for a, b in zip(target.values(up), target.values(down), strict=True)]
            numeric = sum(float(np.sum(g * c)) for g, c in zip(grads, change, strict=True)) / 2e-6
            if not np.isclose(gradient[k], numeric, rtol=1e-4, atol=1e-6):
                return {"verdict": "fail"}
    return {"verdict": "pass"}


CHECKERS = {"flowgraph": flowgraph, "own": own}


def timed(name: str, entry: Entry) -> Answer:
    """What this checker answers, with the seconds of the processor; `own` raises to say that a gradient is wrong."""
    case = entry.make()
    start = time.process_time()
    try:
        answer = CHECKERS[name](entry, case)
    except Exception as error:
        verdict = "fail" if name == "own" else "raised"
        answer = {"verdict": verdict, "failures": [], "reasons": [f"{type(error).__name__}: {error}"[:300]]}
    return {**answer, "seconds": time.process_time() - start}
