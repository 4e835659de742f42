"""A plan: a graph compiled into one function of NumPy calls, which also updates parameters; and its call."""

from __future__ import annotations

import functools
import inspect
import keyword
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any, SupportsIndex, cast

import numpy as np

from flowgraph.box import Box
from flowgraph.box.arrays import again
from flowgraph.box.attached import OnPlan
from flowgraph.box.leaves import Parameter, new_lock
from flowgraph.graph import Graph
from flowgraph.graph.topology import debugging
from flowgraph.plan.backends import Backend, BackendName, Specialised, copies
from flowgraph.plan.variants import KEYWORDS, MISSING, Inputs, Variants
from flowgraph.printable import printable

# The call of a plan: read inputs, choose the function for their shapes, run it, commit new values.

_CALL = """\
def call(*_given, {signature}seed=_seed, prepare=False, **_unknown):
    '''Run once: inputs by name, in a dict of boxes or names, or by position in the order of `inputs`.

    Random leaves draw anew in each call; `seed=7` repeats the draws, as in `Graph.fprop`.
    '''
{plain}    _compare = None
    if _given or _unknown or {strange}prepare or _debugging():
        ({names}), seed, prepare, _compare = _read(_given, ({names}), _unknown, seed, prepare)
        if prepare:
            return _variants.prepare(({names}))
    _found, _shapes = _variants.last, ({shapes})
    if _found is None or _found.shapes != _shapes:
        _found = _variants.last = _variants.function_for(_shapes)
{rest}    with _lock:
        if _store.running or not _store.complete:
            _enter()
        try:
            _store.running = True
{begun}            _function = _found.functions[_store.commits & 1]
            try:
                _results = _function({arguments})
            except _underflows as _error:
                _results = _again(_error, _function, {arguments})
            except _Exception as _error:
                _explain(_error, ({names}))
                raise
{copies}            _store.commits += 1
        finally:
            _store.running = False
    if _compare is not None:
        _compare(_results)
    return _results{alone}
"""
"""The call for the inputs of one plan. What never changes is decided when it is written, and all of it stands in one
function: in a small network the way in and out would cost more than the network itself.

`with` costs 0.1 microseconds more than a call of `acquire` before `try`, between which Ctrl-C would leave the lock
taken for ever: the interpreter looks for signals after each call, but not on its way into a `with`."""

_BY_POSITION = """\
    if _len(_given) == {count} and {is_all}_missing:
        ({names}), _given = _given, ()
"""
"""All inputs by position, none by name."""

_MORE = """\
    _rest = _variants.more(_found, seed)
"""
"""Random draws, and parameters that are only read."""

_SEED = """\
    if seed is not None and (_typeof(seed) is not _int or seed < 0):
        _variants.more(_found, seed)
"""
"""Where nothing is drawn, a seed that could not be one is refused all the same."""

_NUMBER = """\
    if _typeof({name}) is _float:
        _pair = _last{place}[0]
        if _pair[0] is not {name}:
            _pair = _last{place}[0] = {name}, _type{place}({name})
        {name} = _pair[1]
"""
"""A number as NumPy's number of the dtype, which takes longer to make than to find again while it stays the same."""


_BEGUN = "            _store.begun += 1\n"
"""Where rows of a table may change alone, steps are counted, also those that fail."""


def make_call(variants: Variants, *, alone: bool, borrow: bool) -> Callable[..., Any]:
    """The function that a call of the plan is.

    It refers to the functions of the plan, and not to the plan, so that these die with the plan.
    """
    boxes, store = variants.inputs.boxes, variants.store
    names = [name if _is_keyword(name) else f"_input{place}" for place, name in enumerate(variants.inputs.names)]
    space: dict[str, Any] = {
        "_missing": MISSING, "_typeof": type, "_len": len, "_float": float, "_int": int, "_seed": KEYWORDS["seed"],
        "_ndarray": np.ndarray, "_debugging": debugging, "_store": store, "_enter": store.enter,
        "_lock": store.lock, "_copies": copies,
        "_again": again, "_underflows": (FloatingPointError, RuntimeWarning),
        "_explain": variants.explain, "_Exception": Exception,
        "_variants": variants, "_read": variants.inputs.read_call,
    }  # fmt: skip
    for place, box in enumerate(boxes):
        space |= {f"_dtype{place}": box.dtype, f"_type{place}": box.dtype.type, f"_last{place}": [(None, None)]}
    exec(code_of(_text(names, boxes, variants, alone, borrow)), space)
    call = space.pop("call")
    call.__code__ = call.__code__.replace()  # the caches of instructions, which the interpreter keeps, are its own
    return cast(Callable[..., Any], call)


@functools.lru_cache(64)
def code_of(text: str) -> CodeType:
    """The code of a call, which plans whose inputs have the same names share: a third of the time of an equal plan."""
    return compile(text, "<call of a plan>", "exec")


def _text(names: Sequence[str], boxes: Sequence[Box], variants: Variants, alone: bool, borrow: bool) -> str:
    more = variants.takes_more
    listed = "".join(f"{name}, " for name in names)
    plain = _BY_POSITION.format(count=len(names), is_all=" is ".join([*names, ""]), names=listed) if names else ""
    strange = shapes = ""
    for place, (name, box) in enumerate(zip(names, boxes, strict=True)):
        shapes += f"{name}.shape, " if box.shape else "(), "
        if box.shape:
            strange += f"_typeof({name}) is not _ndarray or {name}.dtype is not _dtype{place} or "
        else:
            strange += f"_typeof({name}) is not _type{place} or "
            plain += _NUMBER.format(name=name, place=place) if box.dtype.kind == "f" else ""
    return _CALL.format(
        signature="".join(f"{name}=_missing, " for name in names),
        plain=plain,
        strange=strange,
        names=listed,
        shapes=shapes,
        rest=_MORE if more else _SEED,
        arguments=listed + ("*_rest" if more else ""),
        begun=_BEGUN if variants.changes_rows else "",
        copies=""
        if borrow
        else "            if True in _found.copied:\n                _results = _copies(_results, _found.copied)\n",
        alone="[0]" if alone else "",
    )


def _is_keyword(name: str) -> bool:
    """Whether an input can be an argument of that name; others come in a dict, or in `**`.

    Names with an underscore are those of the call itself; a name that Python reads as another one is none.
    """
    as_read = unicodedata.normalize("NFKC", name)
    plain = name == as_read and name.isidentifier() and not keyword.iskeyword(name)
    return plain and name[0] != "_" and name not in KEYWORDS


# A plan: a graph compiled into one function of NumPy calls, which also updates parameters.


class Plan(OnPlan):
    """A graph as straight-line NumPy: `step(x=X, y=Y)` gives the values of the outputs and updates the parameters.

    Values come as a tuple in the order of the outputs, or alone where a single box was compiled. All updates read the
    old values and are applied together at the end of the call: an exception or Ctrl-C leaves every parameter as it was,
    or every one updated. For inputs of other shapes the plan is compiled once more, and both functions stay.

    In debug mode (`fg.debug()`) every call is held against the graph.

    Plans may run in any threads; calls of one plan, and of plans that update one parameter, run one after the other. A
    copy by `copy.deepcopy` or pickle has parameters of its own, and is compiled anew.

    A plan is made by `fg.compile`, and not by hand.

    Examples
    --------
    >>> import flowgraph as fg
    >>> x, w = fg.Input("x", shape=("N",)), fg.Parameter(2.0, name="w")
    >>> step = fg.compile(fg.sum(x * w))
    >>> float(step(x=[1.0, 3.0]))
    8.0
    """

    # Python looks for `__call__` in the class of what is called: there it finds the place in which each plan has a
    # function of its own. A method that passes arguments on would add 80 to 120 ns to the 1,800 of the smallest step.
    __slots__ = ("__call__",)

    __call__: Callable[..., Any]

    def __init__(
        self,
        forward: Graph,
        updates: Mapping[Parameter, Box],
        inputs: Sequence[Box],
        *,
        alone: bool,
        borrow: bool,
        without: frozenset[str],
        backend: BackendName = "numpy",
        tune: Sequence[BackendName] = (),
        **of_backend: Any,
    ) -> None:
        self._forward = forward
        self._settings = {
            "alone": alone, "borrow": borrow, "without": without, "backend": backend, "tune": tune, **of_backend,
        }  # fmt: skip
        self.inputs = tuple(inputs)
        self.choice: Any = None
        self._tuning = new_lock()
        computing = Backend(backend, **of_backend)
        self.store = computing.store(updates)
        self._read = Inputs(inputs, self._forward, self.store)
        self.input_names = self._read.names
        self._variants = Variants(self._forward, self.store, self._read, computing, without)
        self.__call__ = make_call(self._variants, alone=alone, borrow=borrow)
        self.__signature__ = inspect.signature(self.__call__)
        if tune:
            self.__call__ = self._call_after_tuning

    def __repr__(self: Any) -> str:
        inputs = ", ".join(map(printable, self.input_names))
        ran = "not run yet" if self.last is None else f"{len(self.graph)} boxes, {self.bytes:,} bytes of buffers"
        said = "" if self.last is None else self.last.note or self.last.advice
        said = "; ".join(filter(None, [said, str(self.choice or "")]))
        said = "tunes itself for the inputs of its first call" if self._settings["tune"] else said
        note = f"; {printable(said)}" if said else ""
        return f"<Plan of {inputs or 'no inputs'}: {ran}{note}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """What pickle and copy build the plan from; the functions are compiled anew, when they are needed."""
        return _plan, (self._forward, self.store.parameters, self.inputs, self._settings)

    @property
    def source(self) -> str:
        """The function that ran last, as text."""
        return self._latest().program.text

    @property
    def graph(self) -> Graph:
        """The simplified flow graph of the function that ran last: its outputs, then the new values."""
        return self._latest().graph

    @property
    def bytes(self) -> int:
        """Bytes of the buffers of the function that ran last, without the parameters and their spare copies."""
        return self._latest().program.bytes

    @property
    def last(self) -> Specialised | None:
        """The function that ran last, None before the first call."""
        return self._variants.last

    @property
    def known(self) -> Mapping[Any, Specialised]:
        """The functions that are kept, by the shapes of their inputs."""
        return self._variants.known

    def _latest(self) -> Specialised:
        return self._variants.latest()

    def with_settings(self, **settings: Any) -> Plan:
        """A plan of the same graph and the same parameters, with other settings.

        Parameters
        ----------
        **settings : object
            Keywords of `fg.compile`, such as `backend`; all others stay as they are, but for `tune`.

        Returns
        -------
        Plan
            Another plan, which is not tuned.
        """
        settings = {**self._settings, "tune": (), **settings}
        return _plan(self._forward, self.store.parameters, self.inputs, settings)

    def _call_after_tuning(self, *given: Any, **named: Any) -> Any:
        """The first call: the settings are chosen for its inputs, and another call takes the place of this one."""
        self._tune(given, named)
        return self.__call__(*given, **named)

    def _tune(self, given: Sequence[Any], named: Mapping[str, Any]) -> None:
        from flowgraph.plan.tuning import tune  # which few plans need

        with self._tuning:
            if not self._settings["tune"]:  # another thread has
                return
            choice = tune(self, self._settings["tune"], given, named)
            other = self.with_settings(**choice.settings)
            vars(self).update(vars(other))
            self.choice, self.__call__ = choice, other.__call__

    def prepare(self, /, *positional: Any, **named: Any) -> Plan:
        """Compile for the shapes and dtypes of these inputs, without running.

        A plan that tunes itself runs copies of itself, to choose its settings.

        Parameters
        ----------
        *positional : array_like
            Inputs in the order of `inputs`.
        **named : array_like
            Inputs by name.

        Returns
        -------
        Plan
            This plan; its next call with such inputs needs no compilation.
        """
        if self._settings["tune"]:
            self._tune(positional, named)
        read = self._read.read_call(positional, [MISSING] * len(self.inputs), named, KEYWORDS["seed"], True)
        self._variants.prepare(read.values)
        return self


def _plan(forward: Graph, parameters: Sequence[Parameter], inputs: Sequence[Box], settings: Mapping[str, Any]) -> Plan:
    """The plan whose graph this is, the last outputs of which are new values of parameters."""
    updates = dict(zip(parameters, forward.outputs[len(forward.outputs) - len(parameters) :], strict=True))
    return Plan(forward, updates, inputs, **settings)
