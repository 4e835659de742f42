"""Modules of users, one for each framework, in which gradients are wrong; written to a folder by the tests."""

TORCH = """
import torch


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w, x + w

    @staticmethod
    def backward(ctx, first, second):
        x, w = ctx.saved_tensors
        return first * w + second, 3 * first * x + second


class Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        return 1j * z

    @staticmethod
    def backward(ctx, grad):
        return 1j * grad
"""
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
