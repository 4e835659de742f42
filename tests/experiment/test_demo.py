"""`flowgraph demo`: the files it writes, the checks it makes, and once the accuracy that it states."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.errors import install_hint
from flowgraph.experiment.demo import PAGES, SHOWN, digits, load_split, mistakes
from flowgraph.training.report_page import ink
from tests.browser import in_a_browser, shared
from tests.training.browser import cut
from tests.training.wellformed import check_page
from tools.picture_claims import of_svg, untrue

PICTURES = ("graph.svg", "values.svg", "gradients.svg", "steps.svg", "learning_curve.svg")


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    return out, CliRunner().invoke(main, ["demo", "--out", str(out), "--epochs", "2", "--seed", "3"])


def test_it_says_what_it_did(short):
    out, result = short
    assert result.exit_code == 0, result.output
    assert re.search(r"gradients: \d+ comparisons, none wrong; a relative error above \de-\d\d would", result.output)
    assert re.search(r"test error: \d+\.\d% \(accuracy \d\d\.\d%\), after epoch [12]", result.output)
    for name in (*PICTURES, "steps.html", "backprop.html", "report.html"):
        assert f"wrote {out / name}" in result.output


def test_the_pictures_are_svg(short):
    out, _ = short
    for name in PICTURES:
        assert ElementTree.parse(out / name).getroot().tag.endswith("svg")


@in_a_browser
@pytest.mark.parametrize("name", PICTURES[:4])
def test_no_edge_of_a_picture_runs_where_it_does_not_belong(short, name):
    out, _ = short
    assert untrue(of_svg(shared(), (out / name).read_text("utf-8"))) == []


def test_the_report_is_self_contained_and_links_what_was_written(short):
    out, _ = short
    page = (out / "report.html").read_text(encoding="utf-8")
    check_page(page, out)
    assert {path.name for path in out.iterdir()} - {"report.html"} == set(PAGES)
    assert all(f'href="{name}"' in page for name in PAGES)
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page
    for text in ("layer1/W", "SoftmaxCrossEntropy", "objective", "learning rate", "test error", "comparisons"):
        assert text in page


def test_the_report_shows_digits_mistakes_and_weights(short):
    out, result = short
    page = (out / "report.html").read_text(encoding="utf-8")
    wrong = round(300 * float(re.search(r"test error: ([\d.]+)%", result.output)[1]) / 100)
    section = page[page.index("<h2>Mistakes") : page.index("<h2>What the first layer")]
    assert section.count("<img") == section.count(" read as ") == wrong > 0
    digits = page[page.index("<h2>Digits") : page.index("<h2>Mistakes")]
    assert digits.count("<img") == SHOWN
    weights = page[page.index("<h2>What the first layer") : page.index("<h2>Learning curve")]
    assert weights.count("<img") == 128
    assert page.count("<svg") == 2


def test_images_in_the_report_are_the_examples_as_scanned():
    split = load_split(0)
    images, _ = load_digits(return_X_y=True)
    scanned = split.restore_pixels(split.test.images)
    np.testing.assert_allclose(scanned, np.rint(scanned), atol=1e-12)
    assert {tuple(row) for row in np.rint(scanned)} <= {tuple(row) for row in images}
    assert ink(scanned[7].reshape(8, 8), 16.0) in digits(split, np.eye(10)[split.test.digits])


def test_what_the_network_gets_right_is_no_mistake():
    split = load_split(0)
    truth = np.eye(10)[split.test.digits]
    assert "<img" not in mistakes(split, truth)
    other = truth.copy()
    other[3] = np.eye(10)[(split.test.digits[3] + 1) % 10]
    assert mistakes(split, other).count("<img") == 1


@in_a_browser
def test_nothing_in_the_report_is_cut(short):
    assert cut((short[0] / "report.html").read_text(encoding="utf-8")) == []


def test_the_same_seed_gives_the_same_pictures(short, tmp_path):
    CliRunner().invoke(main, ["demo", "--out", str(tmp_path), "--epochs", "2", "--seed", "3"])
    for name in PICTURES:
        assert (tmp_path / name).read_bytes() == (short[0] / name).read_bytes()


@pytest.mark.sampled(one_in=4)
def test_the_full_demo_reaches_its_accuracy(tmp_path):
    result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path)])
    assert float(re.search(r"accuracy ([\d.]+)%", result.output)[1]) >= 96


def test_the_split_is_disjoint_and_complete():
    split = load_split(0)
    parts = (split.train, split.valid, split.test)
    assert [len(part) for part in parts] == [1197, 300, 300]
    rows = np.concatenate([np.column_stack([part.images, part.digits]) for part in parts])
    assert len(np.unique(rows, axis=0)) == 1797
    np.testing.assert_allclose(split.train.images.mean(axis=0), 0, atol=1e-12)
    assert not np.array_equal(split.train.digits, load_split(1).train.digits)


@pytest.mark.sampled(one_in=4)
def test_a_wrong_gradient_stops_the_demo(monkeypatch, tmp_path):
    monkeypatch.setattr(fg.SoftmaxCrossEntropy, "bprop", lambda self, grad, h, logits, targets: (logits * 0, None))
    result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path), "--epochs", "1"])
    assert result.exit_code == 1
    assert "SoftmaxCrossEntropy 'loss'" in result.output
    assert "the gradient is wrong" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("module", "extra"), [("click", "cli"), ("rich", "cli"), ("sklearn", "demo")])
def test_a_missing_extra_is_named(module, extra, tmp_path):
    code = f"import sys; sys.modules[{module!r}] = None; from flowgraph.cli import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", code, "demo", "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 3
    assert install_hint(extra) in found.stderr
    assert module in found.stderr
    assert "Traceback" not in found.stderr
