from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import RenderError, UsageError, install_hint
from flowgraph.rendering.derivation import Line, derive
from flowgraph.rendering.formula_of_box import split
from flowgraph.rendering.formulas import ascii_latex, mathml, name_latex, text_latex
from flowgraph.rendering.gallery import box_graph
from tests.registry import boxes_with_examples
from tests.rendering.graphs import deep, lecture, nasty
from tests.rendering.test_dot_text import golden

DRAWN = list(boxes_with_examples().values())
DECLARED = [cls for cls in fg.registry.values() if cls.derivative and cls.__module__.startswith("flowgraph.")]
LATEX = shutil.which("pdflatex")

PAPER = r"""\documentclass{article}
\usepackage{amsmath,amssymb}
\begin{document}
Before.
\input{net.tex}
Between.
\input{net}
After.
\end{document}
"""


def gradient_of(graph: fg.Graph, name: str) -> str:
    (line,) = [line for line in derive(graph).gradients if line.name == name]
    return line.right


def one_box(box: fg.Box) -> Line:
    return next(line for line in derive(fg.Graph(box)).gradients if line.name == "a")


@pytest.mark.parametrize("cls", DECLARED, ids=lambda cls: cls.__name__)
def test_a_derivative_is_declared_for_each_child_that_gets_a_gradient(cls: type[fg.Box]) -> None:
    assert len(split(cls.derivative)) == len([one for one in cls.child_names if one not in cls.constant_children])


@pytest.mark.parametrize("cls", DRAWN, ids=lambda cls: cls.__name__)
def test_every_box_has_its_lines(cls: type[fg.Box]) -> None:
    graph = box_graph(cls)
    derivation = derive(graph)
    assert len(derivation.values) == sum(bool(box.children) for box in graph.boxes)
    for line in (*derivation.given, *derivation.values, *derivation.gradients):
        for latex in (line.left, line.right, line.shape):
            root = ElementTree.fromstring(mathml(latex))
            assert "\\" not in "".join(root.itertext())
            assert "&" not in "".join(root.itertext())


WORDS = {"index", "ddof", "axes", "subscripts", "operands", "low", "high", "condition", "like"}


@pytest.mark.parametrize("cls", DRAWN, ids=lambda cls: cls.__name__)
def test_no_letter_of_a_declaration_is_left(cls: type[fg.Box]) -> None:
    graph = box_graph(cls)
    children = [name for name in cls.child_names if len(name) > 1 and name not in graph.names.values()]
    for line in derive(graph).values:
        plain = re.sub(r"\\text\{[^{}]*\}|\\(operatorname|mathrm)\{[^{}]*\}|\\[a-z]+", " ", line.right)
        assert not set(re.findall(r"[A-Za-z]+", plain)) & set(children) - WORDS


def test_settings_and_counts_are_the_numbers_of_this_graph() -> None:
    a = fg.Parameter(np.ones((2, 5)), name="a")
    assert one_box(fg.LeakyReLU(a, slope=0.25).named("h")).right == (
        r"\nabla_{h} \odot \left(1_{a > 0} + 0.25 \, 1_{a \leq 0}\right)"
    )
    assert one_box(fg.mean(a).named("m")).right == r"\frac{1}{10} \, \nabla_{m}"
    assert one_box((a * -2.0).named("m")).right == r"-2 \, \nabla_{m}"
    reverse = r"\text{cumsum}(\nabla_{s}, \text{along the last axis}, \text{reverse})"
    assert one_box(np.cumsum(a, axis=1).named("s")).right == reverse


def test_a_mean_over_rows_is_a_number_times_the_gradient() -> None:
    a = fg.Parameter(np.ones((2, 5)), name="a")
    assert one_box(np.mean(a, axis=1).named("m")).right == r"\frac{1}{5} \, \nabla_{m} \, \text{(along axis 1)}"
    assert one_box((np.ones((3, 2, 5)) - a).named("m")).right == r"-\textstyle\sum_{\text{axis 0}} \nabla_{m}"
    assert "- {0}" not in derive(fg.Graph(np.var(a))).values[0].right


def test_what_is_declared_element_by_element_is_summed_and_what_is_whole_stands_as_it_is() -> None:
    def right(name: str, child: str) -> str:
        return next(line.right for line in derive(box_graph(fg.registry[name])).gradients if line.name == child)

    assert right("Max", "a") == r"\nabla_{h} \odot \frac{1_{a = h}}{\textstyle\sum 1_{a = h}}"
    assert right("Conjugate", "z") == r"\overline{\nabla_{h}}"
    assert right("ConstantPower", "a") == r"\nabla_{h} \odot 2 \, a"
    assert right("FloorDivide", "b") == "0"
    assert right("Det", "a") == r"\nabla_{h} \, \operatorname{adj}({a})^\top"
    assert right("Sinc", "a") == r"\nabla_{h} \odot \frac{\cos(\pi {a}) - {h}}{{a}}"
    a = fg.Parameter(np.ones(5), name="a")
    assert one_box(np.convolve(a, np.ones(3)).named("h")).right == r"\text{⋆}(\nabla_{h}, u_{1})"


def test_a_formula_that_is_an_equation_is_a_condition() -> None:
    a = fg.Input("a", shape=(3, 3))
    assert derive(fg.Graph(*np.linalg.qr(a))).values[0].right == r"\text{such that } {a} = q r"
    assert derive(fg.Graph(a > fg.Input("b", shape=(3, 3)))).values[0].right == r"\left({a} > {b}\right)"
    assert [line.right for line in derive(fg.Graph(*np.linalg.qr(a))).values[1:]] == [
        r"\text{part}(u_{1}, \text{index 0})",
        r"\text{part}(u_{1}, \text{index 1})",
    ]


def test_an_index_is_written_between_brackets() -> None:
    a = fg.Parameter(np.ones((4, 5)), name="a")
    (line,) = derive(fg.Graph(a[1:, ::2, None])).values
    assert line.right == r"{a}_{[\text{1:}, \text{::2}, \text{None}]}"
    assert derive(fg.Graph(a[..., 0])).values[0].right == r"{a}_{[\text{…}, \text{0}]}"
    rows = fg.Input("r", shape=(2,), dtype=int)
    assert derive(fg.Graph(a[rows, 1:])).values[0].right == r"{a}_{[{r}, \text{1:}]}"


def test_a_box_that_reads_another_twice_sends_it_two_parts() -> None:
    a = fg.Parameter(np.ones((2, 2)), name="a")
    sent = gradient_of(fg.Graph(np.concatenate([a, a]).named("k")), "a")
    assert sent == r"\text{split}(\nabla_{k}, \text{part 0}) + \text{split}(\nabla_{k}, \text{part 1})"
    assert gradient_of(fg.Graph((a + a).named("s")), "a") == r"2 \, \nabla_{s}"


def test_what_has_no_sign_in_mathematics_is_said_in_words() -> None:
    a = fg.Parameter(np.ones((2, 5)), name="a")
    assert one_box(np.reshape(a, (5, 2)).named("r")).right == r"\text{reshape}(\nabla_{r})"


def test_a_gradient_that_is_another_goes_by_its_name() -> None:
    x, W, b = fg.Input("x", shape=("N", 3)), fg.Parameter(np.ones((3, 2)), name="W"), fg.Parameter(np.ones(2), name="b")
    graph = fg.Graph(fg.sum(np.tanh((x @ W + b).named("a")).named("h")))
    assert gradient_of(graph, "W") == r"{x}^\top \, \nabla_{a}"
    assert gradient_of(graph, "b") == r"\textstyle\sum_{\text{axis 0}} \nabla_{a}"


def test_a_stack_of_matrices_is_summed_and_a_complex_factor_conjugated() -> None:
    x, W = fg.Input("x", shape=(4, 5, 3)), fg.Parameter(np.ones((3, 2)), name="W")
    assert gradient_of(fg.Graph((x @ W).named("u")), "W") == (r"\textstyle\sum_{\text{axis 0}} {x}^\top \, \nabla_{u}")
    z = fg.Parameter(np.array([1 + 2j]), name="z")
    assert gradient_of(fg.Graph(np.exp(z).named("h")), "z") == r"\nabla_{h} \odot \bar{h}"


def test_settings_in_force_are_those_of_the_value_and_of_the_gradient() -> None:
    a = fg.Parameter(np.ones(3), name="a")
    derivation = derive(fg.Graph(fg.GELU(a, approximate="tanh").named("h")))
    assert r"\Phi" not in derivation.values[0].right + derivation.gradients[-1].right
    assert r"\tanh" in derivation.values[0].right
    assert derive(fg.Graph(fg.GELU(a))).values[0].right == r"{a} \Phi({a})"
    shares = fg.Input("y", shape=(2, 3))
    loss = fg.SoftmaxCrossEntropy(fg.Parameter(np.ones((2, 3)), name="a"), shares).named("h")
    of_shares = r"\operatorname{softmax}(a) \, \left(\textstyle\sum_{\text{axis 1}} y\right) - y"
    assert one_box(loss).right == rf"\nabla_{{h}} \odot \left({of_shares}\right)"


def test_what_is_said_in_words_is_explained_below() -> None:
    x, w = fg.Input("x", shape=(2, 1, 6, 6)), fg.Parameter(np.ones((2, 1, 3, 3)), name="w")
    signs = dict(derive(fg.Graph(fg.sum(fg.Conv2d(x, w, stride=2).named("a")))).signs)
    formula = r"\textstyle\sum_{n, i} g_{n, f, i}\, x_{n, c, 2 \, i + u}"
    assert signs[rf"\text{{conv filters}}(g, x) = {formula}"].startswith("The gradient of a convolution")
    a = fg.Parameter(np.ones((4, 4)), name="a")
    signs = dict(derive(fg.Graph(fg.sum(np.tril(a[1:]).named("t")))).signs)
    assert r"\text{add at}(a, [\ldots])" in signs
    assert not any("`" in meaning for meaning in signs.values())


def test_a_number_above_or_below_stands_in_braces() -> None:
    a = fg.Parameter(np.ones(3), name="a")
    value = derive(fg.Graph(np.logaddexp2(-2.0, a))).values[0].right
    assert value == r"\log_2(2^{-2} + 2^{a})"
    assert "^\\left" not in "".join(line.right for line in derive(fg.Graph(np.power(a, -a))).values)


def test_a_child_read_many_times_is_a_sum_cut_short() -> None:
    w = fg.Parameter(1.0, name="w")
    total = sum((np.tanh(w).named(f"h{i}") for i in range(1, 12)), fg.Constant(0.0))
    right = gradient_of(fg.Graph(total), "w")
    assert right.count(r"\nabla") == 5
    assert r"\cdots" in right
    assert r"h^{(11)}" in right


def test_only_what_leads_to_wrt_is_derived() -> None:
    names = {line.name for line in derive(lecture(), wrt=["W2"]).gradients}
    assert {"W2", "a2"} <= names
    assert not {"W1", "h1"} & names


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("W1", "W^{(1)}"),
        ("W_1", "W^{(1)}"),
        ("layer2/W", "W^{(2)}"),
        ("w_hh", r"w_{\text{hh}}"),
        ("theta", r"\theta"),
        ("λ", r"\lambda"),
        ("Σ2", r"\Sigma^{(2)}"),
        ("loss", r"\text{loss}"),
        ("enc/layer2/W", r"W^{(\text{enc/layer2})}"),
        ("a b", r"\text{a b}"),
        ("ж", r"\text{ж}"),
    ],
)
def test_names_as_the_lecture_writes_them(name: str, latex: str) -> None:
    assert name_latex(name) == latex


def test_two_names_never_share_a_letter() -> None:
    with fg.scope("layer1"):
        inner = fg.Parameter(1.0, name="W")
    lines = derive(fg.Graph(inner * fg.Parameter(1.0, name="W1"))).given
    assert {line.left for line in lines} == {"W^{(1)}", r"\text{W1}"}


def test_names_inject_nothing(tmp_path: Path) -> None:
    text = nasty().explain(tmp_path / "net.html").read_text(encoding="utf-8")
    before, _, own = text.partition("<script>")  # the page has one, its last element, and names stand before it
    assert "<script" not in before + own
    assert "alert(1)" in before
    assert "alert(1)" not in own
    ElementTree.fromstring(mathml(text_latex("<b>&amp; \\ {x} $ # % _ ^ ~")))
    assert "".join(ElementTree.fromstring(mathml(text_latex("<b>&\\{x}$#%_^~"))).itertext()) == "<b>&\\{x}$#%_^~"
    assert mathml("a,\n  \\quad\tb") == mathml(r"a, \quad b")  # as TeX reads white space
    assert "<script" not in nasty().explain(tmp_path / "net.md").read_text(encoding="utf-8")


def test_markdown_and_tex_hold_the_lines(tmp_path: Path) -> None:
    graph = lecture()
    markdown = graph.explain(str(tmp_path / "net.md")).read_text(encoding="utf-8")
    tex = graph.explain(tmp_path / "net.tex").read_text(encoding="utf-8")
    for line in (*derive(graph).values, *derive(graph).gradients):
        assert f"${line.left} = {line.right}$" in markdown
        assert f"{line.left} & = {line.right} &&" in tex
    assert tex.isascii()
    alone, inside = tex.partition(r"\else")[2].partition(r"\fi")[::2]
    assert r"\documentclass" in alone
    assert not any(
        word in inside for word in (r"\documentclass", r"\usepackage", r"\begin{document}", r"\end{document}")
    )


@pytest.mark.skipif(LATEX is None, reason="no pdflatex on this machine")
@pytest.mark.parametrize("graph", [lecture(), nasty(), deep(30)], ids=len)
@pytest.mark.parametrize("place", ["alone", "inside"])
def test_the_derivation_compiles_alone_and_inside_of_a_document(graph: fg.Graph, place: str, tmp_path: Path) -> None:
    graph.explain(tmp_path / "net.tex")
    (tmp_path / "paper.tex").write_text(PAPER, encoding="utf-8")
    main = "net.tex" if place == "alone" else "paper.tex"
    done = subprocess.run(
        [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", main],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-800:]


def test_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"\.html, \.md or \.tex"):
        lecture().explain(tmp_path / "net.svg")
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    mathml.cache_clear()
    with pytest.raises(RenderError, match=re.escape(install_hint("cli"))):
        lecture().explain(tmp_path / "net.html")


def test_golden_derivation(tmp_path: Path) -> None:
    golden("lecture.md", lecture().explain(tmp_path / "lecture.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("letter", "äÖßéñçšžøÆœŁαΩ₁²ő")
def test_a_letter_of_latin_or_greek_is_itself_in_tex(letter: str, tmp_path: Path) -> None:
    p, q = fg.Parameter([1.0, 2.0], name=f"a{letter}b"), fg.Parameter([1.0, 2.0], name="ab")
    tex = fg.Graph(fg.sum(p * q).named("loss")).explain(tmp_path / "net.tex").read_text(encoding="utf-8")
    assert tex.isascii()
    assert "U+" not in tex
    assert ascii_latex(letter) in tex
    assert "U+640D" in fg.Graph(np.exp(p).named("損")).explain(tmp_path / "net.tex").read_text(encoding="utf-8")


REDUCED = (
    fg.sum, fg.mean, np.max, np.min, np.prod, np.std, np.var, np.median, fg.logsumexp, fg.softmax, np.cumsum,
    np.cumprod, np.sort, np.flip, lambda a, axis: np.roll(a, 1, axis), lambda a, axis: np.quantile(a, 0.3, axis=axis),
    lambda a, axis: np.clip(a, 0, axis), lambda a, axis: a ** (axis + 2),
    lambda a, axis: fg.LeakyReLU(a, slope=0.1 + axis),
    lambda a, axis: np.linalg.norm(a, axis=axis), lambda a, axis: np.concatenate([a, a], axis=axis),
)  # fmt: skip


@pytest.mark.parametrize("function", REDUCED)
def test_two_settings_of_a_function_have_two_derivations(function: Any) -> None:
    W = fg.Parameter(np.arange(9.0).reshape(3, 3), name="W")
    one, other = (derive(fg.Graph(function(W, axis=axis).named("y"))) for axis in (0, 1))
    assert [line.right for line in one.values] != [line.right for line in other.values]
    said = [line.right for line in one.gradients], [line.right for line in other.gradients]
    assert said[0] != said[1]
