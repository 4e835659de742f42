"""The recipe for a new box in CONTRIBUTING.md, followed to the letter in a copy of the package."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import flowgraph as fg
from tools.boxes_stub import stub

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and of tools/, with the box of the recipe in a file of boxes."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("flowgraph", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)
    code = re.sub(r"^ {3}", "", code, flags=re.M)
    assert "class Softsign(fg.Elementwise)" in code
    (folder / "flowgraph" / "boxes" / "softsign.py").write_text(code, encoding="utf-8")
    return folder


def run(folder, code):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_box_is_exported_checked_and_in_every_page(copy):
    code = """
import flowgraph as fg, numpy as np
from tools import boxes_stub, coverage_page
box = fg.Softsign(fg.Constant([1.0, -3.0]))
assert "Softsign" in fg.__all__ and "Softsign" in fg.boxes.__all__
assert np.allclose(fg.Graph(box).fprop()[box], [0.5, -0.75])
assert fg.check(fg.Softsign).passed
assert "import Softsign as Softsign" in boxes_stub.stub() and '"Softsign"' in boxes_stub.stub()
assert "fg.Softsign" in coverage_page.page()
from flowgraph.rendering.gallery import gallery
assert "Softsign" in gallery("gallery.md").read_text(encoding="utf-8")
"""
    run(copy, code)


def test_what_editors_see_is_what_the_registry_has():
    text = (ROOT / "flowgraph" / "boxes" / "__init__.pyi").read_text(encoding="utf-8")
    assert text == stub(), "the stub is old; `make pages` writes it anew"


def test_boxes_of_gradients_are_no_public_names():
    for cls in {one for one in fg.registry.values() if one.__module__.startswith("flowgraph.boxes.")}:
        assert hasattr(fg.boxes, cls.__name__)
        assert hasattr(fg, cls.__name__) == (cls.__name__ in fg.__all__) == cls.public


def test_every_public_name_is_there():
    assert len(set(fg.__all__)) == len(fg.__all__)
    assert all(hasattr(fg, name) for name in fg.__all__)
