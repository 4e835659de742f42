"""Programs that once differed agree on every path, under plain names and under those that collide."""

import pytest

from tests.fuzz.found import FOUND
from tests.fuzz.paths import OWN, Difference, differences

PATHS = {name: path for name, path in OWN.items() if name not in ("native", "kernels")}


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.label)
@pytest.mark.parametrize("seed", range(4))
def test_what_once_differed_agrees(case, seed):
    wrong = [one for one in differences(case, seed, PATHS) if isinstance(one, Difference)]
    assert not wrong, f"{wrong[0]}\n{case.text()}"
