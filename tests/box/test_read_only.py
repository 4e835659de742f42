"""Values and gradients that a run hands out cannot be written to, in any part, for any box there is."""

import numpy as np
import pytest

import flowgraph as fg
from tests.cases import cases
from tests.test_contract import BOXES


def arrays(value):
    """The arrays of a value, which is a tuple where a box has several outputs."""
    return [one for part in value for one in arrays(part)] if isinstance(value, tuple) else [np.asanyarray(value)]


def assert_read_only(value, what):
    for part in arrays(value):
        if part.ndim:
            assert not part.flags.writeable, what
            with pytest.raises(ValueError, match="read-only"):
                part[...] = 0


@pytest.mark.parametrize("name", BOXES)
def test_no_value_of_a_run_can_be_written_to(name):
    case = cases(BOXES[name])[0]
    leaves = [fg.Parameter(a) if i in case.floats else fg.Constant(a) for i, a in enumerate(case.children)]
    box = case.cls(*leaves, **case.settings)
    outputs = list(box) if len(box.outputs) > 1 else [box]
    run = fg.Graph(*outputs).fprop()
    for one in run.graph:
        assert_read_only(run[one], one.title)
    assert_read_only(run.outputs, "outputs")
    wrt = [leaf for leaf in leaves if isinstance(leaf, fg.Parameter) and leaf in run.graph]
    differentiable = [one for one in outputs if one.dtype.kind in "fc"]
    if not wrt or not differentiable or not box.has_bprop:
        return
    arriving = {one: np.ones_like(run[one]) for one in differentiable}
    grads = run.bprop(arriving, wrt=wrt, keep="all", unused="zeros")
    for one in grads:
        assert_read_only(grads[one], f"gradient of {one.title}")
