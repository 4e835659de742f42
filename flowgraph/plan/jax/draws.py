"""Random draws from a key of JAX, for the draw of a random leaf, which is written for a generator of NumPy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from flowgraph.box.leaves import Random
from flowgraph.box.vocabulary import Value
from flowgraph.errors import UnsupportedError
from flowgraph.plan.jax.array import NotInJaxError, Traced, unwrap_arrays


def draw_leaf(leaf: Random, key: Value, shape: tuple[int, ...]) -> Any:
    """What a random leaf draws from a key."""
    try:
        values = unwrap_arrays(leaf.draw(KeyGenerator(key), shape))  # type: ignore[arg-type]
    except (NotInJaxError, AttributeError, TypeError) as error:
        known = ", ".join(name for name in vars(KeyGenerator) if not name.startswith("_"))
        raise UnsupportedError(
            f"{leaf.title}: its draw does not run on a key of JAX ({error}); it may call {known} of the generator, and "
            f"functions of NumPy on what these return\n  built at {leaf.built_at}"
        ) from error
    return jnp.broadcast_to(jnp.asarray(values, jax.dtypes.canonicalize_dtype(leaf.dtype)), shape)


class KeyGenerator:
    """The methods of `numpy.random.Generator` that draws call most, on a key of JAX; each call has one of its own."""

    def __init__(self, key: Value) -> None:
        self._key = key

    def _next(self) -> Any:
        self._key, now = jax.random.split(self._key)
        return now

    def random(self, size: Value = (), dtype: Value = float) -> Traced:
        """Uniform between 0 and 1."""
        return Traced(jax.random.uniform(self._next(), _shape(size), jax.dtypes.canonicalize_dtype(dtype)))

    def uniform(self, low: Value = 0.0, high: Value = 1.0, size: Value = None) -> Any:
        """Uniform between two numbers."""
        return self.random(_shape_for(size, low, high)) * (high - low) + low

    def standard_normal(self, size: Value = (), dtype: Value = float) -> Traced:
        """Normal, of mean 0 and variance 1."""
        return Traced(jax.random.normal(self._next(), _shape(size), jax.dtypes.canonicalize_dtype(dtype)))

    def normal(self, loc: Value = 0.0, scale: Value = 1.0, size: Value = None) -> Any:
        """Normal, of a mean and a standard deviation."""
        return self.standard_normal(_shape_for(size, loc, scale)) * scale + loc

    def lognormal(self, mean: Value = 0.0, sigma: Value = 1.0, size: Value = None) -> Any:
        """The exponential of a normal number."""
        return Traced(jnp.exp(self.normal(mean, sigma, size).value))

    def exponential(self, scale: Value = 1.0, size: Value = None) -> Any:
        """Exponential, of a mean."""
        return Traced(jax.random.exponential(self._next(), _shape_for(size, scale))) * scale

    def laplace(self, loc: Value = 0.0, scale: Value = 1.0, size: Value = None) -> Any:
        """Laplace, of a mean and a scale."""
        return Traced(jax.random.laplace(self._next(), _shape_for(size, loc, scale))) * scale + loc

    def gumbel(self, loc: Value = 0.0, scale: Value = 1.0, size: Value = None) -> Any:
        """Gumbel, of a mode and a scale."""
        return Traced(jax.random.gumbel(self._next(), _shape_for(size, loc, scale))) * scale + loc

    def gamma(self, shape: Value, scale: Value = 1.0, size: Value = None) -> Any:
        """Gamma, of a shape and a scale."""
        return Traced(jax.random.gamma(self._next(), shape, _shape_for(size, shape, scale))) * scale

    def binomial(self, n: Value, p: Value, size: Value = None) -> Any:
        """How often of n a thing of probability p happens."""
        return Traced(jax.random.binomial(self._next(), n, p, _shape_for(size, n, p)))

    def poisson(self, lam: Value = 1.0, size: Value = None) -> Any:
        """Poisson, of a mean."""
        return Traced(jax.random.poisson(self._next(), lam, _shape_for(size, lam)))

    def integers(
        self, low: int, high: int | None = None, size: Value = (), dtype: Value = int, endpoint: bool = False
    ) -> Any:
        """Integers from low up to high, which is left out unless `endpoint`."""
        first, last = (0, low) if high is None else (low, high)
        wanted = jax.dtypes.canonicalize_dtype(dtype)
        return Traced(jax.random.randint(self._next(), _shape(size), first, last + endpoint, wanted))

    def permutation(self, x: Value) -> Any:
        """The numbers from 0 up to x, or the rows of an array, in another order."""
        return Traced(jax.random.permutation(self._next(), unwrap_arrays(x)))


def _shape(size: Value) -> tuple[int, ...]:
    return () if size is None else (size,) if isinstance(size, int) else tuple(size)


def _shape_for(size: Value, *of: Any) -> tuple[int, ...]:
    return (
        jnp.broadcast_shapes(*[jnp.shape(unwrap_arrays(argument)) for argument in of]) if size is None else _shape(size)
    )
