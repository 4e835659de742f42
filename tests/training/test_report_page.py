"""What reports are made of: text that is escaped, links, pictures whose ids stay apart, settings as they are."""

import numpy as np
import pytest

from flowgraph.markup import inline
from flowgraph.training.report_page import confusion_counts, confusion_table, figure, report_page, settings_table
from tests.browser import in_a_browser
from tests.hostile import TEXTS
from tests.training.browser import cut
from tests.training.wellformed import check_page, read

SVG = '<svg><defs><clipPath id="a"/></defs><g clip-path="url(#a)"/><use href="#a"/></svg>'


@pytest.mark.parametrize("odd", TEXTS, ids=ascii)
def test_a_page_is_well_formed_whatever_text_it_holds(odd):
    page = report_page(odd, "lead", [(odd, odd)], [("#", odd)], [(odd, settings_table([(odd, odd)]))])
    found = read(page)
    assert not found.wrong
    assert "<script" not in page


def test_ids_of_two_pictures_stay_apart():
    check_page(figure(SVG, "one", "one") + figure(SVG, "two", "two"))
    assert inline('<?xml?><svg id="a"><use href="#a"/><g clip-path="url(#a)"/></svg>', "p") == (
        '<svg id="p-a"><use href="#p-a"/><g clip-path="url(#p-a)"/></svg>'
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (1, "1"), (0.0, "0"), (1.0, "1"), (True, "yes"), (False, "no"), (None, "none"), ((64, 32), "64, 32"),
     ((), "none"), (1e-4, "0.0001"), ("relu", "relu")],
)  # fmt: skip
def test_a_setting_is_shown_as_it_is(value, said):
    assert f">{said}</td>" in settings_table([("a", value)])


def test_confusions_add_up():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    counts = confusion_counts(4, truth, predicted)
    assert [counts[i, j] for i in range(4) for j in range(4)] == [
        np.sum((truth == i) & (predicted == j)) for i in range(4) for j in range(4)
    ]
    names = ["a", "b", "c", "d"]
    assert f"{np.mean(predicted[truth == 2] == 2):.1%}" in confusion_table(names, truth, predicted)
    assert not confusion_table([str(i) for i in range(21)], truth, predicted)


@in_a_browser
def test_the_browser_sees_what_is_cut(tmp_path):
    wide = "1" * 300
    page = report_page("title", "lead", [("short", "1")], [], [("wide", f'<div style="width:50px">{wide}</div>')])
    assert any("cuts" in one for one in cut(page.replace("overflow-wrap: break-word", "")))
