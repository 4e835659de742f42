from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from flowgraph.errors import UsageError
from tests.browser import answered, in_a_browser
from tests.rendering.graphs import feeds, lecture, nasty
from tools import page_runner, pages


def playing(folder: Path, theme: str = "auto") -> str:
    graph = lecture()
    run = graph.fprop(feeds())
    return graph.animate(folder / "net.svg", run, run.bprop(keep="all"), theme=theme).read_text(encoding="utf-8")


def box(svg: str, name: str) -> ElementTree.Element:
    return next(one for one in ElementTree.fromstring(svg).iter() if one.get("id") == f"box-{name}")


def rule(svg: str, name: str) -> str:
    return re.search(rf"@keyframes {name}\{{(.*?\}})\}}", svg)[1]  # type: ignore[index]


def test_one_file_without_script_or_network(tmp_path: Path) -> None:
    svg = playing(tmp_path)
    assert "<script" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme:dark" in svg
    assert "prefers-color-scheme" not in playing(tmp_path, "dark")


def test_it_stands_still_at_the_end_where_less_motion_is_wanted(tmp_path: Path) -> None:
    svg = playing(tmp_path)
    before, moving = svg.split("@media (prefers-reduced-motion:no-preference){", 1)
    assert "animation" not in before
    assert moving.index("@keyframes") < moving.index("</style>")
    shown = [row.text for row in box(svg, "W1") if "∇" in (row.text or "") and row.get("opacity") is None]
    assert len(shown) == 1
    last = re.search(r"#words-(\d+)\{opacity:1\}", before)
    assert last is not None
    assert int(last[1]) == svg.count('id="words-') - 1


def test_a_box_appears_when_it_is_computed_and_a_gradient_adds_up(tmp_path: Path) -> None:
    svg = playing(tmp_path)
    assert "class" in box(svg, "x").attrib
    assert " s" not in str(box(svg, "x").get("class"))
    since = [int(re.search(r" s(\d+)-", str(box(svg, name).get("class")))[1]) for name in ("a1", "h1", "objective")]  # type: ignore[index]
    assert since == sorted(since)
    parts = [row for row in box(svg, "W1") if "∇W⁽¹⁾" in (row.text or "")]
    assert len(parts) == 2
    first, second = (str(row.get("class")) for row in parts)
    assert first.split("-")[1] == second.split("-")[0].removeprefix("s")
    assert rule(svg, first).count("opacity:1") == 1


def test_each_step_has_its_words(tmp_path: Path) -> None:
    text = " ".join("".join(one.itertext()) for one in ElementTree.fromstring(playing(tmp_path)).iter())
    assert "fprop 1 / 10" in text
    assert "bprop 10 / 10" in text
    assert "y needs none" in text


def test_names_inject_nothing(tmp_path: Path) -> None:
    graph = nasty()
    svg = graph.animate(tmp_path / "net.svg", graph.fprop({graph.inputs[0]: np.ones((2, 3))})).read_text()
    assert not [one for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("script")]


def test_an_unknown_theme_is_refused(tmp_path: Path) -> None:
    graph = lecture()
    with pytest.raises(UsageError, match="theme"):
        graph.animate(tmp_path / "net.svg", graph.fprop(feeds()), theme="sepia")


def test_the_picture_of_the_readme_plays() -> None:
    docs = Path(__file__).parents[2] / "docs"
    root = ElementTree.parse(docs / "pictures" / "lecture.svg").getroot()
    text = " ".join("".join(one.itertext()) for one in root)
    assert "f.bprop" in text
    assert "prefers-reduced-motion" in text
    assert "docs/pictures/lecture.svg" in (docs.parent / "README.md").read_text(encoding="utf-8")


FIRST = "docs/first-graph.md"
SHOWN = {"lecture.svg": "README.md", "first_graph.svg": FIRST, "first_values.svg": FIRST}
"""The pictures of docs/pictures, and the pages whose code makes them."""


@pytest.mark.parametrize("picture", sorted(path.name for path in (pages.ROOT / "docs" / "pictures").glob("*.svg")))
def test_the_code_of_a_page_makes_its_picture(picture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the boxes and the steps of both: how they are drawn may change before the picture is made anew."""
    page = pages.ROOT / SHOWN[picture]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    blocks = (block for block in pages.blocks(page) if block.language == "python")
    while not Path(picture).exists():
        assert page_runner.python({"text": next(blocks).text, "file": None}, names)["failed"] is None
    made, shown = ((folder / picture).read_text("utf-8") for folder in (tmp_path, pages.ROOT / "docs" / "pictures"))
    parts = re.compile(r'id="(?:box|words)-[^"]*"')
    assert set(parts.findall(made)) == set(parts.findall(shown))
    assert len(parts.findall(made)) > 5
    assert f"pictures/{picture})" in page.read_text(encoding="utf-8")


@in_a_browser
def test_it_plays_in_a_browser(tmp_path: Path) -> None:
    script = """
    const opacity = (id) => Number(getComputedStyle(document.getElementById(id)).opacity);
    return [0, 3, 12].map((step) => {
      for (const one of document.getAnimations()) { one.pause(); one.currentTime = (step + 0.5) * 1600; }
      return ["box-x", "box-h1", "box-objective", `words-${step}`, "words-15"].map(opacity);
    });
    """
    assert answered(playing(tmp_path), script) == [[1, 0.3, 0.3, 1, 0], [1, 1, 0.3, 1, 0], [1, 1, 1, 1, 0]]
