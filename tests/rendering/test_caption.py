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


def test_the_legend_of_the_values_names_the_strips_that_occur() -> None:
    def said(graph: fg.Graph, **bprop: bool) -> list[str]:
        run = graph.fprop()
        text = graph.to_svg(view="values", run=run, grads=run.bprop(keep="all") if bprop else None)
        return [name for name in ("of the value lie", "of the gradient lie", "± standard") if name in text]

    number, array = fg.Parameter(2.0, name="a"), fg.Parameter([1.0, -2.0], name="b")
    assert said(fg.Graph(number * number), bprop=True) == []
    assert said(fg.Graph(fg.sum(array * array))) == ["of the value lie", "± standard"]
    assert said(fg.Graph(fg.sum(array * array)), bprop=True) == [
        "of the value lie",
        "of the gradient lie",
        "± standard",
    ]
