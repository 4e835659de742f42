"""The call of a plan: inputs looked at, the function for their shapes found, run alone, its new values committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from flowgraph.plan.plan import Plan

MISSING: Any = type("missing", (), {"__repr__": lambda self: "missing"})()

_CALL = """\
def call({signature}*extra, seed=0, prepare=False, **unknown):
    if extra or unknown:
        refuse(extra, unknown)
{reads}    found = known.get({shapes}) or specialised({shapes})
    plan.last = found
    if prepare:
        return None
{more}    if not store.complete:
        take()
    acquire()
    if store.running:
        release()
        run_again()
    try:
        store.running = True
        results = found.functions[store.commits & 1]({arguments})
        results = finish(found, results)
        store.commits += 1
    finally:
        store.running = False
        release()
    return results
"""

_ARRAY = """\
    if type({name}) is not ndarray or {name}.dtype is not {name}_dtype or not {name}.ndim:
        if type({name}) is dict:
            return by_name({name}, ({all}), seed)
        {name} = read({place}, {name})
"""


def make_call(plan: Plan, more: bool) -> Callable[..., Any]:
    """A function for the inputs of this plan: what is always the same is decided when it is written.

    In a small network the way in and out would cost more than the network itself.
    """
    keywords = [name if name.isidentifier() else f"input{place}" for place, name in enumerate(plan._names)]
    everything = "".join(f"{name}, " for name in keywords)
    space: dict[str, Any] = {
        "ndarray": np.ndarray, "known": plan._known, "store": plan._store, "acquire": plan._store.lock.acquire,
        "release": plan._store.lock.release, "take": plan._store.take, "specialised": plan._specialised,
        "read": plan._read, "by_name": plan._by_name, "refuse": plan._refuse, "run_again": plan._run_again,
        "more": plan._more, "finish": plan._results, "MISSING": MISSING, "plan": plan,
    }  # fmt: skip
    reads = ""
    for place, (name, box) in enumerate(zip(keywords, plan._inputs, strict=True)):
        space[f"{name}_dtype"] = box.dtype
        reads += _ARRAY.format(name=name, place=place, all=everything)
    text = _CALL.format(
        signature="".join(f"{name}=MISSING, " for name in keywords),
        reads=reads,
        shapes=f"({''.join(f'{name}.shape, ' for name in keywords)})",
        arguments=everything + ("*rest" if more else ""),
        more="    rest = more(found, seed)\n" if more else "",
    )
    exec(compile(text, "<call of a plan>", "exec"), space)
    function: Callable[..., Any] = space["call"]
    return function
