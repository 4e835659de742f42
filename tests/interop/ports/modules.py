"""The modules that a port takes in the place of its imports, autograd's or flowgraph's."""

from types import SimpleNamespace

PORTS = {}


def port(function):
    """Let a function of the modules be one of the ports; it returns the numbers that are compared."""
    PORTS[function.__name__] = function
    return function


def of_autograd():
    """The modules that code for autograd imports."""
    import autograd
    import autograd.builtins
    import autograd.numpy as np
    from autograd.extend import defvjp, primitive
    from autograd.misc import fixed_points, flatten, optimizers
    from autograd.misc.flatten import flatten_func
    from autograd.scipy import integrate, signal, special, stats

    return SimpleNamespace(
        np=np, npr=np.random, stats=stats, special=special, signal=signal, odeint=integrate.odeint,
        tuple=autograd.builtins.tuple, grad=autograd.grad, value_and_grad=autograd.value_and_grad,
        elementwise_grad=autograd.elementwise_grad, hessian_vector_product=autograd.hessian_vector_product,
        flatten=flatten, flatten_func=flatten_func,
        adam=optimizers.adam, sgd=optimizers.sgd, rmsprop=optimizers.rmsprop,
        fixed_point=fixed_points.fixed_point, primitive=primitive, defvjp=defvjp,
    )  # fmt: skip


def of_flowgraph():
    """The modules that take their places."""
    import flowgraph.numpy as np
    from flowgraph import functional, stats
    from flowgraph.interop import autograd
    from flowgraph.scipy import integrate, signal, special

    return SimpleNamespace(
        np=np, npr=np.random, stats=stats, special=special, signal=signal, odeint=integrate.odeint, tuple=tuple,
        grad=functional.grad, value_and_grad=functional.value_and_grad, elementwise_grad=functional.elementwise_grad,
        hessian_vector_product=functional.hessian_vector_product, flatten=functional.flatten,
        flatten_func=functional.flatten_func, adam=autograd.adam, sgd=autograd.sgd, rmsprop=autograd.rmsprop,
        fixed_point=autograd.fixed_point, primitive=autograd.primitive, defvjp=autograd.defvjp,
    )  # fmt: skip
