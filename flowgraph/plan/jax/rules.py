"""Which functions of JAX compute boxes: rules, each registered for classes of boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeVar

from flowgraph.box import Box
from flowgraph.errors import UnsupportedError
from flowgraph.plan.rebuild import owner_of
from flowgraph.plan.rules import Condition, Rules, always

AnyRule = TypeVar("AnyRule", bound=Callable[..., Any])


class Rule(NamedTuple):
    """What computes boxes of a class: a function of the box and the arrays of its children."""

    value: Callable[..., Any]
    when: Condition = always


RULES: Rules[Rule] = Rules(Rule)


def rule_for(*classes: type[Box], when: Condition = always) -> Callable[[AnyRule], AnyRule]:
    """Register what computes boxes of these classes on arrays of JAX: a function of (box, *values of its children).

    It is written with `jax.numpy`, and returns one array, or a tuple for a box of several outputs. Without one the
    fprop of the box is called on the arrays. Gradients come from the bprop of the box in any case, second derivatives
    of a function from JAX. `when(box)` says for which boxes of the classes the rule holds.

    Parameters
    ----------
    *classes : type of Box
        The classes.
    when : function, optional
        `when(box)` says for which boxes the rule holds; by default for all.

    Returns
    -------
    function
        A decorator, which returns the rule as it is.

    Examples
    --------
    >>> import jax.numpy as jnp, numpy as np, flowgraph as fg
    >>> from flowgraph.interop.jax import function, rule_for
    >>> class Ramp(fg.Elementwise):
    ...     def fprop(self, a):
    ...         return np.vectorize(lambda number: max(number, 0), otypes=[a.dtype])(a)
    ...     def bprop(self, grad, h, a):
    ...         return (grad * (a > 0),)
    >>> @rule_for(Ramp)
    ... def ramp(box, a):
    ...     return jnp.maximum(a, 0)
    >>> f = function(fg.Graph(Ramp(fg.Input("a", shape=(2,), dtype=np.float32))))
    >>> f({}, {"a": jnp.array([-1.0, 2.0])}).tolist()
    [0.0, 2.0]
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Ramp)]
    """
    return RULES.rule(*classes, when=when)


def refuse(box: Box, why: str, cause: Exception | None = None) -> NoReturn:
    """Say which box of the user JAX cannot compute, why, and what to do."""
    owner = owner_of(box)
    cls = type(box).__name__
    inside = "" if type(owner) is type(box) else f", which computes {cls}"
    raise UnsupportedError(
        f"{owner.title}{inside}: JAX cannot compute it: {why}; register a rule with "
        f"flowgraph.interop.jax.rule_for({cls}), or run this graph with NumPy\n  built at {owner.built_at}"
    ) from cause
