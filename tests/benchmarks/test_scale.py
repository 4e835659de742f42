"""The curves of the page on scale are those of the numbers that were measured last."""

import re

import pytest

from benchmarks.quoting.pages import measured
from benchmarks.scale import drawn
from tests.rooms import ROOT


@pytest.mark.parametrize("title", ["boxes", "examples", "parameters"])
def test_the_curves_on_the_page_have_the_names_and_the_points_of_the_numbers(title, tmp_path):
    curves = measured()["scale"]["numbers"][title]
    figure = drawn(title, curves)
    assert {name: data[0].tolist() for name, data in figure.data.items()} == {
        name: [int(size) for size in curve] for name, curve in curves.items()
    }
    made, shown = figure.save(tmp_path / "made.svg"), ROOT / "docs" / "pictures" / f"scale-{title}.svg"
    words, marks = re.compile(r"<text[^>]*>([^<]*)"), re.compile("<use ")
    for each in (words, marks):
        assert each.findall(made.read_text("utf-8")) == each.findall(shown.read_text("utf-8"))
