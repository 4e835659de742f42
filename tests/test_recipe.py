"""The recipe for a new box in CONTRIBUTING.md, followed to the letter in a copy of the package."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import flowgraph as fg
from tests.test_release import EXTRAS, packages_of
from tools import pages
from tools.boxes_stub import stub

ROOT = Path(__file__).resolve().parent.parent
RECIPE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
VALUES = "tests/values/neural.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and of tools/, with the box of the recipe in a file of boxes."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("flowgraph", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (code,) = (block.text for block in pages.blocks(ROOT / "CONTRIBUTING.md") if block.language == "python")
    assert "class Softsign(fg.Elementwise)" in code
    (folder / "flowgraph" / "boxes" / "softsign.py").write_text(code, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tests_copy(copy):
    """The tests that the recipe names beside the copy, with its line of the independent value."""
    shutil.copytree(ROOT / "tests" / "values", copy / "tests" / "values", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*ROOT.glob("tests/*.py"), ROOT / "pyproject.toml"]:
        shutil.copy(path, copy / path.relative_to(ROOT).parent)
    (line,) = re.findall(r'^ +("Softsign": .*,)$', RECIPE, re.M)
    text = (copy / VALUES).read_text(encoding="utf-8")
    (copy / VALUES).write_text(text.replace("VALUES = {\n", f"VALUES = {{\n    {line}\n"), encoding="utf-8")
    return copy


def run(folder, code):
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.sampled(one_in=3)
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


def blocked():
    """Modules of packages that tests need and `make .venv/dev` does not install: importing them fails."""
    others = packages_of("test") - packages_of("dev")
    modules = importlib.metadata.packages_distributions()
    return sorted(name for name, found in modules.items() if others & {one.lower().replace("_", "-") for one in found})


@pytest.mark.sampled(one_in=3)
def test_the_commands_of_the_recipe_need_only_what_a_newcomer_installs(tests_copy):
    assert "dev" in EXTRAS
    assert "`make .venv/dev`" in RECIPE
    (command,) = re.findall(r"`\.venv/bin/python -m pytest (\S+ -k \w+)`", RECIPE)
    missing = blocked()
    assert {"scipy", "mpmath"} <= set(missing)
    code = f"""
import sys
sys.modules.update(dict.fromkeys({missing}))
import pytest
sys.exit(pytest.main(["-q", *{command.split()}]))
"""
    assert int(re.search(r"(\d+) passed", run(tests_copy, code))[1]) > 5


def test_what_editors_see_is_what_the_registry_has():
    text = (ROOT / "flowgraph" / "boxes" / "__init__.pyi").read_text(encoding="utf-8")
    assert text == stub(), "the stub is old; `make pages` writes it anew"


def test_boxes_of_gradients_are_no_public_names():
    for cls in {one for one in fg.registry.values() if one.__module__.startswith("flowgraph.boxes.")}:
        assert hasattr(fg.boxes, cls.__name__)
        assert hasattr(fg, cls.__name__) == (cls.__name__ in fg.__all__) == cls.public
