"""Other frameworks' code as a target of the checker: PyTorch, JAX, autograd and MyGrad, none of which is required.

A function is recognised by its arguments or by itself; nothing is imported that the caller has not imported already.
"""
