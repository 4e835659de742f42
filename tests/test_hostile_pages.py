"""Names that would run a script or ask for an address, in every kind of page, in a browser: none does."""

import itertools
import json

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.experiment import TrainSettings
from flowgraph.playground import playground
from flowgraph.search import Choice, Uniform, select
from tests.browser import in_a_browser, shared, shown

STRIKES = (
    "window.struck=1",
    "self['struck']=1",
    "top.struck=1",
    "eval('struck=1')",
    "import('http://127.0.0.1:9/s.js')",
)
ADDRESSES = ("http://127.0.0.1:9/s", "//127.0.0.1:9/s", "https://struck.example/s")
FORMS = (
    "<script>{}</script>", "</script><script>{}</script>", "</title></style><script>{}</script>",
    "--><script>{}</script>", "<img src=x onerror={}>", '"><img src=x onerror="{}">', "'><svg onload={}>",
    "<svg><script>{}</script></svg>", "</svg><img src=x onerror={}>", "]]><script>{}</script>",
    "<details open ontoggle={}>x</details>", "</text><script>{}</script>", '" onmouseover="{}',
    "' autofocus onfocus='{}", "<a href=javascript:{}>x</a>", "javascript:{}", "${{{}}}", "`;{};`", "'; {}; '",
    '"; {}; "', '\\"; {}; //', "\\'; {}; //", "</textarea><script>{}</script>",
    "<iframe srcdoc='<script>{}</script>'>", "&lt;script&gt;{}&lt;/script&gt;", "<ScRiPt>{}</sCrIpT>",
    "<script/x>{}</script>", "<math><mtext><script>{}</script>", "<body onload={}>", "<input onfocus={} autofocus>",
    "<style onload={}>a{{}}</style>", "{{{{constructor.constructor('{}')()}}}}",
)  # fmt: skip
ASKING = (
    "<img src={}>", '"><img src="{}">', "<link rel=stylesheet href={}>", "<style>@import '{}';</style>",
    "<div style='background:url({})'>x</div>", "<iframe src={}></iframe>", "<object data={}></object>",
    "<video src={}></video>", "<script src={}></script>", "<svg><image href={} /></svg>",
    "<svg><use href='{}#a'/></svg>", "<base href={}>", "<meta http-equiv=refresh content='0;url={}'>", "url({})",
    "![a]({})",
)  # fmt: skip
PAYLOADS = [form.format(strike) for form, strike in itertools.product(FORMS, STRIKES)]
PAYLOADS += [form.format(address) for form, address in itertools.product(ASKING, ADDRESSES)]


def assert_harmless(text, monkeypatch, then=""):
    """A page that runs no script of a name, asks for no address of one, and has no element that one made."""
    page = shared()
    asked, following = [], page._next

    def noting(end):
        message = following(end)
        if message.get("method") == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
        return message

    monkeypatch.setattr(page, "_next", noting)
    page.ask("Network.enable")
    try:
        shown(text)
        page.tell(f"(async () => {{ {then} }})()")
        page.frames(3)
        assert page.tell("typeof window.struck") == "undefined", "a script of a name was run"
        assert page.tell("location.protocol") == "file:", "the page was left"
        inserted = page.tell("[...document.querySelectorAll('iframe, object, base, [onerror], [ontoggle]')].length")
        assert inserted == 0, "a name became an element"
    finally:
        page.ask("Network.disable")
    strange = [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))]
    assert not strange, strange


def batches(size):
    return [PAYLOADS[start : start + size] for start in range(0, len(PAYLOADS), size)]


def of_batches(size, one_in):
    def decorate(test):
        numbers = range(len(batches(size)))
        return pytest.mark.sampled(one_in=one_in)(pytest.mark.parametrize("number", numbers)(in_a_browser(test)))

    return decorate


def without_line_ends(words):
    return [word.replace("/", "∕") for word in words]  # a slash parts scopes


def scope_of(word):
    return word[:60].strip()


def network(words):
    """A chain of boxes, each called by one of the words, in scopes of such names."""
    h = fg.Parameter(np.ones(2), name=words[0])
    for word in words[1:]:
        with fg.scope(scope_of(word)):
            h = np.tanh(h).named(word)
    return fg.Graph(fg.sum(h))


def test_there_are_more_than_two_hundred():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 200


@pytest.mark.sampled(one_in=4)
@of_batches(2, one_in=25)
def test_the_playground(number, tmp_path, monkeypatch):
    """The columns and the classes of a table are called so."""
    one, two = batches(2)[number] if len(batches(2)[number]) == 2 else PAYLOADS[:2]
    points = np.random.default_rng(0).normal(size=(40, 2))
    examples = fg.data.Examples(points, np.arange(40) % 2, (f"{one} a", f"{two} b"), (one, two), one)
    page = playground(tmp_path / "page.html", data=examples)
    assert_harmless(page.read_text("utf-8"), monkeypatch)


@of_batches(25, one_in=4)
@pytest.mark.parametrize("kind", ["page.html", "steps.html", "derivation.html"])
def test_the_pages_of_a_graph(kind, number, tmp_path, monkeypatch):
    graph = network(without_line_ends(batches(25)[number]))
    run = graph.fprop()
    path = tmp_path / kind
    if kind == "page.html":
        graph.render(path)
    elif kind == "steps.html":
        graph.animate(path, run, run.bprop(keep="all"))
    else:
        graph.explain(path)
    press = "for (const one of document.querySelectorAll('button, g, summary')) one.dispatchEvent(new Event('click'))"
    assert_harmless(path.read_text("utf-8"), monkeypatch, press)


@of_batches(25, one_in=4)
def test_the_widget_of_a_notebook(number, monkeypatch):
    """Its JavaScript with a model as anywidget's; each box is clicked."""
    pytest.importorskip("anywidget", reason="anywidget is not installed (the extra widget)")
    from flowgraph.interop.widget import GraphWidget
    from tests.interop.test_widget import MODEL

    words = without_line_ends(batches(25)[number])
    widget = GraphWidget(network(words))
    widget.select(f"{scope_of(words[-1])}/{words[-1]}")
    state = {name: value for name, value in widget.get_state().items()
             if isinstance(value, str | bool | list | dict) and name not in ("_esm", "_css")}  # fmt: skip
    code = widget._esm.replace("export default", "const widget =")
    code += MODEL.replace("STATE", json.dumps(state).replace("</", "<\\/"))
    code += "for (const one of el.querySelectorAll('g')) one.dispatchEvent(new MouseEvent('click', { bubbles: true }));"
    assert_harmless(f'<style>{widget._css}</style><body><div id="el"></div></body>', monkeypatch, code)


@of_batches(52, one_in=4)
def test_the_report_of_a_search(number, tmp_path, monkeypatch):
    """Its choices and the file that it learns from are called so."""
    words = batches(52)[number]
    word = "".join(sign for sign in words[0] if sign not in "/\0")[:100]
    path = tmp_path / f"{word}.csv"
    path.write_text("a,b,kind\n" + "".join(f"{i % 7},{i % 5},{i % 2}\n" for i in range(40)))
    base = TrainSettings(source=str(path), target="kind", epochs=1, hidden=(2,))
    found = select(base, {"l2": Uniform(0.0, 0.1), "rule": Choice(("sgd", "adam"))}, tmp_path / "search", trials=2)
    pages = [path for path in found.files if path.suffix == ".html"]
    assert pages
    for page in pages:
        assert_harmless(page.read_text("utf-8"), monkeypatch)
