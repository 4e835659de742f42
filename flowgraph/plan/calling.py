"""The call of a plan: inputs looked at, the function for their shapes found, run alone, its new values committed."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from flowgraph.plan.plan import Plan

MISSING: Any = type("missing", (), {"__repr__": lambda self: "missing"})()

_CALL = """\
def call({signature}*_extra, seed=0, prepare=False, **_unknown):
    if _extra or _unknown:
        return _otherwise(({all}), _extra, _unknown, seed, prepare)
{reads}    _found = _known.get({shapes}) or _specialised({shapes})
    _plan.last = _found
    if prepare:
        return None
{more}    if not _store.complete:
        _take()
    _acquire()
    if _store.running:
        _release()
        _run_again()
    try:
        _store.running = True
        _results = _found.functions[_store.commits & 1]({arguments})
        _results = _finish(_found, _results)
        _store.commits += 1
    finally:
        _store.running = False
        _release()
    return _results
"""

_ARRAY = """\
    if type({name}) is not _ndarray or {name}.dtype is not _dtype{place} or not {name}.ndim:
        {name} = _read({place}, {name})
"""
_NUMBER = """\
    if type({name}) is float:
        {name} = _type{place}({name})
    elif type({name}) is not _type{place}:
        {name} = _read({place}, {name})
"""


def make_call(plan: Plan, more: bool) -> Callable[..., Any]:
    """A function for the inputs of this plan: what is always the same is decided when it is written.

    In a small network the way in and out would cost more than the network itself.
    """
    keywords = [name if _is_keyword(name) else f"_input{place}" for place, name in enumerate(plan.input_names)]
    everything = "".join(f"{name}, " for name in keywords)
    store = plan.store
    space: dict[str, Any] = {
        "_ndarray": np.ndarray, "_missing": MISSING, "_plan": plan, "_known": plan.known,
        "_store": store, "_acquire": store.lock.acquire, "_release": store.lock.release, "_take": store.take,
        "_specialised": plan.specialised, "_read": plan.read, "_otherwise": plan.otherwise, "_more": plan.more,
        "_finish": plan.results, "_run_again": plan.run_again,
    }  # fmt: skip
    reads = ""
    for place, (name, box) in enumerate(zip(keywords, plan.inputs, strict=True)):
        space[f"_dtype{place}"], space[f"_type{place}"] = box.dtype, box.dtype.type
        number = box.shape == () and box.dtype.kind == "f"
        reads += (_NUMBER if number else _ARRAY).format(name=name, place=place)
    text = _CALL.format(
        signature="".join(f"{name}=_missing, " for name in keywords),
        all=everything,
        reads=reads,
        shapes=f"({''.join(f'{name}.shape, ' for name in keywords)})",
        arguments=everything + ("*_rest" if more else ""),
        more="    _rest = _more(_found, seed)\n" if more else "",
    )
    exec(compile(text, "<call of a plan>", "exec"), space)
    function: Callable[..., Any] = space["call"]
    return function


def _is_keyword(name: str) -> bool:
    """Whether an input can be an argument of that name; others come in a dict, or in `**`."""
    return name.isidentifier() and not keyword.iskeyword(name) and name[0] != "_" and name not in ("seed", "prepare")
