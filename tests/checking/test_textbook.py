"""Right layers pass as a course hands them out: nobody there undoes broadcasting or asks for empty batches."""

import pytest

import flowgraph as fg
from benchmarks.outside.packages import textbook_dense, textbook_shaped

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

LAYERS = {entry.name: entry for module in (textbook_dense, textbook_shaped) for entry in module.PACKAGE.entries}


@pytest.mark.parametrize("name", LAYERS)
def test_a_right_layer_passes_and_a_mistake_in_one_fails(name):
    case = LAYERS[name].make()
    report = fg.check(case.function, *case.inputs, bprop=case.bprop)
    assert report.verdict == ("pass" if LAYERS[name].judgement == "right" else "fail"), str(report)
    assert not any(failure.beyond for failure in report.failures), str(report)
