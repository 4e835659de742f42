"""The peers of the benchmarks of one step compute it: that of a textbook version, or of the graph run box by box."""

import importlib

import pytest

from benchmarks import mlp_step, nets
from benchmarks.peers.mlp import PEERS as OF_MLP
from benchmarks.peers.mlp.case import RATE, WIDTHS
from benchmarks.peers.mlp.case import Case as MLPCase
from benchmarks.peers.nets import PEERS as OF_NETS
from benchmarks.peers.nets import WRITTEN
from benchmarks.peers.nets.case import NETS
from benchmarks.peers.nets.case import Case as NetCase
from benchmarks.peers.worker import STEPS
from flowgraph.plan import blas

PROVED = {MLPCase: mlp_step.proved, NetCase: nets.proved}
CASES = [
    *((MLPCase(list(WIDTHS)[i], dtype), peer) for i in (0, 1, 3, 5) for dtype in ("float32", "float64")
      for peer in ("by hand", "flowgraph", "autograd")),
    *((NetCase(name, "float64"), "flowgraph") for name in NETS),
    *((NetCase(name, "float64"), "by hand") for name in WRITTEN),
]  # fmt: skip


def steps(peer, case):
    place, peers = ("mlp", OF_MLP) if isinstance(case, MLPCase) else ("nets", OF_NETS)
    module, name = peers[peer]
    step = getattr(importlib.import_module(f"benchmarks.peers.{place}.{module}"), name)(case)
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
@pytest.mark.parametrize(("case", "peer"), CASES, ids=str)
def test_a_peer_does_the_step(case, peer):
    PROVED[type(case)](case, peer, steps(peer, case))


@pytest.mark.parametrize(
    ("case", "place"), [(MLPCase("32: 64-64-10", "float64"), 0), (NetCase("embedding", "float64"), 1)]
)
def test_another_step_is_refused(case, place):
    found = steps("by hand", case)
    found["parameters"][place] = found["parameters"][place] * (1 + 1e-6)
    with pytest.raises(AssertionError, match="by hand"):
        PROVED[type(case)](case, "by hand", found)
