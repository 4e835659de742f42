"""A module or function of PyTorch and the graph made of it: the same values and the same gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from flowgraph.interop.torch import graph_of  # noqa: E402
from flowgraph.interop.torch.graphs import TorchOperation  # noqa: E402


def double(*shape):
    return torch.randn(shape, dtype=torch.float64)


def agrees(target, *examples, tolerance=1e-10, opaque=(), fixed=()):
    """Values and gradients, by inputs and parameters, are those of PyTorch; returns the graph."""
    graph = graph_of(target, *examples)
    assert {box.operation._opname for box in graph.boxes if isinstance(box, TorchOperation)} == set(opaque)
    leaves = [
        one.detach().clone().requires_grad_(one.is_floating_point() and place not in fixed)
        for place, one in enumerate(examples)
    ]
    state = dict(target.named_parameters()) if isinstance(target, nn.Module) else {}
    for one in state.values():
        one.grad = None
    found = target(*leaves)
    outputs = [one for one in torch.utils._pytree.tree_leaves(found) if isinstance(one, torch.Tensor)]
    run = graph.fprop(dict(zip(graph.inputs, (one.detach().numpy() for one in leaves), strict=True)))
    for array, tensor in zip(run.outputs, outputs, strict=True):
        assert array.dtype == tensor.detach().numpy().dtype
        np.testing.assert_allclose(array, tensor.detach().numpy(), rtol=tolerance, atol=tolerance)
    seeds = [torch.randn_like(one) for one in outputs if one.requires_grad]
    torch.autograd.backward([one for one in outputs if one.requires_grad], seeds)
    sent = {}
    for box, seed in zip((box for box in graph.outputs if box.dtype.kind in "fc"), seeds, strict=True):
        sent[box] = sent.get(box, 0) + seed.numpy()  # two outputs may be one box
    pairs = [(graph[name.replace(".", "/")], one) for name, one in state.items() if one.requires_grad]
    pairs += [(box, one) for box, one in zip(graph.inputs, leaves, strict=True) if one.requires_grad]
    grads = run.bprop(sent, wrt=[box for box, _ in pairs], unused="zeros")
    for box, tensor in pairs:
        expected = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        np.testing.assert_allclose(grads[box], expected, rtol=tolerance, atol=tolerance, err_msg=graph.names[box])
    return graph


class Called(nn.Module):
    """A function of a module, or of several, and of tensors."""

    def __init__(self, inner, call=lambda inner, *xs: inner(*xs)):
        super().__init__()
        self.inner, self.call = inner, call

    def forward(self, *xs):
        return self.call(self.inner, *xs)


def side_by_side(modules):
    """Modules of one tensor each, in one program."""
    together = Called(
        nn.ModuleDict(modules), lambda inner, *xs: [one(x) for one, x in zip(inner.values(), xs, strict=True)]
    )
    return together.double().eval()
