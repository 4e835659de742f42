"""A case as two functions of its float inputs: values, and the vector-Jacobian product that its author wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from benchmarks.outside.entry import Case, Framework

Arrays = list[Any]


class Callable64:
    """Values and VJP in float64 of NumPy arrays, whatever the framework."""

    def __init__(self, case: Case, framework: Framework) -> None:
        self.case = case
        self.framework = framework
        compiled = {"jax": self._compiled, "pytensor": self._of_arrays}
        self.function = compiled[framework]() if framework in compiled else case.function
        self.places = self._differentiated()
        self.start = [_array(case.inputs[i]) for i in self.places]

    def _differentiated(self) -> list[int]:
        """Float arrays and floats without a gradient of None; the tensors that require a gradient, if any does."""
        floats = [i for i, x in enumerate(self.case.inputs) if _is_float(x)]
        if self.framework == "torch":
            asked = [i for i in floats if getattr(self.case.inputs[i], "requires_grad", False)]
            return asked or floats
        if self.case.bprop is None:
            return floats
        value = self.function(*self.copies())
        found = self.case.bprop(like_ones(value), value, *self.copies())
        return [i for i in floats if found[i] is not None]

    def _compiled(self) -> Callable[..., Any]:
        """Programs of JAX are run thousands of times by differences, one operation at a time would take minutes."""
        import jax

        return cast(Callable[..., Any], jax.jit(self.case.function))

    def _of_arrays(self) -> Callable[..., Any]:
        """The values that Ops of PyTensor perform, without rewriting; the gradients are compiled beside them."""
        import pytensor

        kinds = [(np.asarray(x).dtype, np.ndim(x)) for x in self.case.inputs]
        variables = [pytensor.tensor.tensor(dtype=str(dtype), shape=(None,) * ndim) for dtype, ndim in kinds]
        outputs = _parts(self.case.function(*variables))
        arriving = [y.type() for y in outputs]
        active = [variables[i] for i in self._differentiated()]
        known = dict(zip(outputs, arriving, strict=True))
        grads = pytensor.grad(None, active, known_grads=known, disconnected_inputs="ignore")
        mode = pytensor.compile.mode.Mode(linker="py", optimizer=None)
        self.pulled = pytensor.function([*variables, *arriving], grads, mode=mode, on_unused_input="ignore")
        return cast(Callable[..., Any], pytensor.function(variables, outputs, mode=mode))

    def copies(self, arrays: Sequence[Any] | None = None) -> list[Any]:
        """The inputs, with `arrays` in the places of those that are differentiated; nothing is shared."""
        inputs = [x.copy() if isinstance(x, np.ndarray) else x for x in self.case.inputs]
        for place, array in zip(self.places, arrays, strict=True) if arrays is not None else ():
            inputs[place] = self._as_given(self.case.inputs[place], array)
        return inputs

    def values(self, arrays: Sequence[Any]) -> Arrays:
        """The outputs."""
        if self.framework == "torch":
            import torch

            with torch.enable_grad():
                return [y.detach().numpy().copy() for y in _parts(self.function(*self.copies(arrays)))]
        return [np.array(y, dtype=float) for y in _parts(self.function(*self.copies(arrays)))]

    def vjp(self, arrays: Sequence[Any], grads: Sequence[Any]) -> Arrays:
        """The gradients of sum(grads * values) by the code's own backward pass."""
        make: dict[str, Callable[..., Arrays]] = {"torch": self._torch, "jax": self._jax, "numpy": self._numpy}
        make["pytensor"] = lambda arrays, grads: list(self.pulled(*self.copies(arrays), *grads))
        return make[self.framework](arrays, grads)

    def _numpy(self, arrays: Sequence[Any], grads: Sequence[Any]) -> Arrays:
        inputs = self.copies(arrays)
        value = self.function(*inputs)
        grad = tuple(np.array(g) for g in grads) if isinstance(value, tuple) else np.array(grads[0])
        assert self.case.bprop is not None
        found = self.case.bprop(grad, value, *self.copies(arrays))
        return [np.array(found[i], dtype=float) for i in self.places]

    def _torch(self, arrays: Sequence[Any], grads: Sequence[Any]) -> Arrays:
        import torch

        inputs = self.copies(arrays)
        active = [inputs[i] for i in self.places]
        outputs = _parts(self.function(*inputs))
        pairs = [(y, torch.tensor(g, dtype=y.dtype)) for y, g in zip(outputs, grads, strict=True) if y.requires_grad]
        found = torch.autograd.grad([y for y, _ in pairs], active, [g for _, g in pairs], allow_unused=True)
        return [
            np.zeros(x.shape) if g is None else g.detach().to_dense().numpy().copy()
            for x, g in zip(active, found, strict=True)
        ]

    def _jax(self, arrays: Sequence[Any], grads: Sequence[Any]) -> Arrays:
        import jax

        inputs = self.copies(arrays)

        def function(*active: Any) -> Any:
            all_inputs = list(inputs)
            for place, x in zip(self.places, active, strict=True):
                all_inputs[place] = x
            return tuple(_parts(self.function(*all_inputs)))

        outputs, pull = jax.vjp(function, *[inputs[i] for i in self.places])
        found = pull(tuple(jax.numpy.asarray(g, y.dtype) for y, g in zip(outputs, grads, strict=True)))
        return [np.array(g, dtype=float) for g in found]

    def _as_given(self, given: Any, array: Any) -> Any:
        if self.framework == "torch":
            import torch

            return torch.tensor(array, dtype=given.dtype, requires_grad=True)
        if self.framework == "jax" and not isinstance(given, float):
            import jax

            return jax.numpy.asarray(array, given.dtype)
        return float(array) if isinstance(given, float) else np.array(array)


def like_ones(value: Any) -> Any:
    """Ones of the form of an output."""
    return tuple(np.ones(np.shape(y)) for y in value) if isinstance(value, tuple) else np.ones(np.shape(value))


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def _is_float(x: Any) -> bool:
    dtype = getattr(x, "dtype", None)
    return isinstance(x, float) or (dtype is not None and "float" in str(dtype))


def _array(x: Any) -> Any:
    return x.detach().numpy().copy() if hasattr(x, "detach") else np.array(x, dtype=float)
