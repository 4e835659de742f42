"""The peers of the benchmark of four networks compute one step: that of the graph run box by box, in float64."""

import importlib

import pytest

from benchmarks.nets import parsed, proved
from benchmarks.peers.mlp.case import RATE
from benchmarks.peers.nets import PEERS
from benchmarks.peers.nets.case import NETS, Case
from benchmarks.peers.worker import STEPS
from flowgraph.plan import blas


def steps(peer, case):
    module, name = PEERS[peer]
    step = getattr(importlib.import_module(f"benchmarks.peers.nets.{module}"), name)(case)
    x, y = case.data()
    losses = [float(step(x, y, RATE)) for _ in range(STEPS)]
    return {"loss": losses[-1], "parameters": step.parameters()}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """Steps by hand hold BLAS at one thread for good, as each has a process of its own in the benchmark."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    functions = blas._thread_functions()
    before = 1 if functions is None else functions[0]()
    yield
    if functions is not None:
        functions[1](before)


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("peer", ["by hand", "flowgraph"])
@pytest.mark.parametrize("name", list(NETS))
def test_a_peer_does_the_step(peer, name):
    case = Case(name, "float64")
    proved(case, peer, steps(peer, case))


def test_another_step_is_refused():
    case = Case("embedding", "float64")
    found = steps("by hand", case)
    found["parameters"][1] = found["parameters"][1] * (1 + 1e-6)
    with pytest.raises(AssertionError, match="by hand: W"):
        proved(case, "by hand", found)


def test_options_have_names():
    options = parsed(["--quick", "--float64", "--cases", "LSTM, LeNet", "--peers", "products, jax"])
    assert options.cases == ["LSTM", "LeNet"]
    assert options.peers == ["products", "jax"]
    assert options.dtype == "float64"
    with pytest.raises(SystemExit, match="needs some of LeNet"):
        parsed(["--cases", "GRU"])
