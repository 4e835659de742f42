"""What programs reach: every function that boxes understand, every kind of box, every rule of a plan."""

from collections import Counter

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import numpy_dispatch
from tests.fuzz.built import Built
from tests.fuzz.drawing import draw_case
from tests.fuzz.operations import load
from tests.fuzz.paths import quiet

OF_ARRAYS_ONLY = {
    "asarray", "asanyarray", "result_type", "iscomplexobj", "isrealobj", "allclose", "array_equal",
}  # fmt: skip
"""Functions that give no box: their answer is known when the graph is built, or refused."""

PROGRAMS = ("flowgraph.box.", "flowgraph.boxes.")
"""Where the boxes stand that a program written in NumPy makes; loops, plans and adapters have others of their own."""

INSIDE = {
    "PlacesOf", "PlaceOf", "MinusAt", "AddMatMul", "AddAtRows", "PlacesOfRows", "SpreadToRectified",  # of plans
    "CofactorSlopes", "MeanOfLargest",  # of second derivatives
    "UnitRows", "RepeatRows", "RowsAs",  # of Jacobians
    "Barrier", "InTraining",  # of checkpoints, of modes of training
}  # fmt: skip
"""Boxes that no graph of values and gradients holds, but rooms above, which have boxes of their own too."""


def test_every_function_that_boxes_understand_may_stand_in_a_line():
    covered = {function for one in load() for function in one.covers}
    missing = [getattr(one, "__name__", one) for one in numpy_dispatch.implemented() if one not in covered]
    assert set(missing) == OF_ARRAYS_ONLY
    assert covered <= set(numpy_dispatch.implemented()), "a line claims a function that boxes do not understand"


@pytest.mark.sampled(one_in=6)
@pytest.mark.no_cover  # what they reach is counted here by itself
def test_programs_and_their_gradients_hold_every_box():
    boxes = Counter()
    with quiet():
        for number in range(2500):
            case = draw_case([0, number])
            try:
                boxes.update(type(box).__name__ for box in Built(case, np.random.default_rng(number)).whole)
            except Exception:  # what cannot be built is a matter of test_fuzz
                continue
    of_programs = {name for name, box in fg.registry.items() if box.__module__.startswith(PROGRAMS)}
    missing = {name for name in of_programs if not boxes[name]}
    rare = missing - INSIDE
    assert missing >= INSIDE
    assert len(rare) <= len(of_programs) // 50, f"hardly ever drawn: {sorted(rare)}"
