"""The package is installed under the name of its distribution, and every text that says how says that name."""

import importlib.metadata
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import flowgraph as fg
from flowgraph import peers
from flowgraph.box import exports
from flowgraph.errors import install_hint
from flowgraph.peers import DISTRIBUTION, install_command, requirement
from tools import install_lines

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_DEVELOPERS = ("tools", "lean", "test", "check", "dev", "mutants", "bench", "docs", "pages", "release")
"""Extras of those who work on the package, which no user needs."""
FOLDERS = ("flowgraph", "docs", "notebooks", "tests", "benchmarks", "tools", ".ci")
SUFFIXES = ("", ".py", ".md", ".ipynb", ".toml", ".js", ".html")
MADE = {"_build", "generated"}
"""Folders of docs/ that hold the same texts again, as the site shows them."""
COMMAND = re.compile(r"pip install(?![a-z])")
"""A command, not the verb."""
GOOD = re.compile(
    r"pip install (--[a-z]+ |--(python|resolution) \S+ )*"
    rf"({re.escape(requirement())}|\"({re.escape(requirement())}|\./flowgraph)\[[^\]]+\]\"|--upgrade pip)(?![-\w])"
)
"""What is installed today, with extras or without; pip itself."""

IMPORT = """
import sys
import flowgraph as fg
from flowgraph.box import exports
later = ("checking", "training", "data", "debugging")
attached = {"flowgraph.debugging"}  # has methods of graphs, which load what they need
loaded = [name for name in sys.modules if name.startswith(tuple(f"flowgraph.{one}" for one in later))]
loaded = [name for name in loaded if name not in attached]
assert not loaded, loaded
assert set(fg.__all__) <= set(dir(fg))
for name in later:
    assert getattr(fg, name).__name__ == f"flowgraph.{name}"
space = {}
exec("from flowgraph import *", space)
assert set(fg.__all__) <= set(space)
from flowgraph.training.fit import fit
assert space["fit"] is fg.fit is fit and vars(fg)["fit"] is fit
"""
"""What an import of the package loads, and that every name is there all the same."""


def texts():
    """Every text of the repository that people read or run."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in [*ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml", *paths]:
        if path.is_file() and path.suffix in SUFFIXES and not MADE & set(path.parts):
            yield path, path.read_text(errors="replace")


def test_the_name_and_the_version_stand_once():
    assert PROJECT["name"] == DISTRIBUTION
    assert PROJECT["version"] == fg.__version__
    found = subprocess.run([sys.executable, "-m", "flowgraph", "--version"], capture_output=True, text=True, check=True)
    assert fg.__version__ in found.stdout


def test_what_is_installed_has_the_version_of_the_package():
    try:
        assert importlib.metadata.version(DISTRIBUTION) == fg.__version__
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{DISTRIBUTION} is not installed under that name here")


def test_extras_refer_to_the_distribution_itself():
    """Not to the package of another project; and `all` holds whatever a user may ask for."""
    for name, needed in EXTRAS.items():
        for one in needed:
            own = re.match(r"(flowgraph[\w-]*)\[([\w,]+)\]", one)
            if own is None:
                assert not one.startswith("flowgraph"), f"{name}: {one}"
                continue
            assert own[1] == DISTRIBUTION, f"{name}: {one}"
            assert set(own[2].split(",")) <= EXTRAS.keys(), f"{name}: {one}"
    assert everything("all") >= {one for name in EXTRAS if name not in OF_DEVELOPERS for one in everything(name)}
    assert everything("hypothesis") == {"hypothesis"}


def everything(extra):
    """The packages that an extra installs."""
    found = set()
    for one in EXTRAS[extra]:
        own = re.match(rf"{DISTRIBUTION}\[([\w,]+)\]", one)
        found |= {p for name in own[1].split(",") for p in everything(name)} if own else {re.match(r"[\w-]+", one)[0]}
    return found


def test_hints_name_extras_that_exist():
    """All commands of the package come from one function, with an extra of pyproject.toml."""
    used = set()
    for path in (ROOT / "flowgraph").rglob("*.py"):
        text = path.read_text()
        used |= set(re.findall(r"install_hint\([\"'](\w+)[\"']", text))
        if path.name not in ("errors.py", "peers.py"):
            assert not COMMAND.search(text), f"{path.relative_to(ROOT)} has a command of its own; use install_hint"
    assert used
    assert used <= EXTRAS.keys()
    assert install_hint("cli") == install_command("cli")
    assert install_hint("native", upgrade=True).startswith("pip install --upgrade ")


def test_each_line_of_a_page_is_written_from_one_place():
    pages = install_lines.told()
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert install_lines.written(text) == text, f"{page.name}: run python -m tools.install_lines"


def test_one_edit_changes_each_line_once_the_package_is_published(monkeypatch):
    lines = {
        "pip install .": f"pip install {DISTRIBUTION}",
        '`pip install ".[a,b]" c`': f'`pip install "{DISTRIBUTION}[a,b]" c`',
    }
    lines['pip install "./flowgraph[a]"'] = f'pip install "{DISTRIBUTION}[a]"'
    for today in lines:
        assert install_lines.written(today) == today
        assert GOOD.match(today.strip("`"))
    monkeypatch.setattr(peers, "PUBLISHED", True)
    for today, then in lines.items():
        assert install_lines.written(today) == then
        assert install_lines.written(then) == then
    assert install_command("cli") == f'pip install "{DISTRIBUTION}[cli]"'


def test_no_text_sends_to_another_package():
    seen = 0
    for path, text in texts():
        if path == Path(__file__) or path.name in ("errors.py", "peers.py", "install_lines.py"):
            continue
        seen += 1
        for place in COMMAND.finditer(text):
            line = text[place.start() : text.find("\n", place.start())]
            assert GOOD.match(line), f"{path.relative_to(ROOT)}: {line}"
        assert not re.search(r"[\"']flowgraph\\?\[[a-z,]+\\?\]", text), (
            f"{path.relative_to(ROOT)}: an extra of another package"
        )
    assert seen > 500


def test_packages_that_take_long_are_loaded_when_they_are_named():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True)
    assert not done.returncode, done.stderr


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'flowgraph' has no attribute 'nothing'"):
        _ = fg.nothing


def test_the_modules_of_a_package_are_those_that_pkgutil_finds_in_folders_and_archives(tmp_path, monkeypatch):
    found = sorted(module.name for module in pkgutil.walk_packages(fg.boxes.__path__, "flowgraph.boxes."))
    assert sorted(exports._modules_in("flowgraph.boxes", fg.boxes.__path__)) == found
    for name in (
        "a/__init__.py",
        "a/one.py",
        "a/b/__init__.py",
        "a/b/two.py",
        "a/data/three.py",
        "a/four.pyi",
        "a/5.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert sorted(exports._modules_in("a", [str(tmp_path / "a")])) == ["a.b", "a.b.two", "a.one"]
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "a")
    monkeypatch.syspath_prepend(archive)
    assert sorted(exports._modules_in("a", [f"{archive}/a"])) == ["a.b", "a.b.two", "a.one"]
