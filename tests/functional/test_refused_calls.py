"""Calls of derivatives that are refused, each with one error that says what is meant here."""

import re

import numpy
import numpy as np
import pytest

import flowgraph as fg
from flowgraph import functional
from flowgraph.errors import DtypeError, FlowgraphError, UsageError
from flowgraph.functional import grad, hessian, hvp, jvp, vjp
from tests.functional.test_functional import X, set_first


def into_array(x):
    y = np.zeros(3)
    y[0] = x[0]
    return np.sum(y)


def plus_input(x):
    return np.sum(x * fg.Input("stranger", shape=(3,)))


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: grad(lambda x: x)(1), DtypeError, "dtype int64 at x"),
        (lambda: grad(lambda x: x)(np.array([True])), DtypeError, "dtype bool at x"),
        (lambda: grad(lambda x: None)(1.0), UsageError, "returned None"),
        (lambda: grad(lambda x: x > 0)(1.0), UsageError, "returned dtype bool"),
        (lambda: grad(lambda x: x)(X), UsageError, "returned the shape (3,)"),
        (lambda: grad(lambda p: p["a"])({"a": 1.0, "b": "s"}), UsageError, "found a str at p['b']"),
        (lambda: grad(lambda p: p)([]), UsageError, "no array in p"),
        (lambda: grad(lambda p: p[0])([None]), UsageError, "found a NoneType at p[0]"),
        (lambda: grad(lambda x: x, 2)(1.0), UsageError, "argnums=2"),
        (lambda: grad(lambda x: x, "x")(1.0), UsageError, "argnums='x'"),
        (lambda: grad(lambda x: x, False)(1.0), UsageError, "argnums=False"),
        (lambda: grad(lambda x, y: x, (0, True))(1.0, 2.0), UsageError, "argnums=(0, True)"),
        (lambda: grad(lambda x: x, (0, -1))(1.0), UsageError, "names an argument twice"),
        (lambda: grad(lambda x: x, ())(1.0), UsageError, "no argnums"),
        (lambda: grad(3), UsageError, "needs a function"),
        (lambda: grad(set_first)(X), UsageError, "fg.set_at"),
        (lambda: grad(into_array)(X), UsageError, "into_array: found a box assigned to an element of an array"),
        (lambda: grad(lambda x: (np.sum(x), x))(X), UsageError, "returned a tuple, needs one array here"),
        (lambda: grad(lambda x: x)(x=1.0), UsageError, "found no positional argument"),
        (lambda: vjp(lambda x: {"a": "3"})(X, {"a": X}), UsageError, "returned a dict, which has no gradient"),
        (lambda: grad(lambda x: float(x) * x)(1.0), UsageError, "found float() of a box"),
        (lambda: grad(lambda x: np.sum(np.asarray(x)))(X), UsageError, "found np.asarray() of a box"),
        (lambda: grad(lambda x: np.sum(numpy.asarray(x)))(X), UsageError, "use the box itself, which computes as"),
        (lambda: grad(plus_input)(X), UsageError, "Input 'stranger'"),
        (lambda: jvp(lambda x: x)(X, X[:2]), FlowgraphError, "the vector"),
        (lambda: vjp(lambda x: x)(X, [X, X]), UsageError, "found 2 arrays in the vector"),
        (lambda: hvp(lambda x: x)(), UsageError, "needs the vector"),
        (lambda: hvp(lambda x: x)(X), UsageError, "the vector of vjp, jvp or hvp after all arguments"),
        (lambda: fg.trace(lambda x: x if x > 0 else -x, x=1.0), UsageError, "bool()"),
        (lambda: fg.trace(lambda x: 3.0, x=1.0), UsageError, "needs a box"),
        (lambda: fg.trace(lambda x: x, {"y": (3,)}, x=1.0), UsageError, "the shape of 'y'"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_error(call, kind, text):
    with pytest.raises(kind) as error:
        call()
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: grad(np.sin, 1, argnum=0), "grad: found argnums=1 and argnum=0, needs one of them"),
        (lambda: hessian(np.sin, has_aux=True), "hessian: found has_aux=, needs argnums=, fallback= or seed="),
        (lambda: grad(np.sin, has_aux=True), "kept by grad_and_aux(f)"),
        (lambda: functional.make_hvp, "which is hvp, called as hvp(f)(x, vector)"),
        (lambda: functional.vector_jacobian_product, "which is vjp, called as vjp(f)(x, vector)"),
        (lambda: grad(np.sin, seed=-1), "grad: found seed=-1, needs an integer from 0"),
        (lambda: grad(np.sum, seed=1)(fg.Input("x", shape=(3,))), "found seed= and boxes as arguments"),
    ],
)
def test_the_spellings_of_other_libraries_are_told_what_is_meant_here(call, text):
    with pytest.raises(UsageError) as error:
        call()
    assert text in str(error.value)
    assert not hasattr(functional, "nothing_of_the_kind")


@pytest.mark.parametrize("package", ["autograd", "jax"])
def test_derivatives_of_other_packages_have_theirs_here(package):
    """Under the same name, or the message says under which."""
    other = pytest.importorskip(package, reason=f"{package} is not installed")
    names = re.compile(
        "(value_and_|elementwise_|holomorphic_|multi)?grad(_dict)?|jac.*|(make_)?(hvp|jvp|vjp)|.*_product"
    )
    found = [name for name in dir(other) if names.fullmatch(name)] + ["hessian"]
    assert len(found) > 5
    for name in found:
        if name not in functional.__all__:
            with pytest.raises(UsageError, match=f"which is ({'|'.join(functional.__all__)})"):
                getattr(functional, name)
