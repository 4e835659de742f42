"""Random programs, and those that once differed: one answer on every path; their reach."""

import sys
from collections import Counter

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import numpy_dispatch
from tests.fuzz.built import Built
from tests.fuzz.drawing import draw_case
from tests.fuzz.found import FOUND
from tests.fuzz.mistakes import PUT_BACK, in_plans
from tests.fuzz.operations import load
from tests.fuzz.paths import OWN, Difference, differences, quiet
from tests.fuzz.session import Session
from tests.seed import seed_of_tree

COUNT = 150
"""Of programs in each run, whatever the machine."""

MOST = 3000
"""Of programs until a mistake that was put back is found."""


@pytest.mark.no_cover  # what programs run is covered by tests of their own, and measuring would halve their number
def test_programs_give_one_answer_on_every_path(capsys):
    session = Session(seed_of_tree()).run(COUNT, stop=lambda failure: True)
    with capsys.disabled():
        print(f"\n{session.table()}", file=sys.stderr)
    again = f"python -m benchmarks fuzz --seed {session.seed}" if session.failures else ""
    assert not session.failures, f"{session.failures[-1]}\n{again}"
    assert session.programs == COUNT


@pytest.mark.sampled(one_in=3)
@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("put_back", "seed"),
    [(mistake, seed) for mistake, seed in PUT_BACK.items() if seed is not None],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_mistake_that_is_put_back_is_found(put_back, seed, monkeypatch):
    put_back(monkeypatch)
    session = Session(seed).run(MOST, stop=in_plans)
    assert any(map(in_plans, session.failures)), session.table()


WITHOUT_COMPILING = {name: path for name, path in OWN.items() if name not in ("native", "kernels")}


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.label)
@pytest.mark.parametrize("seed", range(4))
def test_what_once_differed_agrees(case, seed):
    wrong = [one for one in differences(case, seed, WITHOUT_COMPILING) if isinstance(one, Difference)]
    assert not wrong, f"{wrong[0]}\n{case.text()}"


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
