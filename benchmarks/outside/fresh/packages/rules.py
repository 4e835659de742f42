"""The fourth set: rules of derivatives in JAX and PyTensor, and the gradients that CVXPY writes for its atoms.

Gathered when the third had been scored, from the documentation and the names of rules alone, from packages in none of
the others: custom_jvp and custom_vjp of JAX itself and of packages on it, L_op of PyTensor's Ops, and the Jacobians of
convex functions.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, normal, spd, uniform
from benchmarks.outside.fresh import sources
from benchmarks.outside.fresh.adapters import found_wrong, proved_right

JAX = Package("jax", "jax")
BRAX = Package("brax", "jax")
FOLX = Package("folx", "jax")
MATFREE = Package("matfree", "jax")
OPTIMISTIX = Package("optimistix", "jax")
DIFFRAX = Package("diffrax", "jax")
EXOPLANET = Package("exoplanet-core", "jax")
PROBDIFFEQ = Package("probdiffeq", "jax")
EQUINOX = Package("equinox", "jax")
PYTENSOR = Package("pytensor", "pytensor")
PLANTED = Package("pytensor", "pytensor")
EXOPLANET_OPS = Package("exoplanet-core[pymc]", "pytensor", own=True)
CVXPY = Package("cvxpy", "numpy")
PACKAGES = [
    *(JAX, BRAX, FOLX, MATFREE, OPTIMISTIX, DIFFRAX, EXOPLANET, PROBDIFFEQ, EQUINOX),
    *(PYTENSOR, PLANTED, EXOPLANET_OPS, CVXPY),
]

KINK = "a subgradient at the kink"
SYMMETRIC = "right for a symmetric matrix, moved within the symmetric ones; others are outside of the contract"
AT_ZERO = "P(a, x) = 1 - a E1(x) + O(a²): the slope by a at 0 is finite, the gradient there is NaN"
CLIPPED = "within 1e-7 of the ends of [-1, 1] the slope is bounded, and said to be"


# JAX


def _of_jax(name: str, *inputs: Any, pick: Callable[[Any], Any] | None = None) -> Callable[[], Case]:
    """A function by its dotted name, `pick` a part of its value."""
    module, _, function = name.rpartition(".")

    def make() -> Case:
        arrays = tuple(jaxed(x) if isinstance(x, np.ndarray) else x for x in inputs)
        one = getattr(importlib.import_module(module), function)
        return Case(lambda *xs: one(*xs) if pick is None else pick(one(*xs)), arrays)

    return make


HIGH = uniform(5, low=0.5, high=3.0)
BOTH = normal(2, 3)
UNIT = uniform(4, low=0.1, high=0.9)
SECOND = uniform(5, low=0.5, high=3.0, seed=1)

JAX.add("nn.relu", _of_jax("jax.nn.relu", BOTH), proof=KINK)
JAX.add("nn.relu6", _of_jax("jax.nn.relu6", 3 * BOTH), proof=KINK)
JAX.add("nn.softmax", _of_jax("jax.nn.softmax", BOTH))
JAX.add("nn.log_softmax", _of_jax("jax.nn.log_softmax", BOTH))
JAX.add("nn.logsumexp", _of_jax("jax.nn.logsumexp", BOTH))
JAX.add("nn.sparse_plus", _of_jax("jax.nn.sparse_plus", 2 * BOTH))
JAX.add("nn.silu", _of_jax("jax.nn.silu", BOTH))
JAX.add("numpy.logaddexp", _of_jax("jax.numpy.logaddexp", normal(4), normal(4, seed=1)))
JAX.add("numpy.logaddexp2", _of_jax("jax.numpy.logaddexp2", normal(4), normal(4, seed=1)))
JAX.add("numpy.sinc", _of_jax("jax.numpy.sinc", normal(5)))
JAX.add("numpy.hypot", _of_jax("jax.numpy.hypot", normal(4), normal(4, seed=1)), proof=KINK)
JAX.add("numpy.linalg.det", _of_jax("jax.numpy.linalg.det", normal(3, 3)))
JAX.add("numpy.linalg.det, 4 by 4", _of_jax("jax.numpy.linalg.det", normal(4, 4)))
JAX.add("numpy.linalg.slogdet", _of_jax("jax.numpy.linalg.slogdet", normal(3, 3), pick=lambda found: found[1]))
JAX.add("numpy.linalg.pinv", _of_jax("jax.numpy.linalg.pinv", normal(4, 2)))
JAX.add("numpy.linalg.cholesky", _of_jax("jax.numpy.linalg.cholesky", spd(3)))
JAX.add("numpy.linalg.inv", _of_jax("jax.numpy.linalg.inv", spd(3)))
JAX.add("numpy.cumprod", _of_jax("jax.numpy.cumprod", normal(4)))
JAX.add("lax.cumlogsumexp", _of_jax("jax.lax.cumlogsumexp", normal(4)))
JAX.add("scipy.special.logit", _of_jax("jax.scipy.special.logit", UNIT))
JAX.add("scipy.special.xlogy", _of_jax("jax.scipy.special.xlogy", HIGH, SECOND))
JAX.add("scipy.special.xlog1py", _of_jax("jax.scipy.special.xlog1py", HIGH, SECOND))
JAX.add("scipy.special.entr", _of_jax("jax.scipy.special.entr", HIGH))
JAX.add("scipy.special.rel_entr", _of_jax("jax.scipy.special.rel_entr", HIGH, SECOND))
JAX.add("scipy.special.ndtri", _of_jax("jax.scipy.special.ndtri", UNIT))
JAX.add("scipy.special.log_ndtr", _of_jax("jax.scipy.special.log_ndtr", 2 * normal(5)))
JAX.add("scipy.special.expi", _of_jax("jax.scipy.special.expi", HIGH))
JAX.add("scipy.special.exp1", _of_jax("jax.scipy.special.exp1", HIGH))
JAX.add(
    "scipy.special.spence",
    _of_jax("jax.scipy.special.spence", HIGH),
    "wrong",
    "log(x) / (1 - x) by definition, -0.823 at 1.4575; the gradient is NaN from 1.44 to 1.75 at least",
)
JAX.add("scipy.special.i0", _of_jax("jax.scipy.special.i0", normal(4)))
JAX.add("scipy.special.i1", _of_jax("jax.scipy.special.i1", normal(4)))
JAX.add("scipy.special.i0e", _of_jax("jax.scipy.special.i0e", HIGH))
JAX.add("scipy.special.gammaln", _of_jax("jax.scipy.special.gammaln", HIGH))
JAX.add("scipy.special.digamma", _of_jax("jax.scipy.special.digamma", HIGH))
JAX.add("scipy.special.gammainc", _of_jax("jax.scipy.special.gammainc", HIGH, SECOND), "wrong", AT_ZERO)
JAX.add("scipy.special.betaln", _of_jax("jax.scipy.special.betaln", HIGH, SECOND))
JAX.add("scipy.special.erfinv", _of_jax("jax.scipy.special.erfinv", UNIT))
JAX.add("scipy.special.erfcx", _of_jax("jax.scipy.special.erfcx", HIGH))
JAX.add("scipy.special.dawsn", _of_jax("jax.scipy.special.dawsn", HIGH))
JAX.add("scipy.special.fresnel", _of_jax("jax.scipy.special.fresnel", HIGH))
JAX.add("scipy.special.sici", _of_jax("jax.scipy.special.sici", HIGH))


@JAX.right("scipy.special.zeta by q")
def _zeta() -> Case:
    q = jaxed(HIGH)
    special = importlib.import_module("jax.scipy.special")
    return Case(lambda q: special.zeta(2.5, q), (q,))


@JAX.right("scipy.special.expn by x")
def _expn() -> Case:
    x = jaxed(HIGH)
    special = importlib.import_module("jax.scipy.special")
    return Case(lambda x: special.expn(2, x), (x,))


@JAX.right("experimental.ode.odeint", "to the tolerance of the solver, 1e-10 here")
def _odeint() -> Case:
    y, rate = jaxed(uniform(2)), jaxed(np.array(0.7))
    ode, jnp = importlib.import_module("jax.experimental.ode"), importlib.import_module("jax.numpy")
    times = jnp.array([0.0, 0.5, 1.0])

    def value(y: Any, rate: Any) -> Any:
        return ode.odeint(lambda y, t, rate: -rate * y + jnp.sin(t), y, times, rate, rtol=1e-10, atol=1e-10)

    return Case(value, (y, rate))


@JAX.right("lax.custom_root, a cube root by bisection")
def _root() -> Case:
    a = jaxed(np.array(2.3))
    lax = importlib.import_module("jax.lax")

    def halve(f: Any, start: Any) -> Any:
        def body(_: int, ends: Any) -> Any:
            low, high = ends
            middle = (low + high) / 2
            positive = f(middle) > 0
            return lax.select(positive, low, middle), lax.select(positive, middle, high)

        return sum(lax.fori_loop(0, 60, body, (start, start + 10.0))) / 2

    def value(a: Any) -> Any:
        return lax.custom_root(lambda x: x**3 - a, 0.0 * a, halve, lambda g, y: y / g(1.0))

    return Case(value, (a,))


@JAX.right("lax.custom_linear_solve")
def _solve() -> Case:
    a, b = jaxed(spd(3)), jaxed(normal(3))
    jax = importlib.import_module("jax")

    def value(a: Any, b: Any) -> Any:
        symmetric = a + a.T
        return jax.lax.custom_linear_solve(
            lambda x: symmetric @ x, b, lambda _, b: jax.numpy.linalg.solve(symmetric, b), symmetric=True
        )

    return Case(value, (a, b))


def _of_brax(name: str) -> Callable[[], Case]:
    def make() -> Case:
        x = jaxed(uniform(4, low=-0.9, high=0.9))
        sources.bare("brax")
        one = getattr(importlib.import_module("brax.math"), name)
        return Case(lambda x: one(x), (x,))

    return make


BRAX.add("math.safe_arccos", _of_brax("safe_arccos"), proof=CLIPPED)
BRAX.add("math.safe_arcsin", _of_brax("safe_arcsin"), proof=CLIPPED)


@FOLX.right("slogdet")
def _slogdet() -> Case:
    a = jaxed(normal(3, 3))
    module = importlib.import_module("folx.slogdet")
    return Case(lambda a: module.slogdet(a)[1], (a,))


@MATFREE.right("lstsq.lsmr, tall", "to the tolerance of the iteration, 1e-12 here")
def _lsmr() -> Case:
    a, b = jaxed(normal(5, 3)), jaxed(normal(5))
    module = importlib.import_module("matfree.lstsq")
    solve = module.lsmr(atol=1e-12, btol=1e-12, ctol=1e-12)
    return Case(lambda a, b: solve(lambda v, m: m.T @ v, b, a)[0], (a, b))


@MATFREE.right("decomp.tridiag_sym, full", "eigenvalues of the tridiagonal matrix are those of the symmetric part")
def _tridiag() -> Case:
    a = jaxed(spd(3))
    jnp = importlib.import_module("jax.numpy")
    module = importlib.import_module("matfree.decomp")
    run = module.tridiag_sym(3, reortho="full")

    def value(a: Any) -> Any:
        found = run(lambda v, m: (m + m.T) @ v, jnp.arange(1.0, 4.0), a)
        return found.J_small

    return Case(value, (a,))


@MATFREE.right("decomp.hessenberg, full")
def _hessenberg() -> Case:
    a, v = jaxed(normal(3, 3)), jaxed(uniform(3))
    module = importlib.import_module("matfree.decomp")
    run = module.hessenberg(3, reortho="full")
    return Case(lambda a, v: run(lambda v, m: m @ v, v, a).J_small, (a, v))


@OPTIMISTIX.right("root_find, implicit", "to the tolerance of the iteration, 1e-12 here")
def _root_find() -> Case:
    a = jaxed(uniform(3, low=0.5, high=2.0))
    module = importlib.import_module("optimistix")
    jnp = importlib.import_module("jax.numpy")
    solver = module.Newton(rtol=1e-12, atol=1e-12)
    return Case(lambda a: module.root_find(lambda y, a: y**3 + y - a, solver, jnp.ones_like(a), a).value, (a,))


@OPTIMISTIX.right("fixed_point, implicit", "to the tolerance of the iteration, 1e-12 here")
def _fixed_point() -> Case:
    a = jaxed(uniform(3))
    module = importlib.import_module("optimistix")
    jnp = importlib.import_module("jax.numpy")
    solver = module.FixedPointIteration(rtol=1e-12, atol=1e-12)
    return Case(lambda a: module.fixed_point(lambda y, a: jnp.cos(a * y) / 2, solver, jnp.ones_like(a), a).value, (a,))


@OPTIMISTIX.right("least_squares, implicit", "to the tolerance of the iteration, 1e-10 here")
def _least_squares() -> Case:
    a = jaxed(uniform(3, low=0.5, high=2.0))
    module = importlib.import_module("optimistix")
    jnp = importlib.import_module("jax.numpy")
    solver = module.LevenbergMarquardt(rtol=1e-10, atol=1e-10)

    def value(a: Any) -> Any:
        return module.least_squares(lambda y, a: jnp.exp(y) - a, solver, jnp.zeros_like(a), a).value

    return Case(value, (a,))


@DIFFRAX.right("diffeqsolve, RecursiveCheckpointAdjoint")
def _checkpointed() -> Case:
    y, rate = jaxed(uniform(2)), jaxed(np.array(0.7))
    module = importlib.import_module("diffrax")
    term = module.ODETerm(lambda t, y, rate: -rate * y)
    return Case(lambda y, rate: module.diffeqsolve(term, module.Tsit5(), 0.0, 1.0, 0.1, y, args=rate).ys, (y, rate))


EXOPLANET.add("kepler", _of_jax("exoplanet_core.jax.ops.kepler", 3 * UNIT, uniform(4, low=0.1, high=0.7, seed=1)))
EXOPLANET.add(
    "quad_solution_vector",
    _of_jax("exoplanet_core.jax.ops.quad_solution_vector", UNIT, uniform(4, low=0.1, high=0.3, seed=1)),
)
PROBDIFFEQ.add(
    "qr_r",
    _of_jax("probdiffeq.backend.linalg.qr_r", normal(4, 3)),
    "wrong",
    "Qᵀ dM takes Q as constant: below the diagonal it is not 0, where R is; differences disagree at the example",
)
EQUINOX.add("internal.nextafter", _of_jax("equinox.internal.nextafter", normal(4)), proof="x + 1 ulp has slope 1")


# PyTensor


def _of_pytensor(name: str, *inputs: Any, pick: Callable[[Any], Any] | None = None) -> Callable[[], Case]:
    """A function of pytensor by its dotted name."""
    module, _, function = name.rpartition(".")

    def make() -> Case:
        one = getattr(importlib.import_module(f"pytensor.{module}"), function)
        return Case(lambda *xs: one(*xs) if pick is None else pick(one(*xs)), inputs)

    return make


SMALL = uniform(5, low=0.2, high=0.8, seed=2)
for _name, *_inputs in (
    ("erf", BOTH),
    ("erfc", BOTH),
    ("erfcx", BOTH),
    ("erfinv", UNIT),
    ("erfcinv", UNIT),
    ("owens_t", normal(4), normal(4, seed=1)),
    ("gamma", HIGH),
    ("gammaln", HIGH),
    ("psi", HIGH),
    ("tri_gamma", HIGH),
    ("j0", BOTH),
    ("j1", BOTH),
    ("i0", BOTH),
    ("i1", BOTH),
    ("sigmoid", BOTH),
    ("softplus", BOTH),
    ("log1mexp", -HIGH),
    ("logaddexp", normal(4), normal(4, seed=1)),
    ("arctan2", normal(4), normal(4, seed=1)),
    ("expm1", BOTH),
    ("prod", normal(4)),
    ("matmul", normal(2, 3), normal(3, 4)),
    ("max", BOTH),
):
    PYTENSOR.add(f"tensor.{_name}", _of_pytensor(f"tensor.{_name}", *_inputs))
for _name, *_inputs in (
    ("special.softmax", BOTH),
    ("special.log_softmax", BOTH),
    ("linalg.cholesky", spd(3)),
    ("linalg.inv", spd(3)),
    ("linalg.det", normal(3, 3)),
    ("linalg.pinv", normal(4, 2)),
    ("linalg.solve", spd(3), normal(3)),
    ("linalg.expm", normal(3, 3)),
    ("linalg.kron", normal(2, 2), normal(2, 3)),
    ("linalg.solve_discrete_lyapunov", 0.2 * normal(3, 3), spd(3)),
    ("linalg.solve_continuous_lyapunov", spd(3), spd(3, seed=1)),
    ("extra_ops.cumsum", normal(4)),
    ("basic.diagonal", normal(3, 3)),
    ("sort.sort", normal(5)),
    ("signal.convolve1d", normal(5), normal(3)),
):
    PYTENSOR.add(f"tensor.{_name}", _of_pytensor(f"tensor.{_name}", *_inputs))
for _name in ("gammainc", "gammaincc"):
    PYTENSOR.add(f"tensor.{_name}", _of_pytensor(f"tensor.{_name}", HIGH, SECOND), "wrong", AT_ZERO)
PYTENSOR.add(
    "tensor.betainc",
    _of_pytensor("tensor.betainc", HIGH, SECOND, SMALL),
    "wrong",
    "the value goes to 1 linearly as a goes to 0, where the gradient by a is NaN",
)
PYTENSOR.add(
    "tensor.hyp2f1",
    _of_pytensor("tensor.hyp2f1", HIGH, SECOND, SECOND + HIGH, SMALL),
    "wrong",
    "by a at a = 0 the slope is the sum of (b)n z^n / ((c)n n), which is not 0 as the gradient is; so by b at b = 0",
)
PYTENSOR.add(
    "tensor.extra_ops.cumprod",
    _of_pytensor("tensor.extra_ops.cumprod", normal(4)),
    "wrong",
    "it divides by x: NaN at a zero, where the slopes are finite",
)
PYTENSOR.add("tensor.linalg.slogdet", _of_pytensor("tensor.linalg.slogdet", normal(3, 3), pick=lambda found: found[1]))


@PYTENSOR.right("tensor.linalg.svd, values")
def _svd() -> Case:
    linalg = importlib.import_module("pytensor.tensor.linalg")
    return Case(lambda x: linalg.svd(x, full_matrices=False)[1], (normal(3, 2),))


def _of_exoplanet(name: str, *inputs: Any) -> Callable[[], Case]:
    def make() -> Case:
        one = getattr(importlib.import_module("exoplanet_core.pymc.ops"), name)()
        return Case(lambda *xs: one(*xs), inputs)

    return make


EXOPLANET_OPS.add("Kepler", _of_exoplanet("Kepler", 3 * UNIT, uniform(4, low=0.1, high=0.7, seed=1)))


def _planted(name: str, value: Callable[..., Any], slopes: Callable[..., list[Any]], *inputs: Any) -> None:
    """An Op of a NumPy function with an L_op that is wrong."""

    def make() -> Case:
        pytensor = importlib.import_module("pytensor")

        class Spoilt(pytensor.graph.op.Op):  # type: ignore[misc,name-defined]
            def make_node(self, *xs: Any) -> Any:
                variables = list(map(pytensor.tensor.as_tensor_variable, xs))
                ndim = np.ndim(value(*inputs))
                return pytensor.graph.basic.Apply(self, variables, [pytensor.tensor.tensor(shape=(None,) * ndim)])

            def perform(self, node: Any, xs: Any, outputs: Any) -> None:
                outputs[0][0] = np.asarray(value(*xs), dtype=float)

            def L_op(self, xs: Any, outputs: Any, grads: Any) -> Any:
                return slopes(pytensor.tensor, grads[0], outputs[0], *xs)

        return Case(Spoilt(), inputs)

    PLANTED.add(name, make, "wrong", f"planted, {name}")


_planted(
    "x tanh(x) without the term of the product rule",
    lambda x: x * np.tanh(x),
    lambda pt, g, y, x: [g * x * (1 - pt.tanh(x) ** 2)],
    BOTH,
)
_planted(
    "softmax without its sum",
    lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    lambda pt, g, y, x: [g * y * (1 - y)],
    BOTH,
)
_planted(
    "a quadratic form without the transposed matrix",
    lambda x, a: x @ a @ x,
    lambda pt, g, y, x, a: [2 * g * (a @ x), g * pt.outer(x, x)],
    normal(3),
    normal(3, 3),
)
_planted(
    "a mean over rows that is not divided by them",
    lambda x: np.log(x).mean(axis=0),
    lambda pt, g, y, x: [g / x],
    uniform(3, 2),
)
_planted(
    "Huber's function, wrong beyond 1.5, where the example is not",
    lambda x: np.where(np.abs(x) < 1.5, x * x / 2, 1.5 * np.abs(x) - 1.125),
    lambda pt, g, y, x: [g * pt.switch(pt.abs(x) < 1.5, x, pt.sign(x))],
    uniform(5, low=-1.0, high=1.0),
)


# CVXPY


def _atom(name: str, *inputs: Any, **settings: Any) -> Callable[[], Case]:
    """An atom of variables: its value, and its Jacobian, whose rows and columns count elements in Fortran order."""

    def built(inputs: tuple[Any, ...]) -> Any:
        cvxpy = importlib.import_module("cvxpy")
        return getattr(cvxpy, name)(*[cvxpy.Variable(np.shape(x)) for x in inputs], **settings)

    def value(*inputs: Any) -> Any:
        atom = built(inputs)
        return np.asarray(atom.numeric([np.array(x) for x in inputs]), dtype=float).reshape(atom.shape, order="F")

    def backward(grad: Any, value: Any, *inputs: Any) -> Any:
        jacobians = built(inputs)._grad([np.array(x) for x in inputs])
        if any(jacobian is None for jacobian in jacobians):
            raise ValueError("outside of the domain of its gradient")
        flat = np.ravel(grad, order="F")
        return tuple(
            np.reshape(jacobian @ flat, np.shape(x), order="F") for jacobian, x in zip(jacobians, inputs, strict=True)
        )

    return lambda: Case(value, inputs, backward)


SQUARE = normal(3, 3)
for _name, *_inputs in (
    ("log_sum_exp", BOTH),
    ("entr", HIGH),
    ("kl_div", HIGH, SECOND),
    ("rel_entr", HIGH, SECOND),
    ("logistic", BOTH),
    ("huber", 2 * BOTH),
    ("xexp", HIGH),
    ("exp", BOTH),
    ("log", HIGH),
    ("log1p", HIGH),
    ("log_normcdf", BOTH),
    ("abs", BOTH),
    ("norm1", BOTH),
    ("max", BOTH),
    ("min", BOTH),
    ("maximum", normal(4), normal(4, seed=1)),
    ("minimum", normal(4), normal(4, seed=1)),
    ("geo_mean", HIGH),
    ("cumsum", BOTH),
    ("sigma_max", normal(3, 2)),
    ("normNuc", normal(3, 2)),
    ("multiply", normal(4), normal(4, seed=1)),
):
    CVXPY.add(_name, _atom(_name, *_inputs))
CVXPY.add("power 3", _atom("power", HIGH, p=3))
CVXPY.add("power 1/2", _atom("power", HIGH, p=0.5))
CVXPY.add("pnorm 3", _atom("pnorm", BOTH, p=3))
CVXPY.add("sum_largest 2", _atom("sum_largest", normal(5), k=2))
CVXPY.add("quad_over_lin", _atom("quad_over_lin", normal(4), np.array(1.3)))
CVXPY.add(
    "prod", _atom("prod", HIGH), "wrong", "value / x: NaN at a zero, where the slope is the product of the others"
)
for _name, *_inputs in (
    ("log_det", spd(3)),
    ("tr_inv", spd(3)),
    ("lambda_max", spd(3)),
    ("matrix_frac", normal(3), spd(3)),
):
    CVXPY.add(_name, _atom(_name, *_inputs), proof=SYMMETRIC)


# Where differences disagree with an entry that is right, what was computed there in 40 digits by mpmath, on 2026-12-02

REFUSED = (
    "the slope by {} agrees with {} to 1e-15 within the domain; at its edge, 0, the atom says that it has no gradient"
)
OUT_OF_RANGE = (
    "an eccentricity from 0 to below 1: there both slopes agree with Kepler's equation solved in 40 digits to 4e-16, "
    "at 0 and 0.9 too; from 1 on there is no ellipse, and below 0 the value has another meaning"
)
DISCONTINUOUS = (
    "pinv is not continuous where the rank changes: of a matrix of zeros it is 0, of one with 1e-9 it has 1e9"
)

proved_right(CVXPY, REFUSED.format("x", "-log(x) - 1"), "entr")
proved_right(CVXPY, REFUSED.format("x and y", "log(x / y), 1 - x / y"), "kl_div")
proved_right(CVXPY, REFUSED.format("x and y", "log(x / y) + 1, -x / y"), "rel_entr")
proved_right(CVXPY, REFUSED.format("x", "value / (n x)"), "geo_mean")
proved_right(CVXPY, REFUSED.format("x", "p x^(p-1)"), "power 3", "power 1/2")
proved_right(
    CVXPY,
    f"{SYMMETRIC}; within them the directional slopes agree with det, eigenvalues and inverse in 40 digits to 6e-15",
    *("log_det", "lambda_max", "matrix_frac"),
)
proved_right(EXOPLANET, OUT_OF_RANGE, "kepler")
found_wrong(
    EXOPLANET,
    "at b = 0, where the planet is in the middle, the third part is 2π (r⁴ - r²), with slope 2π (4r³ - 2r): -1.8380 at "
    "r = 0.1535, as differences say; the gradient is -4π r = -1.9289 (at b = 1e-9 it is right)",
    "quad_solution_vector",
)
proved_right(JAX, DISCONTINUOUS, "numpy.linalg.pinv")
proved_right(
    JAX, "-log(x) - 1 to the last digit; at 0 the slope is infinite, as the gradient says", "scipy.special.entr"
)
proved_right(
    JAX,
    "log(x / y) + 1 to 2e-16 from x = 1e-9 on; at 0 the slope by x has no bound, and the value beyond is infinite",
    "scipy.special.rel_entr",
)
proved_right(
    JAX,
    "sin(π x² / 2) and cos(π x² / 2) to 1e-12 at 780 to 2063, the value to 2e-16: steps of 1e-3 are too long",
    "scipy.special.fresnel",
)
proved_right(
    JAX, "-E1(x) by mpmath to 2e-16; at 0 the slope is -infinity, as the gradient says", "scipy.special.expn by x"
)
proved_right(
    JAX,
    "1 / (3 root²); at 0 the root has no slope, and beyond 1000 it is outside of the interval that is halved",
    "lax.custom_root, a cube root by bisection",
)
proved_right(
    MATFREE,
    "to the tolerance of the iteration, 1e-12 here; of a matrix of zeros the least solution is not continuous, as pinv",
    "lstsq.lsmr, tall",
)
proved_right(
    PYTENSOR,
    "det(x) inv(x)ᵀ; where x is singular the inverse raises, so that nothing is silently wrong",
    "tensor.linalg.det",
)
proved_right(PYTENSOR, DISCONTINUOUS, "tensor.linalg.pinv")
proved_right(
    PYTENSOR,
    "A X + X Aᵀ = Q has no solution where A is 0: LAPACK's trsyl puts 1e-290 in its place, and the value is 1e289",
    "tensor.linalg.solve_continuous_lyapunov",
)
proved_right(
    PYTENSOR,
    "the gradient is put back by a permutation that sorts x; at a tie each such permutation gives a subgradient",
    "tensor.sort.sort",
)
