"""A traced program run by NumPy gives what XLA gives, for values and gradients, in shapes that it was not tried on."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import flowgraph as fg  # noqa: E402
from flowgraph.checking.frameworks.check_framework import framework_code  # noqa: E402
from flowgraph.checking.frameworks.jax_code import Program  # noqa: E402

jnp, lax = jax.numpy, jax.lax
FUNCTIONS = {
    "arithmetic": lambda x: (x * 3 - 1) / (2 + x * x) ** 1.5 - jnp.maximum(x, 0.2) ** 3,
    "logarithms": lambda x: jnp.log1p(x * x) + jnp.logaddexp(x, 0.3) + jnp.cbrt(x),
    "inverse functions": lambda x: jnp.arctan2(x, 0.5) + jnp.arcsinh(x) + jnp.tan(0.1 * x),
    "softmax": lambda x: jax.nn.softmax(x, axis=-1),
    "special": lambda x: jax.scipy.special.gammaln(jnp.abs(x) + 1) + jax.scipy.special.erf(x) + jax.nn.gelu(x),
    "reductions": lambda x: x.max(axis=-1) + x.std(axis=-1) + x.min(axis=-1) + jnp.prod(x, axis=-1),
    "cumulative": lambda x: jnp.cumsum(x, axis=-1) * jnp.cumprod(x, axis=0) + lax.cummax(x, axis=0, reverse=True),
    "order": lambda x: jnp.sort(x, axis=-1)[..., ::-1] + jnp.median(x, axis=-1, keepdims=True),
    "products": lambda x: jnp.einsum("ij,kj->ik", x, jnp.tanh(x)) @ x,
    "movements": lambda x: jnp.pad(x.T, 1)[1:, :-1].reshape(-1)[::2],
    "joined": lambda x: jnp.concatenate([x, jnp.flip(x, 0), jnp.where(x > 0, x, jnp.exp(x))]).sum(0),
    "gather": lambda x: x[jnp.array([0, 1, 0])] * jnp.take_along_axis(x, jnp.argmax(x, 1)[:, None], 1).sum(),
    "loops": lambda x: lax.scan(lambda c, r: (jnp.sin(c) + r, r), 0 * x[0], x)[0] + lax.cond(True, jnp.cos, jnp.sin, x),
    "narrow": lambda x: (x.astype(np.float32) * np.float32(0.1)).astype(np.float64) + jnp.sign(x) * jnp.round(x),
}  # fmt: skip


@jax.custom_vjp
def tripled(x):
    return 3 * x


tripled.defvjp(lambda x: (3 * x, None), lambda _, g: (3 * g,))
FUNCTIONS["custom vjp"] = lambda x: tripled(jnp.sin(x))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_programs_are_those_of_xla(name):
    rng = np.random.default_rng(5)
    with jax.enable_x64(True):
        for shape in ((2, 3), (4, 4)):
            x = rng.normal(size=shape)
            value = FUNCTIONS[name](x)
            grad = rng.normal(size=value.shape)

            def both(x, grad):
                y, pull = jax.vjp(FUNCTIONS[name], x)
                return y, pull(grad)[0]

            program = Program(jax.make_jaxpr(both)(x, grad), 1)
            y, dx = both(x, grad)
            np.testing.assert_allclose(program.run([x, grad], False)[0], y, rtol=1e-10, atol=1e-12)
            found = program.run([x, grad], True)
            assert [a.dtype for a in found] == [y.dtype, dx.dtype]
            np.testing.assert_allclose(found[0], y, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(found[1], dx, rtol=1e-9, atol=1e-11)


def test_only_the_form_of_the_example_is_compiled():
    _, adapter = framework_code(jnp.tanh, [jnp.ones((2, 3))])
    assert adapter._by_numpy
    adapter.fprop(np.ones((4, 5)))
    assert len(adapter._programs) == 2


def test_a_wrong_vjp_that_shows_in_another_shape_is_found():
    @jax.custom_vjp
    def total(x):
        return x.sum(axis=0)

    total.defvjp(lambda x: (x.sum(axis=0), x), lambda x, g: (jnp.broadcast_to(g, x.shape) * (1 + (x.shape[0] > 3)),))
    report = fg.check(total, jnp.ones((3, 2)) * 0.7)
    assert report.verdict == "fail"
