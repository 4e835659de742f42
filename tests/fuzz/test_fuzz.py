"""Random programs, other ones for each commit: every path gives the numbers of NumPy."""

import sys

import pytest
from hypothesis import settings

from tests.commit import seed_of_commit
from tests.fuzz.mistakes import PUT_BACK, in_plans
from tests.fuzz.session import Session

SECONDS = 20.0 if settings().derandomize else 10.0
"""Of the profile that decides what lands, and of a run at the desk."""


@pytest.mark.no_cover  # what programs run is covered by tests of their own, and measuring would halve their number
def test_programs_give_one_answer_on_every_path(capsys):
    session = Session(seed_of_commit()).run(SECONDS, stop=lambda failure: True)
    with capsys.disabled():
        print(f"\n{session.table()}", file=sys.stderr)
    again = f"python -m benchmarks fuzz --seed {session.seed}" if session.failures else ""
    assert not session.failures, f"{session.failures[-1]}\n{again}"
    assert session.programs > 20


@pytest.mark.sampled(one_in=3)
@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("put_back", "seed"),
    [(mistake, seed) for mistake, seed in PUT_BACK.items() if seed is not None],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_mistake_that_is_put_back_is_found(put_back, seed, monkeypatch):
    put_back(monkeypatch)
    session = Session(seed).run(60, stop=in_plans)
    assert any(map(in_plans, session.failures)), session.table()
