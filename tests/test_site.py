"""The site of docs/: every page is found from its index, and what is generated names all that there is."""

import ast
import functools
import inspect
import re
from pathlib import Path

import pytest

import flowgraph as fg
from tests.browser import answered, in_a_browser
from tools import notebooks, pages
from tools.site import api_pages, command_line_page, copied_pages, docstrings, errors_page, extension

DOCS = Path(__file__).resolve().parent.parent / "docs"
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
OF_OTHERS = {"generated", "_build"}
"""Folders that are written when the site is built."""


def entries(page):
    """The pages that the tables of contents of a page name, as paths in docs/."""
    for block in pages.blocks(page):
        for line in block.text.splitlines() if block.language == "{toctree}" else ():
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
    assert set(listed) <= written() | generated_names()


@pytest.mark.parametrize("page", [*DOCS.glob("*.md"), *DOCS.glob("reference/*.md")], ids=pages.name)
def test_a_page_says_at_its_top_for_whom_it_is(page):
    """In the first of two sentences at least, before any heading, block or table."""
    if page.name in ("index.md", "programs.md"):  # they begin with what there is, for everybody
        return
    top = page.read_text(encoding="utf-8").partition("\n\n")[2].partition("\n\n")[0]
    assert re.match(r"For (\w[^:]*?)(:|, |\. )", " ".join(top.split())), top
    assert len(re.findall(r"[.:](?=\s|$)", top)) >= 2, top


MOST_ENTRIES = 12
"""Entries of a part of the left column, which one glance takes in."""


def test_no_part_of_the_left_column_is_too_long_for_a_glance():
    parts = [block for block in pages.blocks(DOCS / "index.md") if block.language == "{toctree}"]
    for part in parts:
        listed = [line for line in part.text.splitlines() if line.strip() and not line.startswith(":")]
        assert 1 <= len(listed) <= MOST_ENTRIES, f"line {part.line}: {len(listed)} entries"
        assert re.search(r"^:caption: \S", part.text, re.M), f"line {part.line}: no caption"


@functools.cache
def generated_names():
    return {f"generated/{name.rpartition('.')[0]}" for name in generated_pages()}


def generated_pages():
    pytest.importorskip("torch", reason="the reference imports the modules for PyTorch")
    made = {**api_pages.api_pages(), **copied_pages.copied_pages()}
    return {"errors.rst": errors_page.errors_page(), "command-line.rst": command_line_page.command_line_page(), **made}


def test_the_reference_has_every_public_name():
    pytest.importorskip("torch", reason="the reference imports the modules for PyTorch")
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


@pytest.mark.parametrize("page", pages.pages(), ids=pages.name)
def test_relative_links_lead_somewhere_in_the_repository_and_on_the_site(page):
    """On a code host as they are written; on the site those to what stands above docs/ lead to its generated pages."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    links = LINK.findall(text)
    lost = [link for link in links if not (page.parent / link).exists()]
    assert not lost, f"{page.name}: nothing stands at {', '.join(lost)}"
    if page.is_relative_to(DOCS):
        name = page.relative_to(DOCS).with_suffix("").as_posix()
        for link in LINK.findall(copied_pages.led_on_the_site(text, name)):
            target = (page.parent / link).resolve()
            assert target.is_relative_to(DOCS), f"{page.name}: {link} is not on the site: tools/site/copied_pages.py"
            assert target.exists() or target.relative_to(DOCS).as_posix() in generated_names(), link


def test_links_of_copied_pages_lead_from_where_they_stand():
    for name, text in copied_pages.copied_pages().items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            file = (DOCS / "generated" / target).resolve()
            is_page = file.exists() and file.is_relative_to(DOCS)
            assert is_page or target in copied_pages.copied_pages(), f"{name}: {target} is no page of the site"


def test_pages_have_what_a_keyboard_and_a_screen_reader_need():
    """What axe asks for and the theme leaves out; what a page has already stays as it is."""
    made = """<aside class="sidebar-drawer"><p class="caption" role="heading"><span>Guides</span></p></aside>
      <article role="main"><pre>a</pre><pre class="x">b</pre><prelude></prelude>
      <div class="table-wrapper docutils container"><table><tr><th class="head"><p></p></th></tr></table></div>
      </article>
      <aside class="toc-drawer"></aside>"""
    mended = extension.accessible(made)
    assert extension.accessible(mended) == mended
    assert re.findall(r'role="heading"([^>]*)>', mended) == [' aria-level="2"']
    assert mended.count('<pre tabindex="0"') == 2
    assert "<prelude>" in mended
    assert '<div tabindex="0" class="table-wrapper' in mended
    assert sorted(re.findall(r'<aside aria-label="([^"]+)"', mended)) == ["All pages", "On this page"]
    assert "<th" not in mended
    assert mended.count("<h1>") == 1


def test_a_notebook_on_the_site_shows_what_its_cells_show():
    for path in notebooks.paths():
        text = copied_pages.copied_pages()[f"{path.stem}.myst"]
        shown = [kind for cell in notebooks.read(path)["cells"] for kind in notebooks.kinds(cell.get("outputs", []))]
        assert text.count("data:image/svg+xml;base64,") == shown.count("image/svg+xml") > 0


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


@in_a_browser
@pytest.mark.parametrize("width", [1280, 1366, 1440, 1920])
def test_a_line_of_120_characters_is_read_without_moving_it(width):
    """In a column of the theme: 46em less its padding where the style of the site says nothing else."""
    style = (DOCS / "_static" / "site.css").read_text(encoding="utf-8")
    theme = (
        "body { margin: 0; font-size: 100% } .content { box-sizing: border-box; width: 46em; max-width: 100vw;"
        " padding: 0 3em } :root { --code-font-size: 81.25% }"
        " pre { margin: 0; overflow: auto; padding: .625rem .875rem; font-family: monospace }"
    )
    page = f"<style>{theme}{style}</style><div class=content><div class=highlight><pre>{'x' * 120}</pre></div></div>"
    found = answered(page, "const p = document.querySelector('pre'); return [p.scrollWidth - p.clientWidth,"
                     " parseFloat(getComputedStyle(p).fontSize)];", size=(width, 600))  # fmt: skip
    assert found[0] <= 0
    assert found[1] >= 9.5, "small print is not read either"
