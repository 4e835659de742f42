"""The site of docs/: every page is found from its index, and what is generated names all that there is."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import flowgraph as fg
from tools.site import api_pages, command_line_page, copied_pages, docstrings, errors_page

DOCS = Path(__file__).resolve().parent.parent / "docs"
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.M | re.S)
OF_OTHERS = {"generated", "_build"}
"""Folders that are written when the site is built."""


def entries(page):
    """The pages that the tables of contents of a page name, as paths in docs/."""
    for block in TOCTREE.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.strip() and not line.startswith(":"):
                name = re.sub(r"^.*<(.*)>$", r"\1", line.strip())
                yield (page.parent / name).resolve().relative_to(DOCS).as_posix()


def written():
    """The pages that people write."""
    paths = (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
    return {path.with_suffix("").as_posix() for path in paths if path.parts[0] not in OF_OTHERS}


def test_every_page_is_in_one_table_of_contents():
    listed = [name for page in (DOCS / "index.md", DOCS / "reference" / "index.md") for name in entries(page)]
    assert len(listed) == len(set(listed))
    lost = written() - set(listed) - {"index"}
    assert not lost, f"add {', '.join(sorted(lost))} to a part of docs/index.md"
    generated = {f"generated/{name.rpartition('.')[0]}" for name in generated_pages()}
    assert set(listed) <= written() | generated


def generated_pages():
    made = {**api_pages.api_pages(), **copied_pages.copied_pages()}
    return {"errors.rst": errors_page.errors_page(), "command-line.rst": command_line_page.command_line_page(), **made}


def test_the_reference_has_every_public_name():
    names = set(api_pages.public_names()) | {cls.__name__ for cls in api_pages.public_boxes()}
    assert names == set(fg.__all__)
    made = api_pages.api_pages()
    for name in api_pages.public_names():
        assert f"   {name}\n" in made["api.rst"] or f"autodata:: flowgraph.box.base.{name}\n" in made["api.rst"]
    for cls in api_pages.public_boxes():
        family = cls.__module__.split(".")[2]
        assert f".. autoclass:: {cls.__name__}\n" in made[f"boxes-{family}.rst"]
        assert f"   boxes-{family}\n" in made["boxes.rst"]


def test_every_module_for_other_packages_is_in_the_reference():
    folder = Path(fg.__file__).parent / "interop"
    public = {path.stem for path in folder.glob("*.py") if "__all__" in path.read_text(encoding="utf-8")}
    public |= {
        path.parent.name for path in folder.glob("*/__init__.py") if "__all__" in path.read_text(encoding="utf-8")
    }
    assert {f"flowgraph.interop.{name}" for name in public} <= set(api_pages.MODULES)


def test_every_error_of_the_package_is_explained_with_its_messages():
    page = errors_page.errors_page()
    names = {cls.__name__ for cls in errors_page.errors()}
    tree = ast.parse((Path(fg.__file__).parent / "errors.py").read_text(encoding="utf-8"))
    assert {node.name for node in tree.body if isinstance(node, ast.ClassDef)} <= names
    for name in names:
        assert f"\n{name}\n---" in page
    with pytest.raises(fg.FlowgraphError) as caught:
        fg.Tanh(1.0, 2.0)
    assert str(caught.value).startswith("Tanh: found 2 children, needs ")
    assert "- ``…: found … children, needs …" in page.partition("\nUsageError\n")[2]


@pytest.mark.parametrize("cls", errors_page.errors()[1:], ids=lambda cls: cls.__name__)
def test_an_error_says_its_cause_and_its_cure(cls):
    if cls.__name__ == "DrawnError":  # a GradientError, whose report a user reads
        return
    assert "Cause: " in cls.__doc__
    assert "Cure: " in cls.__doc__


def test_links_of_copied_pages_lead_from_where_they_stand():
    for name, text in copied_pages.copied_pages().items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            file = (DOCS / "generated" / target).resolve()
            is_page = file.exists() and file.is_relative_to(DOCS)
            assert is_page or target in copied_pages.copied_pages(), f"{name}: {target} is no page of the site"


@pytest.mark.parametrize(
    ("text", "rst"),
    [
        ("Of `a`.", ["Of ``a``."]),
        ("|a| and x_ and *args", [r"\|a\| and x\_ and \*args"]),
        ("h = a²        dh/da = 2a", ["::", "", "    h = a²", "    dh/da = 2a", ""]),
        (">>> f(*a)", [">>> f(*a)"]),
        ("Parameters\n----------\n*values : arrays\n    The |values|.",
         ["Parameters", "----------", "*values : arrays", r"    The \|values\|."]),
        ("Two kinds:\n- a * b\n  goes on", ["Two kinds:", "", r"- a \* b", "  goes on"]),
    ],
)  # fmt: skip
def test_a_docstring_means_the_same_in_the_site(text, rst):
    assert docstrings.as_rst(text.splitlines()) == rst


def test_docstrings_of_all_public_names_are_what_docutils_reads():
    """Without a warning, as `make docs` asks."""
    docutils = pytest.importorskip("docutils.core", reason="docutils is not installed; it comes with the extra test")
    for name in fg.__all__:
        text = (getattr(fg, name).__doc__ or "").expandtabs()
        if name == "registry" or re.search(r"^\s*-{3,}$", text, re.M):  # numpydoc reads sections
            continue
        rst = "\n".join(docstrings.as_rst(inspect.cleandoc(text).splitlines()))
        docutils.publish_doctree(rst, settings_overrides={"halt_level": 2, "report_level": 5})
