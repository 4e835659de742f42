"""A derivation is readable on a telephone, and where no font of the system is one for mathematics."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.rendering.derivation import derive
from flowgraph.rendering.formulas import split_terms
from tests.browser import in_a_browser, shared
from tests.rendering.graphs import lecture
from tests.rendering.random_graphs import random_graph
from tests.rendering.test_repetition import lstm
from tests.seed import seed_of_tree

FLAT = "math { font-family: 'DejaVu Sans', Arial, sans-serif; }"
"""Fonts without a table of mathematics, in which browsers put subscripts on the base line."""

SEEN = """(() => {
  const below = [...document.querySelectorAll("msub")].map((one) => {
    const [base, small] = [...one.children].map((part) => part.getBoundingClientRect());
    return small.bottom - base.bottom;
  });
  const hides = (one) => getComputedStyle(one).overflowY !== "visible";
  const cells = [...document.querySelectorAll("td")].filter((one) => one.textContent.trim());
  const main = document.querySelector("main"), end = main.getBoundingClientRect().left + main.clientWidth;
  return { below, wide: document.documentElement.scrollWidth,
           outside: cells.filter((one) => one.getBoundingClientRect().right > end + 1).length,
           scrolled: cells.filter((one) => hides(one) && one.scrollWidth > one.clientWidth + 1).length,
           cut: cells.filter((one) => hides(one) && one.scrollHeight > one.clientHeight).length };
})()"""


@pytest.fixture(scope="module", params=["lecture", "LSTM"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    graph = lecture() if request.param == "lecture" else lstm(3)
    path: Path = graph.explain(tmp_path_factory.mktemp("page") / "backprop.html")
    return path.read_text("utf-8")


@in_a_browser
@pytest.mark.parametrize("wide", [390, 660, 810, 1100])
@pytest.mark.parametrize("font", ["of mathematics", "of letters"])
def test_a_derivation_is_whole_and_its_subscripts_stand_below(page: str, wide: int, font: str) -> None:
    text = page if font == "of mathematics" else re.sub(r"math \{ font-family: [^}]*\}", FLAT, page, count=1)
    shared().show(text, (wide, 900))
    seen = shared().tell(SEEN)
    assert seen["wide"] <= wide
    assert seen["outside"] == 0
    assert seen["scrolled"] == 0
    assert seen["cut"] == 0
    assert seen["below"]
    assert min(seen["below"]) > 1.0


TERM = st.sampled_from(
    [
        r"\nabla_{u_{1}}", r"a \odot \left(1 - b^{2}\right)", r"\text{add at}(a, [:, 1 - 3])", "-a", "|a - b|",
        r"\left| a + b \right|", r"\left\{a + b\right.", r"\begin{cases} a + b & c \\ d & e \end{cases}", r"\|a - b\|",
        r"\{0, 1\}",
    ]
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from("+-"), TERM), min_size=1, max_size=5))
def test_a_sum_ends_lines_between_its_terms_alone(terms: list[tuple[str, str]]) -> None:
    text = " ".join(f"{sign} {term}" for sign, term in terms).removeprefix("+ ")
    parts = split_terms(text)
    assert " ".join(parts) == text
    assert len(parts) == len(terms)


def test_every_line_of_a_derivation_is_its_terms_in_a_row() -> None:
    for graph in (lecture(), lstm(3), random_graph(seed_of_tree(), 30)):
        derivation = derive(graph)
        for line in (*derivation.values, *derivation.gradients):
            assert " ".join(split_terms(line.right)).split() == line.right.split()
