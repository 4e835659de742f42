"""The score of the checker on planted mistakes and on right operations, held-out entries among them."""

import pytest

from .catalogue.entries import ENTRIES
from .scoring import SEEDS, entries, score

KNOWN_ALARMS = ("triangular solve",)
"""Mistakes of the checker that are still open: at a matrix of condition 1e10, fprop loses digits in proportion to the
step, the same at every step, so that no difference of it shows how many."""

FAMILIES = ("V", "S", "R", "E", "C", "2")


def test_the_catalogue_is_large_and_has_every_family():
    assert len(entries("ok")) >= 100
    assert len(entries(*FAMILIES)) >= 150
    assert all(entries(family) for family in FAMILIES)
    names = [(entry.family, entry.name) for entry in ENTRIES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", FAMILIES)
def test_planted_mistakes_are_caught(family):
    found = score(family)
    assert found.runs == len(entries(family)) * len(SEEDS)
    allowed = int(0.02 * found.runs)
    assert len(found.missed) <= allowed, "\n".join(found.missed)
    assert not found.slow


def test_right_operations_raise_no_alarm():
    found = score("ok")
    assert found.runs == len(entries("ok")) * len(SEEDS)
    new = [alarm for alarm in found.alarms if not any(f"[ok] {name} " in alarm for name in KNOWN_ALARMS)]
    assert not new, "\n\n".join(new)
    assert len(found.alarms) >= len(KNOWN_ALARMS), "an alarm that was known is no longer raised: take it off the list"
    assert len(found.undecided) <= 0.03 * found.runs, found.undecided
    assert not found.slow
