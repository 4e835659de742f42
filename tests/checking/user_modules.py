"""Modules of users, one for each framework, in which gradients are wrong; written to a folder by the tests."""

JAX = """
import jax


@jax.custom_vjp
def doubled(x):
    return 2 * x


doubled.defvjp(lambda x: (2 * x, None), lambda kept, grad: (grad,))


def of_dict(arrays, *, power):
    return doubled(arrays["x"]) ** power * arrays["w"]
"""
AUTOGRAD = """
import autograd.numpy as np
from autograd.extend import defvjp, primitive


@primitive
def cubed(x, scale):
    return scale * x**3


defvjp(cubed, lambda answer, x, scale: lambda grad: grad * scale * x**2, argnums=(0,))
"""
MYGRAD = """
def constant_inside(x):
    return x * x.data
"""
