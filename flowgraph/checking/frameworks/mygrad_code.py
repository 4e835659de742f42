"""MyGrad: functions of its tensors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.frameworks.adapter import Adapter, Pullback
from flowgraph.checking.frameworks.arguments import ArrayKind, arrays_in
from flowgraph.checking.target import Inputs


def to_numpy(value: Value) -> Any:
    """The array of a tensor."""
    return np.array(value.data) if isinstance(value, sys.modules["mygrad"].Tensor) else value


MYGRAD_TENSORS = ArrayKind(to_numpy)


class MygradCode(Adapter):
    """Gradients come from Tensor.backward, which forgets the graph: every bprop runs the function again."""

    framework = "mygrad"

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        outputs = [y.data.copy() for y in self._run(inputs)[1]]

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            totals: list[Any] = [None] * len(self.differentiated)
            for k, g in enumerate(grads):
                active, found = self._run(inputs)
                found[k].backward(np.array(g))
                for n, x in enumerate(active):
                    if x.grad is not None:
                        totals[n] = x.grad if totals[n] is None else totals[n] + x.grad
            return totals

        return outputs, pull

    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """Refused: MyGrad has no second derivatives."""
        raise NotImplementedError("mygrad: gradients cannot be differentiated again; check with order=1")

    def _run(self, inputs: Inputs) -> tuple[list[Any], list[Any]]:
        tensor = sys.modules["mygrad"].tensor
        values = [
            tensor(x.copy(), constant=i not in self.differentiated) if isinstance(x, np.ndarray) and x.dtype.kind == "f"
            else x
            for i, x in enumerate(inputs)
        ]  # fmt: skip
        result = self.called(values)
        found = [y for y in arrays_in(result) if isinstance(y, sys.modules["mygrad"].Tensor)]
        return [values[i] for i in self.differentiated], [y for y in found if y.dtype.kind == "f"]
