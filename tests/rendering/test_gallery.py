"""The gallery has every box, drawn, with the code that builds it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.special

import flowgraph as fg
from flowgraph.errors import RenderError, UsageError
from flowgraph.rendering import gallery as gallery_module
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.gallery import Topic, box_graph, code_of, gallery, topics
from tests.browser import in_a_browser
from tests.cases import cases
from tests.registry import boxes_with_examples
from tests.rendering.printed_lines import lines_of_case
from tests.training.browser import cut
from tests.training.wellformed import check_page

DRAWN = [
    cls
    for cls in fg.registry.values()
    if cls.__module__.startswith("flowgraph.boxes.") and not issubclass(cls, fg.Leaf) and cls.examples is not None
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the docs, its pictures beside it."""
    return gallery(tmp_path_factory.mktemp("docs") / "gallery.md")


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return gallery(tmp_path_factory.mktemp("page") / "boxes.html").read_text(encoding="utf-8")


def test_children_have_the_names_of_fprop() -> None:
    names = set(box_graph(fg.registry["MatMul"]).names.values())
    assert set(fg.registry["MatMul"].child_names) <= names


def test_leaves_are_no_pictures_of_their_own() -> None:
    with pytest.raises(UsageError, match="Input"):
        box_graph(fg.Input)


def test_the_page_has_them_all_and_links_them(html: str) -> None:
    text = html
    check_page(text, scripts=1)
    for cls in DRAWN:
        assert f'id="{cls.__name__}"' in text
        assert f'href="#{cls.__name__}"' in text
    assert "<code>np.tanh(a)</code><code>fg.Tanh(a)</code>" in text
    assert text.count("<math") > len(DRAWN)
    assert len(text) < 1_500_000


@in_a_browser
def test_nothing_on_the_page_is_cut(html: str, tmp_path: Path) -> None:
    assert cut(html) == []


@pytest.mark.parametrize("suffix", ["md", "html"])
def test_a_box_that_cannot_be_drawn_is_named_and_nothing_is_lost(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = tuple((name, fg.registry[name]) for name in ("Exp", "Log", "Tanh"))
    monkeypatch.setattr(gallery_module, "topics", lambda: [Topic("elementwise", "exponential", "Three.", boxes)])
    target = gallery(tmp_path / f"gallery.{suffix}")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    drawn = gallery_module.box_svg

    def failing(cls: type[fg.Box]) -> str:
        if cls.__name__ == "Tanh":
            raise ZeroDivisionError("of the test")
        return drawn(cls).replace("<svg", "<svg data-new='1'")

    monkeypatch.setattr(gallery_module, "box_svg", failing)
    with pytest.raises(RenderError, match="gallery: Tanh cannot be drawn: ZeroDivisionError: of the test"):
        gallery(target)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_pages_are_made_beside_and_renamed() -> None:
    """No line of `make pages` opens its target before what it writes is there."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\npages:")[2].partition("\n\n")[0]
    assert recipe.count("\n\t") == 3
    assert ">" not in recipe


def test_topics_hold_each_box_once() -> None:
    names = [name for topic in topics() for name, _ in topic.boxes]
    assert sorted(names) == sorted(cls.__name__ for cls in DRAWN)
    assert all(topic.about.endswith(".") for topic in topics())


def test_the_contents_of_the_page_of_the_docs_lead_to_its_headings(page: Path) -> None:
    """By the anchors of GitHub: the heading in small letters, and a number where an earlier one has the same."""
    text = page.read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M):
        found.setdefault(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-"), []).append(heading)
    anchors = {f"{a}-{k}" if k else a: heading for a, same in found.items() for k, heading in enumerate(same)}
    links = re.findall(r"\[([^\]]+)\]\(#([^)]+)\)", text)
    assert len(links) > len(DRAWN)
    assert all(anchors[anchor] == said for said, anchor in links)


def test_the_kept_page_is_what_the_boxes_declare(page: Path) -> None:
    kept = Path(__file__).parents[2] / "docs" / "gallery.md"
    old = f"{kept.parent.name}/{kept.name} and its pictures are old; `make pages` writes them anew"
    assert kept.read_text(encoding="utf-8") == page.read_text(encoding="utf-8"), old
    pictures = {path.name: path.read_bytes() for path in (kept.parent / "gallery").iterdir()}
    assert pictures == {path.name: path.read_bytes() for path in (page.parent / "gallery").iterdir()}, old


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"1 - h^2", "1 − h²"),
        (r"\frac{1}{\sqrt{1 - a^2}}", "1/√(1 − a²)"),
        (r"\sum_{j \le i} a_j", "∑_(j ≤ i) a_j"),
        (r"h^\top \nabla_a", "hᵀ ∇_a"),
        (r"\frac{a - \bar a}{h}", "(a − ā)/h"),
        (r"e^{-a}", "e^(−a)"),
        (r"\mathrm{sign}(a)", "sign(a)"),
        (r"\sqrt[3]{a}", "∛(a)"),
        ("a b", "a b"),
        ("a^{-1}", "a⁻¹"),
        (r"\sqrt{\frac{1}{{4} - 1} \sum {a}^2}", "√(1/(4 − 1) ∑ a²)"),
        (r"\frac{\frac{1}{\ln 2}}{{a}} \odot \overline{e^{b}}", "(1/(ln 2))/a ⊙ conj(e^b)"),
        (r"\begin{cases} {a}^2 & a > 0 \\ \frac{a}{b} & \text{otherwise} \end{cases}", "a² if a > 0 else a/b"),
        (
            r"\begin{cases} \begin{cases} a & b \\ 2 & \text{otherwise} \end{cases} & c \\ "
            r"3 & \text{otherwise} \end{cases}",
            "(a if b else 2) if c else 3",
        ),
        (r"\mathbf{x_{ab}}", "x_(ab)"),
    ],
)
def test_formulas_as_plain_text(latex: str, plain: str) -> None:
    assert plain_formula(latex) == plain


def test_every_formula_loses_its_commands() -> None:
    for cls in fg.registry.values():
        for latex in (cls.formula, cls.derivative):
            assert not set(plain_formula(latex)) & {"\\", "{", "}"}


@pytest.mark.parametrize("name", boxes_with_examples())
def test_every_line_of_an_example_loses_its_commands(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lines = [line.latex for case in cases(boxes_with_examples()[name]) for line in lines_of_case(case)]
    left = re.compile(r"[\\{}]|[td]?frac|sqrt|overline|operatorname|cases")
    assert not [(latex, plain_formula(latex)) for latex in lines if left.search(plain_formula(latex))]


CODED = [pytest.param(cls, id=name) for topic in topics() for name, cls in topic.boxes]


def same(one, other):
    return one is other or np.array_equal(one, other) or repr(one) == repr(other)


@pytest.mark.parametrize("cls", CODED)
def test_every_line_builds_the_box(cls):
    box = box_graph(cls).outputs[0]
    names = {child.name: child for child in box.children}
    lines = code_of(box)
    for line in lines:
        made = eval(line, {"fg": fg, "np": np, "scipy": scipy}, dict(names))
        assert type(made) is cls, line
        assert made.children == box.children
        assert made.setting_values().keys() == box.setting_values().keys()
        assert all(same(value, made.setting_values()[name]) for name, value in box.setting_values().items()), line
    assert cls.__name__ in lines[-1]


def test_the_shortest_way_comes_first():
    a = fg.Input("a", shape=(2, 2))
    b = fg.Input("b", shape=(2, 2))
    assert code_of(a @ b) == ["a @ b", "np.matmul(a, b)", "fg.MatMul(a, b)"]
    assert code_of(fg.relu(a)) == ["fg.relu(a)", "fg.ReLU(a)"]
    assert code_of(fg.LeakyReLU(a, slope=0.2)) == ["fg.LeakyReLU(a, slope=0.2)"]
    assert code_of(a + a) == ["a + a", "np.add(a, a)", "fg.Add(a, a)"]
