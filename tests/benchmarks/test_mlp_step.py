"""The peers of the benchmark of a training step compute that step: the parameters of a textbook version in float64."""

import importlib

import pytest

from benchmarks.mlp_step import parsed, proved
from benchmarks.peers.mlp import PEERS
from benchmarks.peers.mlp.case import RATE, WIDTHS, Case
from benchmarks.peers.mlp.report import tables
from benchmarks.peers.worker import STEPS


def steps(peer, case):
    module, name = PEERS[peer]
    step = getattr(importlib.import_module(f"benchmarks.peers.mlp.{module}"), name)(case)
    x, y = case.data()
    losses = [float(step(x, y, RATE)) for _ in range(STEPS)]
    return {"loss": losses[-1], "parameters": step.parameters()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [list(WIDTHS)[i] for i in (0, 1, 3, 5)])
@pytest.mark.parametrize("peer", ["by hand", "flowgraph", "autograd"])
def test_a_peer_does_the_step(peer, name, dtype):
    case = Case(name, dtype)
    proved(case, peer, steps(peer, case))


def test_another_step_is_refused():
    case = Case("32: 64-64-10", "float64")
    found = steps("by hand", case)
    found["parameters"][0] = found["parameters"][0] * (1 + 1e-6)
    with pytest.raises(AssertionError, match="by hand"):
        proved(case, "by hand", found)


def test_options_have_names():
    options = parsed(["--quick", "--cases", "0,6", "--peers", "products, jax"])
    assert options.cases == ["1: 64-32-10", "1024: 1024-1024-1024-10"]
    assert options.peers == ["products", "jax"]
    assert options.dtypes == ["float32"]


def test_the_table_holds_ratios_and_their_geometric_mean():
    def result(seconds):
        return {"seconds": seconds, "compile": 0.0, "others": 0.0}

    cases = {
        "a": {"flowgraph": result(1e-6), "jax": result(2e-6)},
        "b": {"flowgraph": result(1e-6), "jax": result(8e-6)},
    }
    text = tables({"float32": cases}, {}, threads=1)
    assert "(  2.00)" in text
    assert "(  8.00)" in text
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("mean ratio")] == ["4.00"]
