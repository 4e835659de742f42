"""Every box over rows: the gradient of all rows at once is the gradients of one row after the other."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.derivatives.batching import over_rows
from tests.cases import cases
from tests.test_contract import BOXES

ROWS = 2
NAMES = [name for name, cls in BOXES.items() if cls.examples is not None]


def cotangents(run, outputs):
    """A cotangent for each output of numbers, drawn for its shape."""
    rng = np.random.default_rng(1)
    return {box: rng.uniform(0.5, 1.5, np.shape(run[box])) for box in outputs if box.dtype.kind in "fc"}


def compare(case, chosen):
    """Gradients over rows of the chosen children against those of each row, with the rows' share of the cotangents."""
    leaves = [fg.Input(f"child{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(case.children)]
    box = case.cls(*leaves, **case.settings)
    outputs = list(box) if len(box.outputs) > 1 else [box]
    if not any(one.dtype.kind in "fc" for one in outputs):
        return
    rows = {leaves[i]: fg.Input(f"rows{i}", shape=("R", *leaves[i].shape), dtype=leaves[i].dtype) for i in chosen}
    stacked = {rows[leaves[i]]: np.stack([case.children[i]] * ROWS) for i in chosen}
    fed = {leaf: a for leaf, a in zip(leaves, case.children, strict=True) if leaf not in rows}
    over, single = fg.Graph(*over_rows(outputs, rows)), fg.Graph(*outputs)
    run = over.fprop({leaf: a for leaf, a in {**fed, **stacked}.items() if leaf in over})
    sent = cotangents(run, over.outputs)
    whole = run.bprop(sent, wrt=[leaf for leaf in rows.values() if leaf in over], unused="zeros")
    for r in range(ROWS):
        one = single.fprop({leaf: a for leaf, a in zip(leaves, case.children, strict=True) if leaf in single})
        part = {one_box: sent[box][r] for one_box, box in zip(outputs, over.outputs, strict=True) if box in sent}
        grads = one.bprop(part, wrt=list(rows), unused="zeros")
        for leaf, its in rows.items():
            np.testing.assert_allclose(whole[its][r], grads[leaf], rtol=1e-9, atol=1e-9, err_msg=f"{case} {chosen}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_gradient_of_all_rows_is_that_of_each(name):
    for case in cases(BOXES[name]):
        free = [i for i in case.floats if i not in constants(case)]
        for chosen in [(i,) for i in free] + [tuple(free)] * (len(free) > 1):
            compare(case, chosen)


def constants(case):
    """The children that no gradient is sent to, by their place."""
    leaves = [fg.Input(f"child{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(case.children)]
    return [i for i, constant in enumerate(case.cls(*leaves, **case.settings).constant) if constant]
