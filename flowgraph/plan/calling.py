"""The call of a plan: inputs looked at, the function for their shapes found, run alone, its new values committed."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.underflow import again
from flowgraph.graph.debug_mode import debugging

if TYPE_CHECKING:
    from flowgraph.plan.plan import Plan

KEYWORDS: dict[str, Any] = {"seed": None, "prepare": False}
"""The keywords of every call, with their defaults; an input of such a name takes what is given by that keyword."""

MISSING: Any = type("missing", (), {"__repr__": lambda self: "missing"})()

_CALL = """\
def call(_plan, /, *_given, {signature}seed=_seed, prepare=False, **_unknown):
    '''Run once: inputs by name, in a dict of boxes or names, or by position in the order of `inputs`.

    Random leaves draw anew in each call; `seed=7` repeats the draws, as in `Graph.fprop`.
    '''
{given}{numbers}    if _given or _unknown or {strange}prepare or _debugging():
        return _plan.otherwise(_given, ({all}), _unknown, seed, prepare)
{run}
def run(_plan, {all}seed):
{run}"""

_RUN = """\
    _found, _shapes = _plan.last, ({shapes})
    if _found is None or _found.shapes != _shapes:
        _found = _plan.last = _plan.specialised(_shapes)
{more}    _acquire()
    if _store.running or not _store.complete:
        _enter()
    try:
        _store.running = True
        _function = _found.functions[_store.commits & 1]
        try:
            _results = _function({arguments})
        except _underflows as _error:
            _results = _again(_error, _function, {arguments})
{copies}        _store.commits += 1
    finally:
        _store.running = False
        _release()
    return _results{alone}
"""
"""What follows when the inputs are such arrays and numbers as the function takes."""

_GIVEN = """\
    if _len(_given) == {count} and {is_all}_missing:
        ({all}), _given = _given, ()
"""
"""All inputs by position, none by name."""

_COPIES = """\
        if True in _found.copied:
            _results = _copies(_results, _found.copied)
"""
_NUMBER = """\
    if _typeof({name}) is _float:
        _pair = _last{place}[0]
        if _pair[0] is not {name}:
            _pair = _last{place}[0] = {name}, _type{place}({name})
        {name} = _pair[1]
"""
"""A number as NumPy's number of the dtype, which takes longer to make than to find again while it stays the same."""


def make_calls(plan: Plan, *, more: bool, alone: bool, borrow: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """For the inputs of this plan, the function that a call is, and the same for inputs that were looked at.

    What is always the same is decided when they are written, and said in one function: in a small network the way in
    and out would cost more than the network itself.
    """
    from flowgraph.plan.specialised import copies

    names = [name if _is_keyword(name) else f"_input{place}" for place, name in enumerate(plan.input_names)]
    store = plan.store
    space: dict[str, Any] = {
        "_missing": MISSING, "_typeof": type, "_len": len, "_float": float, "_seed": KEYWORDS["seed"],
        "_ndarray": np.ndarray, "_debugging": debugging, "_store": store, "_enter": store.enter,
        "_acquire": store.lock.acquire, "_release": store.lock.release, "_copies": copies,
        "_again": again, "_underflows": (FloatingPointError, RuntimeWarning),
    }  # fmt: skip
    numbers = strange = shapes = everything = ""
    for place, (name, box) in enumerate(zip(names, plan.inputs, strict=True)):
        space[f"_dtype{place}"], space[f"_type{place}"], space[f"_last{place}"] = (
            box.dtype,
            box.dtype.type,
            [(None, None)],
        )
        if box.shape == ():
            numbers += _NUMBER.format(name=name, place=place) if box.dtype.kind == "f" else ""
            strange += f"_typeof({name}) is not _type{place} or "
        else:
            strange += f"_typeof({name}) is not _ndarray or {name}.dtype is not _dtype{place} or "
        shapes += f"{name}.shape, " if box.shape else "(), "
        everything += f"{name}, "
    run = _RUN.format(
        shapes=shapes,
        arguments=everything + ("*_rest" if more else ""),
        more="    _rest = _plan.more(_found, seed)\n" if more else "",
        copies="" if borrow else _COPIES,
        alone="[0]" if alone else "",
    )
    given = _GIVEN.format(count=len(names), is_all=" is ".join([*names, ""]), all=everything) if names else ""
    signature = "".join(f"{name}=_missing, " for name in names)
    text = _CALL.format(signature=signature, all=everything, given=given, numbers=numbers, strange=strange, run=run)
    exec(compile(text, "<call of a plan>", "exec"), space)
    return space["call"], space["run"]


def is_plain(box: Box, value: Any) -> bool:
    """Whether a function of a plan takes this for an input: an array, or a number, of its dtype."""
    if not box.shape:
        return type(value) is box.dtype.type
    return type(value) is np.ndarray and value.dtype == box.dtype and value.ndim == len(box.shape)


def _is_keyword(name: str) -> bool:
    """Whether an input can be an argument of that name; others come in a dict, or in `**`.

    Names with an underscore are those of the call itself; a name that Python reads as another one is none.
    """
    as_read = unicodedata.normalize("NFKC", name)
    plain = name == as_read and name.isidentifier() and not keyword.iskeyword(name)
    return plain and name[0] != "_" and name not in KEYWORDS
