"""A value through which no gradient passes: `detach` of PyTorch, `stop_gradient` of JAX."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box, Value
from flowgraph.box.exports import public
from flowgraph.shapes.spec import Spec


class StopGradient(Box):
    """The same numbers, as a constant.

    h = a        no gradient is sent to a
    """

    public = False
    symbol = "stop gradient"
    arithmetic = False
    constant_children = frozenset({"a"})
    examples = None  # it has no gradient: its function is tested

    def fprop(self, a: Value) -> Value:
        """The same numbers."""
        return a

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        """Nothing is sent."""
        return (None,)

    def infer(self, a: Spec) -> Spec:
        """That of a."""
        return a


@public
def stop_gradient(a: Value) -> Any:
    """The same value as a constant: no gradient passes through it.

    h = a        dh/da = 0

    Parameters
    ----------
    a : box or array_like, any shape
        What is taken as it is. Dicts, lists and tuples of such are taken part by part.

    Returns
    -------
    box or array_like
        A box for a box; what is no box, as it is.

    Examples
    --------
    >>> import flowgraph as fg
    >>> w = fg.Parameter(3.0, name="w")
    >>> float(fg.Graph(w * fg.stop_gradient(w)).fprop().bprop()[w])
    3.0
    """
    if isinstance(a, Box):
        return StopGradient(a)
    if isinstance(a, dict):
        return {key: stop_gradient(one) for key, one in a.items()}
    if type(a) in (list, tuple):
        return type(a)([stop_gradient(one) for one in a])
    return a
