"""A graph as a module of PyTorch: its derivatives by PyTorch's own checks, its training by the same nets in PyTorch."""

import numpy as np
import pytest

import flowgraph as fg
from tests.interop.small_mlp import mlp, normal

torch = pytest.importorskip("torch")
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

from flowgraph.interop.torch import module  # noqa: E402
from flowgraph.interop.torch.symbolic_sizes import array_of  # noqa: E402


def double(*shape, seed=0):
    return torch.tensor(normal(*shape, seed=seed), requires_grad=True)


class TwinMLP(torch.nn.Module):
    """The same network written in PyTorch."""

    def __init__(self, state):
        super().__init__()
        self.W1, self.b1, self.W2 = (
            torch.nn.Parameter(state[name].clone()) for name in ("layer1.W", "layer1.b", "layer2.W")
        )

    def forward(self, x, y):
        return torch.nn.functional.cross_entropy(torch.tanh(x @ self.W1 + self.b1) @ self.W2, y)


def convolutional():
    x = fg.Input("x", shape=("N", 2, 6, 6))
    w = fg.Parameter(normal(3, 2, 3, 3), name="w")
    return np.sin(fg.MaxPool(fg.Conv2d(x, w, stride=1, padding=1))), (double(2, 2, 6, 6, seed=3),)


def attention():
    x = fg.Input("x", shape=("N", 3, 4))
    return fg.MultiHeadAttention(4, 2, rng=0)(x), (double(2, 3, 4, seed=4),)


def factors():
    """Boxes of several outputs, whose values cannot be kept one by one."""
    a = fg.Input("a", shape=(4, 3))
    q, r = np.linalg.qr(a)
    return [np.abs(q), np.abs(r)], (double(4, 3, seed=5),)


def masked():
    """A size that depends on values."""
    a = fg.Input("a", shape=(5,))
    chosen = a[np.array([True, False, True, True, False])]
    b = np.exp(a[a > 0])
    return [chosen * 2, fg.sum(b * b)], (double(5, seed=6),)


def strided():
    """A size of an output that no name stands for."""
    x = fg.Input("x", shape=("N", 1, "L"))
    return fg.Conv1d(x, fg.Parameter(normal(2, 1, 2), name="w"), stride=2), (double(2, 1, 7, seed=7),)


def complex_values():
    z = fg.Input("z", shape=(3,), dtype=complex)
    return [np.real(z * np.conj(z) * z), z * z], (
        torch.tensor(normal(3, seed=8) + 1j * normal(3, seed=9), requires_grad=True),
    )


NETS = [convolutional, attention, factors, masked, strided, complex_values]


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
def test_first_and_second_derivatives_pass_the_checks_of_pytorch(net):
    boxes, inputs = net()
    made = module(boxes)
    names = [name for name, _ in made.named_parameters()]

    def call(*tensors):
        given = dict(zip(names, tensors[len(inputs) :], strict=True))
        return torch.func.functional_call(made, given, tensors[: len(inputs)])

    leaves = (*inputs, *(p.detach().clone().requires_grad_() for p in made.parameters()))
    assert gradcheck(call, leaves)
    assert gradgradcheck(call, leaves, fast_mode=True)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
def test_values_and_gradients_are_those_of_the_graph(net):
    boxes, (given,) = net()
    made = module(boxes)
    found = made(given)
    outputs = found if isinstance(found, tuple) else (found,)
    run = made.graph.fprop({made.graph.inputs[0]: array_of(given)})
    for tensor, array in zip(outputs, run.outputs, strict=True):
        np.testing.assert_allclose(tensor.detach().numpy(), array, rtol=1e-12, atol=1e-12)
    grads = run.bprop({box: np.ones_like(run[box]) for box in made.graph.outputs}, wrt=made.graph.inputs)
    torch.autograd.backward(outputs, [torch.ones_like(one) for one in outputs])
    np.testing.assert_allclose(given.grad.numpy(), grads[made.graph.inputs[0]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam, torch.optim.NAdam])
def test_training_agrees_with_the_same_net_in_pytorch(optimiser):
    made = module(mlp()[0])
    twin = TwinMLP(made.state_dict())
    losses = {}
    for net in (made, twin):
        rule = optimiser(net.parameters(), lr=0.1)
        losses[net] = []
        for step in range(15):
            x = torch.tensor(normal(10 + step % 3, 3, seed=step))
            y = torch.tensor(np.random.default_rng(step).integers(0, 5, len(x)))

            def closure(net=net, x=x, y=y, rule=rule):
                rule.zero_grad()
                loss = net(x=x, y=y)
                loss.backward()
                return loss

            losses[net].append(float(rule.step(closure).detach()))
    assert not torch.allclose(made.layer1.W, torch.tensor(normal(3, 4)), atol=0.01)
    np.testing.assert_allclose(losses[made], losses[twin], rtol=1e-9)
    for one, other in zip(made.parameters(), (twin.W1, twin.b1, twin.W2), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-7, atol=1e-9)


def test_third_derivatives():
    made = module(np.sin(fg.Input("x")) ** 2)
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    found = made(x)
    for _ in range(3):
        (found,) = torch.autograd.grad(found, x, create_graph=True)
    assert float(found.detach()) == pytest.approx(-4 * np.sin(1.4))
