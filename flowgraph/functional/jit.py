"""`jit`: a pure function, called once for each kind of arguments and run as a plan from then on."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import Any, Literal, TypeAlias

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.leaves import new_lock
from flowgraph.box.node import current
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import argument_names, call_function, name_of, native
from flowgraph.functional.variant import MISS, Kind, Static, Variant, spec_of, traced_variant
from flowgraph.graph import Graph
from flowgraph.loops.containers import ARRAYS, flatten, numbers_as_leaves, paths, rebuild
from flowgraph.plan.emitter import emitter_of


@contextmanager
def refuse_draws(who: str) -> Iterator[None]:
    """Refuse what draws inside from a generator that was there before: NumPy's and Python's own, and those of the user.

    All of them are found, by way of the garbage collector, wherever the function has them from. If another thread draws
    meanwhile, the function is refused as if it had drawn, and called anew by the next call.
    """
    import random  # loads a library of hashes

    kinds = (np.random.Generator, np.random.RandomState, random.Random)
    generators = [generator for generator in gc.get_objects() if type(generator) in kinds]
    before = [(generator, _state(generator)) for generator in (*generators, np.random.mtrand._rand, random._inst)]
    yield
    for generator, state in before:
        if _state(generator) == state:
            continue
        name = f"{type(generator).__module__.partition('.')[0]}'s {type(generator).__name__}"
        thread = " (if another thread drew them, call it again)" if threading.active_count() > 1 else ""
        raise UsageError(
            f"{who}: found numbers drawn from {name}{thread}, which would be the same in all calls, as the function is "
            f"called once; draw by fg.Random or fg.dropout, which seed= repeats, or give the numbers as an argument"
        )


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.RandomState):
        return pickle.dumps(generator.get_state(legacy=False))
    if isinstance(generator, np.random.Generator):
        return pickle.dumps(generator.bit_generator.state)
    return generator.getstate()


Backend: TypeAlias = Literal["numpy", "numba", "jax"]

MOST = 128
"""Kinds of arguments of which one function keeps graph and plan; the one that came first goes."""

_PLAIN = (type(None), str, bytes, type(...), int)
"""What is no array and may stand among the arguments: part of their structure, compared by value."""


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    backend: Backend = "numpy",
    seed: Seed = None,
) -> Any:
    """Compile a pure function: it is called once for each kind of arguments, on boxes, and runs as a plan from then on.

    Calls are of one kind if their arguments have the same containers, and arrays of the same shapes and dtypes in them;
    numbers of Python, whole ones and booleans too, count as arrays of no axes that widen no floats. You promise that
    `f` is pure:

    - what it reads beside its arguments (globals, closures, attributes, files) has the value of the first call of a
      kind for ever. Parameters of flowgraph are read in each call, as are the draws of `fg.Random` and `fg.dropout`
      made in each call.
    - prints, counters and other side effects happen in the first call of a kind alone.
    - it does not branch on values (`if`, `while`, `range(n)` of an argument), which is refused: choose with `np.where`,
      loop with `fg.scan` or `fg.while_loop`, or name the argument as static.
    - generators of NumPy and Python that draw inside are refused, as their numbers would be the same ever after. One
      that is made inside is not seen: what it draws belongs to what is computed once.

    It may stand inside and outside of `grad`, `value_and_grad`, `jacobian`, `hessian`, `vmap`, `jvp`, `vjp`,
    `checkpoint` and `scan`; `grad(jit(f))` is `jit(grad(f))`. As a decorator of a method that is called as `obj.f(x)`
    it takes the instance as static, by identity. 128 kinds are kept; a 129th lets go of the first.

    Parameters
    ----------
    f : function, optional
        Written in NumPy; its arguments are arrays, numbers, and dicts, lists, tuples and dataclasses of them. It
        returns such a container. Without it, a decorator is returned.
    static_argnums : int or sequence of int
        Places of positional arguments that are no arrays: `f` is called anew for each value of theirs, which can be
        hashed and does not change.
    static_argnames : str or sequence of str
        Names of such arguments. Where `f` has a signature, names and places stand for each other.
    backend : {'numpy', 'numba', 'jax'}, default 'numpy'
        What runs the plan, as in `fg.compile`.
    seed : int, optional
        What fixes the draws of `fg.Random` and `fg.dropout`; by default each call draws anew.

    Returns
    -------
    Jitted
        A function that is called as `f` is; `source`, `graph` and `plans` say what runs, `clear()` forgets it.

    Raises
    ------
    UsageError
        If `f` branches on values, draws, or returns nothing that is an array; if a static argument cannot be hashed or
        another one is no array.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.functional import grad, jit
    >>> @jit
    ... def loss(w, x):
    ...     print("called")
    ...     return np.sum(np.tanh(x @ w) ** 2)
    >>> w, x = np.ones(2), np.eye(2)
    >>> float(loss(w, x).round(3)), float(loss(2 * w, x).round(3))
    called
    (1.16, 1.859)
    >>> jit(lambda x, n: x**n, static_argnames="n")(3.0, n=2)
    np.float64(9.0)
    """
    if f is None:
        return functools.partial(
            jit, static_argnums=static_argnums, static_argnames=static_argnames, backend=backend, seed=seed
        )
    return Jitted(f, static_argnums, static_argnames, backend, seed)


_calling = new_lock()
"""Held while a function is called on boxes: it is called once for each kind, in all threads. It is one lock for all
functions, since two that call each other would else wait for each other in two threads."""


class _Kinds:
    """The kinds of arguments of a function that are known: which ran last, and the graph of each."""

    def __init__(self) -> None:
        self.known: OrderedDict[Hashable, Variant] = OrderedDict()
        self.last: Variant | None = None
        self.of_derivatives: dict[Hashable, _Kinds] = {}
        self.instance: Any = None

    def add(self, kind: Hashable, variant: Variant) -> None:
        """Enter a kind; the first goes where there are too many."""
        self.known[kind] = variant
        if len(self.known) > MOST:
            self.known.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        with _calling:
            self.known.clear()
            self.last = None
        for kinds in list(self.of_derivatives.values()):
            kinds.clear()


class Jitted:
    """A function under `jit`, with the graphs and plans of the kinds of arguments that it was called with.

    It is made by `jit`, and not by hand.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.functional import jit
    >>> f = jit(lambda x: np.sin(x) * 2)
    >>> f(0.0)
    np.float64(0.0)
    >>> f
    <jit of <lambda>: 1 plan, the last: 4 boxes by numpy for x () float64>
    """

    def __init__(
        self, f: Callable[..., Any], static_argnums: int | Sequence[int] = (),
        static_argnames: str | Sequence[str] = (), backend: Backend = "numpy", seed: Seed = None,
    ) -> None:  # fmt: skip
        if isinstance(f, staticmethod | classmethod):
            raise UsageError(f"jit: found a {type(f).__name__}, needs a function; let @{type(f).__name__} stand above")
        if not callable(f):
            raise UsageError(f"jit: found a {type(f).__name__}, needs a function")
        if backend not in ("numpy", "numba", "jax"):
            raise UsageError(f"jit: found backend={backend!r}, needs 'numpy', 'numba' or 'jax'")
        emitter_of(backend)  # which says what is missing
        functools.update_wrapper(self, f, updated=())
        self.function = f
        self.settings = (static_argnums, static_argnames, backend, seed)
        self._places, self._names = _read_statics(f, static_argnums, static_argnames)
        self._backend: Backend = backend
        self._seed = None if seed is None else seed_of_run(seed, "jit")
        self._kinds = _Kinds()
        self._of_instances: dict[int, _Kinds] = {}

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The value of the function."""
        last = self._kinds.last
        if last is not None:
            result = last.quick(args, keywords)
            if result is not MISS:
                return result
        structure, leaves = self._read_arguments(args, keywords)
        if any(isinstance(leaf, Box) for leaf in leaves):
            boxes = [leaf if isinstance(leaf, Box) else Constant(leaf) for leaf in leaves]
            kind = Kind(structure, tuple(map(spec_of, leaves, boxes)))
            return self._variant(kind, args, keywords).inline_on(boxes)
        arrays = [native(leaf) for leaf in leaves]
        kind = Kind(structure, tuple(map(spec_of, leaves, arrays)))
        variant = self._variant(kind, args, keywords)
        if variant.strangers or (variant.changes and current() is not None):
            return variant.inline_on([Constant(array) for array in arrays])
        self._kinds.last = variant
        return variant.run(arrays)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The function as a method of an instance, which has kinds of its own; they go with it."""
        if instance is None:
            return self
        kinds = self._of_instances.get(id(instance))
        if kinds is None:
            kinds = self._of_instances[id(instance)] = _Kinds()
            try:
                weakref.finalize(instance, self._of_instances.pop, id(instance), None).atexit = False
            except TypeError:
                kinds.instance = instance  # whose id is never that of another as long as it is kept
        places = frozenset([place - 1 for place in self._places if place])
        settings = tuple(places), tuple(self._names), *self.settings[2:]
        function = MethodType(self.function, instance)
        bound = copy.copy(self)
        bound.function, bound.settings, bound._places, bound._kinds = function, settings, places, kinds
        return bound

    def __copy__(self) -> Jitted:
        """The same function with the same graphs."""
        made = object.__new__(Jitted)
        vars(made).update(vars(self))
        return made

    def __reduce__(self) -> Any:
        """Pickled and copied without its graphs; by its name, where it stands under that in its module."""
        name = getattr(self, "__qualname__", "")
        named: Any = sys.modules.get(getattr(self, "__module__", ""))
        for part in name.split("."):
            named = getattr(named, part, None)
        return name if named is self else (Jitted, (self.function, *self.settings))

    def __repr__(self) -> str:
        who = f"jit of {getattr(self.function, '__name__', None) or type(self.function).__name__}"
        if self._kinds.last is None:
            return f"<{who}: not called yet>"
        count = len(self.plans)
        return f"<{who}: {count} plan{'s' * (count != 1)}, the last: {self._kinds.last}>"

    @property
    def plans(self) -> tuple[Variant, ...]:
        """What runs for each kind of arguments that it was called with: `source`, `graph`, and how it is printed."""
        return tuple(self._kinds.known.values())

    @property
    def source(self) -> str:
        """The straight-line code of the plan that ran last."""
        return self._latest().source

    @property
    def graph(self) -> Graph:
        """The simplified flow graph of the plan that ran last."""
        return self._latest().graph

    def clear(self) -> None:
        """Forget all graphs and plans: the next call of each kind calls the function anew."""
        for kinds in (self._kinds, *self._of_instances.values()):
            kinds.clear()

    def derive_jitted(self, key: Hashable, derive: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Jitted:
        """What a derivative of this function is: that of the graph that a call of it built, under the same `jit`.

        Those of one `key` share their plans, so that `grad(jitted)` may be made anew for each call.
        """

        @functools.wraps(self.function, updated=())
        def call_inline(*args: Any, **keywords: Any) -> Any:
            return self(*args, **keywords)

        derivative = Jitted(derive(call_inline), *self.settings)
        derivative._kinds = self._kinds.of_derivatives.setdefault(key, derivative._kinds)
        return derivative

    def _latest(self) -> Variant:
        last = self._kinds.last
        if last is None:
            raise UsageError(f"jit of {name_of(self.function)}: has not been called yet, so that there is no plan")
        return last

    def _read_arguments(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        """The structure of the arguments, in which static ones are hashed, and their leaves."""
        given = tuple([Static(arg) if i in self._places else arg for i, arg in enumerate(args)])
        named = {name: Static(value) if name in self._names else value for name, value in keywords.items()}
        leaves: list[Any] = []
        others: list[Any] = []
        structure = flatten((given, named), leaves, others)
        if others and not all(isinstance(other, (*_PLAIN, Static)) for other in others):
            self._refuse_others(args, keywords)
        whole: list[Any] = []
        return numbers_as_leaves(structure, iter(leaves), whole), whole

    def _refuse_others(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        for path, leaf in self._leaves(args, keywords):
            if not isinstance(leaf, (*ARRAYS, *_PLAIN)):
                raise UsageError(
                    f"jit of {name_of(self.function)}: found a {type(leaf).__name__} as {path}, needs arrays and "
                    f"numbers; name the argument in static_argnums or static_argnames, to call it for each value"
                )

    def _leaves(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Every leaf of the arguments that are not static, with how one writes it."""
        names = argument_names(self.function, len(args))
        given = [(name, arg) for i, (name, arg) in enumerate(zip(names, args, strict=True)) if i not in self._places]
        given += [(name, value) for name, value in keywords.items() if name not in self._names]
        return (pair for name, value in given for pair in paths(value, name))

    def _variant(self, kind: Kind, args: Sequence[Any], keywords: Mapping[str, Any]) -> Variant:
        """The graph for a kind of arguments; the function is called where there is none yet."""
        kinds = self._kinds
        try:
            known = kinds.known.get(kind)
        except TypeError:
            raise self._unhashable(args, keywords) from None
        if known is not None:
            return known
        with _calling:
            if kind not in kinds.known:
                names = [path for path, leaf in self._leaves(args, keywords) if isinstance(leaf, (*ARRAYS, int))]
                made = self._build_variant(kind, names)
                if made.strangers:
                    return made
                kinds.add(kind, made)
            return kinds.known[kind]

    def _build_variant(self, kind: Kind, names: Sequence[str]) -> Variant:
        """Call the function on boxes."""
        who = f"jit of {name_of(self.function)}"

        def on_boxes(boxes: Sequence[Box]) -> Any:
            args, keywords = rebuild(kind.structure, iter(boxes))
            args = [arg.value if type(arg) is Static else arg for arg in args]
            keywords = {name: value.value if type(value) is Static else value for name, value in keywords.items()}
            with refuse_draws(who):
                return call_function(self.function, args, keywords)

        return traced_variant(who, on_boxes, kind, names, self._backend, self._seed)

    def _unhashable(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> UsageError:
        names = argument_names(self.function, len(args))
        given = [(names[i], args[i]) for i in sorted(self._places) if i < len(args)]
        given += [(name, keywords[name]) for name in self._names if name in keywords]
        for name, value in given:
            try:
                hash(value)
            except TypeError:
                return UsageError(
                    f"jit of {name_of(self.function)}: found a {type(value).__name__} as the static argument {name!r}, "
                    f"which cannot be hashed; give a value that does not change, such as a tuple or a number"
                )
        return UsageError(f"jit of {name_of(self.function)}: found a key among the arguments that cannot be hashed")


def _read_statics(f: Callable[..., Any], places: Any, names: Any) -> tuple[frozenset[int], frozenset[str]]:
    """The places and names of static arguments, each completed by the other where there is a signature."""
    listed = [places] if isinstance(places, int) else list(places)
    named = [names] if isinstance(names, str) else list(names)
    if not all(isinstance(i, int | np.integer) for i in listed) or not all(isinstance(name, str) for name in named):
        raise UsageError(
            f"jit of {name_of(f)}: found static_argnums={places!r} and static_argnames={names!r}, needs places and "
            f"names of arguments"
        )
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # of what is written in C
        return frozenset(int(place) for place in listed), frozenset(named)
    order = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    for place in listed:
        if not -len(order) <= place < len(order) and (place < 0 or not several):
            raise UsageError(
                f"jit of {name_of(f)}: found static_argnums={places!r}, but it takes {len(order)} positional arguments"
            )
    known = {p.name for p in parameters}
    for name in named:
        if name not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            raise UsageError(f"jit of {name_of(f)}: found static_argnames={names!r}, but it has no argument {name!r}")
    static = {int(place) % len(order) if place < 0 else int(place) for place in listed}
    static |= {order.index(name) for name in named if name in order}
    return frozenset(static), frozenset([*named, *[order[place] for place in static if place < len(order)]])
