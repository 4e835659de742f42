"""Reading code never ends a check, whatever callable it is that is the function, its helper or its bprop."""

import contextlib
import functools
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.examples import place_of
from flowgraph.errors import FlowgraphError
from tests.checking.callables import MADE, OWN, bprop, in_a_zip, plain, wrong

X = np.array([0.5, -1.0, 2.0])
BUDGET = 400  # calls: what is read is read before the first
ROLES = {
    "the function": lambda make, back: (make(plain), back),
    "its helper": lambda make, back: (functools.partial(through, make(plain)), back),
    "a helper in a closure": lambda make, back: (closed_over(make(plain)), back),
    "its bprop": lambda make, back: (plain, make(back)),
    "a helper of its bprop": lambda make, back: (plain, closed_over(make(back))),
}


def through(helper, x):
    return helper(x)


def closed_over(helper):
    return lambda *arguments: helper(*arguments)


def checked(fprop, back, x=X, fixed=()):
    report = fg.check(fprop, x, bprop=back, budget=BUDGET, fixed=fixed)
    assert str(report)
    place_of((fprop, x))
    return report.verdict


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", MADE)
def test_no_callable_ends_a_check(kind, role):
    """A right bprop does not fail, a wrong one does, and neither raises."""
    assert checked(*ROLES[role](MADE[kind], bprop)) != "fail"
    assert checked(*ROLES[role](MADE[kind], wrong)) == "fail"


@pytest.mark.parametrize("helped", [False, True])
@pytest.mark.parametrize("kind", OWN)
def test_nothing_that_is_not_written_in_python_ends_a_check(kind, helped):
    function, derivative, x = OWN[kind]
    fprop, slope = (closed_over(function), closed_over(derivative)) if helped else (function, derivative)
    assert checked(fprop, lambda g, y, x: (g * slope(x),), x) != "fail"
    assert checked(fprop, lambda g, y, x: (1.01 * g * slope(x),), x) == "fail"


@pytest.mark.parametrize("kind", [*MADE, *OWN])
def test_without_a_bprop_it_is_checked_or_refused_in_our_words(kind):
    function, x = (MADE[kind](plain), X) if kind in MADE else (OWN[kind][0], OWN[kind][2])
    with contextlib.suppress(FlowgraphError, TypeError, ValueError):
        assert fg.check(function, x, budget=BUDGET).verdict != "fail"


def test_a_function_in_a_zip(tmp_path):
    zipped = in_a_zip(tmp_path)
    try:
        assert checked(zipped, bprop) != "fail"
        assert checked(closed_over(zipped), wrong) == "fail"
    finally:
        del sys.modules["zipped_functions"]


@pytest.fixture(scope="module")
def numba():
    return pytest.importorskip("numba", reason="numba is not installed")


def test_functions_that_numba_compiles(numba):
    """A dispatcher has a __code__ and no __closure__."""

    @numba.njit
    def compiled(x):
        return np.tanh(x)

    @numba.vectorize(["float64(float64)"])
    def ufunc(x):
        return np.tanh(x)

    @numba.njit
    def back(g, y, x):
        return (g * (1 - y * y),)

    of_one_form = {"fixed": ("shapes", "dtypes")}  # each other one is compiled, which takes a second
    for fprop in (compiled, ufunc, closed_over(compiled), functools.partial(through, ufunc)):
        assert checked(fprop, bprop, **of_one_form) != "fail"
        assert checked(fprop, wrong, **of_one_form) == "fail"
    for made in (back, closed_over(back)):
        assert checked(plain, made, **of_one_form) != "fail"


def squared(x):
    return x * x


def squared_by_numba(torch):
    numba = pytest.importorskip("numba", reason="numba is not installed")

    @numba.njit
    def compiled(x):
        return x * x

    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(compiled(x.detach().numpy()))

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad * ctx.saved_tensors[0]

    return Squared


OF_TORCH = {
    "Numba inside": squared_by_numba,
    "apply": lambda torch: squared_by_numba(torch).apply,
    "scripted": lambda torch: torch.jit.script(squared),
    "traced": lambda torch: torch.jit.trace(squared, torch.ones(2).double()),
    "compiled": lambda torch: torch.compile(squared, backend="eager"),
    "mapped": lambda torch: torch.func.vmap(squared),
    "gradient": lambda torch: torch.func.grad(lambda x: (x**3).sum()),
    "partial": lambda torch: functools.partial(torch.mul, torch.tensor([2.0, 3.0], dtype=torch.float64)),
    "module of a script": lambda torch: torch.jit.script(torch.nn.Tanh()),
    "method": lambda torch: torch.Tensor.square,
    "function of C": lambda torch: torch.tanh,
}


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", OF_TORCH)
def test_callables_of_torch(kind):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    function, x = OF_TORCH[kind](torch), torch.tensor([0.5, -1.0])
    called = function.apply if isinstance(function, type) else function
    for made in (function, closed_over(called)):
        assert fg.check(made, x, budget=BUDGET, fixed=("shapes", "dtypes")).verdict != "fail"


def custom_vjp(jax):
    made = jax.custom_vjp(squared)
    made.defvjp(lambda x: (x * x, x), lambda x, g: (2 * g * x,))
    return made


def custom_jvp(jax):
    made = jax.custom_jvp(squared)
    made.defjvp(lambda primals, tangents: (primals[0] ** 2, 2 * primals[0] * tangents[0]))
    return made


OF_JAX = {
    "jit": lambda jax: jax.jit(squared),
    "jit of a jit": lambda jax: jax.jit(jax.jit(squared)),
    "vmap": lambda jax: jax.vmap(squared),
    "checkpoint": lambda jax: jax.checkpoint(squared),
    "custom_vjp": custom_vjp,
    "jit of a custom_vjp": lambda jax: jax.jit(custom_vjp(jax)),
    "custom_jvp": custom_jvp,
    "partial": lambda jax: functools.partial(jax.numpy.multiply, 2.0),
    "tree": lambda jax: jax.tree_util.Partial(squared),
    "gradient": lambda jax: jax.grad(lambda x: (x**3).sum()),
}


@pytest.mark.parametrize("kind", OF_JAX)
def test_callables_of_jax(kind):
    jax = pytest.importorskip("jax", reason="jax is not installed")
    function, x = OF_JAX[kind](jax), jax.numpy.array([0.5, -1.0])
    for made in (function, closed_over(function)):
        assert fg.check(made, x, budget=BUDGET, fixed=("shapes", "dtypes")).verdict != "fail"
