"""The contract, on every registered box: a class added anywhere is tested here without being named."""

import flowgraph as fg
from flowgraph.checking.complex_parts import OfParts
from flowgraph.plan.shards.box import Sharded
from flowgraph.testing import box_classes, parametrize_with_checks
from tests.registry import boxes_with_examples
from tests.values import SPECIAL, VALUES

BOXES = boxes_with_examples()
TESTED = [cls for cls in BOXES.values() if SPECIAL or ".special." not in cls.__module__]


@parametrize_with_checks(TESTED, formulas=VALUES)
def test_contract(box_class, check):
    check(box_class)


def test_a_package_has_the_classes_of_its_modules():
    found = box_classes("flowgraph.boxes")
    assert {cls.__name__ for cls in found} == {n for n, cls in BOXES.items() if ".boxes." in cls.__module__}


THROUGH_OTHERS = (
    "CompleteQR",
    "Eig",
    "FullSVD",
    "GaugeInvarianceCheck",
    "OfFunctions",
    "Part",
    "Body",
    "BpropOf",
    "SlopeOfBprop",
    "TransposedBprop",
    "PerRow",
    Sharded.__name__,
    "Recomputed",
    "RecomputedCall",
    "Scan",
    "While",
    "StopGradient",
    "InTraining",
    OfParts.__name__,
)

OF_LIBRARIES = ("TorchOperation", "JaxOperation")
"""Those that are in the registry once the library is imported: tests/interop has functions of it."""


def test_only_these_are_tested_through_other_boxes():
    own = {name: cls for name, cls in fg.registry.items() if cls.__module__.startswith("flowgraph.")}
    assert {name for name, cls in own.items() if cls.examples is None} - set(OF_LIBRARIES) == set(THROUGH_OTHERS)
