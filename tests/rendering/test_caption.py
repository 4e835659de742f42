"""The line under a picture: amounts that are known, and "?" for what is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import flowgraph as fg

A = np.eye(3) + 1.0


def facts(*outputs: fg.Box) -> list[str]:
    """The operations that the caption of a drawn graph names."""
    text = fg.Graph(*outputs).to_dot()
    return [part for part in text.replace("<", " · ").split(" · ") if part.startswith("fprop")]


def test_a_count_that_is_whole_stands_alone() -> None:
    assert facts(np.linalg.inv(fg.Parameter(A, name="a"))) == ["fprop 54 FLOP"]


def test_what_is_unknown_is_added_to_what_is_known() -> None:
    a = fg.Parameter(A, name="a")
    assert facts(np.linalg.inv(a), np.linalg.cholesky(a)) == ["fprop 54 FLOP + ?"]


def test_a_count_that_is_unknown_altogether_is_said() -> None:
    assert facts(np.linalg.cholesky(fg.Parameter(A, name="a"))) == ["fprop ?"]


@pytest.mark.parametrize("move", [np.transpose, np.ravel, lambda a: a[0]])
def test_what_only_moves_numbers_has_no_operations_to_name(move: Callable[[fg.Box], fg.Box]) -> None:
    assert facts(move(fg.Parameter(A, name="a"))) == []
