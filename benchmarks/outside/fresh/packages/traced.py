"""Functions of JAX with rules of their own for derivatives."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import jaxed, normal, spd, uniform
from benchmarks.outside.fresh import sources

EXOJAX = Package("exojax", "jax")
E3NN_JAX = Package("e3nn-jax", "jax")
TANGENTS = Package("neural-tangents", "jax")
JAX_MD = Package("jax-md", "jax")
FMMAX = Package("fmmax", "jax")
QPAX = Package("qpax", "jax")
PACKAGES = [EXOJAX, E3NN_JAX, TANGENTS, JAX_MD, FMMAX, QPAX]

EDGE = "at an input of zero, where the slope has no bound, the gradient is 0 and said to be"


def _exojax(module: str, name: str) -> Any:
    sources.bare("exojax")
    for part in ("rt", "special", "postproc", "opacity", "opacity.lpf"):
        sources.bare(f"exojax.{part}")
    return getattr(importlib.import_module(f"exojax.{module}"), name)


def _of_exojax(module: str, name: str, *inputs: Any) -> Case:
    """Imported before anything is traced: the modules hold arrays."""
    inputs = tuple(jaxed(x) for x in inputs)
    one = _exojax(module, name)
    return Case(lambda *xs: one(*xs), inputs)


EXOJAX.add("safe_sqrt", lambda: _of_exojax("rt.chord", "safe_sqrt", uniform(4)), proof=EDGE)
EXOJAX.add("rewofzx", lambda: _of_exojax("special.faddeeva", "rewofzx", np.array(0.7), np.array(0.4)))
EXOJAX.add("hjert", lambda: _of_exojax("opacity.lpf.lpf", "hjert", np.array(1.2), np.array(0.6)))
EXOJAX.add(
    "rotkernel_Gimenez",
    lambda: _of_exojax(
        "postproc.spin_rotation", "rotkernel_Gimenez", uniform(5, low=-0.8, high=0.8), np.array(0.4), np.array(0.2)
    ),
)
EXOJAX.add(
    "integrated_rotkernel_trans",
    lambda: _of_exojax(
        "postproc.spin_rotation",
        "integrated_rotkernel_trans",
        uniform(5, low=-0.8, high=0.8),
        uniform(5, low=-0.8, high=0.8, seed=1),
    ),
)


def _harmonics(normalize: bool) -> Case:
    x = jaxed(normal(2, 3))
    e3nn = importlib.import_module("e3nn_jax")

    def value(x: Any) -> Any:
        return e3nn.spherical_harmonics("0e + 1o + 2e + 3o", e3nn.IrrepsArray("1o", x), normalize).array

    return Case(value, (x,))


E3NN_JAX.add("spherical_harmonics", lambda: _harmonics(False))
E3NN_JAX.add("spherical_harmonics, normalized", lambda: _harmonics(True))


@E3NN_JAX.right("einsum")
def _einsum() -> Case:
    inputs = jaxed(normal(2, 3)), jaxed(normal(3, 4))
    module = importlib.import_module("e3nn_jax._src.utils.einsum")
    return Case(lambda a, b: module.einsum("ij,jk->ik", a, b), inputs)


def _tangents(name: str, *settings: Any) -> Any:
    jaxed(0.0)
    sources.bare("neural_tangents")
    sources.bare("neural_tangents._src")
    sources.bare("neural_tangents._src.stax")
    one = getattr(importlib.import_module("neural_tangents._src.stax.elementwise"), name)
    return lambda *xs: one(*xs, *settings)


TANGENTS.add("_sqrt", lambda: Case(_tangents("_sqrt", 0.0), (jaxed(uniform(4)),)), proof=EDGE)
TANGENTS.add("_arctan2", lambda: Case(_tangents("_arctan2", None), (jaxed(normal(4)), jaxed(normal(4, seed=1)))))


@JAX_MD.right("reaxff safe_sqrt", EDGE)
def _safe() -> Case:
    sources.bare("jax_md")
    sources.bare("jax_md.mm_forcefields")
    sources.bare("jax_md.mm_forcefields.reaxff")
    x = jaxed(uniform(4))
    module = importlib.import_module("jax_md.mm_forcefields.reaxff.reaxff_helper")
    return Case(lambda x: module.safe_sqrt(x), (x,))


@FMMAX.right("eigenvalues of a symmetric matrix")
def _eig() -> Case:
    a = jaxed(spd(3))
    sources.bare("fmmax")
    module = importlib.import_module("fmmax.eig")

    def value(a: Any) -> Any:
        import jax

        return jax.numpy.sort(module.eig((a + a.T).astype(complex))[0].real)

    return Case(value, (a,))


@QPAX.right(
    "solve_qp_primal without active bounds", "the optimum is inside of the bounds: -Q^-1 q to the solver's tolerance"
)
def _program() -> Case:
    inputs = jaxed(spd(3)), jaxed(normal(3))
    solve = importlib.import_module("qpax.implicit.diff_qp").solve_qp_primal

    def value(q: Any, linear: Any) -> Any:
        import jax.numpy as jnp

        return solve(
            (q + q.T) / 2, linear, jnp.zeros((0, 3)), jnp.zeros(0), jnp.eye(3), jnp.full(3, 50.0), 1e-12, 1e-10
        )

    return Case(value, inputs)
