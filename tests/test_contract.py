"""The contract, on every registered box: a class added anywhere is tested here without being named."""

import pytest

import flowgraph as fg
from flowgraph.checking.complex_parts import OfParts
from tests.cases import cases
from tests.contract import CHECKS

BOXES = {
    name: cls
    for name, cls in fg.registry.items()
    if cls.__module__.startswith("flowgraph.") and not issubclass(cls, fg.Leaf) and cls.examples is not None
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", BOXES)
def test_contract(name, check):
    for case in cases(BOXES[name]):
        check(case)


THROUGH_OTHERS = (
    "CompleteQR",
    "Eig",
    "FullSVD",
    "Gauge",
    "Part",
    "BpropOf",
    "SlopeOfBprop",
    "TransposedBprop",
    "PerRow",
    OfParts.__name__,
)


def test_only_these_are_tested_through_other_boxes():
    own = {name: cls for name, cls in fg.registry.items() if cls.__module__.startswith("flowgraph.")}
    assert {name for name, cls in own.items() if cls.examples is None} == set(THROUGH_OTHERS)
