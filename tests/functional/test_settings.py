"""Each setting that a derivative of a function takes has its effect, in every one of them."""

import inspect

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import functional
from flowgraph.errors import NotDifferentiableError, UsageError
from tests.derivatives.opaque_boxes import Loops

X, V = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -1.0])
FALLBACK = "central differences"
SETTINGS = ("f", "argnums", "fallback", "seed", "unknown")
SCALAR = {"grad", "value_and_grad", "hvp", "hessian"}
WITH_VECTOR = {"vjp", "jvp", "hvp"}
OF_CUBES = {
    "grad": 3 * X**2,
    "value_and_grad": (np.sum(X**3), 3 * X**2),
    "elementwise_grad": 3 * X**2,
    "jacobian": np.diag(3 * X**2),
    "vjp": 3 * X**2 * V,
    "jvp": 3 * X**2 * V,
    "hvp": 6 * X * V,
    "hessian": np.diag(6 * X),
}

TRANSFORMS = {name: getattr(functional, name) for name in OF_CUBES}
THROUGH_OTHERS = {"grad_and_aux", "hessian_vector_product", "make_jvp", "make_vjp"}
"""Made of those above, to which they pass the settings on; tests/functional/test_functional.py has their values."""

each = pytest.mark.parametrize("name", TRANSFORMS)


def derived(name, f, **settings):
    """The derivative of f, of its sum where a scalar is needed; its vector is V."""
    found = TRANSFORMS[name]((lambda *args: np.sum(f(*args))) if name in SCALAR else f, **settings)
    return (lambda *args: found(*args, V)) if name in WITH_VECTOR else found


def assert_same(found, needed):
    for one, other in zip(*(a if isinstance(a, tuple) else (a,) for a in (found, needed)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)


def test_these_are_all_settings_of_all_transforms():
    found = {name: tuple(inspect.signature(getattr(functional, name)).parameters) for name in functional.__all__}
    assert {name for name, settings in found.items() if "argnums" in settings} == {*OF_CUBES, *THROUGH_OTHERS}
    assert {name for name, settings in found.items() if "args" in settings} == {"vjp"}  # called at once, as in JAX
    found["vjp"] = tuple(setting for setting in found["vjp"] if setting != "args")
    assert {found[name] for name in OF_CUBES} == {SETTINGS}


@each
def test_argnums_says_by_which_argument(name):
    def f(zeros, x, again):
        return x**3 + zeros * again

    assert_same(derived(name, f, argnums=1)(0 * X, X, X), OF_CUBES[name])


@each
def test_the_fallback_is_used_or_refused(name):
    """What has no second derivative is what is differentiated twice, or a gradient that is differentiated again."""

    def slopes(x):
        return functional.grad(lambda x: np.sum(Loops(x)), fallback=FALLBACK)(x) / 3

    f, power = (Loops, 3) if name in ("hvp", "hessian") else (slopes, 2)
    with pytest.raises(UsageError, match="found fallback='numeric', needs None or 'central differences'"):
        derived(name, f, fallback="numeric")(X)
    with pytest.raises(NotDifferentiableError, match="Loops"):
        derived(name, f)(X)
    if name != "jvp":  # forward mode differentiates a bprop by what arrives there too
        assert_same(derived(name, f, fallback=FALLBACK)(X), derived(name, lambda x: x**power)(X))


@each
def test_the_seed_repeats_the_draws(name):
    def f(x):
        return fg.Random(lambda rng, shape: rng.normal(size=shape), shape=(3,)) * x**3

    one, again, other = (derived(name, f, seed=seed) for seed in (1, 1, 2))
    assert_same(one(X), again(X))
    assert_same(one(X), one(X))
    with pytest.raises(AssertionError):
        assert_same(one(X), other(X))
    free = derived(name, f)
    with pytest.raises(AssertionError):
        assert_same(free(X), free(X))


@each
def test_another_setting_is_refused(name):
    with pytest.raises(UsageError, match=f"^{name}: found has_aux=, needs argnums="):
        TRANSFORMS[name](np.sum, has_aux=True)
    with pytest.raises(UsageError, match=rf"^{name}: found cache=.*functional.jit\({name}\(f\)\)"):
        TRANSFORMS[name](np.sum, cache=False)


def test_vmap_refuses_what_it_does_not_have():
    with pytest.raises(UsageError, match=r"^vmap: found cache=.*functional.jit"):
        functional.vmap(np.sum, cache=True)
    with pytest.raises(UsageError, match=r"^vmap: found axes=, needs in_axes= or out_axes="):
        functional.vmap(np.sum, axes=0)
